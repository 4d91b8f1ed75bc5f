//! What is foreign, what is there on purpose, and what never is.

use super::*;
use crate::fixture::{AMD64, ARM64, elf};
use crate::linked::Linked;
use execfit_image::witness::Piece;
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use insta::assert_snapshot;

/// An image's final file system in the making.
struct Files {
    ground: Ground,
    tree: MemoryTree,
}

fn on(architecture: &str) -> Files {
    let ground = Ground { architecture: architecture.into(), runs_32bit: Some(architecture == "amd64") };
    Files { ground, tree: MemoryTree::new() }
}

impl Files {
    fn file(mut self, path: &str, mode: u32, bytes: &[u8]) -> Files {
        self.tree = self.tree.file(path, mode, bytes);
        self
    }

    /// A program of a machine, with x bits.
    fn program(self, path: &str, machine: u16) -> Files {
        self.file(path, 0o755, &elf(machine))
    }

    /// A library of a machine, without x bits.
    fn library(self, path: &str, machine: u16) -> Files {
        self.file(path, 0o644, &Linked::library(machine, "libx.so").bytes())
    }

    fn survey(&self) -> Survey {
        let mut surveyor = Surveyor::new(self.ground.clone(), b"/usr/local/bin:/usr/bin:/bin");
        for (path, inode) in self.tree.iter() {
            let Inode { content: Content::File(bytes), mode, .. } = inode else { continue };
            let pieces = [Piece { offset: 0, bytes: bytes.clone() }];
            let pieces = if bytes.is_empty() { &[][..] } else { &pieces[..] };
            let size = bytes.len() as u64;
            surveyor.see(Seen {
                path,
                mode: *mode,
                size,
                pieces,
                fingerprint: None,
                hidden: false,
                layer: None,
            });
        }
        surveyor.finish(&self.tree, &|_, _| None)
    }

    /// A line for each foreign file: `!` where it counts.
    fn show(self) -> String {
        let survey = self.survey();
        let (lines, _) = report(&survey);
        let line = |line: &ForeignReport| {
            let mark = if line.folded { "-" } else { "!" };
            let why = line.folded_because.as_ref().unwrap_or(&line.reason);
            format!("{mark} {}: {why}", line.path)
        };
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A Mach-O library for arm64.
fn mach_o(kind: u32) -> Vec<u8> {
    let mut bytes = 0xfeed_facf_u32.to_le_bytes().to_vec();
    bytes.extend(0x0100_000c_u32.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.resize(4096, 0);
    bytes
}

/// A PE program of Windows for x86_64.
fn pe() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x84..0x86].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes[0x98..0x9a].copy_from_slice(&0x20b_u16.to_le_bytes());
    bytes[0x98 + 68] = 3;
    bytes
}

const BPF: u16 = 247;
const I386: u16 = 3;

#[test]
fn a_node_modules_of_another_machine_is_never_folded() {
    let files = on("arm64")
        .program("/usr/local/bin/node", ARM64)
        .library("/app/node_modules/bcrypt/build/Release/bcrypt_lib.node", AMD64)
        .library("/app/node_modules/@swc/core-linux-x64-gnu/swc.linux-x64-gnu.node", AMD64)
        .program("/app/node_modules/@esbuild/linux-x64/bin/esbuild", AMD64)
        .program("/app/node_modules/esbuild/bin/esbuild", AMD64)
        .library("/app/node_modules/sharp/build/Release/sharp-linux-x64.node", AMD64)
        .library("/app/node_modules/sharp/test/build/Release/x.node", AMD64)
        .library("/app/node_modules/@img/sharp-libvips-linux-x64/lib/libvips-cpp.so.42", AMD64)
        .file("/app/node_modules/@esbuild/darwin-arm64/bin/esbuild", 0o755, &mach_o(2))
        .file("/app/node_modules/fsevents/fsevents.node", 0o644, &mach_o(8))
        .file("/app/node_modules/addon/build/Release/addon.node", 0o644, &pe());
    assert_snapshot!(files.show(), @"
    ! /app/node_modules/@esbuild/darwin-arm64/bin/esbuild: it is for arm64 (macOS), not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /app/node_modules/@esbuild/linux-x64/bin/esbuild: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /app/node_modules/@img/sharp-libvips-linux-x64/lib/libvips-cpp.so.42: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /app/node_modules/@swc/core-linux-x64-gnu/swc.linux-x64-gnu.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /app/node_modules/addon/build/Release/addon.node: it is for x86_64 (Windows), not for Linux on arm64: what loads it fails
    ! /app/node_modules/bcrypt/build/Release/bcrypt_lib.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /app/node_modules/esbuild/bin/esbuild: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /app/node_modules/fsevents/fsevents.node: it is for arm64 (macOS), not for Linux on arm64: what loads it fails
    ! /app/node_modules/sharp/build/Release/sharp-linux-x64.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /app/node_modules/sharp/test/build/Release/x.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ");
}

#[test]
fn sets_for_several_platforms_with_the_own_one_are_folded() {
    let files = on("arm64")
        .library("/a/node_modules/x/prebuilds/linux-arm64/node.napi.armv8.node", ARM64)
        .library("/a/node_modules/x/prebuilds/linux-x64/node.napi.glibc.node", AMD64)
        .file("/a/node_modules/x/prebuilds/darwin-x64+arm64/node.napi.node", 0o644, &mach_o(8))
        .file("/a/node_modules/x/prebuilds/win32-x64/node.napi.node", 0o644, &pe())
        .library("/a/node_modules/@swc/core-linux-arm64-gnu/swc.linux-arm64-gnu.node", ARM64)
        .library("/a/node_modules/@swc/core-linux-x64-gnu/swc.linux-x64-gnu.node", AMD64)
        .library("/a/node_modules/.pnpm/@swc+core-linux-arm64-gnu@1.3.0/s.node", ARM64)
        .library("/a/node_modules/.pnpm/@swc+core-linux-x64-gnu@1.3.0/s.node", AMD64)
        .library("/srv/META-INF/native/libnetty_transport_native_epoll_aarch_64.so", ARM64)
        .library("/srv/META-INF/native/libnetty_transport_native_epoll_x86_64.so", AMD64)
        .library("/apk/lib/arm64-v8a/libfoo.so", ARM64)
        .library("/apk/lib/x86_64/libfoo.so", AMD64)
        .program("/opt/tool/bin/linux/arm64/tool", ARM64)
        .program("/opt/tool/bin/linux/amd64/tool", AMD64)
        .library("/a/node_modules/y/build/Release/y.node", ARM64)
        .library("/a/node_modules/y/prebuilds/linux-x64/y.node", AMD64)
        .program("/opt/other/tool", ARM64)
        .program("/opt/other/tool-linux-x86_64", AMD64)
        .file("/opt/other/mac.noindex/notifier", 0o755, &mach_o(2))
        .file("/usr/lib/python3/dist-packages/distlib/t64-arm.exe", 0o644, &pe());
    assert_snapshot!(files.show(), @"
    - /a/node_modules/.pnpm/@swc+core-linux-x64-gnu@1.3.0/s.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/.pnpm/@swc+core-linux-arm64-gnu@1.3.0/s.node
    - /a/node_modules/@swc/core-linux-x64-gnu/swc.linux-x64-gnu.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/@swc/core-linux-arm64-gnu/swc.linux-arm64-gnu.node
    - /a/node_modules/x/prebuilds/darwin-x64+arm64/node.napi.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/x/prebuilds/linux-arm64/node.napi.armv8.node
    - /a/node_modules/x/prebuilds/linux-x64/node.napi.glibc.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/x/prebuilds/linux-arm64/node.napi.armv8.node
    - /a/node_modules/x/prebuilds/win32-x64/node.napi.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/x/prebuilds/linux-arm64/node.napi.armv8.node
    - /a/node_modules/y/prebuilds/linux-x64/y.node: members of sets for several platforms, of which the image's own is there: /a/node_modules/y/build/Release/y.node
    - /apk/lib/x86_64/libfoo.so: members of sets for several platforms, of which the image's own is there: /apk/lib/arm64-v8a/libfoo.so
    - /opt/other/mac.noindex/notifier: for other systems by name or place, where nothing on Linux looks
    - /opt/other/tool-linux-x86_64: members of sets for several platforms, of which the image's own is there: /opt/other/tool
    - /opt/tool/bin/linux/amd64/tool: members of sets for several platforms, of which the image's own is there: /opt/tool/bin/linux/arm64/tool
    - /srv/META-INF/native/libnetty_transport_native_epoll_x86_64.so: members of sets for several platforms, of which the image's own is there: /srv/META-INF/native/libnetty_transport_native_epoll_aarch_64.so
    - /usr/lib/python3/dist-packages/distlib/t64-arm.exe: for other systems by name or place, where nothing on Linux looks
    ");
}

#[test]
fn what_looks_like_a_set_and_is_none() {
    let files = on("arm64")
        // The directory says arm64, the file is not.
        .library("/a/node_modules/x/prebuilds/linux-arm64/x.node", AMD64)
        .library("/a/node_modules/x/prebuilds/linux-arm/x.node", ARM64)
        // No sibling of its own.
        .library("/b/node_modules/z/prebuilds/linux-x64/z.node", AMD64)
        .library("/c/site-packages/_x.cpython-311-x86_64-linux-gnu.so", AMD64)
        .file("/c/site-packages/_y.cpython-311-darwin.so", 0o755, &mach_o(8))
        .library("/c/site-packages/pillow.libs/libjpeg-1.so", AMD64)
        // A program that can be called is one, whatever stands beside it.
        .program("/usr/bin/tool-linux-arm64", ARM64)
        .program("/usr/bin/tool-linux-amd64", AMD64)
        .program("/test/app", AMD64)
        .program("/src/target/x86_64-unknown-linux-musl/release/app", AMD64)
        .library("/usr/lib/x86_64-linux-gnu/libfoo.so.1", AMD64)
        .program("/opt/yarn/armor/x64ish", AMD64);
    assert_snapshot!(files.show(), @"
    ! /a/node_modules/x/prebuilds/linux-arm64/x.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /b/node_modules/z/prebuilds/linux-x64/z.node: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /c/site-packages/_x.cpython-311-x86_64-linux-gnu.so: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /c/site-packages/_y.cpython-311-darwin.so: it is for arm64 (macOS), not for Linux on arm64: what loads it fails
    ! /c/site-packages/pillow.libs/libjpeg-1.so: it is for x86_64, not for Linux on arm64: what loads it fails
    ! /opt/yarn/armor/x64ish: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /src/target/x86_64-unknown-linux-musl/release/app: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /test/app: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /usr/bin/tool-linux-amd64: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /usr/lib/x86_64-linux-gnu/libfoo.so.1: it is for x86_64, not for Linux on arm64: what loads it fails
    ");
}

#[test]
fn what_a_toolchain_image_holds_on_purpose() {
    let object = {
        let mut bytes = elf(ARM64);
        bytes[16] = 1;
        bytes
    };
    let files = on("amd64")
        .program("/usr/bin/gcc", AMD64)
        .program("/usr/share/go-1.19/src/debug/elf/testdata/gcc-arm64-linux-exec", ARM64)
        .file("/usr/share/go-1.19/src/runtime/race/race_linux_arm64.syso", 0o644, &object)
        .library("/usr/aarch64-linux-gnu/lib/libc.so.6", ARM64)
        .library("/usr/lib/gcc-cross/aarch64-linux-gnu/12/libgcc_s.so", ARM64)
        .library(
            "/usr/local/rustup/toolchains/stable/lib/rustlib/aarch64-unknown-linux-gnu/lib/libstd-1.so",
            ARM64,
        )
        .library("/usr/lib/aarch64-linux-gnu/libfoo.so.1", ARM64)
        .file("/var/lib/dpkg/info/libfoo1:arm64.list", 0o644, b"/usr\n")
        .program("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", ARM64)
        .program("/usr/lib/debug/.build-id/aa/bb", ARM64)
        .file("/usr/lib/bpf/probe.o", 0o644, &elf(BPF))
        .program("/usr/lib/x/kernel", BPF)
        .program("/usr/lib/i386-linux-gnu/ld.so", I386)
        .file("/usr/share/loader-aarch64", 0o644, &elf(ARM64))
        .file("/repo/.git/lfs/objects/aa/bb", 0o755, &elf(ARM64))
        .program("/repo/tests/data/hello", ARM64);
    assert_snapshot!(files.show(), @"
    - /repo/.git/lfs/objects/aa/bb: kept by git
    - /repo/tests/data/hello: test data
    - /usr/aarch64-linux-gnu/lib/libc.so.6: parts of cross toolchains
    - /usr/lib/aarch64-linux-gnu/libfoo.so.1: packages of a foreign architecture that dpkg was told to install
    - /usr/lib/bpf/probe.o: code for devices, of machines that no container platform has
    - /usr/lib/debug/.build-id/aa/bb: debug information
    - /usr/lib/gcc-cross/aarch64-linux-gnu/12/libgcc_s.so: parts of cross toolchains
    - /usr/lib/x/kernel: code for devices, of machines that no container platform has
    - /usr/local/rustup/toolchains/stable/lib/rustlib/aarch64-unknown-linux-gnu/lib/libstd-1.so: parts of cross toolchains
    - /usr/share/go-1.19/src/debug/elf/testdata/gcc-arm64-linux-exec: test data
    - /usr/share/go-1.19/src/runtime/race/race_linux_arm64.syso: object files, which only linkers, kernels and debuggers read
    - /usr/share/loader-aarch64: programs without an x bit, which nobody can call
    - /usr/share/qemu-efi-aarch64/QEMU_EFI.fd: firmware, boot loaders, kernel modules
    ");
}

#[test]
fn scripts_are_of_their_interpreters_machine() {
    let files = on("arm64")
        .program("/usr/bin/dash", ARM64)
        .program("/usr/bin/env", ARM64)
        .program("/opt/python/bin/python3", AMD64)
        .file("/app/a.py", 0o755, b"#!/opt/python/bin/python3 -u\n")
        .file("/app/b.py", 0o755, b"#!/usr/bin/env -S python3 -u\n")
        .file("/app/run", 0o755, b"#!/bin/sh\n")
        .file("/app/no-x-bit.py", 0o644, b"#!/opt/python/bin/python3\n")
        .file("/usr/bin/perlish", 0o755, b"#!/usr/bin/perl\n");
    let mut files = files;
    files.tree = files
        .tree
        .link("/bin", "usr/bin")
        .link("/usr/bin/sh", "dash")
        .link("/usr/local/bin/python3", "/opt/python/bin/python3");
    assert_snapshot!(files.show(), @"
    ! /app/a.py: its interpreter /opt/python/bin/python3 is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /app/b.py: its interpreter /opt/python/bin/python3 is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    ! /opt/python/bin/python3: it is for x86_64, not for Linux on arm64: execve answers ENOEXEC when it is called
    - /usr/bin/perlish: scripts whose interpreter is missing, whatever the platform
    ");
}

#[test]
fn a_library_that_a_program_needs_for_certain() {
    let loader = "/lib/ld-linux-aarch64.so.1";
    let directories = b"\0/lib/aarch64-linux-gnu/\0/usr/lib/aarch64-linux-gnu/\0/lib/\0/usr/lib/\0".to_vec();
    let files = on("arm64")
        .file("/usr/bin/tool", 0o755, &Linked::program(ARM64, loader).needs("libx.so").bytes())
        .file(loader, 0o755, &[Linked::library(ARM64, "ld-linux-aarch64.so.1").bytes(), directories].concat())
        .library("/usr/lib/libx.so", AMD64)
        .library("/usr/lib/liby.so", AMD64);
    assert_snapshot!(files.show(), @"
    ! /usr/lib/libx.so: it is for x86_64, not for Linux on arm64: /usr/bin/tool needs it, and its loader gives up
    ! /usr/lib/liby.so: it is for x86_64, not for Linux on arm64: what loads it fails
    ");
}

#[test]
fn thirty_two_bits_as_the_host_has_it() {
    const ARM: u16 = 40;
    let shown = |runs_32bit| {
        let mut files = on("arm64").program("/opt/tool", ARM);
        files.ground.runs_32bit = runs_32bit;
        let survey = files.survey();
        (files.show(), report(&survey).1.foreign)
    };
    assert_eq!(shown(Some(true)), (String::new(), 0));
    assert_eq!(shown(Some(false)).1, 1);
    assert_snapshot!(format!("{:?}", shown(None)), @r#"
    ("! /opt/tool: it is for arm (32-bit): whether the host, Linux on arm64, runs 32-bit programs is not known", 0)
    "#);
}

#[test]
fn what_was_not_kept_is_unknown() {
    let mut surveyor = Surveyor::new(on("arm64").ground, b"/bin");
    let seen = |path, mode, size| Seen {
        path,
        mode,
        size,
        pieces: &[],
        fingerprint: None,
        hidden: false,
        layer: None,
    };
    surveyor.see(seen(b"/app", 0o755, 100));
    surveyor.see(seen(b"/lib/x.so", 0o644, 100));
    surveyor.see(seen(b"/text", 0o644, 100));
    surveyor.see(seen(b"/empty", 0o755, 0));
    let survey = surveyor.finish(&MemoryTree::new(), &|_, _| None);
    assert_eq!(survey.unknown, ["/app", "/lib/x.so"]);
    assert!(!report(&survey).1.is_whole());
}
