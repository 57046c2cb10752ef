//! `hook`: a hook of git's that looks at a change before it is committed, in a second or two.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The hook; git makes no commit where it fails.
const HOOK: &str = "#!/bin/sh
# Written by `cargo xtask hook`. `git commit --no-verify` does without.
cargo fmt --all --check && cargo xtask tidy
";

/// Writes the hook into the folder that git looks in, which a worktree shares with its repository.
///
/// # Errors
/// This is no checkout, there is another hook already, or the file cannot be written.
pub(crate) fn install(root: &Path) -> Result<()> {
    let git = Command::new("git").args(["rev-parse", "--git-path", "hooks"]).current_dir(root).output();
    let answer = git.context("cannot start git")?;
    if !answer.status.success() {
        bail!("{} is no checkout of git: {}", root.display(), String::from_utf8_lossy(&answer.stderr).trim());
    }
    let folder = root.join(PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()));
    let path = folder.join("pre-commit");
    write(&folder, &path)?;
    eprintln!("hook: {} looks at formatting and tidiness before each commit", path.display());
    Ok(())
}

fn write(folder: &Path, path: &Path) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|hook| hook != HOOK) {
        bail!("{} is there already and another's: move it away, or call `cargo xtask tidy` from it", path.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, HOOK).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_s_hook_is_left_alone_and_its_own_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks").join("pre-commit");
        for _ in 0..2 {
            write(path.parent().unwrap(), &path).unwrap();
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        let error = write(path.parent().unwrap(), &path).unwrap_err();
        assert!(error.to_string().contains("another's"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
