//! `SHA256SUMS`: lines that `sha256sum --check` reads, one a file, in the order of the paths.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Name of the file, beside archives and in them.
pub(crate) const FILE: &str = "SHA256SUMS";

/// Lines of `paths` below `folder`.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn of<'a>(folder: &Path, paths: impl Iterator<Item = &'a str>) -> Result<String> {
    let mut command = Command::new("sha256sum");
    let output = command.arg("--").args(paths).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.context("cannot run sha256sum")?;
    ensure!(output.status.success(), "sha256sum: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context("what sha256sum printed")
}

/// Compares the files of `folder` with its `SHA256SUMS`.
///
/// # Errors
/// The first files that are missing or differ.
pub(crate) fn check(folder: &Path) -> Result<()> {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "--quiet", FILE]).current_dir(folder).env("LC_ALL", "C");
    let output = command.output().context("cannot run sha256sum")?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let first: Vec<&str> = said.lines().take(5).collect();
    bail!("{FILE} does not agree: {}", first.join("; "))
}

/// Hash and path of each line.
///
/// # Errors
/// A line that `sha256sum` does not write.
pub(crate) fn lines(text: &str) -> Result<Vec<(&str, &str)>> {
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parse = |line| match str::split_once(line, "  ") {
        Some((hash, path)) if is_hash(hash) && !path.is_empty() => Ok((hash, path)),
        _ => bail!("{FILE} has the line {line:?}, which sha256sum does not write"),
    };
    text.lines().map(parse).collect()
}

/// `text` with the line of one file added, or in the place of the one that it had.
///
/// # Errors
/// As [`lines`].
pub(crate) fn with_line(text: &str, hash: &str, path: &str) -> Result<String> {
    let mut lines = lines(text)?;
    lines.retain(|(_, other)| *other != path);
    lines.push((hash, path));
    lines.sort_by_key(|(_, path)| *path);
    Ok(lines.iter().map(|(hash, path)| format!("{hash}  {path}\n")).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_was_changed_or_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let sums = of(folder.path(), ["a", "b"].into_iter()).unwrap();
        assert_eq!(lines(&sums).unwrap().iter().map(|(_, path)| *path).collect::<Vec<_>>(), ["a", "b"]);
        assert!(sums.starts_with("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n"), "{sums}");
        fs::write(folder.path().join(FILE), sums).unwrap();
        check(folder.path()).unwrap();
        fs::write(folder.path().join("b"), "c").unwrap();
        assert!(check(folder.path()).unwrap_err().to_string().contains("b: FAILED"));
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(check(folder.path()).unwrap_err().to_string().contains("a: "));
    }

    #[test]
    fn a_file_has_one_line() {
        let [first, second] = ["1", "2"].map(|digit| digit.repeat(64));
        let one = with_line("", &first, "b").unwrap();
        let two = with_line(&one, &first, "a").unwrap();
        assert_eq!(two, format!("{first}  a\n{first}  b\n"));
        assert_eq!(with_line(&two, &second, "b").unwrap(), format!("{first}  a\n{second}  b\n"));
        assert!(with_line("text", &first, "a").is_err());
    }
}
