//! A container image is a tree of files.
//!
//! The crate reads images where they are (a registry, a Docker Engine, an archive, a directory), only as far as a
//! question needs, and never unpacks or runs anything of them. Documents and file trees are plain values
//! ([`manifest`], [`config`], [`rootfs`]); all reading from the world happens in [`source`].

pub mod cache;
pub mod config;
pub mod digest;
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
