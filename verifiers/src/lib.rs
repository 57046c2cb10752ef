//! Verifiers: text in, verdict out.
//!
//! A [`Verifier`] reads a completion and scores it from 0 to 1, with a reason. It knows the task's ground truth, and
//! nothing of tokens, policies or gradients. Where the verifier itself cannot decide (its ground truth is unusable, the
//! code execution server is away) it returns an error: the group is then dropped and counted, and never scored 0.
//!
//! [`Verifiers`] finds the verifier that a task names; [`compose`] turns verdicts into the reward that training sees.
//! [`split_thinking`], [`extract_code`] and [`parse_tool_calls`] are there for verifiers of one's own.
//!
//! # Example
//! A verifier of one's own judges a completion:
//!
//! ```
//! use std::sync::Arc;
//!
//! use datasets::Task;
//! use verifiers::{Verdict, VerdictFuture, Verifier, Verifiers, split_thinking};
//!
//! struct Palindrome;
//!
//! impl Verifier for Palindrome {
//!     fn name(&self) -> &str {
//!         "palindrome"
//!     }
//!
//!     fn verify<'a>(&'a self, _task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
//!         let answer = split_thinking(completion).1.trim();
//!         let is_palindrome = answer.chars().eq(answer.chars().rev());
//!         Box::pin(async move { Ok(if is_palindrome { Verdict::pass(answer) } else { Verdict::fail(answer) }) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut verifiers = Verifiers::default();
//! verifiers.register(Arc::new(Palindrome));
//!
//! let task: Task = serde_json::from_str(
//!     r#"{"id": "p-1", "task": "preference", "messages": [{"role": "user", "content": "Give me a palindrome."}],
//!         "verifier": "palindrome", "ground_truth": null}"#,
//! )?;
//! assert!(verifiers.verify(&task, "<think>a short one</think>level").await?.passed);
//! assert!(!verifiers.verify(&task, "<think>a short one</think>level crossing").await?.passed);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/own_verifier.rs` goes on from there: ground truth, partial credit and errors.

mod code;
mod command;
mod config;
mod error;
mod instruction;
mod math;
mod open_ended;
mod registry;
mod reward;
mod think_format;
mod thinking;
mod tool_call;
mod verdict;
mod verifier;

pub use self::code::{CodeConfig, CodeForm, CodeVerifier, Extraction, ExtractionRule, extract_code};
pub use self::command::{CommandConfig, CommandVerifier};
pub use self::config::VerifiersConfig;
pub use self::error::VerifierError;
pub use self::instruction::{INSTRUCTION_IDS, InstructionConfig, InstructionVerifier};
pub use self::math::MathVerifier;
pub use self::open_ended::OpenEnded;
pub use self::registry::Verifiers;
pub use self::reward::{MathReward, Reward, RewardConfig, Undecided, compose};
pub use self::think_format::ThinkFormat;
pub use self::thinking::split_thinking;
pub use self::tool_call::{ToolCall, ToolCallVerifier, parse_tool_calls};
pub use self::verdict::Verdict;
pub use self::verifier::{VerdictFuture, Verifier};
