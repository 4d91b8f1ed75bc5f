//! `inspect --all`: every file of an image that its platform's host does not run.

use crate::registry::{
    ARM64, Image, Registry, X86_64, digest, elf, file, link, mach_o, media, shell, whiteout,
};
use crate::run::{Outcome, execfit, found, run};
use serde_json::{Value, json};

#[track_caller]
fn inspect(arguments: &[&str]) -> Outcome {
    run(execfit(Vec::new()).args(["inspect", "--format", "json"]).args(arguments))
}

/// An image for arm64 whose node_modules come from other machines, and whose toolchain is there on purpose.
fn leaking() -> Image {
    Image::new("arm64")
        .layer(shell(ARM64))
        .history("ADD rootfs.tar / # buildkit")
        .layer([
            file("usr/bin/gcc", 0o755, elf(ARM64)),
            file("usr/x86_64-linux-gnu/lib/libc.so.6", 0o755, elf(X86_64)),
            file("usr/lib/go/src/debug/elf/testdata/hello", 0o755, elf(X86_64)),
        ])
        .history("RUN apt-get install gcc # buildkit")
        .layer([
            file("app/node_modules/bcrypt/build/Release/bcrypt_lib.node", 0o644, elf(X86_64)),
            file("app/node_modules/@esbuild/linux-x64/bin/esbuild", 0o755, elf(X86_64)),
            file("app/node_modules/fsevents/fsevents.node", 0o644, mach_o()),
            file("app/node_modules/y/prebuilds/linux-arm64/y.node", 0o644, elf(ARM64)),
            file("app/node_modules/y/prebuilds/linux-x64/y.node", 0o644, elf(X86_64)),
            file("opt/python", 0o755, elf(X86_64)),
            file("app/run.py", 0o755, "#!/usr/local/bin/python3\n"),
            link("usr/local/bin/python3", "/opt/python"),
        ])
        .history("COPY . /app # buildkit")
        .entrypoint(["/bin/sh"])
}

fn paths(run: &Value, folded: bool) -> Vec<&str> {
    let listed = run["foreign"].as_array().unwrap().iter();
    let wanted = listed.filter(|file| file["folded"] == folded && file["hidden"] == false);
    wanted.map(|file| file["path"].as_str().unwrap()).collect()
}

const FOREIGN: [&str; 5] = [
    "/app/node_modules/@esbuild/linux-x64/bin/esbuild",
    "/app/node_modules/bcrypt/build/Release/bcrypt_lib.node",
    "/app/node_modules/fsevents/fsevents.node",
    "/app/run.py",
    "/opt/python",
];
const FOLDED: [&str; 3] = [
    "/app/node_modules/y/prebuilds/linux-x64/y.node",
    "/usr/lib/go/src/debug/elf/testdata/hello",
    "/usr/x86_64-linux-gnu/lib/libc.so.6",
];

#[test]
fn foreign_files_are_found_in_every_medium() {
    let registry = Registry::start();
    registry.push("team/app:1", &leaking());
    let name = registry.name("team/app:1");
    assert_eq!(inspect(&[&name]).ended(0)["runs"][0].get("foreign"), None, "only where it is asked");
    let answer = inspect(&[&name, "--all"]).ended(8);
    let run = &answer["runs"][0];
    assert_eq!(
        (&answer["verdict"], &run["verdict"]),
        (&json!("runs"), &json!("runs")),
        "what it starts, runs"
    );
    assert_eq!((paths(run, false), paths(run, true)), (FOREIGN.to_vec(), FOLDED.to_vec()));
    assert_eq!(found(run), ["warning:foreign-library", "warning:foreign-program"]);
    let addon = &run["foreign"][1];
    assert_eq!(
        (&addon["machine"], &addon["layer_number"], &addon["instruction"], &addon["finding"]),
        (&json!("x86_64"), &json!(3), &json!("COPY . /app"), &json!("foreign-library"))
    );
    assert_eq!((&run["all"]["foreign"], &run["all"]["folded"]), (&json!(5), &json!(3)));
    let folder = tempfile::tempdir().unwrap();
    let built = leaking().build();
    media::oci(&built, &folder.path().join("layout"), "v1");
    let layout = format!("oci:{}:v1", folder.path().join("layout").display());
    assert_eq!(inspect(&[&layout, "--all"]).ended(8)["runs"][0]["foreign"], run["foreign"]);
    media::rootfs(&built, &folder.path().join("root"));
    let root = format!("dir:{}", folder.path().join("root").display());
    let tree = inspect(&[&root, "--all", "--platform", "linux/arm64", "--", "/bin/sh"]).ended(8);
    assert_eq!(paths(&tree["runs"][0], false), FOREIGN);
}

#[test]
fn hidden_files_are_told_and_do_not_count() {
    let registry = Registry::start();
    let image = Image::new("arm64")
        .layer(shell(ARM64))
        .layer([file("opt/gone", 0o755, elf(X86_64)), file("opt/covered", 0o755, elf(X86_64))])
        .layer([whiteout("opt/gone"), file("opt/covered", 0o755, elf(ARM64))])
        .entrypoint(["/bin/sh"]);
    registry.push("team/app:1", &image);
    let name = registry.name("team/app:1");
    assert_eq!(inspect(&[&name, "--all"]).ended(0)["runs"][0]["foreign"], json!([]));
    let answer = inspect(&[&name, "--all", "--hidden"]).ended(0);
    let run = &answer["runs"][0];
    let listed = run["foreign"].as_array().unwrap().iter();
    let hidden: Vec<_> = listed.map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!((hidden, &run["all"]["hidden"]), (vec!["/opt/covered", "/opt/gone"], &json!(2)));
    assert_eq!(run["findings"][0]["severity"], "note");
}

#[test]
fn a_file_that_is_the_same_on_two_platforms() {
    let image = |architecture: &str, machine: u16| {
        Image::new(architecture)
            .layer(shell(machine))
            .layer([file("opt/tool", 0o755, elf(X86_64)), file("opt/own", 0o755, elf(machine))])
            .layer([file("usr/x86_64-linux-gnu/lib/libc.so.6", 0o755, elf(X86_64))])
            .entrypoint(["/bin/sh"])
    };
    let registry = Registry::start();
    let images = [("linux/amd64", &image("amd64", X86_64)), ("linux/arm64", &image("arm64", ARM64))];
    registry.push_index("team/app:1", &images);
    let answer = inspect(&[&registry.name("team/app:1"), "--all"]).ended(8);
    // What is there on purpose is in a layer that both have.
    let same = |path: &str, shared: bool| json!({"path": path, "platforms": ["linux/amd64", "linux/arm64"], "machine": "x86_64", "same_layer": shared, "folded": shared});
    assert_eq!(
        answer["same_across_platforms"],
        json!([same("/opt/tool", false), same("/usr/x86_64-linux-gnu/lib/libc.so.6", true)])
    );
    let text = run(execfit(Vec::new()).args(["inspect", "--all", &registry.name("team/app:1")]));
    text.says(&["the same file, byte for byte", "/opt/tool is for x86_64 on linux/amd64 and on linux/arm64"]);
}

#[test]
fn a_human_reads_groups_and_what_to_do() {
    let registry = Registry::start();
    registry.push("team/app:1", &leaking());
    let text = run(execfit(Vec::new()).args(["inspect", "--all", &registry.name("team/app:1")]));
    let shown = text.stdout.replace(&registry.host(), "registry.test");
    let shown: Vec<&str> = shown.lines().skip(1).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
      runs    linux/arm64 on arm64: /bin/sh
              /bin/sh -> busybox (layer 1, ADD rootfs.tar /)
              /bin/busybox: arm64, 64-bit (layer 1, ADD rootfs.tar /)
              what it starts was not followed: the options of /bin/sh are not modelled
              all files: 3 programs and libraries of its own, 5 foreign
                1 passed over: members of sets for several platforms, of which the image's own is there
                1 passed over: parts of cross toolchains
                1 passed over: test data

    warning[foreign-library]: 2 libraries and addons are for arm64 (macOS) or x86_64, not for Linux on arm64: what loads them fails
        | /app/node_modules/bcrypt/build/Release/bcrypt_lib.node is for x86_64
        |   layer 3 of 3; COPY . /app
        | /app/node_modules/fsevents/fsevents.node is for arm64 (macOS)
      help: install node_modules in the image, for its platform, and do not copy those of another machine
              echo node_modules >> .dockerignore
              RUN npm ci
      page: execfit explain foreign-library

    warning[foreign-program]: 3 programs and scripts are for x86_64, not for Linux on arm64: exec format error when they are called
        | /app/node_modules/@esbuild/linux-x64/bin/esbuild is for x86_64
        |   layer 3 of 3; COPY . /app
        | /opt/python is for x86_64
        |   layer 3 of 3; COPY . /app (likely)
        | /app/run.py is a script for /opt/python, which is for x86_64
        |   layer 3 of 3; COPY . /app
      help: copy from stages of the same platform, cross-compile for $TARGETARCH in stages of --platform=$BUILDPLATFORM, fetch releases by $TARGETARCH
      help: see above, the same remedies cure it
      page: execfit explain foreign-program

    verdict: runs
    all files: 5 files would not run when they are used
    ");
}

#[test]
fn a_layer_that_cannot_be_read_is_the_answer() {
    let built = leaking().build();
    let folder = tempfile::tempdir().unwrap();
    media::oci(&built, folder.path(), "v1");
    let blob = folder.path().join("blobs/sha256").join(digest(&built.layers[1]).replace("sha256:", ""));
    let mut bytes = std::fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let answer = inspect(&[&format!("oci:{}:v1", folder.path().display()), "--all"]).ended(4);
    let run = &answer["runs"][0];
    assert_eq!((&run["verdict"], &run["foreign"]), (&json!("unknown"), &json!([])));
    assert!(run["all"]["trouble"].as_str().unwrap().contains("layer"), "{run:#}");
}
