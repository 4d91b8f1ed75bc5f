//! What the images of the measuring set hold.

use super::blob::Format;
use crate::debian::Architecture;

/// Changes when a set must be made anew.
pub(super) const VERSION: u32 = 2;

/// One image.
pub(super) struct Recipe {
    /// Its set and its repository, `bench/NAME`.
    pub(super) name: &'static str,
    /// What it is, for the page.
    pub(super) about: &'static str,
    pub(super) architecture: Architecture,
    /// From the lowest one up.
    pub(super) layers: &'static [Layer],
    /// What the config tells to start.
    pub(super) entrypoint: &'static str,
    /// A program that needs no other file, in a layer near the top.
    pub(super) upper_program: &'static str,
    /// Whether that program is for the image's platform.
    pub(super) upper_runs: bool,
    /// Whether all its foreign files are meant to be there.
    pub(super) is_clean: bool,
    /// The forms that it is measured in.
    pub(super) formats: &'static [Format],
    /// Further layers on top, as a long Dockerfile has them: each brings one small file.
    pub(super) tiny_layers: usize,
}

/// One layer: what its instruction says, and what it brings.
pub(super) struct Layer {
    pub(super) instruction: &'static str,
    pub(super) parts: &'static [Part],
}

/// A part of a layer.
pub(super) enum Part {
    /// Debian's packages, with all dependencies that the layers below do not have.
    Debian(&'static [&'static str]),
    /// Wheels of the image's architecture, unpacked below `/opt/python`.
    Wheels(&'static [&'static str]),
    /// npm packages, each unpacked into a folder.
    Npm(&'static [(&'static str, &'static str)]),
    /// One file of an npm package, put somewhere else.
    FileOfNpm { package: &'static str, file: &'static str, to: &'static str },
    /// A text with the mode 0755.
    Script { path: &'static str, text: &'static str },
}

use Part::{Debian, FileOfNpm, Npm, Script, Wheels};

/// Manuals and translations.
pub(super) const LEFT_OUT: &[&str] = &[
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "./usr/share/info/*",
    "./usr/share/lintian/*",
];

const BASE: &[&str] = &[
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "libc-bin",
    "ncurses-bin",
    "sed",
    "tar",
    "util-linux",
    "login",
    "passwd",
    "apt",
    "ca-certificates",
    "tzdata",
];

const ENTRYPOINT: &str = "#!/bin/sh\nset -e\nexec node /app/server.js \"$@\"\n";
const SERVER: &str = "require('sharp');\nrequire('@swc/core');\n";

/// One static program.
const SMALL: Recipe = Recipe {
    name: "small",
    about: "busybox-static: one program, one layer",
    architecture: Architecture::Arm64,
    layers: &[Layer { instruction: "COPY busybox /bin/busybox", parts: &[Debian(&["busybox-static"])] }],
    entrypoint: "/bin/busybox",
    upper_program: "/bin/busybox",
    upper_runs: true,
    is_clean: true,
    formats: &[Format::Gzip, Format::Zstd],
    tiny_layers: 0,
};

/// A service as many are, whose `node_modules` came from an x86-64 laptop: four files.
const APP: Recipe = Recipe {
    name: "app",
    about: "Debian, Python with wheels, and a Node service whose `node_modules` came from an x86-64 machine: four \
            files of an arm64 image are for amd64",
    architecture: Architecture::Arm64,
    layers: &[
        Layer { instruction: "ADD rootfs.tar.xz /", parts: &[Debian(BASE)] },
        Layer {
            instruction: "RUN apt-get install -y nodejs python3 libjemalloc2 openssl curl",
            parts: &[Debian(&["nodejs", "python3", "libjemalloc2", "openssl", "curl"])],
        },
        Layer {
            instruction: "RUN pip install -r requirements.txt",
            parts: &[Wheels(&[
                "numpy==1.26.4",
                "cryptography==42.0.8",
                "pillow==10.4.0",
                "lxml==5.2.2",
                "PyYAML==6.0.1",
                "orjson==3.10.6",
            ])],
        },
        Layer {
            instruction: "COPY node_modules /app/node_modules",
            parts: &[
                Npm(&[
                    ("esbuild@0.21.5", "/app/node_modules/esbuild"),
                    ("@esbuild/linux-x64@0.21.5", "/app/node_modules/@esbuild/linux-x64"),
                    ("@swc/core@1.6.13", "/app/node_modules/@swc/core"),
                    ("@swc/core-linux-x64-gnu@1.6.13", "/app/node_modules/@swc/core-linux-x64-gnu"),
                    ("sharp@0.33.4", "/app/node_modules/sharp"),
                    ("@img/sharp-libvips-linux-x64@1.0.2", "/app/node_modules/@img/sharp-libvips-linux-x64"),
                    ("typescript@5.5.3", "/app/node_modules/typescript"),
                    ("lodash@4.17.21", "/app/node_modules/lodash"),
                ]),
                FileOfNpm {
                    package: "@img/sharp-linux-x64@0.33.4",
                    file: "lib/sharp-linux-x64.node",
                    to: "/app/node_modules/sharp/build/Release/sharp-linux-x64.node",
                },
            ],
        },
        Layer {
            instruction: "COPY server.js docker-entrypoint.sh /app/",
            parts: &[
                Script { path: "/app/docker-entrypoint.sh", text: ENTRYPOINT },
                Script { path: "/app/server.js", text: SERVER },
            ],
        },
    ],
    entrypoint: "/app/docker-entrypoint.sh",
    upper_program: "/app/node_modules/@esbuild/linux-x64/bin/esbuild",
    upper_runs: false,
    is_clean: false,
    formats: &Format::ALL,
    tiny_layers: 0,
};

/// Toolchains: nothing is wrong with it, though it holds files for many other machines.
const BIG: Recipe = Recipe {
    name: "big",
    about: "toolchains of many languages and 20 small layers; nothing is wrong with it, and yet it holds programs for \
            other machines, such as the test data of Go's source tree",
    architecture: Architecture::Amd64,
    layers: &[
        Layer { instruction: "ADD rootfs.tar.xz /", parts: &[Debian(BASE)] },
        Layer { instruction: "RUN apt-get install -y python3", parts: &[Debian(&["python3"])] },
        Layer { instruction: "RUN apt-get install -y nodejs", parts: &[Debian(&["nodejs"])] },
        Layer { instruction: "RUN apt-get install -y gcc g++", parts: &[Debian(&["gcc", "g++"])] },
        Layer { instruction: "RUN apt-get install -y perl", parts: &[Debian(&["perl"])] },
        Layer { instruction: "RUN apt-get install -y golang-1.19", parts: &[Debian(&["golang-1.19"])] },
        Layer { instruction: "RUN apt-get install -y clang-14", parts: &[Debian(&["clang-14"])] },
        Layer { instruction: "RUN apt-get install -y rustc cargo", parts: &[Debian(&["rustc", "cargo"])] },
        Layer { instruction: "RUN apt-get install -y cmake git", parts: &[Debian(&["cmake", "git"])] },
        Layer { instruction: "RUN apt-get install -y ffmpeg", parts: &[Debian(&["ffmpeg"])] },
        Layer { instruction: "RUN apt-get install -y postgresql-15", parts: &[Debian(&["postgresql-15"])] },
        Layer { instruction: "RUN apt-get install -y imagemagick", parts: &[Debian(&["imagemagick"])] },
        Layer { instruction: "RUN apt-get install -y gdb", parts: &[Debian(&["gdb"])] },
        Layer { instruction: "RUN pip install pyarrow", parts: &[Wheels(&["pyarrow==16.1.0"])] },
        Layer {
            instruction: "RUN pip install numpy scipy",
            parts: &[Wheels(&["numpy==1.26.4", "scipy==1.14.0"])],
        },
        Layer {
            instruction: "RUN pip install opencv-python-headless",
            parts: &[Wheels(&["opencv-python-headless==4.10.0.84"])],
        },
        Layer {
            instruction: "RUN npm install",
            parts: &[Npm(&[
                ("esbuild@0.21.5", "/app/node_modules/esbuild"),
                ("@esbuild/linux-x64@0.21.5", "/app/node_modules/@esbuild/linux-x64"),
                ("@swc/core@1.6.13", "/app/node_modules/@swc/core"),
                ("@swc/core-linux-x64-gnu@1.6.13", "/app/node_modules/@swc/core-linux-x64-gnu"),
                ("typescript@5.5.3", "/app/node_modules/typescript"),
            ])],
        },
        Layer {
            instruction: "COPY docker-entrypoint.sh /app/",
            parts: &[Script { path: "/app/docker-entrypoint.sh", text: ENTRYPOINT }],
        },
    ],
    entrypoint: "/app/docker-entrypoint.sh",
    upper_program: "/app/node_modules/@esbuild/linux-x64/bin/esbuild",
    upper_runs: true,
    is_clean: true,
    formats: &[Format::Gzip, Format::Zstd],
    tiny_layers: 20,
};

/// All of them, from the smallest up.
pub(super) const ALL: &[Recipe] = &[SMALL, APP, BIG];
