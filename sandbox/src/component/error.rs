//! The reasons why a component gives no answer.

use std::path::PathBuf;

/// A component that cannot be used, or a call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The component's file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no component, or one of another interface.
    #[error("{path}: {problem}", path = path.display())]
    Unusable {
        /// The component's file.
        path: PathBuf,
        /// The fault, and what to do.
        problem: String,
    },
    /// The call used up its fuel.
    #[error("it used up its {fuel} units of fuel")]
    OutOfFuel {
        /// Fuel of a call.
        fuel: u64,
    },
    /// The call failed after more memory was refused to it.
    #[error("it asked for more than {memory_bytes} bytes of memory{words}")]
    OutOfMemory {
        /// Memory of a call.
        memory_bytes: u64,
        /// Its last words, after a colon.
        words: String,
    },
    /// The call trapped or exited; the trap, with the component's last words.
    #[error("{0}")]
    Trapped(String),
    /// The component says that it cannot tell, in these words.
    #[error("it cannot tell: {0}")]
    Undecided(String),
}
