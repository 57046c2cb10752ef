//! The needs of a Python program that the wasm engine cannot meet, by which the server chooses the process engine.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What a program needs that the process engine has and the wasm engine has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ProcessNeed {
    /// A module, such as `numpy` or `ctypes`.
    Module,
    /// A thread.
    Thread,
    /// A child process.
    Process,
    /// A signal or a timer of signals.
    Signal,
    /// Another function of the system, such as `os.pipe`.
    System,
    /// More than the wasm engine's own limits allow: its C stack, its sizes of 32 bits, its parser's stack.
    Limit,
}

impl ProcessNeed {
    /// Every need, in the order of the variants.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for ProcessNeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
