//! The `[verifiers.code]` section of a run's config.

use sandbox_api::{EngineKind, Limits, missing_in_wasm};
use serde::{Deserialize, Serialize};

/// `[verifiers.code]`: how programs are run, and what a part of the tests is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeConfig {
    /// True pays a program that passes some of the tests their fraction. False pays all or nothing, and stops at the
    /// first test that fails.
    pub partial_credit: bool,
    /// Longest program that is sent to the server, in bytes. A longer one scores 0.
    pub max_code_bytes: usize,
    /// Resource limits of a test: time, memory, output.
    pub limits: Limits,
    /// The engine that runs the program, unless the task's ground truth names one in a field `engine`.
    pub engine: CodeEngine,
}

impl Default for CodeConfig {
    fn default() -> Self {
        Self {
            partial_credit: false,
            max_code_bytes: 64 * 1024,
            limits: Limits::default(),
            engine: CodeEngine::default(),
        }
    }
}

/// `engine` of `[verifiers.code]`: the sandbox engine that runs a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeEngine {
    /// The server's default. The process engine for a program that imports a module which the wasm engine lacks, such
    /// as numpy, or that failed at a limit of the wasm engine itself.
    #[default]
    Auto,
    /// The wasm engine, whatever the program imports.
    Wasm,
    /// The process engine.
    Process,
}

impl CodeEngine {
    /// The engine for this program; `None` leaves the choice to the server.
    pub(super) fn of(self, code: &str) -> Option<EngineKind> {
        match self {
            Self::Auto => missing_in_wasm(code).map(|_| EngineKind::Process),
            Self::Wasm => Some(EngineKind::Wasm),
            Self::Process => Some(EngineKind::Process),
        }
    }
}
