//! How libtorch's threads on the CPU wait: asleep.
//!
//! By itself OpenMP has them spin for a while after each parallel region, on processors that the engine's own threads
//! and the sandbox's programs want. It reads how they are to wait while it is loaded, which is before this program's
//! first line; so the program begins once more with that said.

use std::os::unix::process::CommandExt;
use std::process::Command;

const WAIT_POLICY: &str = "OMP_WAIT_POLICY";

/// Begins the program once more, as the same process, unless the environment says how threads wait. Where that fails
/// they spin.
pub(crate) fn wait_passively() {
    if std::env::var_os(WAIT_POLICY).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).env(WAIT_POLICY, "passive").exec();
    eprintln!("warning: libtorch's threads spin while they wait, since the program cannot begin again: {error}");
}
