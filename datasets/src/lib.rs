//! Tasks in: what the rest of the project trains on and is measured with.
//!
//! | names | noun |
//! | --- | --- |
//! | [`Task`], [`TaskKind`], [`TaskVerifier`], [`Message`] | a question with what is needed to judge an answer |
//! | [`Trace`] | a worked example that the cold start learns from |
//! | [`PreferencePair`] | a chosen and a rejected completion, for the reward model |
//! | [`read_tasks`], [`read_traces`], [`read_preferences`], [`write_jsonl`] | JSON Lines files of the three |
//! | [`rows`] | rows of files of any format, as JSON objects |
//! | [`DataSource`], [`Loaded`], [`layout`] | published data of any format, read by a layout |
//! | [`Candidates`] | a prompt with its better and its worse completions, for suites of rewards |
//! | [`overlap`] | what training texts have in common with a suite, and with each other |
//! | [`Mixture`], [`TaskCursor`], [`Draw`] | weighted sources, a resumable walk over them, a task at its place in it |
//! | [`near`] | names that come near to one that is not there, for messages |
//! | [`generate`] | the demo's data: maths, code, instructions, preferences |
//!
//! # Example
//! Two tasks go through a file into a walk, which is resumed from a saved position:
//!
//! ```
//! use datasets::{
//!     Message, Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier, read_tasks, write_jsonl,
//! };
//!
//! let task = |id: &str, question: &str, answer: &str| {
//!     Task::new(id, TaskKind::MATH, vec![Message::user(question)], TaskVerifier::new("math", answer))
//! };
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("sums.jsonl");
//! write_jsonl(&path, &[task("sum-1", "1 + 1?", "2"), task("sum-2", "2 + 2?", "4")])?;
//!
//! let mixture = Mixture::new(vec![Source::new("sums", read_tasks(&path)?, 1.0)])?;
//! let mut walk = TaskCursor::new(mixture.clone(), 17);
//! let first = walk.next_draw();
//!
//! let mut resumed = TaskCursor::resume(mixture, &walk.state())?;
//! let second = resumed.next_draw();
//! assert_ne!(first.task, second.task); // each task comes once an epoch
//! assert_eq!((first.number, second.number), (0, 1));
//! assert_eq!(second, walk.next_draw());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files
//! One JSON object a line. A task:
//! ```json
//! {"id":"sum-1","task":"math","messages":[{"role":"user","content":"1 + 1?"}],"verifier":"math","ground_truth":"2"}
//! ```
//! | verifier | ground truth |
//! | --- | --- |
//! | `math` | the answer as text |
//! | `code_asserts` | `{"setup": "", "tests": ["assert f(1) == 2"]}` |
//! | `code_stdio` | `{"cases": [{"input": "1\n", "output": "2\n"}]}` |
//! | `ifeval` | `{"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}` |
//! | `tool_call` | `[{"name": "area", "arguments": {"base": [10]}}]`, each argument with its allowed values |
//!
//! A task that several verifiers judge has a list in the place of `verifier` and `ground_truth`; their scores are
//! averaged by weight (1 where a weight is absent):
//! ```json
//! "verifiers": [{"name": "math", "ground_truth": "2", "weight": 0.8}, {"name": "think_format", "weight": 0.2}]
//! ```
//!
//! A trace is `{"id", "messages"}` whose last message is the assistant's; a preference pair is
//! `{"id", "messages", "chosen", "rejected"}`. Both may say their `task` (a kind) and `tools`. A
//! message is `{"role", "content"}`; `tool_calls`, `reasoning_content` and contents of several
//! parts are kept for the chat template. Fields that are not named here are allowed and
//! ignored, since public data carries more.
//!
//! This crate knows nothing of tokens, models, verifiers or rewards.

mod candidates;
mod cursor;
mod error;
// A public module: its settings and file names (`generate::CodeConfig`, `generate::TRACES`) need it as a prefix.
pub mod generate;
// A public module: `layout::load` says more than `load`.
pub mod layout;
mod loaded;
mod message;
mod mixture;
// A public module: `near::near` is of use to every message that suggests a name.
pub mod near;
// A public module: `overlap::duplicates` says more than `duplicates`.
pub mod overlap;
mod preference;
mod reader;
mod record;
// A public module: `rows::open` says more than `open`.
pub mod rows;
mod source;
mod task;
mod trace;
mod writer;

pub use self::candidates::Candidates;
pub use self::cursor::{CursorState, Draw, SourcePosition, TaskCursor};
pub use self::error::DatasetError;
pub use self::loaded::{Duplicate, Loaded, Unreadable};
pub use self::message::Message;
pub use self::mixture::{Mixture, Source};
pub use self::preference::PreferencePair;
pub use self::reader::{line_of, read_preferences, read_tasks, read_traces};
pub use self::source::DataSource;
pub use self::task::{Task, TaskKind, TaskVerifier};
pub use self::trace::Trace;
pub use self::writer::write_jsonl;
