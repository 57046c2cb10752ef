//! The folder of packages, such as numpy, that `cargo xtask setup` brings for programs on the process engine: one for
//! each version of Python. Programs see it read-only, after the interpreter's own packages.

use std::path::{Path, PathBuf};

/// The folder that the set-up fills, relative to the workspace's root.
const FOLDER: &str = "third_party/python-packages";

/// The environment variable that names the folder, for a program that was moved.
const VARIABLE: &str = "PONDER_PYTHON_PACKAGES";

/// Finds the folder of all versions: the one in the settings, in the environment, in the workspace that this was built
/// in, or beside the program. `None` where there is none.
pub(super) fn find_packages(given: Option<&Path>) -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join(FOLDER));
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("python-packages")));
    let places = match (given, named) {
        (Some(given), _) => vec![given.to_owned()],
        (None, Some(named)) => vec![named],
        (None, None) => workspace.into_iter().chain(beside).collect(),
    };
    // The jail shows a path as it is, so it must lead through no link.
    places.into_iter().find_map(|folder| folder.canonicalize().ok().filter(|folder| folder.is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_folder_is_taken_with_its_links_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(find_packages(Some(&link)), Some(real.canonicalize().unwrap()));
        assert_eq!(find_packages(Some(&folder.path().join("missing"))), None);
    }
}
