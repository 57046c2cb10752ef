//! pip run to its end, with how much of a known download and of its contents has come. Must not know what is fetched.
//!
//! pip downloads every wheel into its temporary folder before it unpacks the first one there: the folder's size tells
//! which of the two it does, and how far it is. Its own bar is left out, for it is one for each wheel, and none where
//! its output is piped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use progress::{Progress, Unit, say};

/// Time between two looks at the folder.
const LOOK: Duration = Duration::from_millis(500);

/// What pip is to fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched<'a> {
    /// Its name.
    pub what: &'a str,
    /// pip's temporary folder.
    pub scratch: &'a Path,
    /// Bytes of all wheels.
    pub download: u64,
    /// Bytes of what they hold.
    pub unpacked: u64,
}

/// Runs a `pip install` that was made quiet.
///
/// # Errors
/// It cannot be started or waited for.
pub(crate) fn run(pip: &mut Command, fetched: Fetched<'_>) -> Result<ExitStatus> {
    let mut child = pip.stderr(Stdio::piped()).spawn().context("cannot run python3 -m pip")?;
    let said = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| say(&line)))
    });
    let mut stage = Stage::Downloading(Progress::start(
        format!("downloading {}", fetched.what),
        Unit::Bytes,
        Some(fetched.download),
    ));
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for python3 -m pip")? {
            break status;
        }
        std::thread::sleep(LOOK);
        stage = stage.at(size(fetched.scratch), fetched);
    };
    if let Some(said) = said {
        // Its panic would be one of standard error, where it is told already.
        let _ = said.join();
    }
    if status.success() {
        stage.finish();
    }
    Ok(status)
}

/// What pip does, as far as the size of its folder says.
enum Stage {
    Downloading(Progress),
    Unpacking(Progress),
}

impl Stage {
    fn at(self, bytes: u64, Fetched { what, download, unpacked, .. }: Fetched<'_>) -> Self {
        match self {
            Self::Downloading(progress) if bytes <= download => {
                progress.reach(bytes, "");
                Self::Downloading(progress)
            }
            Self::Downloading(progress) => {
                progress.finish("");
                Self::Unpacking(Progress::start(format!("unpacking {what}"), Unit::Bytes, Some(unpacked)))
            }
            Self::Unpacking(progress) => {
                progress.reach(bytes.saturating_sub(download).min(unpacked), "");
                Self::Unpacking(progress)
            }
        }
    }

    fn finish(self) {
        let (Self::Downloading(progress) | Self::Unpacking(progress)) = self;
        progress.finish("");
    }
}

/// Bytes of all files under a folder; those that go away meanwhile are left out.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_folder_is_that_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pip-unpack")).unwrap();
        fs::write(folder.path().join("pip-unpack/torch.whl"), [0; 300]).unwrap();
        fs::write(folder.path().join("other"), [0; 12]).unwrap();
        assert_eq!(size(folder.path()), 312);
        assert_eq!(size(&folder.path().join("none")), 0);
    }

    #[test]
    fn what_is_more_than_the_download_is_unpacked() {
        let fetched = Fetched { what: "libtorch", scratch: Path::new("."), download: 500, unpacked: 1000 };
        let mut stage = Stage::Downloading(Progress::aside("downloading libtorch", Unit::Bytes, Some(500)));
        let mut is_unpacking = Vec::new();
        for bytes in [100, 500, 501, 1400, 200] {
            stage = stage.at(bytes, fetched);
            is_unpacking.push(matches!(stage, Stage::Unpacking(_)));
        }
        assert_eq!(is_unpacking, [false, false, true, true, true]);
    }

    #[test]
    fn a_pip_that_fails_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let fetched = Fetched { what: "nothing", scratch: folder.path(), download: 1, unpacked: 1 };
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo there is no such package >&2; exit 3"]);
        assert_eq!(run(&mut failing, fetched).unwrap().code(), Some(3));
    }
}
