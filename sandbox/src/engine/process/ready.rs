//! A program in another language, made ready once: its compiled file in memory, or its source.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use sandbox_api::Limits;

use super::memory_file;
use super::toolchain::Toolchain;
use crate::engine::{Exchange, Job, Outcome};

/// Limits of a compiler where those of the submission are lower.
const COMPILER: Limits = Limits {
    wall_seconds: 30.0,
    cpu_seconds: 60.0,
    memory_bytes: 2 << 30,
    output_bytes: 64 << 20,
    processes: 64,
    file_bytes: 256 << 20,
    submission_seconds: 60.0,
    fuel: None,
};

/// Result of making a program ready.
pub(crate) enum Prepared {
    /// The program can be run; with the outcome of its compiler, where there is one.
    Ready(Box<Ready>, Option<Outcome>),
    /// The compiler refused the program, with this outcome.
    Refused(Outcome),
}

/// A program that can be run, any number of times.
pub(crate) struct Ready {
    toolchain: Toolchain,
    source: Option<String>,
    artifact: Option<File>,
}

impl Ready {
    /// A program that runs as it is.
    pub(super) fn interpreted(toolchain: Toolchain, code: &str) -> Self {
        Self { toolchain, source: Some(code.to_owned()), artifact: None }
    }

    /// A program that was compiled into `product`, kept in a sealed file in memory.
    pub(super) fn compiled(toolchain: Toolchain, product: &[u8]) -> io::Result<Self> {
        let mut file = memory_file::make("program")?;
        file.write_all(product)?;
        memory_file::seal(&file)?;
        Ok(Self { toolchain, source: None, artifact: Some(file) })
    }

    /// Compiled file, where there is one.
    pub(crate) fn artifact(&self) -> Option<BorrowedFd<'_>> {
        self.artifact.as_ref().map(AsFd::as_fd)
    }

    /// Job that runs the program.
    pub(crate) fn job<'a>(&'a self, stdin: &'a str, exchange: Exchange<'a>, limits: &'a Limits) -> Job<'a> {
        let toolchain = &self.toolchain;
        Job::Command {
            command: &toolchain.run,
            sources: self.source.iter().map(|source| (toolchain.source.as_str(), source.as_str())).collect(),
            takes: if self.artifact.is_some() { &toolchain.product } else { "" },
            gives: "",
            stdin,
            exchange,
            environment: &toolchain.environment,
            address_space: toolchain.limits_address_space,
            limits,
        }
    }
}

/// Job that compiles a program.
pub(super) fn compile_job<'a>(toolchain: &'a Toolchain, code: &'a str, limits: &'a Limits) -> Job<'a> {
    Job::Command {
        command: &toolchain.compile,
        sources: [(toolchain.source.as_str(), code)].into(),
        takes: "",
        gives: &toolchain.product,
        stdin: "",
        exchange: Exchange::default(),
        environment: &toolchain.environment,
        address_space: false,
        limits,
    }
}

/// A submission's limits, raised to what a compiler needs; its wall clock is at most `seconds` where they are given.
pub(crate) fn compile_limits(limits: &Limits, seconds: Option<f64>) -> Limits {
    let most = limits.wall_seconds.max(COMPILER.wall_seconds);
    Limits {
        wall_seconds: seconds.map_or(most, |seconds| seconds.min(most)),
        cpu_seconds: limits.cpu_seconds.max(COMPILER.cpu_seconds),
        memory_bytes: limits.memory_bytes.max(COMPILER.memory_bytes),
        output_bytes: limits.output_bytes.max(COMPILER.output_bytes),
        processes: limits.processes.max(COMPILER.processes),
        file_bytes: limits.file_bytes.max(COMPILER.file_bytes),
        submission_seconds: limits.submission_seconds.max(COMPILER.submission_seconds),
        fuel: None,
    }
}
