//! The process engine: programs in new namespaces, as copies of a warm interpreter.
//!
//! Layers, from the outside: the worker's interpreter (`zygote`) lives in mount, ipc, net and uts namespaces of its own, its
//! root a tmpfs with read-only binds of what it needs (`jail`), as an ordinary user, without new privileges. A copy of it is
//! made for each run, the `candidate`, in new user, pid, mount, ipc, net and uts namespaces, which gets a fresh scratch tmpfs,
//! loses its capabilities, and goes under Landlock, rlimits and a seccomp filter before it runs a line: by the crate `confine`,
//! which the interpreter loads. The one for the next run is made ahead and stands by behind all its layers. Where control
//! groups can be made, a worker and all it starts are in one (`cgroup`).
//!
//! Copies are children of the server's own thread (`forked`), which watches them (`supervisor`, `usage`): nothing between a
//! candidate and the server runs Python. The candidate is process 1 of its pid namespace: when it ends, the kernel ends
//! everything it started.
//!
//! The engine knows nothing of verdicts.

mod candidate;
mod cgroup;
mod forked;
mod interpreter;
mod jail;
mod judge;
mod memory_file;
mod ready;
mod supervisor;
mod toolchain;
mod usage;
mod worker;
mod zygote;

pub(crate) use ready::{Prepared, Ready, compile_limits};
pub(crate) use worker::{Engine, Worker};
