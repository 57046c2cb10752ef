//! The project's own files: what stands in the folders that are kept under version control.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders of what is built, brought or written by runs.
pub(super) const NOT_OURS: [&str; 5] = ["target", "third_party", "runs", "node_modules", "__pycache__"];

/// A text file of the project.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Path from the root, with `/`.
    pub path: String,
    pub text: String,
}

/// The files under `root` whose names end in one of `endings`, in the order of their paths.
///
/// # Errors
/// A folder or file cannot be read.
pub(super) fn read(root: &Path, endings: &[&str]) -> Result<Vec<SourceFile>> {
    let (mut open, mut files) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_ours = !name.starts_with('.') && !NOT_OURS.contains(&name.as_str());
            if path.is_dir() {
                open.extend(is_ours.then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                files.push(file(root, path)?);
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn file(root: &Path, path: PathBuf) -> Result<SourceFile> {
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Ok(SourceFile { path, text })
}
