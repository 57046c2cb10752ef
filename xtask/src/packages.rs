//! `third_party/python-packages/cpXY/`: packages for programs on the sandbox's process engine, which runs the machine's
//! own `python3`: numpy, pinned by version and hash for each version of Python.
//!
//! An install goes to `incoming/` first and is renamed when every hash agrees. A folder of another version of Python is
//! left alone. Knows nothing of how programs are shown the folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::pip::{self, Fetched};
use crate::{prerequisites, third_party, wheels};

/// Minor version of Python 3, version of numpy, and the sha256 of its wheel for x86_64 Linux with glibc.
const NUMPY: [(u32, &str, &str); 6] = [
    (9, "2.0.2", "f26b258c385842546006213344c50655ff1555a9338e2e5e02a0756dc3e803dd"),
    (10, "2.2.6", "fc7b73d02efb0e18c000e9ad8b83480dfcd5dfd11065997ed4c6747470ae8915"),
    (11, "2.3.5", "8cba086a43d54ca804ce711b2a940b16e452807acebe7852ff327f1ecd49b0d4"),
    (12, "2.3.5", "0d8163f43acde9a73c2a33605353a4f1bc4798745a8b1d73183b28e5b435ae28"),
    (13, "2.3.5", "11e06aa0af8c0f05104d56450d6093ee639e15f24ecf62d417329d06e522e017"),
    (14, "2.3.5", "fffe29a1ef00883599d1dc2c51aa2e5d80afe49523c261a74933df395c15c520"),
];

/// Makes the folder for the machine's `python3` hold its packages. A Python that no pinned wheel is for gets none.
///
/// # Errors
/// The folder cannot be written, pip fails, or what came differs from its hashes.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let minor = prerequisites::python_minor()?;
    let Some(requirement) = requirement(minor) else {
        eprintln!("setup: no numpy is pinned for Python 3.{minor}; programs that import it fail on the process engine");
        return Ok(());
    };
    let folder = root.join("third_party").join("python-packages");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _lock = third_party::lock(&folder)?;
    let site = folder.join(format!("cp3{minor}"));
    match state(&site, &requirement) {
        Ok(files) => eprintln!("setup: the sandbox's packages are in place ({files} files checked)"),
        Err(why) => {
            eprintln!("setup: fetching numpy for programs on Python 3.{minor} (17 MB, 70 MB on disk): {why}");
            install(&folder, &site, &requirement)?;
        }
    }
    Ok(())
}

/// The line by which pip is told what to install, and from which wheel.
fn requirement(minor: u32) -> Option<String> {
    let (_, version, hash) = NUMPY.iter().find(|(found, ..)| *found == minor)?;
    Some(format!("numpy=={version} --hash=sha256:{hash}\n"))
}

/// Number of files of `site` that were checked, or the reason to fetch it (again).
fn state(site: &Path, requirement: &str) -> Result<usize> {
    match fs::read_to_string(site.join("installed.txt")) {
        Ok(stamp) if stamp == requirement => wheels::verify_sizes(site),
        Ok(_) => bail!("another version is installed"),
        Err(_) => bail!("it is not there yet"),
    }
}

fn install(folder: &Path, site: &Path, requirement: &str) -> Result<()> {
    prerequisites::check_pip()?;
    let (incoming, outgoing) = (folder.join("incoming"), folder.join("outgoing"));
    third_party::remove(&incoming)?;
    third_party::remove(&outgoing)?;
    let (scratch, fresh) = (incoming.join("tmp"), incoming.join("site"));
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let requirements = incoming.join("requirements.txt");
    fs::write(&requirements, requirement).context("cannot write requirements.txt")?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]);
    pip.args(["--require-hashes", "--requirement"]).arg(&requirements).arg("--target").arg(&fresh);
    pip.env("TMPDIR", &scratch).env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_ROOT_USER_ACTION", "ignore");
    let fetched = Fetched { what: "numpy", scratch: &scratch, download: 17_000_000, unpacked: 70_000_000 };
    let status = pip::run(&mut pip, fetched)?;
    if !status.success() {
        bail!("pip could not install numpy ({status}); its message stands above. Run the command again to retry");
    }
    wheels::verify_hashes(&fresh)?;
    fs::write(fresh.join("installed.txt"), requirement).context("cannot write the stamp")?;
    if site.exists() {
        fs::rename(site, &outgoing).context("cannot move the old packages away")?;
    }
    fs::rename(&fresh, site).context("cannot put the new packages in their place")?;
    third_party::remove(&outgoing)?;
    third_party::remove(&incoming)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_python_has_one_pinned_wheel() {
        for (minor, version, hash) in NUMPY {
            assert_eq!(NUMPY.iter().filter(|(other, ..)| *other == minor).count(), 1);
            assert!(version.split('.').count() == 3 && hash.len() == 64, "{version} {hash}");
            assert_eq!(requirement(minor).unwrap(), format!("numpy=={version} --hash=sha256:{hash}\n"));
        }
        assert_eq!(requirement(8), None);
    }

    #[test]
    fn a_whole_install_of_this_version_alone_is_kept() {
        let site = tempfile::tempdir().unwrap();
        let info = site.path().join("numpy.dist-info");
        fs::create_dir(&info).unwrap();
        fs::write(info.join("RECORD"), "numpy.py,sha256=x,3\n").unwrap();
        fs::write(site.path().join("numpy.py"), "abc").unwrap();
        assert!(state(site.path(), "numpy==1").unwrap_err().to_string().contains("not there"));
        fs::write(site.path().join("installed.txt"), "numpy==1").unwrap();
        assert_eq!(state(site.path(), "numpy==1").unwrap(), 1);
        assert!(state(site.path(), "numpy==2").unwrap_err().to_string().contains("another version"));
        fs::write(site.path().join("numpy.py"), "ab").unwrap();
        assert!(state(site.path(), "numpy==1").is_err());
    }
}
