//! An archive tried where there is no Rust: unpacked into a root of its own, where `trial.sh` runs what is in it.
//!
//! The root is a container's, a folder's that the user names (such as one of debootstrap), or one made of this
//! machine's shared libraries and its Python, in which nothing else is. Folders are entered by namespaces (unshare(1),
//! pivot_root(8)): below a mere chroot the kernel grants no further user namespace, and the sandbox needs some.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::unistd::{getgid, getuid};

use super::{archive, bare_root};
use crate::{handover, kills::micro, third_party};

/// What runs in the root.
const SCRIPT: &str = include_str!("trial.sh");
/// The image of a container without a name.
const IMAGE: &str = "debian:bookworm-slim";
/// Name of what is tried, as the root sees it.
const SEEN_AS: &str = "/try";

/// Enters the root `$1`, in which `$2` is seen as `/try`, and runs the rest there.
const ENTER: &str = r#"
root=$1
work=$2
shift 2
mount --bind "$root" "$root"
mkdir -p "$root/try" "$root/proc" "$root/dev" "$root/tmp" "$root/.outside"
mount --bind "$work" "$root/try"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
pivot_root . .outside
cd /
umount -l /.outside
exec /bin/sh "$@"
"#;

/// Where an archive is tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrialRoot {
    /// A container of docker or podman.
    Container { program: &'static str, image: String },
    /// A folder with a system in it.
    Root(PathBuf),
    /// A root of this machine's own libraries.
    Bare,
}

impl TrialRoot {
    /// The folder that was named; a container where docker or podman answers; otherwise a bare root.
    pub(crate) fn choose(root: Option<&Path>, image: Option<&str>) -> Result<Self> {
        if let Some(root) = root {
            ensure!(root.join("bin/sh").exists(), "--root {}: there is no bin/sh in it", root.display());
            return Ok(Self::Root(root.to_owned()));
        }
        let answers = |program: &&str| {
            let mut command = Command::new(program);
            let status = command.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        match (["docker", "podman"].into_iter().find(answers), image) {
            (Some(program), image) => Ok(Self::Container { program, image: image.unwrap_or(IMAGE).to_owned() }),
            (None, Some(image)) => anyhow::bail!("--image {image}: neither docker nor podman answers here"),
            (None, None) => Ok(Self::Bare),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Container { program, image } => format!("a container of {image} ({program})"),
            Self::Root(root) => format!("the system in {}", root.display()),
            Self::Bare => "a root of this machine's shared libraries and Python".to_owned(),
        }
    }
}

/// Unpacks the archive beside itself, runs it in `place` and removes what it left.
///
/// # Errors
/// The archive cannot be unpacked, the root cannot be entered, or what runs in it fails; its words stand above.
pub(crate) fn run(root: &Path, archive: &Path, place: &TrialRoot) -> Result<()> {
    let started = Instant::now();
    let name = archive::folder_name(archive).context("an archive ends in .tar.zst or .tar.gz")?;
    let archive = std::path::absolute(archive).context("the archive's place")?;
    let outer = archive.with_file_name(format!(".try-{name}"));
    third_party::remove(&outer)?;
    let work = outer.join("work");
    eprintln!("dist: trying {} in {}", archive.display(), place.describe());
    archive::unpack(&archive, &work)?;
    micro::write_for(&work.join("micro"), &Path::new(SEEN_AS).join("micro"), "float32")?;
    fs::write(work.join("trial.sh"), SCRIPT).context("cannot write trial.sh")?;
    let mut command = match place {
        TrialRoot::Container { program, image } => container(program, image, &work),
        TrialRoot::Root(folder) => within(&fs::canonicalize(folder)?, &work),
        TrialRoot::Bare => {
            let bare = outer.join("root");
            let bytes = bare_root::make(&bare)?;
            eprintln!("dist: the root holds {} MB of this machine", bytes >> 20);
            within(&bare, &work)
        }
    };
    command.arg(format!("{SEEN_AS}/trial.sh")).arg(name).arg(root);
    let status = run_command(&mut command)?;
    ensure!(
        status.success(),
        "what the archive holds does not run in {} ({status}); it is still in {}",
        place.describe(),
        outer.display()
    );
    third_party::remove(&outer)?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "dist: tried in {}, after {seconds:.0} s: all of it runs without Rust and without the sources",
        place.describe()
    );
    Ok(())
}

fn run_command(command: &mut Command) -> Result<ExitStatus> {
    handover::wait_for(command.stdin(Stdio::null()))
}

/// A command that enters the root `folder`; its further arguments are those of the shell there.
fn within(folder: &Path, work: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--propagation", "private"]);
    if !getuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-euc", ENTER, "enter"]).arg(folder).arg(work);
    // Nothing of this user's environment goes in.
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/tmp");
    command
}

/// The same in a container, without a network.
fn container(program: &str, image: &str, work: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["run", "--rm", "--network", "none", "--env", "HOME=/tmp"]);
    // What the sandbox asks for: deploy/compose.yaml has the narrower profile.
    command.args(["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]);
    if program == "docker" {
        // What it writes is this user's. podman's root is this user already.
        command.arg("--user").arg(format!("{}:{}", getuid(), getgid()));
    }
    command.arg("--volume").arg(format!("{}:{SEEN_AS}", work.display())).args([image, "/bin/sh"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> String {
        command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_named_root_is_taken_if_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = TrialRoot::choose(Some(folder.path()), None).unwrap_err().to_string();
        assert!(error.contains("no bin/sh"), "{error}");
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/sh"), "").unwrap();
        assert_eq!(TrialRoot::choose(Some(folder.path()), None).unwrap(), TrialRoot::Root(folder.path().to_owned()));
    }

    #[test]
    fn nothing_of_this_environment_goes_into_a_root() {
        let command = within(Path::new("/root-of"), Path::new("/work-of"));
        let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        assert_eq!(set, ["HOME", "PATH"]);
        assert!(words(&command).ends_with("enter /root-of /work-of"), "{}", words(&command));
    }

    #[test]
    fn a_container_has_no_network_and_sees_the_archive_alone() {
        let text = words(&container("podman", IMAGE, Path::new("/work-of")));
        assert!(text.contains("--network none") && text.contains("--volume /work-of:/try debian:"), "{text}");
        assert!(!text.contains("--user"));
        assert!(words(&container("docker", IMAGE, Path::new("/w"))).contains("--user "));
    }
}
