//! Installed Python wheels against the RECORD that each carries: `path,sha256=…,size` for every file.
//!
//! Sizes are compared at every set-up (a tenth of a second for PyTorch's 12,000 files), hashes once, after the install.
//! Knows the format of RECORD and nothing of what the files are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use progress::{Progress, Unit};

/// The hash check; Python is needed for the install anyway and has the hash function.
const VERIFY_HASHES: &str = include_str!("verify_wheels.py");

/// Compares the size of every file under `site` with its wheel's RECORD and returns how many there are.
///
/// # Errors
/// `site` holds no wheel, a RECORD cannot be read, or a file is missing, truncated or has grown; it is named.
pub(crate) fn verify_sizes(site: &Path) -> Result<usize> {
    let records = records(site)?;
    if records.is_empty() {
        bail!("{} holds no installed package", site.display());
    }
    let mut checked = 0;
    for record in &records {
        let text = fs::read_to_string(record).with_context(|| format!("cannot read {}", record.display()))?;
        for (path, size) in text.lines().filter_map(recorded_size) {
            let found = fs::metadata(site.join(path)).map(|metadata| metadata.len());
            match found {
                Ok(found) if found == size => checked += 1,
                Ok(found) => bail!("{path} has {found} bytes where its wheel has {size}"),
                Err(error) => bail!("{path}: {error}"),
            }
        }
    }
    Ok(checked)
}

/// Compares the sha256 of every file under `site` with its wheel's RECORD.
///
/// # Errors
/// Python cannot be run, or files differ; the first ones are named.
pub(crate) fn verify_hashes(site: &Path) -> Result<()> {
    let _progress = Progress::aside("verifying the hash of every file", Unit::Parts, None);
    let output = Command::new("python3").arg("-c").arg(VERIFY_HASHES).arg(site).output();
    let output = output.context("cannot run python3 to verify the packages")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The RECORD files of the packages installed under `site`.
fn records(site: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(site).with_context(|| format!("cannot read {}", site.display()))?;
    let folders = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let records = folders.filter(|path| path.extension().is_some_and(|end| end == "dist-info"));
    Ok(records.map(|folder| folder.join("RECORD")).collect())
}

/// Path and size of one line of RECORD; `None` for lines without a size and for files outside the site folder.
fn recorded_size(line: &str) -> Option<(&str, u64)> {
    let mut fields = line.rsplitn(3, ',');
    let size = fields.next()?.trim().parse().ok()?;
    let path = fields.nth(1)?.trim_matches('"');
    (!path.starts_with("..")).then_some((path, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sha256 of "hello" as RECORD writes it.
    const HELLO: &str = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";

    fn site_with_hello() -> tempfile::TempDir {
        let site = tempfile::tempdir().unwrap();
        fs::create_dir(site.path().join("hello-1.0.dist-info")).unwrap();
        fs::write(site.path().join("hello.py"), "hello").unwrap();
        let record = format!("../../bin/hello,sha256=x,7\nhello.py,sha256={HELLO},5\nhello-1.0.dist-info/RECORD,,\n");
        fs::write(site.path().join("hello-1.0.dist-info/RECORD"), record).unwrap();
        site
    }

    #[test]
    fn an_untouched_install_passes_both_checks() {
        let site = site_with_hello();
        assert_eq!(verify_sizes(site.path()).unwrap(), 1);
        verify_hashes(site.path()).unwrap();
    }

    #[test]
    fn a_truncated_or_missing_file_is_named() {
        let site = site_with_hello();
        fs::write(site.path().join("hello.py"), "hell").unwrap();
        assert_eq!(verify_sizes(site.path()).unwrap_err().to_string(), "hello.py has 4 bytes where its wheel has 5");
        fs::remove_file(site.path().join("hello.py")).unwrap();
        assert!(verify_sizes(site.path()).unwrap_err().to_string().starts_with("hello.py"));
        assert!(verify_hashes(site.path()).unwrap_err().to_string().contains("hello.py"));
    }

    #[test]
    fn a_changed_byte_is_found_by_its_hash() {
        let site = site_with_hello();
        fs::write(site.path().join("hello.py"), "hellO").unwrap();
        assert_eq!(verify_sizes(site.path()).unwrap(), 1);
        assert!(verify_hashes(site.path()).unwrap_err().to_string().contains("1 of 1 files differ"));
    }

    #[test]
    fn an_empty_folder_is_no_install() {
        let site = tempfile::tempdir().unwrap();
        assert!(verify_sizes(site.path()).is_err());
        assert!(verify_hashes(site.path()).is_err());
    }

    #[test]
    fn a_path_may_hold_commas() {
        assert_eq!(recorded_size("\"a,b.h\",sha256=x,12"), Some(("a,b.h", 12)));
        assert_eq!(recorded_size("a.h,,"), None);
    }
}
