//! The wasm engine: CPython, compiled to a WebAssembly component and frozen after its start; each run has a new
//! instance.
//!
//! A program computes inside a linear memory of its own and reaches only what the host gives it: standard input, two
//! bounded buffers, clocks, random numbers and files in memory (`filesystem`). It has no sockets, no processes and no
//! threads. An instance's memory is a copy-on-write mapping of the snapshot, so a run starts in about a millisecond:
//! `image` takes the snapshot out of the component (`link` joins its modules first), `memory` maps it and puts it back
//! in place.
//!
//! Workers are processes (`process`), started from this program's own executable. They run one job at a time, and put
//! themselves under Landlock and a seccomp filter, so that an error in the WebAssembly runtime is not yet a way out.
//! The server's side is `engine` and `worker`; `component` finds the interpreter and compiles it once for this machine.
//!
//! The engine knows nothing of verdicts.

mod candidate;
mod component;
mod confine;
mod counting_clock;
mod ended;
mod engine;
mod filesystem;
mod frozen_interpreter;
mod host;
mod image;
mod instance;
mod link;
mod memory;
mod memory_account;
mod output_buffers;
mod process;
mod protocol;
mod time_budget;
mod worker;

pub(crate) use self::component::Component;
pub(crate) use self::counting_clock::CountingClock;
pub(crate) use self::engine::WasmEngine;
pub(crate) use self::memory_account::MemoryAccount;
pub use self::process::run_worker_if_asked;
pub(crate) use self::worker::WasmWorker;
