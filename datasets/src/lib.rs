//! Tasks in: what the rest of the project trains on and is measured with.
//!
//! # Layout
//! | module | noun |
//! | --- | --- |
//! | [`task`] | a question with what is needed to judge an answer |
//! | [`trace`] | a worked example that the cold start learns from |
//! | [`preference`] | a chosen and a rejected completion, for the reward model |
//! | [`reader`], [`writer`] | JSON Lines files of the three |
//! | [`mixture`], [`cursor`] | weighted sources, and a resumable walk over them |
//! | [`rng`] | addressed randomness: numbers are looked up by key, never drawn from a shared stream |
//! | [`generate`] | the demo's data: maths, code, instructions, preferences |
//!
//! # Files
//! One JSON object a line. A task:
//! ```json
//! {"id": "math-train-00000", "task": "math", "messages": [{"role": "user", "content": "Tom has 7 pens. He finds 5. How many pens?"}], "verifier": "math", "ground_truth": "12"}
//! ```
//! | verifier | ground truth |
//! | --- | --- |
//! | `math` | the answer as text |
//! | `code_asserts` | `{"setup": "", "tests": ["assert f(1) == 2"]}` |
//! | `code_stdio` | `{"cases": [{"input": "1\n", "output": "2\n"}]}` |
//! | `ifeval` | `{"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}` |
//! | `tool_call` | `[{"name": "area", "arguments": {"base": [10]}}]`, each argument with its allowed values |
//!
//! A trace is `{"id", "messages"}` whose last message is the assistant's; a preference pair is
//! `{"id", "messages", "chosen", "rejected"}`. Fields that are not named here are allowed and
//! ignored, since public data carries more.
//!
//! This crate knows nothing of tokens, models, verifiers or rewards.

pub mod cursor;
pub mod error;
pub mod generate;
pub mod mixture;
pub mod preference;
pub mod reader;
mod record;
pub mod task;
pub mod trace;
pub mod writer;

pub use cursor::{CursorState, SourcePosition, TaskCursor};
pub use error::DatasetError;
pub use mixture::{Mixture, Source};
pub use preference::PreferencePair;
pub use reader::{read_preferences, read_tasks, read_traces};
pub use task::{Message, Task, TaskKind};
pub use trace::Trace;
pub use writer::write_jsonl;
