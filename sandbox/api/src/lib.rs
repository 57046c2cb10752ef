//! The interface of the code execution server: requests, reports, limits, and the client that sends them.
//!
//! ```
//! use sandbox_api::{GradeRequest, Language, Limits, StdioCase, Tests};
//!
//! let case = StdioCase { input: "2\n".to_owned(), output: "3\n".to_owned() };
//! let request = GradeRequest {
//!     code: "print(int(input()) + 1)".to_owned(),
//!     language: Language::Python,
//!     engine: None,
//!     tests: Tests::Stdio { cases: vec![case] },
//!     limits: Limits::default(),
//!     stop_at_first_failure: true,
//! };
//! assert!(request.validate(&Limits::default()).is_ok());
//! ```
//!
//! [`Client`] calls one server or several; [`Caller`] is its way of doing so, for services with other requests.
//! [`missing_in_wasm`] says by which imports a server tells that a program needs the process engine. This crate knows
//! nothing of how a program is run.

mod client;
mod engine_choice;
mod engine_kind;
mod error;
mod headers;
mod language;
mod missing_modules;
mod process_need;
mod report;
mod request;
mod secret;

pub use self::client::{Attempt, Caller, Client, ClientError, ClientOptions, LastFailure, Response};
pub use self::engine_choice::{EngineChoice, named_engine};
pub use self::engine_kind::EngineKind;
pub use self::error::{BadRequest, BadToken};
pub use self::headers::{CLIENT_ID, DEADLINE_MS, REQUEST_ID};
pub use self::language::Language;
pub use self::missing_modules::{all_missing_in_wasm, is_limit_of_wasm, is_missing_in_wasm, missing_in_wasm};
pub use self::process_need::ProcessNeed;
pub use self::report::{GradeReport, GradeVerdict, RunReport, RunStatus, cut, shorten};
pub use self::request::{FunctionCase, GradeRequest, Limits, RunRequest, StdioCase, Tests};
pub use self::secret::{Secret, TOKEN_VARIABLE};
