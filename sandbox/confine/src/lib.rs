//! The layers that a copy of the process engine's interpreter puts itself under, and how the copies are made.
//!
//! One crate for both ends. The server uses it for what passes between them: a [`Part`] goes in, a candidate's [`Report`] comes
//! out. The interpreter loads it as a shared library, which the sandbox's build script makes of it, and calls `interface`: the
//! `zygote` takes the server's requests and has a `copy` made for each, which puts up its layers (`candidate`, `judge`) and goes
//! on in Python. A candidate is behind all of them then; a judge, whose limits come with its tests, asks for the last two.
//!
//! What runs in a copy writes to as little memory as it can: each page is one to be copied first. What it does not write to,
//! `huge_pages` has in the form that copies share at the least cost. The crate knows no program, no test and no verdict.

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
mod zygote;

pub use self::access::landlock_abi;
pub use self::options::Options;
pub use self::part::Part;
pub use self::process_limits::ProcessLimits;
pub use self::report::{Layer, Report};
