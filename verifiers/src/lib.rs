//! Verifiers: text in, verdict out.
//!
//! A [`Verifier`] reads a completion ([`Judged`]) and says what it is worth ([`Verdict`]): a score, a kind, a reason.
//! It knows the task's ground truth, and nothing of policies or gradients. Where the verifier itself cannot decide (its
//! ground truth is unusable, the code execution server is away) it returns an error, which is counted by its kind, and
//! never a score of 0.
//!
//! [`Verifiers`] asks the verifiers that a task names, each within its deadline, and gives their [`Judgement`];
//! [`RewardConfig::settle`] says what that is worth, and [`compose`] makes the reward that training sees.
//! [`split_thinking`], [`extract_code`] and [`parse_tool_calls`] are there for verifiers of one's own.
//!
//! # Example
//! A verifier of one's own judges a completion:
//!
//! ```
//! use std::sync::Arc;
//!
//! use verifiers::{Judged, Verdict, VerdictFuture, Verifier, Verifiers};
//!
//! struct Palindrome;
//!
//! impl Verifier for Palindrome {
//!     fn name(&self) -> &str {
//!         "palindrome"
//!     }
//!
//!     fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
//!         let answer = judged.answer().trim();
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
//! let task: datasets::Task = serde_json::from_str(
//!     r#"{"id": "p-1", "task": "palindromes", "messages": [{"role": "user", "content": "Give me a palindrome."}],
//!         "verifier": "palindrome", "ground_truth": null}"#,
//! )?;
//! for (completion, passes) in [("<think>a short one</think>level", true), ("level crossing", false)] {
//!     let judgement = verifiers.judge(&Judged::new(task.clone(), completion)).await;
//!     assert_eq!(judgement.verdict().is_some_and(|verdict| verdict.passed()), passes);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/own_verifier.rs` goes on from there: ground truth, partial credit and errors.
#![doc = include_str!("../../docs/ground-truths.md")]

mod batching;
mod choice;
mod code;
mod command;
mod component;
mod config;
mod deadlines;
mod error;
mod http;
mod instruction;
mod judged;
mod judgement;
mod judging;
mod line_process;
mod math;
mod open_ended;
mod plugin_answer;
mod python;
mod registry;
mod reward;
mod think_format;
mod think_tags;
mod thinking;
mod tool_call;
mod verdict;
mod verifier;

pub use self::choice::ChoiceVerifier;
pub use self::code::{CodeConfig, CodeForm, CodeVerifier, EvalPlusVerifier, Extraction, ExtractionRule, extract_code};
pub use self::command::{CommandConfig, CommandVerifier};
pub use self::component::ComponentConfig;
pub use self::config::VerifiersConfig;
pub use self::error::VerifierError;
pub use self::http::{HttpConfig, HttpLayout, HttpVerifier};
pub use self::instruction::{INSTRUCTION_IDS, InstructionConfig, InstructionVerifier};
pub use self::judged::{Judged, Turn};
pub use self::judgement::{Judgement, VerifierVerdict};
pub use self::math::MathVerifier;
pub use self::open_ended::OpenEnded;
pub use self::python::{PythonConfig, PythonIsolation, PythonVerifier};
pub use self::registry::Verifiers;
pub use self::reward::{
    Combination, MathReward, Reading, Reward, RewardConfig, Settlement, TermConfig, TermInput, Worth, WorthByKind,
    WorthByVerifier, compose,
};
pub use self::think_format::ThinkFormat;
pub use self::thinking::{CompletionParts, split_thinking};
pub use self::tool_call::{ToolCall, ToolCallVerifier, parse_tool_calls};
pub use self::verdict::{Measure, ScoreRange, TIME_LIMIT, Verdict, VerdictKind};
pub use self::verifier::{GroupFuture, ReadyFuture, VerdictFuture, Verifier};
