//! A container image is a tree of files.
//!
//! The crate reads images where they are (a registry, a Docker Engine, an archive, a directory), only as far as a
//! question needs, and never unpacks or runs anything of them. Documents and file trees are plain values
//! ([`manifest`], [`config`], [`rootfs`]); all reading from the world happens in [`source`].
//!
//! # Example
//!
//! An OCI layout with an image for two platforms (here one made for the example, in a temporary directory): the manifest
//! that a host chooses, one file of it, and then all files of it.
//!
//! ```
//! use execfit_image::platform::{Platform, Runtime, choose};
//! use execfit_image::source::{Access, Opened, open};
//! # use execfit_image::digest::Digest;
//! # use serde_json::{Value, json};
//! # use std::{fs, path::Path};
//! # // Writes a blob, and tells its descriptor.
//! # fn blob(layout: &Path, kind: &str, bytes: &[u8]) -> Value {
//! #     let digest = Digest::of(bytes);
//! #     fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
//! #     json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": bytes.len()})
//! # }
//! # // A tar archive of one file of less than 512 bytes.
//! # fn archive(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
//! #     let mut tar = vec![0; 2048];
//! #     let size = format!("{:011o}", content.len());
//! #     for (at, text) in [(0, name), (100, &format!("{mode:07o}")), (124, &size), (156, "0"), (257, "ustar\x0000")] {
//! #         tar[at..at + text.len()].copy_from_slice(text.as_bytes());
//! #     }
//! #     tar[148..156].fill(b' ');
//! #     let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
//! #     tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
//! #     tar[512..512 + content.len()].copy_from_slice(content);
//! #     tar
//! # }
//! # let folder = tempfile::tempdir()?;
//! # let layout = folder.path();
//! # fs::create_dir_all(layout.join("blobs/sha256"))?;
//! # let mut manifests = Vec::new();
//! # for architecture in ["amd64", "arm64"] {
//! #     let tars = [archive("app", 0o644, b"echo hello\n"), archive("app", 0o755, b"#!/bin/sh\necho hello\n")];
//! #     let ids: Vec<Digest> = tars.iter().map(|tar| Digest::of(tar)).collect();
//! #     let config = json!({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": ids}});
//! #     let layers: Vec<Value> = tars.iter().map(|tar| blob(layout, "layer.v1.tar", tar)).collect();
//! #     let config = blob(layout, "config.v1+json", config.to_string().as_bytes());
//! #     let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
//! #     let mut entry = blob(layout, "manifest.v1+json", manifest.to_string().as_bytes());
//! #     entry["platform"] = json!({"os": "linux", "architecture": architecture});
//! #     manifests.push(entry);
//! # }
//! # fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#)?;
//! # fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": manifests}).to_string())?;
//!
//! let location = format!("oci:{}", layout.display()).parse()?;
//! let Opened::Image(mut image) = open(&location, &Access::default())? else { panic!("it is an unpacked tree") };
//! let host = Platform::new("linux", "arm64", "");
//! let chosen = choose(image.entries(), &host, Runtime::Containerd).ok_or("it has nothing for this host")?;
//! let manifest = image.entries()[chosen].digest.clone();
//!
//! // The layers are read from the top, only as far as the path: here the upper one of two.
//! let app = image.witness(&manifest, b"/app")?.ok_or("there is no /app")?;
//! assert_eq!((app.mode, app.size), (0o755, 21));
//! assert!(app.pieces[0].bytes.starts_with(b"#!/bin/sh"));
//! assert_eq!(app.origin.as_ref().map(|origin| (origin.layer, origin.layers)), Some((2, 2)));
//!
//! // All layers to their ends: digests are compared, and every path has an answer.
//! image.sweep(&[manifest.clone()])?;
//! let mut seen = Vec::new();
//! image.tree(&manifest)?.visit(&mut |object| {
//!     seen.push((String::from_utf8_lossy(object.path).into_owned(), object.found.layer, object.hidden));
//! }).map_err(|layer| format!("layer {layer} was not read"))?;
//! assert_eq!(seen, [("/app".into(), Some(1), false), ("/app".into(), Some(0), true)]);
//! assert!(image.witness(&manifest, b"/none")?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A registry is asked the same way. What reading may take is bounded by [`limits::Limits`], and what was read is kept
//! where a [`cache::Cache`] is given; log-ins come from Docker's and podman's files.
//!
//! ```no_run
//! use execfit_image::limits::Limits;
//! use execfit_image::source::{Access, Opened, open};
//!
//! let mut limits = Limits::default();
//! limits.set("unpacked-bytes=2G")?;
//! let access = Access { limits, ..Access::default() };
//! let Opened::Image(mut image) = open(&"public.ecr.aws/docker/library/busybox:stable".parse()?, &access)? else {
//!     panic!("registries have images")
//! };
//! let manifests: Vec<_> = image.entries().iter().filter(|entry| entry.is_runnable()).cloned().collect();
//! for entry in manifests {
//!     let shell = image.witness(&entry.digest, b"/bin/sh")?;
//!     println!("{:?}: {:?}", entry.platform(), shell.map(|shell| shell.kind));
//! }
//! println!("{:?}", image.tally());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cache;
pub mod config;
pub mod digest;
pub mod ecr;
pub mod history;
pub mod index;
pub mod layer;
pub mod limits;
pub mod manifest;
pub mod platform;
pub mod reference;
pub mod rootfs;
pub mod source;
pub mod tar;
pub mod witness;

// The maker of seekable layers is an example, too, and calls the crate by its name.
#[cfg(test)]
extern crate self as execfit_image;

#[cfg(test)]
mod testing;
