//! `setup`: everything the build needs and the machine lacks. Running it again changes nothing and takes a moment.
//!
//! Knows the order of the steps; what each one does is in `prerequisites`, `third_party`, `libtorch` and `cpython`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{cpython, libtorch, prerequisites, third_party};

/// Checks the machine, brings libtorch, or verifies the user's, and makes the sandbox's Python.
///
/// # Errors
/// What is missing and how to install it; a download that failed; a user's libtorch that does not fit; a component that
/// cannot be made.
pub fn run(root: &Path) -> Result<()> {
    prerequisites::check()?;
    if let Some(folder) = libtorch_of_the_user(root) {
        let found = libtorch::verify(&folder)?;
        eprintln!("setup: {found} in {} (from LIBTORCH); third_party/libtorch is left alone", folder.display());
    } else {
        third_party::ensure(&root.join("third_party"))?;
    }
    cpython::ensure(root)
}

/// The folder that LIBTORCH names, unless it is the one `.cargo/config.toml` sets for everybody.
pub fn libtorch_of_the_user(root: &Path) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LIBTORCH")?);
    let ours = root.join("third_party").join("libtorch");
    (folder != ours && !folder.as_os_str().is_empty()).then_some(folder)
}
