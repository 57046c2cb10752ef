//! Programs that the machine must have before anything is fetched or built, each with the command that installs it.
//!
//! Checks only; installs nothing. A missing program is an error. Missing namespaces are a warning, because the code
//! execution server may run on another machine.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The oldest pip that takes several `--platform` tags.
const OLDEST_PIP: (u32, u32) = (20, 3);

/// The oldest Python that the sandbox runs.
const OLDEST_PYTHON: (u32, u32) = (3, 9);

/// Checks platform, Python and C++ compiler, and warns where programs cannot be isolated.
///
/// # Errors
/// The first thing that is missing, with the command that installs it on Debian and Ubuntu.
pub(crate) fn check() -> Result<()> {
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    if (system, machine) != ("linux", "x86_64") {
        bail!("this project builds on x86_64 Linux, and this machine is {machine} {system}");
    }
    let python = output_of("python3", &["--version"]).context(
        "python3 is missing (it fetches libtorch and runs the programs that are graded): apt-get install python3",
    )?;
    if second_word_as_version(&python).is_none_or(|version| version < OLDEST_PYTHON) {
        let (major, minor) = OLDEST_PYTHON;
        bail!("python3 is {python:?}, and {major}.{minor} or newer is needed: put a newer one first on the path");
    }
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    output_of(&compiler, &["--version"])
        .with_context(|| format!("the C++ compiler {compiler:?} does not run: apt-get install g++"))?;
    if let Err(why) = namespaces() {
        eprintln!(
            "warning: this machine does not let the sandbox make namespaces ({why}).\n         \
             Its server refuses to start then, and no program can be graded here. Allow unprivileged user namespaces \
             (sysctl\n         \
             kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu; --security-opt seccomp=unconfined\n         \
             for a container), or let `sandbox.url` name a code execution server elsewhere."
        );
    }
    Ok(())
}

/// Minor version of the machine's Python 3.
///
/// # Errors
/// Python does not run, or its version cannot be read.
pub(crate) fn python_minor() -> Result<u32> {
    let python = output_of("python3", &["--version"])?;
    let (_, minor) =
        second_word_as_version(&python).with_context(|| format!("cannot read a version from {python:?}"))?;
    Ok(minor)
}

/// Checks that pip is there and new enough.
///
/// # Errors
/// The command that installs or renews it.
pub(crate) fn check_pip() -> Result<()> {
    let version = output_of("python3", &["-m", "pip", "--version"])
        .context("pip is missing (python3 -m pip): apt-get install python3-pip")?;
    match second_word_as_version(&version) {
        Some(found) if found < OLDEST_PIP => {
            let (major, minor) = OLDEST_PIP;
            bail!("pip is older than {major}.{minor} ({version}): python3 -m pip install --upgrade pip")
        }
        Some(_) => Ok(()),
        None => bail!("cannot read pip's version from {version:?}"),
    }
}

/// Reads the major and minor number of `pip 23.0.1 from …` or `Python 3.13.5`.
fn second_word_as_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().unwrap_or("0").parse().ok()?;
    Some((major, minor))
}

/// True where an NVIDIA driver is loaded.
pub(crate) fn has_nvidia_gpu() -> bool {
    Path::new("/proc/driver/nvidia/version").exists() || Path::new("/dev/nvidiactl").exists()
}

/// Makes the namespaces of a sandboxed program once, as an ordinary user does, and ends them.
fn namespaces() -> Result<()> {
    let user = ["--user", "--map-root-user", "--mount", "--pid", "--ipc", "--net", "--fork", "true"];
    match output_of("unshare", &user) {
        Err(error) if error.downcast_ref::<std::io::Error>().is_some() => Ok(()), // no `unshare` to try it with
        other => other.map(drop),
    }
}

/// Runs a program and returns what it printed.
fn output_of(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{}", complaint.trim().lines().last().unwrap_or("it failed without a message"));
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        assert_eq!(second_word_as_version("pip 9.0.1 from /usr/lib (python 3.6)"), Some((9, 0)));
        assert_eq!(second_word_as_version("pip 23.0.1 from /usr/lib"), Some((23, 0)));
        assert_eq!(second_word_as_version("pip 24 from /usr/lib"), Some((24, 0)));
        assert!(second_word_as_version("pip 9.0.1 from x") < Some(OLDEST_PIP));
        assert!(second_word_as_version("Python 3.10.1") > Some(OLDEST_PYTHON));
        assert!(second_word_as_version("Python 3.8.10") < Some(OLDEST_PYTHON));
        assert_eq!(second_word_as_version("python: no module named pip"), None);
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_last_line() {
        let error = output_of("sh", &["-c", "echo first >&2; echo last >&2; exit 3"]).unwrap_err();
        assert_eq!(error.to_string(), "last");
        assert!(output_of("no-such-program-anywhere", &[]).is_err());
    }
}
