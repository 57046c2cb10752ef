//! `[[reward.term]]`: the settings of a term.

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use crate::verdict::ScoreRange;

/// How a term joins the terms before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    /// It is added.
    #[default]
    Sum,
    /// The total is multiplied by it.
    Product,
    /// Where its value is below the threshold the total is the low end of its range, and the rest is not read.
    Gate,
}

/// `[[reward.term]]`: one term of the reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermConfig {
    /// Name in records, metrics (`reward/NAME`) and reports.
    pub name: String,
    /// What it reads.
    pub reads: Reading,
    /// Factor of its value.
    #[serde(default = "one")]
    pub weight: f32,
    /// What its values 0 and 1 become; from -1 to 0 for penalties (`overlong`, `repetition`, `language`, `copied`) and
    /// from 0 to 1 for all others, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ScoreRange>,
    /// Sources of tasks that it is for; all where empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// How it joins the terms before it.
    #[serde(default)]
    pub combine: Combination,
    /// Value from which on a gate is open.
    #[serde(default = "one")]
    pub threshold: f32,
    /// Tokens at which `length` is 1 and `overlong` 0.
    #[serde(default)]
    pub tokens: usize,
    /// Tokens before `tokens` in which `overlong` falls from 1 to 0.
    #[serde(default)]
    pub buffer: usize,
    /// Words of an n-gram, for `repetition` and `copied`.
    #[serde(default = "four")]
    pub ngram: usize,
}

fn one() -> f32 {
    1.0
}

fn four() -> usize {
    4
}
