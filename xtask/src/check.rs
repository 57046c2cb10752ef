//! `check`: everything that a change must pass, the cheap things first: a missing blank fails before the tests begin.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::{handover, setup};

/// Arguments of cargo for each step, the cheapest first.
const STEPS: [&[&str]; 6] = [
    &["fmt", "--all", "--check"],
    &["xtask", "tidy"],
    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &["doc", "--no-deps", "--workspace"],
    &["deny", "--offline", "check", "bans", "licenses", "sources"],
    &["test", "--workspace"],
];

/// Sets up and runs each step; the first that fails ends it, with its exit code.
///
/// # Errors
/// The set-up fails, or cargo cannot be started.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    for step in STEPS {
        let name = step[0];
        // The steps before clippy need nothing but Rust.
        if name == "clippy" {
            setup::run(root)?;
        }
        if name == "deny" && !has_deny(root) {
            eprintln!("check: cargo-deny is not installed, so deny.toml is not checked");
            continue;
        }
        eprintln!("check: cargo {}", step.join(" "));
        let mut cargo = handover::cargo(root);
        if name == "doc" {
            cargo.env("RUSTDOCFLAGS", "-D warnings");
        }
        let status = handover::wait_for(cargo.args(step))?;
        if !status.success() {
            eprintln!("check: cargo {name} failed; what comes after it was not run");
            return Ok(handover::exit_code(status));
        }
    }
    eprintln!("check: all passed");
    Ok(ExitCode::SUCCESS)
}

fn has_deny(root: &Path) -> bool {
    let mut cargo: Command = handover::cargo(root);
    let found = cargo.args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}
