//! The project's own files: those that git tracks or would track, or, outside of a checkout, all but what is made here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Folders at the root of what is built, brought or written by runs.
pub(super) const NOT_OURS: [&str; 3] = ["target", "third_party", "runs"];

/// A text file of the project.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path from the root, with `/`.
    pub path: String,
    /// The text, with a mark in the place of bytes that are no UTF-8.
    pub text: String,
}

/// The files under `root` whose names end in one of `endings`, in the order of their paths.
///
/// # Errors
/// A folder or file cannot be read.
pub(crate) fn read(root: &Path, endings: &[&str]) -> Result<Vec<SourceFile>> {
    let paths = match tracked(root) {
        Some(paths) => paths,
        None => walked(root)?,
    };
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| endings.iter().any(|ending| path.ends_with(ending))) {
        let file = root.join(&path);
        // A file that was deleted is tracked until that is committed.
        if file.is_file() {
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            files.push(SourceFile { path, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(files)
}

/// The files that git tracks, and new ones that it does not ignore; `None` outside of a checkout.
fn tracked(root: &Path) -> Option<BTreeSet<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let answer = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let list = String::from_utf8_lossy(&answer.stdout).into_owned();
    let paths: BTreeSet<String> = list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (answer.status.success() && !paths.is_empty()).then_some(paths)
}

/// The files below `root`, without hidden ones and the folders that are made here.
fn walked(root: &Path) -> Result<BTreeSet<String>> {
    let (mut open, mut paths) = (vec![String::new()], BTreeSet::new());
    while let Some(folder) = open.pop() {
        let entries = root.join(&folder).read_dir();
        for entry in entries.with_context(|| format!("cannot read {}", root.join(&folder).display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if name.starts_with('.') || NOT_OURS.contains(&path.as_str()) {
                continue;
            }
            if entry.path().is_dir() {
                open.push(path);
            } else {
                paths.insert(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_git_is_walked() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/b.rs", "target/c.rs", "a/target/d.rs", ".git/e.rs"] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, b"//! \xff").unwrap();
        }
        let paths = walked(folder.path()).unwrap();
        assert_eq!(paths, ["a/b.rs", "a/target/d.rs"].map(str::to_owned).into());
    }
}
