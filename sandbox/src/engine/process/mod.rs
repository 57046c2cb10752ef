//! The process engine: programs in new namespaces, forked from a warm interpreter.
//!
//! Layers, from the outside: the worker's interpreter lives in mount, ipc, net and uts namespaces of its own, its root a
//! tmpfs with read-only binds of what it needs, as an ordinary user, without new privileges. It forks one supervisor for
//! each run. That one makes new user, pid, mount, ipc, net and uts namespaces and forks the candidate, which gets a fresh
//! scratch tmpfs, loses its capabilities, and goes under Landlock, rlimits and a seccomp filter before it runs a line.
//! Where control groups can be made, a worker and all it starts are in one (`cgroup`).
//! The candidate is process 1 of its pid namespace: when it ends, the kernel ends everything it started.
//!
//! The engine knows nothing of verdicts.

mod cgroup;
mod filter;
mod interpreter;
mod jail;
mod ready;
mod toolchain;
mod worker;
mod zygote;

pub(crate) use ready::{Prepared, Ready, compile_limits};
pub(crate) use worker::{Engine, Worker};
