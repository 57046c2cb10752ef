//! The maths verifier: is the completion's final answer the task's?
//!
//! ```
//! use math_verifier::{MathConfig, MathVerdictKind, verify};
//!
//! let verdict = verify("1/2", "So the answer is \\boxed{0.5}.", &MathConfig::default());
//! assert_eq!(verdict.kind, MathVerdictKind::Equal);
//! ```
//!
//! [`verify`] goes through stages; the verdict names the one that decided, and why: `extraction` finds the answer,
//! `notation` reads it to an `expression`, `comparison` decides with what `evaluation` computes: exactly, as an
//! identity modulo primes, or at points in floating point with a bound of the error. Every loop is bounded by what is
//! counted, so that the same input gives the same verdict on every machine. The crate knows nothing of tasks. A
//! completion is never marked wrong where it is the gold that cannot be read.

mod arithmetic;
pub mod batch;
mod comparison;
mod config;
mod decoration;
mod evaluation;
mod expression;
mod extraction;
mod name;
mod notation;
mod sides;
mod text;
mod time_of_day;
mod unit;
mod unreadable;
mod verdict;
mod verification;
mod vocabulary;

pub use self::config::{MathConfig, MathPolicy};
pub use self::extraction::{Extraction, ExtractionConfig, ExtractionRule, extract, extract_gold};
pub use self::verdict::{MathVerdict, MathVerdictKind, Stage};
pub use self::verification::{MathTask, is_within, same_answer, verify};
