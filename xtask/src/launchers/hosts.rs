//! Two hosts on one machine: two network namespaces that a pair of virtual interfaces connects.
//!
//! This process enters namespaces of its own first, as root or with a user namespace, so what it makes there ends with
//! it, however that happens: network_namespaces(7), veth(4). Knows nothing of what runs on the hosts.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::unistd::geteuid;

use crate::handover;

/// Variable that says that this process is in its namespaces already.
const ENTERED: &str = "PONDER_HOSTS_ENTERED";
/// Name of the second host's namespace; the first host is where this process is.
const SECOND: &str = "second";
/// Name of the interface that each host has beside the loopback one.
pub(super) const INTERFACE: &str = "ponder";
/// Address of each host.
pub(super) const ADDRESSES: [&str; 2] = ["10.213.0.1", "10.213.0.2"];
/// Makes room for `ip netns`, and stays the first process, for that one would not see signals.
const SCRIPT: &str = "mount -t tmpfs tmpfs /run && \"$@\"; exit $?";

/// Two hosts, for as long as this process lives.
#[derive(Debug)]
pub(super) struct Hosts(());

/// Arguments of unshare(1).
fn namespaces() -> Vec<&'static str> {
    let mut all = vec!["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !geteuid().is_root() {
        all.extend(["--user", "--map-root-user"]);
    }
    all
}

/// Enters such namespaces once and makes a host there.
fn tried() -> Result<()> {
    let mut command = Command::new("unshare");
    command.args(namespaces()).args(["sh", "-c", SCRIPT, "sh", "ip", "netns", "add", SECOND]);
    done(&mut command)
}

impl Hosts {
    /// Makes two hosts, or says why they cannot be had here. The first time, this process is replaced by itself within
    /// its namespaces, with the same arguments.
    ///
    /// # Errors
    /// The namespaces are there and cannot be set up.
    pub(super) fn enter(root: &Path) -> Result<std::result::Result<Self, String>> {
        if std::env::var_os(ENTERED).is_some() {
            return Self::make().map(Ok);
        }
        if let Err(why) = tried() {
            return Ok(Err(format!("{why:#}")));
        }
        let program = std::env::current_exe().context("this program's own file")?;
        let mut command = handover::program("unshare", root);
        command.args(namespaces()).args(["sh", "-c", SCRIPT, "sh"]).arg(program).args(std::env::args_os().skip(1));
        Err(handover::replace_with(command.env(ENTERED, "1")))
    }

    fn make() -> Result<Self> {
        let [first, second] = ADDRESSES.map(|address| format!("{address}/24"));
        let steps: [&[&str]; 8] = [
            &["link", "set", "lo", "up"],
            &["netns", "add", SECOND],
            &["-n", SECOND, "link", "set", "lo", "up"],
            &["link", "add", INTERFACE, "type", "veth", "peer", "name", INTERFACE, "netns", SECOND],
            &["address", "add", &first, "dev", INTERFACE],
            &["link", "set", INTERFACE, "up"],
            &["-n", SECOND, "address", "add", &second, "dev", INTERFACE],
            &["-n", SECOND, "link", "set", INTERFACE, "up"],
        ];
        for step in steps {
            done(Command::new("ip").args(step))?;
        }
        Ok(Self(()))
    }

    /// A program on a host, 0 or 1, in the workspace's folder.
    pub(super) fn program(&self, host: usize, program: &Path, root: &Path) -> Command {
        if host == 0 {
            return handover::program(program, root);
        }
        let mut command = handover::program("ip", root);
        command.args(["netns", "exec", SECOND]).arg(program);
        command
    }
}

/// Runs a command to its end.
fn done(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{name} cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim().lines().last().unwrap_or("a command failed without a word"));
    Ok(())
}
