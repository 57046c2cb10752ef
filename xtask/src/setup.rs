//! `setup`: everything the build needs and the machine lacks. Running it again changes nothing and takes a moment.
//!
//! Knows the order of the steps; what each one does is in `prerequisites`, `third_party`, `libtorch`,
//! `cpython` and `packages`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{cpython, libtorch, packages, prerequisites, third_party};

/// Needs of a command beside the Rust toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// libtorch, to link and run what computes with tensors.
    pub libtorch: bool,
    /// The sandbox's Python, and the packages of its programs.
    pub python: bool,
}

impl Needs {
    /// Everything.
    pub(crate) const ALL: Self = Self { libtorch: true, python: true };
}

/// Brings everything.
///
/// # Errors
/// As [`bring`].
pub(crate) fn run(root: &Path) -> Result<()> {
    bring(root, Needs::ALL)
}

/// Checks the machine, brings libtorch, or verifies the user's, and makes the sandbox's Python, as far as they are
/// needed.
///
/// # Errors
/// What is missing and how to install it; a download that failed; a user's libtorch that does not fit; a component that
/// cannot be made.
pub(crate) fn bring(root: &Path, needs: Needs) -> Result<()> {
    if needs.libtorch || needs.python {
        prerequisites::check()?;
    }
    if needs.libtorch {
        match libtorch_of_the_user(root) {
            Some(folder) => {
                let found = libtorch::verify(&folder)?;
                eprintln!("setup: {found} in {} (from LIBTORCH); third_party/libtorch is left alone", folder.display());
            }
            None => third_party::ensure(&root.join("third_party"))?,
        }
    }
    if needs.python {
        cpython::ensure(root)?;
        packages::ensure(root)?;
    }
    Ok(())
}

/// The folder that LIBTORCH names, unless it is the one `.cargo/config.toml` sets for everybody.
pub(crate) fn libtorch_of_the_user(root: &Path) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LIBTORCH")?);
    let ours = root.join("third_party").join("libtorch");
    (folder != ours && !folder.as_os_str().is_empty()).then_some(folder)
}
