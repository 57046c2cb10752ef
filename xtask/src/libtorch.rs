//! Is a folder a libtorch that the pinned `tch` builds with? Looks at the folder; changes nothing.

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

/// The one version that the pinned `tch` speaks to.
pub(crate) const VERSION: &str = "2.11.0";

/// Files without which nothing builds or starts.
const NEEDED: [&str; 4] =
    ["lib/libtorch_cpu.so", "lib/libtorch.so", "lib/libc10.so", "include/torch/csrc/api/include/torch/torch.h"];

/// A libtorch that was looked at.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// Version with the build's tag, such as `2.11.0+cu130`; `None` where the folder does not say.
    pub version: Option<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(formatter, "libtorch {version}"),
            None => write!(formatter, "libtorch (the folder does not say its version; {VERSION} is expected)"),
        }
    }
}

/// Verifies files and version of the libtorch in `folder`.
///
/// # Errors
/// A relative path, a missing file, or another version than [`VERSION`]; the last is let through where
/// LIBTORCH_BYPASS_VERSION_CHECK is set, as `torch-sys` does.
pub(crate) fn verify(folder: &Path) -> Result<Found> {
    let shown = folder.display();
    if !folder.is_absolute() {
        bail!("LIBTORCH is {shown}, a relative path: build scripts run in other folders, so give the whole path");
    }
    if let Some(missing) = NEEDED.iter().find(|file| !folder.join(file).is_file()) {
        bail!(
            "{shown} is not a whole libtorch: {missing} is missing. Point LIBTORCH at the `torch` folder of a \
             PyTorch {VERSION} (or an unpacked libtorch), or unset it and let the set-up fetch one"
        );
    }
    let version = version(folder);
    let fits = version.as_deref().is_none_or(|version| version.split('+').next() == Some(VERSION));
    if !fits && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
        bail!(
            "{shown} holds libtorch {}, and this project builds with {VERSION}: unset LIBTORCH to let the set-up \
             fetch that one, or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try all the same",
            version.unwrap_or_default()
        );
    }
    Ok(Found { version })
}

/// Reads the version from `build-version` (unpacked libtorch) or `version.py` (a Python package).
fn version(folder: &Path) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_string());
    }
    let text = std::fs::read_to_string(folder.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split('\'').nth(1)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libtorch_with(version_file: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in NEEDED {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::write(folder.path().join(version_file), text).unwrap();
        folder
    }

    #[test]
    fn both_layouts_tell_their_version() {
        let package = libtorch_with("version.py", "debug = False\n__version__ = '2.11.0+cu130'\n");
        assert_eq!(verify(package.path()).unwrap().version.as_deref(), Some("2.11.0+cu130"));
        let unpacked = libtorch_with("build-version", "2.11.0+cpu\n");
        assert_eq!(verify(unpacked.path()).unwrap().version.as_deref(), Some("2.11.0+cpu"));
    }

    #[test]
    fn another_version_is_refused_and_named() {
        let folder = libtorch_with("build-version", "2.11.01\n");
        let message = verify(folder.path()).unwrap_err().to_string();
        assert!(message.contains("2.11.01") && message.contains("LIBTORCH"), "{message}");
    }

    #[test]
    fn a_missing_library_is_named() {
        let folder = libtorch_with("build-version", VERSION);
        std::fs::remove_file(folder.path().join("lib/libtorch_cpu.so")).unwrap();
        let message = verify(folder.path()).unwrap_err().to_string();
        assert!(message.contains("lib/libtorch_cpu.so is missing"), "{message}");
    }

    #[test]
    fn a_relative_path_is_refused() {
        assert!(verify(Path::new("third_party/libtorch")).unwrap_err().to_string().contains("whole path"));
    }
}
