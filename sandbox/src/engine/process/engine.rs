//! The process engine: finds the host's interpreter, toolchains and control groups once, and starts workers with them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::catalog::Catalog;
use super::cgroup::Groups;
use super::forked_process::keep_ended_children;
use super::interpreter::{Interpreter, outermost};
use super::memory_file;
use super::packages::find_packages;
use super::toolchain::Toolchain;
use super::worker::ProcessWorker;
use super::zygote::{Zygote, ZygoteOptions};
use crate::{SandboxError, ServerConfig};

/// Starts workers of the process engine.
#[derive(Debug, Clone)]
pub(crate) struct ProcessEngine {
    toolchains: Arc<[Toolchain]>,
    options: ZygoteOptions,
    /// Why workers have no control groups; `None` where they have.
    no_groups: Option<String>,
}

impl ProcessEngine {
    /// Finds the interpreter, the toolchains and the control groups.
    pub(crate) fn prepare(config: &ServerConfig, strict: bool, confined: bool) -> Result<Self, SandboxError> {
        keep_ended_children();
        // A worker has some twenty open files; many workers exceed a process's usual limit.
        if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        }
        let interpreter =
            Interpreter::discover(config.python.as_deref(), find_packages(config.packages.as_deref()).as_deref())?;
        let toolchains = Toolchain::discover(&config.commands);
        let needs = toolchains.iter().flat_map(|toolchain| toolchain.needs.iter().cloned());
        let needs = outermost(interpreter.needs.iter().cloned().chain(needs));
        // `prepare` moves this process into another cgroup, so call it only where cgroups are on.
        let prepared = if config.cgroup { Groups::prepare() } else { Err("switched off in the settings".to_owned()) };
        let (groups, no_groups) = match prepared {
            Ok(groups) => (Some(Arc::new(groups)), None),
            Err(reason) => (None, Some(reason)),
        };
        Ok(Self {
            toolchains: toolchains.into(),
            options: ZygoteOptions {
                interpreter,
                needs,
                library: library()?.into(),
                is_strict: strict,
                confined,
                net_each_run: config.net_each_run,
                groups,
            },
            no_groups,
        })
    }

    /// Modules and names that programs may ask of this engine alone.
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.options.interpreter.catalog
    }

    /// Executable of the interpreter.
    pub(crate) fn interpreter(&self) -> &Path {
        &self.options.interpreter.executable
    }

    /// Why workers have no control groups; `None` where they have.
    pub(crate) fn no_groups(&self) -> Option<&str> {
        self.no_groups.as_deref()
    }

    /// Starts a worker, which dies with the calling thread.
    pub(crate) fn start(&self) -> Result<ProcessWorker, SandboxError> {
        let zygote = Zygote::start(&self.options)?;
        Ok(ProcessWorker::new(zygote, self.toolchains.clone(), self.options.is_strict))
    }
}

/// Writes the library that confines an interpreter's copies to a sealed file in memory.
fn library() -> Result<File, SandboxError> {
    const LIBRARY: &[u8] = include_bytes!(env!("CONFINE_LIBRARY"));
    let make = || {
        let mut file = memory_file::make("confine")?;
        file.write_all(LIBRARY)?;
        memory_file::seal(&file)?;
        Ok(file)
    };
    make().map_err(|error: io::Error| SandboxError::Start(format!("the library that confines programs: {error}")))
}
