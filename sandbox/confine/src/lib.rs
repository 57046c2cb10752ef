//! The layers of isolation of the process engine's programs, and the copies of the interpreter that put them up.
//!
//! ```
//! use confine::{Layer, Part, ProcessLimits, Report};
//!
//! // The server asks for a candidate, whose limits it knows before the program.
//! let limits = ProcessLimits { cpu_seconds: 10, processes: 32, file_bytes: 1 << 20, address_space: None };
//! let request = Part::Candidate(limits).to_bytes();
//! assert!(!request.is_empty());
//!
//! // A report says which layers are up; before a candidate's report has come, none is known to be.
//! let report = Report::default();
//! assert!(Layer::ALL.iter().all(|layer| !report.is_up(*layer)));
//! ```
//!
//! Both ends use this crate. The server takes from it what passes between them: it sends a [`Part`], and a candidate
//! answers with its [`Report`]. The interpreter loads it as a shared library, which the sandbox's build script makes of
//! it, and calls `interface`. The `zygote` takes the server's requests and has a `copy` made for each. The copy puts up
//! its layers (`candidate`, `judge`) and goes on in Python. By then a candidate is behind all layers; a judge, whose
//! limits come with its tests, asks for the last two when it has them.
//!
//! Code that runs in a copy writes to as little memory as it can, because each page is copied at its first write.
//! Memory that copies do not write to is kept by `huge_pages` in the form that is cheapest to share. The crate knows no
//! program, no test and no verdict.

mod access;
mod candidate;
mod copy;
mod files;
mod filter;
mod huge_pages;
mod interface;
mod judge;
mod namespaces;
mod options;
mod part;
mod process_limits;
mod report;
mod signals;
mod zygote;

pub use self::access::landlock_abi;
pub use self::options::Options;
pub use self::part::Part;
pub use self::process_limits::{ProcessLimits, STACK_BYTES};
pub use self::report::{Layer, Report};
