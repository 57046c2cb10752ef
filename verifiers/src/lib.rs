//! Verifiers: text in, verdict out.
//!
//! A [`Verifier`] reads a completion and says what it is worth, from 0 to 1, with a reason. It knows the task's ground truth
//! and nothing of tokens, policies or gradients. Where the verifier itself cannot decide (its ground truth is unusable, the
//! code execution server is away) it returns an error: the group is then dropped and counted, and never scored 0.
//!
//! [`Verifiers`] holds them by the name that a task carries; [`reward`] turns verdicts into the number that training sees.

pub mod code;
pub mod command;
pub mod config;
pub mod format;
pub mod instruction;
pub mod math;
pub mod open_ended;
pub mod registry;
pub mod reward;
pub mod tool_call;
pub mod verdict;
pub mod verifier;

pub use config::VerifiersConfig;
pub use format::split_thinking;
pub use registry::Verifiers;
pub use reward::{MathReward, Reward, RewardConfig, Undecided, compose};
pub use verdict::Verdict;
pub use verifier::{VerdictFuture, Verifier, VerifierError};
