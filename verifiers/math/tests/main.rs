//! The maths verifier from outside: agreement with labelled answers, and what holds of any answer.

mod agreement;
mod field;
mod golden;
mod properties;
mod questions;
mod shared;
