//! `third_party/`: libtorch as the `torch` wheel of the Python package index, installed beside the project.
//!
//! Layout: `site/` (the installed wheels and a stamp that says which), `libtorch` (a link to `site/torch`). An install
//! goes to `incoming/` first and is renamed when every hash agrees, so what `site/` holds is whole; whatever an
//! interruption left behind, the next run clears. On a CPU the wheel's own Python dependencies and CUDA packages stay
//! away, but for two that libtorch_cpu itself links to and two of headers.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::pip::{self, Fetched};
use crate::{libtorch, prerequisites, wheels};

/// The Python whose wheel is taken; nothing is imported, so the machine's own may be any.
const WHEEL_PYTHON: &str = "3.12";

/// glibc versions 2.17 to 2.28: the `manylinux` tags of the wheels.
const GLIBC_MINORS: std::ops::RangeInclusive<u32> = 17..=28;

/// CUDA libraries that libtorch_cpu links to, with the wheel's versions.
const CPU_PACKAGES: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

/// Headers of CUDA that libtorch's own include: the shim's CUDA half is built on machines without a GPU too.
const HEADER_PACKAGES: [&str; 2] = ["nvidia-cuda-crt==13.0.88", "nvidia-cuda-cccl==13.0.85"];

/// Further CUDA libraries that libtorch_cuda links to or opens, as torch 2.11.0 pins them.
const CUDA_PACKAGES: [&str; 13] = [
    "nvidia-cublas==13.1.0.3",
    "nvidia-cuda-nvrtc==13.0.88",
    "nvidia-cudnn-cu13==9.19.0.56",
    "nvidia-cufft==12.0.0.61",
    "nvidia-cufile==1.15.1.6",
    "nvidia-curand==10.4.0.35",
    "nvidia-cusolver==12.0.4.66",
    "nvidia-cusparse==12.6.3.3",
    "nvidia-cusparselt-cu13==0.8.0",
    "nvidia-nccl-cu13==2.28.9",
    "nvidia-nvjitlink==13.0.88",
    "nvidia-nvshmem-cu13==3.4.5",
    "nvidia-nvtx==13.0.85",
];

/// The libraries that come with libtorch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Variant {
    Cpu,
    Cuda,
}

impl Variant {
    fn of_this_machine() -> Self {
        if prerequisites::has_nvidia_gpu() { Self::Cuda } else { Self::Cpu }
    }

    fn packages(self) -> Vec<String> {
        let mut packages = vec![format!("torch=={}", libtorch::VERSION)];
        packages.extend(CPU_PACKAGES.into_iter().chain(HEADER_PACKAGES).map(String::from));
        if self == Self::Cuda {
            packages.extend(CUDA_PACKAGES.map(String::from));
        }
        packages
    }

    /// The stamp's text: what was installed, one package a line.
    fn stamp(self) -> String {
        self.packages().join("\n") + "\n"
    }

    /// Free space the install needs at its peak, in KiB: the wheels, unpacked, and once more while they are moved.
    fn needed_kib(self) -> u64 {
        match self {
            Self::Cpu => 3 << 20,
            Self::Cuda => 12 << 20,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Cpu => "530 MB to download, 1.2 GB on disk",
            Self::Cuda => "about 2.5 GB to download, 5 GB on disk, with the CUDA libraries for this machine's GPU",
        }
    }

    /// The same numbers as bytes.
    fn fetched(self, scratch: &Path) -> Fetched<'_> {
        let (download, unpacked) = match self {
            Self::Cpu => (530_000_000, 1_200_000_000),
            Self::Cuda => (2_500_000_000, 5_000_000_000),
        };
        Fetched { what: "libtorch", scratch, download, unpacked }
    }
}

/// Makes `folder` hold a whole libtorch for this machine, fetching it where it is missing or damaged.
///
/// # Errors
/// The folder cannot be written, the disk is too full, pip fails, or what came differs from its hashes.
pub(crate) fn ensure(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = lock(folder)?;
    let link = folder.join("libtorch");
    if link.is_dir() && !link.is_symlink() {
        let found = libtorch::verify(&link)?;
        eprintln!("setup: {found} lies in third_party/libtorch");
        return Ok(());
    }
    let site = folder.join("site");
    let variant = Variant::of_this_machine();
    match state(&site, variant) {
        Ok(files) => eprintln!("setup: libtorch {} is in place ({files} files checked)", libtorch::VERSION),
        Err(why) => {
            eprintln!("setup: fetching libtorch {}: {why}", libtorch::VERSION);
            install(folder, &site, variant)?;
        }
    }
    point_link(&link, Path::new("site/torch"))?;
    libtorch::verify(&link)?;
    drop(lock);
    Ok(())
}

/// Waits until no other set-up works on `folder`, and holds it until the file is dropped.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("setup: another set-up is at work; waiting for it");
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// Number of files of `site` that were checked, or the reason to fetch it (again).
fn state(site: &Path, variant: Variant) -> Result<usize> {
    let stamp = match fs::read_to_string(stamp_of(site)) {
        Ok(stamp) => stamp,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("it is not there yet"),
        Err(error) => bail!("its stamp cannot be read: {error}"),
    };
    let whole = [Variant::Cuda.stamp(), variant.stamp()].contains(&stamp);
    if !whole {
        bail!("other packages are installed than this machine and this version need");
    }
    wheels::verify_sizes(site)
}

/// The file that says what is installed; written last.
fn stamp_of(site: &Path) -> PathBuf {
    site.join("installed.txt")
}

/// Installs `variant` into a folder of its own, verifies it and puts it in the place of `site`.
fn install(folder: &Path, site: &Path, variant: Variant) -> Result<()> {
    prerequisites::check_pip()?;
    let incoming = folder.join("incoming");
    let outgoing = folder.join("outgoing");
    remove(&incoming)?;
    remove(&outgoing)?;
    enough_space(folder, variant)?;
    let started = Instant::now();
    eprintln!("setup: {}", variant.words());
    // pip unpacks in its temporary folder: on the same disk, for /tmp is often small.
    let scratch = incoming.join("tmp");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let fresh = incoming.join("site");
    run_pip(&fresh, &scratch, variant)?;
    wheels::verify_hashes(&fresh)?;
    libtorch::verify(&fresh.join("torch"))?;
    fs::write(stamp_of(&fresh), variant.stamp()).context("cannot write the stamp")?;
    if site.exists() {
        fs::rename(site, &outgoing).context("cannot move the old libtorch away")?;
    }
    fs::rename(&fresh, site).context("cannot put the new libtorch in its place")?;
    remove(&outgoing)?;
    remove(&incoming)?;
    eprintln!("setup: libtorch {} is in place, after {:.0} s", libtorch::VERSION, started.elapsed().as_secs_f64());
    Ok(())
}

/// All packages in one command: a second one with the same target would remove the first one's `nvidia/`.
fn run_pip(target: &Path, scratch: &Path, variant: Variant) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]);
    pip.args(["--python-version", WHEEL_PYTHON, "--implementation", "cp"]);
    for minor in GLIBC_MINORS.rev() {
        pip.arg("--platform").arg(format!("manylinux_2_{minor}_x86_64"));
    }
    pip.args(["--platform", "manylinux2014_x86_64", "--target"]).arg(target);
    pip.args(variant.packages());
    pip.env("TMPDIR", scratch).env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_ROOT_USER_ACTION", "ignore");
    let status = pip::run(&mut pip, variant.fetched(scratch))?;
    if !status.success() {
        bail!("pip could not install libtorch ({status}); its message stands above. Run the command again to retry");
    }
    Ok(())
}

/// Refuses to start a download that cannot be unpacked. A `df` that does not answer stops nothing.
fn enough_space(folder: &Path, variant: Variant) -> Result<()> {
    let output = Command::new("df").arg("-Pk").arg(folder).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if let Some(free) = free_kib(&text)
        && free < variant.needed_kib()
    {
        let gib = |kib: u64| kib as f64 / f64::from(1 << 20);
        bail!(
            "{} has {:.1} GiB free, and libtorch needs {:.0} GiB while it is unpacked",
            folder.display(),
            gib(free),
            gib(variant.needed_kib())
        );
    }
    Ok(())
}

/// The "Available" column of `df -Pk`.
fn free_kib(text: &str) -> Option<u64> {
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// Makes `link` point to `target`, in one step.
fn point_link(link: &Path, target: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let fresh = link.with_extension("new");
    if fresh.is_symlink() {
        fs::remove_file(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    }
    std::os::unix::fs::symlink(target, &fresh)
        .and_then(|()| fs::rename(&fresh, link))
        .with_context(|| format!("cannot make the link {}", link.display()))
}

/// Removes a folder and all it holds; one that is not there is fine.
///
/// # Errors
/// Something in it cannot be removed.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(text: &str) -> tempfile::TempDir {
        let site = tempfile::tempdir().unwrap();
        let packages = site.path().join("torch.dist-info");
        fs::create_dir(&packages).unwrap();
        fs::write(packages.join("RECORD"), "torch.py,sha256=x,3\n").unwrap();
        fs::write(site.path().join("torch.py"), "abc").unwrap();
        fs::write(stamp_of(site.path()), text).unwrap();
        site
    }

    #[test]
    fn a_whole_install_is_kept() {
        assert_eq!(state(stamped(&Variant::Cpu.stamp()).path(), Variant::Cpu).unwrap(), 1);
    }

    #[test]
    fn cuda_libraries_do_for_a_machine_without_a_gpu_and_not_the_other_way_round() {
        assert!(state(stamped(&Variant::Cuda.stamp()).path(), Variant::Cpu).is_ok());
        assert!(state(stamped(&Variant::Cpu.stamp()).path(), Variant::Cuda).is_err());
    }

    #[test]
    fn no_stamp_another_version_or_a_damaged_file_is_fetched_again() {
        assert!(state(stamped("torch==2.10.0\n").path(), Variant::Cpu).is_err());
        let unstamped = stamped("");
        fs::remove_file(stamp_of(unstamped.path())).unwrap();
        assert!(state(unstamped.path(), Variant::Cpu).is_err());
        let damaged = stamped(&Variant::Cpu.stamp());
        fs::write(damaged.path().join("torch.py"), "ab").unwrap();
        assert!(state(damaged.path(), Variant::Cpu).unwrap_err().to_string().contains("torch.py"));
    }

    #[test]
    fn the_link_is_made_and_corrected() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("libtorch");
        for target in ["elsewhere", "site/torch", "site/torch"] {
            point_link(&link, Path::new(target)).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(target));
        }
    }

    #[test]
    fn free_space_is_read_from_df() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 40 60 40% /\n";
        assert_eq!(free_kib(text), Some(60));
        assert_eq!(free_kib(""), None);
    }
}
