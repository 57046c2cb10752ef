//! `tidy`: the rules of docs/STYLE.md that a machine can look at and the compiler does not.
//!
//! A test runs it, so that what breaks a rule fails where everything else does. Knows no crate by name.

mod imports;
mod markdown;
mod modules;
mod rust;
mod scan;
pub(crate) mod source_tree;
mod twins;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use self::source_tree::{NOT_OURS, SourceFile};

/// The document whose paths must be there.
const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Prints what breaks a rule, a line each.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let broken = broken_rules(root)?;
    for sentence in &broken {
        eprintln!("tidy: {sentence}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Broken rules anywhere under `root`, a sentence each, with file and line.
fn broken_rules(root: &Path) -> Result<Vec<String>> {
    let files = source_tree::read(root, &[".rs", ".md", ".toml", ".py"])?;
    let mut broken = Vec::new();
    for file in &files {
        match file.path.rsplit('.').next() {
            Some("rs") => broken.extend(rust::broken_rules(file)),
            Some("md") => broken.extend(markdown::long_lines(file)),
            _ => {}
        }
        if file.path.ends_with("/src/lib.rs") || file.path.ends_with("/src/main.rs") {
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let modules = modules::read(folder, &files);
            let circles = imports::circles(&modules);
            broken.extend(circles.iter().map(|circle| format!("these files import each other: {}", circle.join(", "))));
            broken.extend(twins::twins(&modules));
        }
        if file.path == ARCHITECTURE {
            broken.extend(markdown::dead_paths(file, |path| is_there(path, root, &files)));
        }
    }
    Ok(broken)
}

/// True where `path`, from the root or from any folder below it, is a file or a folder of the project, or one that is
/// built, brought or written by runs and may be missing in a fresh clone.
fn is_there(path: &str, root: &Path, files: &[SourceFile]) -> bool {
    let (as_file, as_folder) = (format!("/{path}"), format!("/{path}/"));
    let is_it = |file: &SourceFile| file.path.ends_with(&as_file) || file.path.contains(&as_folder);
    root.join(path).exists() || NOT_OURS.contains(&path) || files.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_project_keeps_its_rules() {
        let broken = super::broken_rules(&crate::workspace_root()).unwrap();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
