//! `hook`: a hook of git's that looks at a change before it is committed, in a second or two.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The line by which an earlier version of the hook is known.
const MARK: &str = "# Written by `cargo xtask hook`.";

/// The hook; git makes no commit where it fails.
fn hook() -> String {
    format!("#!/bin/sh\n{MARK} `git commit --no-verify` does without.\ncargo fmt --all --check && cargo xtask tidy\n")
}

/// Writes the hook into the repository's own folder of hooks, which its worktrees share.
///
/// # Errors
/// This is no checkout, git looks for hooks elsewhere, there is another hook already, or the file cannot be written.
pub(crate) fn install(root: &Path) -> Result<()> {
    let (folder, own) = (ask(root, &["--git-path", "hooks"])?, ask(root, &["--git-common-dir"])?.join("hooks"));
    if folder != own {
        bail!(
            "core.hooksPath has git look in {}, for other repositories too: call `cargo xtask tidy` from there",
            folder.display()
        );
    }
    let path = folder.join("pre-commit");
    write(&folder, &path)?;
    eprintln!("hook: {} looks at formatting and tidiness before each commit", path.display());
    Ok(())
}

/// The path that `git rev-parse` prints.
fn ask(root: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let git = Command::new("git").arg("rev-parse").args(arguments).current_dir(root).output();
    let answer = git.context("cannot start git")?;
    if !answer.status.success() {
        bail!("{} is no checkout of git: {}", root.display(), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(root.join(PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim())))
}

fn write(folder: &Path, path: &Path) -> Result<()> {
    let is_free = match fs::read(path) {
        Ok(hook) => String::from_utf8_lossy(&hook).contains(MARK),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        bail!("{} is there already and another's: move it away, or call `cargo xtask tidy` from it", path.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, hook()).with_context(|| format!("cannot write {}", path.display()))?;
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
        for other in [&b"#!/bin/sh\nexit 0\n"[..], b"\x7fELF\xff"] {
            fs::write(&path, other).unwrap();
            let error = write(path.parent().unwrap(), &path).unwrap_err();
            assert!(error.to_string().contains("another's"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), other);
        }
        fs::write(&path, format!("#!/bin/sh\n{MARK}\nexit 0\n")).unwrap();
        write(path.parent().unwrap(), &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), hook());
    }
}
