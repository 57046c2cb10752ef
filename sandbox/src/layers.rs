//! Finds out which layers of isolation this machine allows, by running an empty program.

use std::fmt;
use std::path::PathBuf;

use confine::{Layer, landlock_abi};
use sandbox_api::Limits;
use serde::{Deserialize, Serialize};

use crate::engine::wasm::Component;
use crate::engine::{Exchange, Job, ProcessEngine, ProcessWorker, RunEnd};
use crate::{Isolation, SandboxError, ServerConfig};

/// The layers in force for a candidate's process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Executable of the process engine's interpreter.
    pub interpreter: PathBuf,
    /// New user, pid, mount, ipc, net and uts namespaces for each run.
    pub namespaces: bool,
    /// A root of its own with read-only binds of the interpreter.
    pub pivot_root: bool,
    /// A fresh tmpfs to write in for each run.
    pub scratch: bool,
    /// The seccomp allowlist.
    pub seccomp: bool,
    /// Landlock on files, network and signals.
    pub landlock: bool,
    /// Version of the kernel's Landlock ABI, 0 where there is none.
    pub landlock_abi: u32,
    /// Resource limits.
    pub rlimits: bool,
    /// A control group (version 2) for each worker. No level of isolation asks for it.
    pub cgroup: bool,
    /// No capability left.
    pub no_capabilities: bool,
    /// Packages beyond the standard library that programs on the process engine find.
    pub packages: Vec<String>,
    /// Version of numpy that a program on the process engine has imported; `None` where it cannot.
    pub numpy: Option<String>,
    /// Modules of the standard library that programs on the wasm engine lack, or that do nothing there.
    pub missing_in_wasm: Vec<String>,
    /// The wasm engine's interpreter; `None` where the engine is not set up.
    pub wasm_component: Option<PathBuf>,
    /// Why layers are missing, one entry each.
    pub notes: Vec<String>,
}

impl LayerReport {
    /// Level of isolation that these layers make up.
    pub fn level(&self) -> Isolation {
        if !(self.seccomp && self.rlimits && self.no_capabilities) {
            Isolation::None
        } else if !(self.namespaces && self.pivot_root && self.scratch) {
            Isolation::Filtered
        } else if !self.landlock {
            Isolation::Standard
        } else {
            Isolation::Strict
        }
    }
}

impl fmt::Display for LayerReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "interpreter      {}", self.interpreter.display())?;
        let layers = [
            ("namespaces", self.namespaces),
            ("own root", self.pivot_root),
            ("scratch", self.scratch),
            ("seccomp", self.seccomp),
            ("landlock", self.landlock),
            ("rlimits", self.rlimits),
            ("control group", self.cgroup),
            ("no capabilities", self.no_capabilities),
        ];
        for (name, is_up) in layers {
            writeln!(formatter, "{name:<16} {}", if is_up { "yes" } else { "NO" })?;
        }
        writeln!(formatter, "landlock abi     {}", self.landlock_abi)?;
        match &self.wasm_component {
            Some(path) => writeln!(formatter, "wasm engine      {} (the first choice for Python)", path.display())?,
            None => writeln!(
                formatter,
                "wasm engine      NOT set up: `cargo xtask setup`; Python runs with the process engine"
            )?,
        }
        let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
        let numpy = self.numpy.as_ref().map_or("NO: `cargo xtask setup` brings it".to_owned(), |version| {
            format!("{version}, on the process engine")
        });
        writeln!(formatter, "numpy            {numpy}")?;
        writeln!(formatter, "process imports  the standard library, and {}", list(&self.packages))?;
        writeln!(formatter, "wasm imports     the standard library without {}", list(&self.missing_in_wasm))?;
        for note in &self.notes {
            writeln!(formatter, "note: {note}")?;
        }
        write!(formatter, "isolation        {}", self.level())
    }
}

/// Tries the layers with the default settings.
///
/// If no program can be run at all, the notes say why.
pub fn doctor() -> LayerReport {
    probe(&ServerConfig::default(), true)
        .unwrap_or_else(|error| LayerReport { notes: vec![error.to_string()], ..LayerReport::default() })
}

/// Tries the layers: confined first, and without the outer jail where that fails. With `imports` a program imports
/// numpy too.
fn probe(config: &ServerConfig, imports: bool) -> Result<LayerReport, SandboxError> {
    let mut notes = Vec::new();
    match attempt(config, true, imports) {
        Ok(report) => return Ok(report),
        Err(error @ SandboxError::Interpreter { .. }) => return Err(error),
        Err(error) => notes.push(error.to_string()),
    }
    let mut report = attempt(config, false, imports)?;
    notes.append(&mut report.notes);
    Ok(LayerReport { notes, ..report })
}

fn attempt(config: &ServerConfig, confined: bool, imports: bool) -> Result<LayerReport, SandboxError> {
    let engine = ProcessEngine::prepare(config, false, confined)?;
    let mut worker = engine.start()?;
    let limits = Limits::default();
    worker.run(&Job::Program { code: "pass", stdin: "", exchange: Exchange::default(), limits: &limits })?;
    let report = worker.report();
    let numpy = if imports { import_numpy(&mut worker, &limits)? } else { None };
    let missing = report.failed().map(|(layer, error)| format!("{}: {error}", layer.name()));
    let no_groups = engine.no_groups().map(|reason| format!("control group: {reason}"));
    Ok(LayerReport {
        interpreter: engine.interpreter().to_owned(),
        namespaces: report.is_up(Layer::Namespaces),
        pivot_root: confined,
        scratch: report.is_up(Layer::Scratch),
        seccomp: report.is_up(Layer::Seccomp),
        landlock: report.is_up(Layer::Landlock),
        landlock_abi: landlock_abi(),
        rlimits: report.is_up(Layer::Rlimits),
        cgroup: engine.no_groups().is_none(),
        no_capabilities: report.is_up(Layer::Capabilities),
        packages: engine.catalog().packages(),
        numpy,
        missing_in_wasm: engine.catalog().standard_beyond_wasm(),
        wasm_component: Component::find(config.component.as_deref()).ok().map(|found| found.path().to_owned()),
        notes: missing.chain(no_groups).collect(),
    })
}

/// Has a program import numpy; its version.
fn import_numpy(worker: &mut ProcessWorker, limits: &Limits) -> Result<Option<String>, SandboxError> {
    let code = "import numpy\nprint(numpy.__version__, end='')";
    let outcome = worker.run(&Job::Program { code, stdin: "", exchange: Exchange::default(), limits })?;
    let is_imported = (outcome.end, outcome.code) == (RunEnd::Exited, 0);
    Ok(is_imported.then(|| String::from_utf8_lossy(&outcome.stdout).into_owned()))
}

/// Prepares the process engine with the strongest isolation that this machine allows.
///
/// # Errors
/// [`SandboxError::WeakIsolation`] below the minimum that the settings ask for. The report is there all the same.
pub(crate) fn engine(config: &ServerConfig) -> (Result<ProcessEngine, SandboxError>, LayerReport) {
    match probe(config, false) {
        Ok(report) => (with_layers(config, &report), report),
        Err(error) => {
            let notes = vec![error.to_string()];
            (Err(error), LayerReport { notes, ..LayerReport::default() })
        }
    }
}

fn with_layers(config: &ServerConfig, report: &LayerReport) -> Result<ProcessEngine, SandboxError> {
    let (found, minimum) = (report.level(), config.minimum_isolation);
    if found < minimum {
        return Err(SandboxError::WeakIsolation { found, minimum, reasons: report.notes.join("; ") });
    }
    // Layers that the probe found are required from here on.
    match found {
        Isolation::Standard | Isolation::Strict => ProcessEngine::prepare(config, true, true),
        Isolation::None | Isolation::Filtered => ProcessEngine::prepare(config, false, report.pivot_root),
    }
}
