//! A copy that becomes a candidate: it puts up every layer, reports them, and goes on when its job has come.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::{setsid, write};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::namespaces::{fresh_scratch, go_first};
use crate::zygote::{EntryPoints, Zygote};
use crate::{Layer, ProcessLimits, Report, access, files, filter};

/// Processes and threads of a candidate's user where all of them count: the server's own are among them. The server's
/// watch holds each program to its own number.
const MOST_OF_A_USER: u64 = 1024;

/// Number of the socket by which a candidate reports its layers and gets its job. Below it stand the candidate's
/// standard files and its channel, above it the other files that it was handed.
const JOB: RawFd = 4;

impl Zygote {
    /// Puts up every layer in this copy, then runs its job. `refused` is the error because of which it has no
    /// namespaces of its own. The first of `handed` is the socket to the server. Returns, with the copy's exit status,
    /// only if a layer is missing or no job will come.
    pub(crate) fn become_candidate(
        &self,
        limits: &ProcessLimits,
        handed: &[RawFd],
        refused: Option<Errno>,
        entry_points: &EntryPoints,
    ) -> i32 {
        let mut report = Report::default();
        report.put(Layer::Namespaces, refused.map_or_else(|| self.ids.write(self.proc), Err));
        if self.options.goes_first {
            go_first(self.proc);
        }
        report.put(Layer::Scratch, fresh_scratch(limits.file_bytes));
        report.put(Layer::Capabilities, drop_capabilities());
        if let Some(ruleset) = self.ruleset.take() {
            report.put(Layer::Landlock, access::restrict(ruleset));
        }
        let kept = in_order(handed);
        // SAFETY: after this no file is used but by its new number.
        let kept_only = unsafe { files::keep_only(&kept, self.highest.max(*kept.iter().max().unwrap_or(&0))) };
        // The kernel clears the parent-death signal when credentials change (prctl(2)): set it last.
        let ends_with_server = set_pdeathsig(Signal::SIGKILL);
        if kept_only.and(ends_with_server).is_err() {
            return 1;
        }
        // Without a user namespace the limit counts every process of the user (setrlimit(2)), others' too.
        let processes = if refused.is_some() { limits.processes.max(MOST_OF_A_USER) } else { limits.processes };
        report.put(Layer::Rlimits, ProcessLimits { processes, ..limits.clone() }.set(0));
        let filtered = filter::apply(&self.filters.candidate);
        report.put(Layer::Seccomp, self.own_filter.and(filtered));
        // SAFETY: the socket has this number now, and nothing else here owns it.
        let job = unsafe { BorrowedFd::borrow_raw(JOB) };
        let told = write(job, &report.to_bytes());
        if told.is_err() || self.options.is_strict && report.failed().next().is_some() {
            return 1;
        }
        match has_come(job) {
            // Signals to process group 0 reach past a pid namespace, so a program gets a group of its own. Until now
            // the copy stays in its worker's group, with which it is ended if the server never learns of it.
            Ok(true) if setsid().is_ok() => {
                (entry_points.candidate)();
                1
            }
            Ok(false) => 0,
            _ => 1,
        }
    }
}

/// Waits for a job and leaves it unread; false if the server hung up instead.
fn has_come(job: BorrowedFd<'_>) -> nix::Result<bool> {
    loop {
        match recv(job.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK) {
            Err(Errno::EINTR) => {}
            received => return received.map(|num_bytes| num_bytes > 0),
        }
    }
}

/// The files that a candidate was handed, in the order of the numbers that they are to have.
fn in_order(handed: &[RawFd]) -> Vec<RawFd> {
    let (job, others) = handed.split_first().unwrap_or((&-1, &[]));
    let (below, above) = others.split_at(others.len().min(JOB as usize));
    [below, &[*job], above].concat()
}

fn drop_capabilities() -> nix::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(|error| Errno::from_raw(error.raw_os_error()))
}
