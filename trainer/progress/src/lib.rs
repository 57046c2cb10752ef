//! Progress of long work on standard error: what it does, how far it is and how long it will still take. A bar on a
//! terminal, a line now and then elsewhere. Must not know what is counted, and writes nothing to standard output.
//!
//! ```
//! use progress::{Progress, Unit};
//!
//! let work = Progress::start("reading traces", Unit::Parts, Some(3));
//! for file in ["a.jsonl", "b.jsonl", "c.jsonl"] {
//!     work.note(file);
//!     work.advance(1);
//! }
//! work.finish("12,000 traces");
//! ```
//!
//! Work that starts while other work goes on stands inside it: an evaluation in a training run, and that in a recipe.
//! The innermost is shown, with what it stands in and with the time left of all.

mod bar;
mod console;
mod event;
mod job;
mod lines;
mod pace;
mod phases;
mod progress;
mod stderr;
mod unit;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub use self::console::Console;
pub use self::event::Event;
pub use self::pace::Pace;
pub use self::phases::{Phase, Phases};
pub use self::progress::Progress;
pub use self::stderr::{Stderr, say};
pub use self::unit::Unit;
pub use self::words::time_words;
