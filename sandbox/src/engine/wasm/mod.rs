//! The wasm engine: CPython, compiled to a WebAssembly component and frozen after its start, one new instance for each run.
//!
//! A program computes inside a linear memory of its own and reaches nothing but what the host hands it: standard input,
//! two bounded buffers, clocks, random numbers and files in memory (`files` over `tree`). It has no sockets, no processes, no
//! threads. An instance's memory is a copy-on-write mapping of the snapshot (`image` takes it out of the component, `memory` maps it
//! and puts it back in place), so a run starts in about a millisecond.
//!
//! Workers are processes (`process`), started from this program's own executable: they run one job at a time and put
//! themselves under Landlock and a seccomp filter, so that an error in the WebAssembly runtime is not yet a way out. The
//! server's side is `worker`; `component` finds the interpreter and compiles it once for this machine.
//!
//! The engine knows nothing of verdicts.

mod clock;
mod component;
mod component_imports;
mod confine;
mod files;
mod host;
mod image;
mod interpreter;
mod memory;
mod module_linker;
mod output;
mod process;
mod stream;
mod tree;
mod worker;

pub(crate) use component::Component;
pub use process::run_worker_if_asked;
pub(crate) use worker::{Engine, Worker};
