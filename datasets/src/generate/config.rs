//! Settings of the demo's data: counts, shares and difficulty.

use serde::{Deserialize, Serialize};

use crate::error::DatasetError;

/// Settings of the demo's data, a section for each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoDataConfig {
    /// Seed of everything that is generated. Which problems are held out does not depend on it.
    pub seed: u64,
    /// Number of traces for the cold start.
    pub num_traces: usize,
    /// Share of the problems (chains of numbers, chains of operations, instruction prompts) that
    /// is kept out of traces and training tasks, for evaluation; above 0, at most 0.5.
    pub held_out_share: f64,
    /// Word problems.
    pub maths: MathsConfig,
    /// Plain sums, in the traces alone.
    pub sums: SumsConfig,
    /// Small Python programs.
    pub code: CodeConfig,
    /// Prompts with rules that a program can check.
    pub instruction: InstructionConfig,
    /// Pairs for the reward model.
    pub preference: PreferenceConfig,
}

/// Word problems: a running total over a few one-digit steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathsConfig {
    /// Share of the traces, relative to the other kinds' shares.
    pub trace_share: f64,
    /// Number of training tasks.
    pub num_train: usize,
    /// Number of held-out tasks.
    pub num_eval: usize,
    /// Share of the traces that work step by step; the others guess.
    pub careful_share: f64,
    /// Fewest additions and subtractions in a problem, at least 1.
    pub min_steps: usize,
    /// Most additions and subtractions in a problem.
    pub max_steps: usize,
    /// The running total stays between 0 and this, at least 18 so that each step is possible.
    pub max_total: u32,
    /// A guess is off by up to this, in either direction.
    pub guess_range: u32,
}

/// Plain sums: the steps of the word problems by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SumsConfig {
    /// Share of the traces, relative to the other kinds' shares.
    pub trace_share: f64,
    /// Number of sums in a trace.
    pub num_sums: usize,
    /// Share of the sums that are of small numbers, which the model learns first.
    pub easy_share: f64,
}

/// Small Python programs: a few operations on one whole number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeConfig {
    /// Share of the traces, relative to the other kinds' shares.
    pub trace_share: f64,
    /// Number of training tasks.
    pub num_train: usize,
    /// Number of held-out tasks.
    pub num_eval: usize,
    /// Share of the traces that keep the order of operations with parentheses.
    pub careful_share: f64,
    /// Fewest operations in a program, at least 2.
    pub min_operations: usize,
    /// Most operations in a program.
    pub max_operations: usize,
    /// Share of the tasks that ask for a function, judged by asserts; the others ask for a
    /// program, judged by what it prints.
    pub function_share: f64,
    /// Number of inputs a task is judged on, 2 to 20, all different.
    pub num_tests: usize,
}

/// Prompts with one or two rules that a program can check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstructionConfig {
    /// Share of the traces, relative to the other kinds' shares.
    pub trace_share: f64,
    /// Number of training tasks.
    pub num_train: usize,
    /// Number of held-out tasks.
    pub num_eval: usize,
    /// Share of the traces that keep the rules; the others give a plain answer.
    pub obeying_share: f64,
    /// Share of the prompts with two rules instead of one.
    pub two_rules_share: f64,
    /// Share of the traces, obeying or not, that close with a friendly sentence: what the reward
    /// model favours among answers that keep the rules.
    pub courteous_share: f64,
}

/// Pairs of completions for the reward model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreferenceConfig {
    /// Number of training pairs.
    pub num_train: usize,
    /// Number of held-out pairs, on held-out prompts.
    pub num_eval: usize,
    /// Share of the pairs whose rejected completion ignores the rules. In the others both keep
    /// them, and the rejected one is curt or repeats itself.
    pub ignoring_share: f64,
}

impl Default for DemoDataConfig {
    fn default() -> Self {
        Self {
            seed: 17,
            num_traces: 20_000,
            held_out_share: 0.1,
            maths: MathsConfig::default(),
            sums: SumsConfig::default(),
            code: CodeConfig::default(),
            instruction: InstructionConfig::default(),
            preference: PreferenceConfig::default(),
        }
    }
}

impl Default for MathsConfig {
    fn default() -> Self {
        Self {
            trace_share: 0.55,
            num_train: 2_000,
            num_eval: 300,
            careful_share: 0.5,
            min_steps: 2,
            max_steps: 4,
            max_total: 20,
            guess_range: 6,
        }
    }
}

impl Default for SumsConfig {
    fn default() -> Self {
        Self { trace_share: 0.15, num_sums: 8, easy_share: 0.5 }
    }
}

impl Default for CodeConfig {
    fn default() -> Self {
        Self {
            trace_share: 0.25,
            num_train: 2_000,
            num_eval: 300,
            careful_share: 0.4,
            min_operations: 2,
            max_operations: 4,
            function_share: 0.5,
            num_tests: 4,
        }
    }
}

impl Default for InstructionConfig {
    fn default() -> Self {
        Self {
            trace_share: 0.3,
            num_train: 1_500,
            num_eval: 300,
            obeying_share: 0.38,
            two_rules_share: 0.4,
            courteous_share: 0.3,
        }
    }
}

impl Default for PreferenceConfig {
    fn default() -> Self {
        Self { num_train: 4_000, num_eval: 200, ignoring_share: 0.6 }
    }
}

impl DemoDataConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// A setting is out of its range; the error names it.
    pub fn validate(&self) -> Result<(), DatasetError> {
        let Self { maths, sums, code, instruction, preference, .. } = self;
        for (field, share) in [
            ("maths.trace_share", maths.trace_share),
            ("maths.careful_share", maths.careful_share),
            ("sums.trace_share", sums.trace_share),
            ("sums.easy_share", sums.easy_share),
            ("code.trace_share", code.trace_share),
            ("code.careful_share", code.careful_share),
            ("code.function_share", code.function_share),
            ("instruction.trace_share", instruction.trace_share),
            ("instruction.obeying_share", instruction.obeying_share),
            ("instruction.two_rules_share", instruction.two_rules_share),
            ("instruction.courteous_share", instruction.courteous_share),
            ("preference.ignoring_share", preference.ignoring_share),
        ] {
            require((0.0..=1.0).contains(&share), field, format!("is {share}; a share lies between 0 and 1"))?;
        }
        require(
            self.held_out_share > 0.0 && self.held_out_share <= 0.5,
            "held_out_share",
            format!("is {}; it lies above 0, at most at 0.5", self.held_out_share),
        )?;
        require(
            self.trace_shares().iter().sum::<f64>() > 0.0,
            "maths.trace_share, sums.trace_share, code.trace_share and instruction.trace_share",
            "are all 0; one of them must be above 0".to_owned(),
        )?;
        for (field, number, range) in [
            ("num_traces", self.num_traces, 1..=10_000_000),
            ("maths.min_steps", maths.min_steps, 1..=maths.max_steps),
            ("maths.max_steps", maths.max_steps, 1..=20),
            ("maths.max_total", maths.max_total as usize, 18..=1000),
            ("maths.guess_range", maths.guess_range as usize, 1..=1000),
            ("sums.num_sums", sums.num_sums, 1..=30),
            ("code.min_operations", code.min_operations, 2..=code.max_operations),
            ("code.max_operations", code.max_operations, 2..=12),
            ("code.num_tests", code.num_tests, 2..=20),
        ] {
            require(
                range.contains(&number),
                field,
                format!("is {number}; it lies between {} and {}", range.start(), range.end()),
            )?;
        }
        Ok(())
    }

    /// The kinds' relative shares of the traces: maths, sums, code, instruction.
    pub(crate) fn trace_shares(&self) -> [f64; 4] {
        [self.maths.trace_share, self.sums.trace_share, self.code.trace_share, self.instruction.trace_share]
    }
}

fn require(holds: bool, field: &str, problem: String) -> Result<(), DatasetError> {
    if holds {
        return Ok(());
    }
    Err(DatasetError::Config { field: field.to_owned(), problem })
}
