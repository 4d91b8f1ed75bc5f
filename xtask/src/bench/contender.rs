//! Who answers which question how.

/// What is asked of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(super) enum Question {
    /// Which programs and libraries are for another machine?
    Sweep,
    /// Would what the config tells to start run? A script, whose shell is in the lowest layer.
    Entry,
    /// Would a program run that needs no other file and lies in an upper layer?
    Upper,
    /// Which platform does the image claim to be for?
    Label,
}

impl Question {
    /// All of them, in the order of the page.
    pub(super) const ALL: [Self; 4] = [Self::Sweep, Self::Upper, Self::Entry, Self::Label];

    /// For a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Sweep => "Which programs and libraries are for another machine?",
            Self::Upper => "Would this static program of an upper layer run?",
            Self::Entry => "Would the entry point run (a script; its shell is in the lowest layer)?",
            Self::Label => "Which platform does the image claim to be for?",
        }
    }
}

/// How an answer is told, and so how it is compared with the truth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tells {
    /// Nothing: it only does the work that every answer needs.
    Nothing,
    /// The paths of all foreign ELF files, a line each.
    Paths,
    /// `inspect --all`: `runs[].foreign[]`, those that count and those that are folded.
    Foreign,
    /// `inspect`: the verdict.
    Verdict,
    /// The program's own exit code: it was run.
    Exit,
    /// The architecture's name is somewhere in the output.
    Architecture,
}

/// One way to answer a question.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) question: Question,
    /// Programs that must be installed.
    pub(super) needs: &'static [&'static str],
    /// Runs before and is not measured.
    pub(super) before: &'static str,
    /// What is measured. Words alone are run as they are; anything else by bash.
    pub(super) line: &'static str,
    /// Runs after and is not measured.
    pub(super) after: &'static str,
    pub(super) tells: Tells,
    /// Whether a Docker Engine works for it, whose time counts.
    pub(super) uses_engine: bool,
    /// Whether it unpacks the image into a folder first.
    pub(super) unpacks: bool,
    /// Whether it must run the image's programs itself.
    pub(super) runs_programs: bool,
}

impl Contender {
    /// Whether it is execfit itself.
    pub(super) fn is_ours(&self) -> bool {
        self.name.starts_with("execfit")
    }

    const fn new(name: &'static str, question: Question, tells: Tells, line: &'static str) -> Self {
        Self {
            name,
            question,
            needs: &[],
            before: "",
            line,
            after: "",
            tells,
            uses_engine: false,
            unpacks: false,
            runs_programs: false,
        }
    }

    const fn needs(mut self, needs: &'static [&'static str]) -> Self {
        self.needs = needs;
        self
    }

    const fn unpacking(mut self) -> Self {
        self.unpacks = true;
        self
    }

    const fn around(mut self, before: &'static str, after: &'static str) -> Self {
        self.before = before;
        self.after = after;
        self
    }

    const fn with_engine(mut self) -> Self {
        self.uses_engine = true;
        self
    }

    const fn running(mut self) -> Self {
        self.runs_programs = true;
        self
    }
}

/// Names that other rooms look for.
pub(super) const FLOOR: &str = "bare inflate + sha256, two threads";
const DIFF_IDS: &str = "the same, and sha256 of what is unpacked";
const BYTES: &str = "curl to /dev/null";
pub(super) const SCRIPT: &str = "Python on the raw layers";
pub(super) const SKOPEO: &str = "skopeo copy + umoci unpack + file";
pub(super) const PODMAN: &str = "podman pull + mount + file";
pub(super) const CONTAINERD: &str = "containerd pull + mount + file";
pub(super) const DOCKER: &str = "docker pull + export + tar + file";
pub(super) const CRANE: &str = "crane config";
pub(super) const OURS: &str = "execfit";
const OURS_QUICK: &str = "execfit --quick";
/// The library alone: the command always asks whether something would run.
pub(super) const OURS_LABEL: &str = "execfit-image, its example `label`";
pub(super) const OURS_WARM: &str = "execfit, warm cache";

const WARM: &str = "$EXECFIT inspect --format json --platform linux/$ARCH $IMAGE > /dev/null; \
                    $EXECFIT inspect --all --format json --platform linux/$ARCH $IMAGE > /dev/null";
const CURL: &str = "get=(); for url in $LAYERS; do get+=(-o /dev/null $url); done; curl -sf \"${get[@]}\"";
const SKOPEO_LINE: &str = "skopeo copy -q --src-tls-verify=false docker://$IMAGE oci:$WORK/oci:x
umoci unpack --image $WORK/oci:x $WORK/bundle >&2
ROOT=$WORK/bundle/rootfs; $FILES";
const PODMAN_LINE: &str = "podman --root $WORK/podman --runroot $WORK/run pull -q --tls-verify=false \
                           --platform linux/$ARCH $IMAGE >&2
ROOT=$(podman --root $WORK/podman --runroot $WORK/run image mount $IMAGE); $FILES";
const PODMAN_AFTER: &str = "podman --root $WORK/podman --runroot $WORK/run image unmount -f -a; \
                            podman --root $WORK/podman --runroot $WORK/run rmi -f -a; \
                            umount $WORK/podman/overlay";
const CONTAINERD_LINE: &str = "mkdir $WORK/mount
ctr -a $CONTAINERD -n bench images pull --plain-http --platform linux/$ARCH $IMAGE >&2
ctr -a $CONTAINERD -n bench images mount --platform linux/$ARCH $IMAGE $WORK/mount >&2
ROOT=$WORK/mount; $FILES";
const CONTAINERD_AFTER: &str = "ctr -a $CONTAINERD -n bench images unmount --rm $WORK/mount; \
                                ctr -a $CONTAINERD -n bench images rm --sync $IMAGE";
const DOCKER_LINE: &str = "docker pull -q --platform linux/$ARCH $IMAGE >&2
mkdir $WORK/rootfs; docker export $(docker create --platform linux/$ARCH $IMAGE) | tar -x -C $WORK/rootfs
ROOT=$WORK/rootfs; $FILES";
const DOCKER_RUN: &str = "docker run --rm --network none --entrypoint $UPPER $IMAGE --help";
const DOCKER_AFTER: &str = "docker system prune -a -f";
const CONFIG: &str = "manifest=$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
                      http://$REGISTRY/v2/$NAME/manifests/$TAG)
curl -sf http://$REGISTRY/v2/$NAME/blobs/$(grep -o 'sha256:[0-9a-f]*' <<< $manifest | head -1)";

/// How a file system's foreign ELF files are found with what every machine has; `$FILES` stands for it.
pub(super) const FILES: &str = "find $ROOT -xdev -type f -print0 | xargs -0 file -N -F '\t' | \
                                grep -a '\t *ELF ' | grep -av \"$NATIVE\" | cut -f 1 | \
                                while read -r path; do echo \"${path#$ROOT}\"; done";

use Question::{Entry, Label, Sweep, Upper};
use Tells::{Architecture, Exit, Foreign, Nothing, Paths, Verdict};

/// All contenders, in the order of the page.
pub(super) const ALL: &[Contender] = &[
    Contender::new(BYTES, Sweep, Nothing, CURL).needs(&["curl"]),
    Contender::new(FLOOR, Sweep, Nothing, "$FLOOR --threads 2 $LAYERS"),
    Contender::new(DIFF_IDS, Sweep, Nothing, "$FLOOR --threads 2 --unpacked $LAYERS"),
    Contender::new(
        OURS,
        Sweep,
        Foreign,
        "$EXECFIT inspect --all --no-cache --format json --platform linux/$ARCH $IMAGE",
    ),
    Contender::new(
        OURS_WARM,
        Sweep,
        Foreign,
        "$EXECFIT inspect --all --format json --platform linux/$ARCH $IMAGE",
    )
    .around(WARM, ""),
    Contender::new(SCRIPT, Sweep, Paths, "python3 $ELFSCAN http://$REGISTRY/v2/$NAME $TAG $MACHINES")
        .needs(&["python3"]),
    Contender::new(SKOPEO, Sweep, Paths, SKOPEO_LINE).needs(&["skopeo", "umoci", "file"]).unpacking(),
    Contender::new(PODMAN, Sweep, Paths, PODMAN_LINE)
        .needs(&["podman", "file"])
        .unpacking()
        .around("", PODMAN_AFTER),
    Contender::new(CONTAINERD, Sweep, Paths, CONTAINERD_LINE)
        .needs(&["dockerd", "ctr", "file"])
        .unpacking()
        .around("", CONTAINERD_AFTER)
        .with_engine(),
    Contender::new(DOCKER, Sweep, Paths, DOCKER_LINE)
        .needs(&["dockerd", "docker", "file"])
        .unpacking()
        .around("", DOCKER_AFTER)
        .with_engine(),
    Contender::new(
        OURS,
        Upper,
        Verdict,
        "$EXECFIT inspect --no-cache --format json --platform linux/$ARCH $IMAGE -- $UPPER",
    ),
    Contender::new(
        OURS_QUICK,
        Upper,
        Verdict,
        "$EXECFIT inspect --quick --no-cache --format json --platform linux/$ARCH $IMAGE -- $UPPER",
    ),
    Contender::new(
        OURS_WARM,
        Upper,
        Verdict,
        "$EXECFIT inspect --format json --platform linux/$ARCH $IMAGE -- $UPPER",
    )
    .around(WARM, ""),
    Contender::new("docker pull + run", Upper, Exit, DOCKER_RUN)
        .needs(&["dockerd", "docker"])
        .around("", DOCKER_AFTER)
        .with_engine()
        .running(),
    Contender::new(
        OURS,
        Entry,
        Verdict,
        "$EXECFIT inspect --no-cache --format json --platform linux/$ARCH $IMAGE",
    ),
    Contender::new(
        OURS_QUICK,
        Entry,
        Verdict,
        "$EXECFIT inspect --quick --no-cache --format json --platform linux/$ARCH $IMAGE",
    ),
    Contender::new(OURS_WARM, Entry, Verdict, "$EXECFIT inspect --format json --platform linux/$ARCH $IMAGE")
        .around(WARM, ""),
    Contender::new(OURS_LABEL, Label, Architecture, "$LABEL $IMAGE"),
    Contender::new("curl of manifest and config", Label, Architecture, CONFIG).needs(&["curl"]),
    Contender::new(
        "skopeo inspect --config",
        Label,
        Architecture,
        "skopeo inspect --tls-verify=false --config docker://$IMAGE",
    )
    .needs(&["skopeo"]),
    Contender::new(
        "skopeo inspect -n",
        Label,
        Architecture,
        "skopeo inspect --tls-verify=false --override-arch $ARCH -n docker://$IMAGE",
    )
    .needs(&["skopeo"]),
    Contender::new(CRANE, Label, Architecture, "crane config --platform linux/$ARCH $IMAGE")
        .needs(&["crane"]),
];
