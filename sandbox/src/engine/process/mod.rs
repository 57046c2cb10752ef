//! The process engine: programs in new namespaces, as copies of a warm interpreter.
//!
//! Layers, from the outside:
//! - The worker's interpreter (`zygote`) lives in mount, ipc, net and uts namespaces of its own. Its root is a tmpfs
//!   with read-only binds of what it needs (`jail`); it is an ordinary user and can gain no new privileges.
//! - A copy of the interpreter is made for each run, the `candidate`, in new user, pid, mount, ipc, net and uts
//!   namespaces. Before it runs a line of the program it gets a fresh scratch tmpfs, loses its capabilities, and goes
//!   under Landlock, rlimits and a seccomp filter. The crate `confine` does this, which the interpreter loads.
//! - Where control groups can be made, a worker and all that it starts are in one (`cgroup`).
//!
//! The candidate of the next run is made ahead and stands by behind all its layers. Copies are children of the server's
//! own thread (`forked_process`), which watches them (`supervisor`, `usage`): nothing between a candidate and the
//! server runs Python. A candidate is process 1 of its pid namespace: when it ends, the kernel ends all it started.
//!
//! The engine knows nothing of verdicts.

mod candidate;
mod catalog;
mod cgroup;
mod engine;
mod forked_process;
mod interpreter;
mod jail;
mod judge;
mod limits;
mod memory_file;
mod packages;
mod ready;
mod supervisor;
mod toolchain;
mod usage;
mod worker;
mod zygote;

pub(crate) use self::catalog::Catalog;
pub(crate) use self::engine::ProcessEngine;
pub(crate) use self::ready::{Prepared, Ready, compile_limits};
pub(crate) use self::worker::ProcessWorker;
