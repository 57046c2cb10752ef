//! What a recipe writes as `summary.json` and prints as a table: the figures after each stage, and what changed.
//! Must not know how a stage is run.

use crate::config::SummaryColumns;
use crate::record::change::Change;
use crate::record::eval::EvalSummary;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The changes that one table judges together: two stages after the cold start, three suites each. A loss is called at
/// 5 % over all of them.
const NUM_COMPARED: usize = 6;

/// `summary.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The number from which every stage's seed and the data's follow; absent where the recipe has none.
    #[serde(default)]
    seed: Option<u64>,
    rows: Vec<Row>,
    /// Wall-clock seconds of the reward model's training, which has no row: it changes no policy.
    #[serde(default)]
    pub reward_model_seconds: Option<f64>,
}

/// One stage's figures: pass@1 on held-out tasks, with 95 % intervals.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    stage: String,
    maths: f64,
    code: f64,
    instruction: f64,
    /// Wall-clock seconds of the stage, evaluation too.
    seconds: f64,
    maths_interval: [f64; 2],
    code_interval: [f64; 2],
    instruction_interval: [f64; 2],
    /// Each suite against the stage before.
    #[serde(default)]
    changes: Changes,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Changes {
    maths: SuiteChange,
    code: SuiteChange,
    instruction: SuiteChange,
}

/// One suite's change since the stage before; the first stage has none.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SuiteChange {
    /// Mean over tasks, -1..=1.
    change: Option<f64>,
    /// Its 95 % interval by task.
    interval: Option<[f64; 2]>,
    /// One-sided: how likely a change as low as this is where nothing changed.
    p_lower: Option<f64>,
    /// Whether the suite is significantly below the stage before, at 5 % over all changes of the table.
    lost: bool,
}

impl SuiteChange {
    fn between(before: Option<&EvalSummary>, after: &EvalSummary) -> Self {
        let Some(change) = before.and_then(|before| Change::between(&before.tasks, &after.tasks)) else {
            return Self::default();
        };
        Self {
            change: Some(change.change),
            interval: Some(change.interval),
            p_lower: Some(change.p_lower),
            lost: change.is_loss(NUM_COMPARED),
        }
    }

    fn cell(&self) -> String {
        let (Some(change), Some(interval)) = (self.change, self.interval) else { return String::new() };
        let [low, high] = interval.map(|end| 100.0 * end);
        let lost = if self.lost { " lost" } else { "" };
        format!("{:+.1} ({low:+.0} to {high:+.0}){lost}", 100.0 * change)
    }
}

impl Summary {
    /// No stage is done yet.
    pub fn new(seed: Option<u64>) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether a stage is done.
    pub fn has(&self, stage: &str) -> bool {
        self.rows.iter().any(|row| row.stage == stage)
    }

    /// The stage that was done last.
    pub fn last_stage(&self) -> Option<&str> {
        self.rows.last().map(|row| row.stage.as_str())
    }

    /// Adds a stage's figures; `before` is the evaluation of the stage before, empty for the first.
    ///
    /// # Errors
    /// The evaluation lacks a suite that a column is made from.
    pub fn add_row(
        &mut self,
        stage: &str,
        columns: &SummaryColumns,
        before: &[EvalSummary],
        after: &[EvalSummary],
        seconds: f64,
    ) -> Result<()> {
        let find = |dataset: &str| {
            let summary = after.iter().find(|summary| summary.dataset == dataset);
            summary.with_context(|| format!("has no dataset {dataset}, which summary names"))
        };
        let (maths, code, instruction) = (find(&columns.maths)?, find(&columns.code)?, find(&columns.instruction)?);
        let change = |after: &EvalSummary| {
            SuiteChange::between(before.iter().find(|before| before.dataset == after.dataset), after)
        };
        self.rows.push(Row {
            stage: stage.to_owned(),
            maths: maths.pass_at_1,
            code: code.pass_at_1,
            instruction: instruction.pass_at_1,
            seconds,
            maths_interval: maths.interval,
            code_interval: code.interval,
            instruction_interval: instruction.interval,
            changes: Changes { maths: change(maths), code: change(code), instruction: change(instruction) },
        });
        Ok(())
    }

    /// The table that ends a recipe: pass@1 of each suite after each stage, and under it the change since the stage before.
    pub fn table(&self) -> String {
        let mut text = String::from("\n");
        let mut line = |name: &str, cells: [String; 3], seconds: &str| {
            let [maths, code, instruction] = cells;
            let row = format!("{name:<12} {maths:>22} {code:>22} {instruction:>22} {seconds:>9}");
            let _ = writeln!(text, "{}", row.trim_end());
        };
        line("held-out, %", ["maths", "code", "instruction"].map(str::to_owned), "seconds");
        for row in &self.rows {
            let cell = |value: f64, [low, high]: [f64; 2]| {
                format!("{:.1} ({:.0} to {:.0})", 100.0 * value, 100.0 * low, 100.0 * high)
            };
            let cells = [
                cell(row.maths, row.maths_interval),
                cell(row.code, row.code_interval),
                cell(row.instruction, row.instruction_interval),
            ];
            line(&row.stage, cells, &format!("{:.0}", row.seconds));
            let changes = [&row.changes.maths, &row.changes.code, &row.changes.instruction].map(SuiteChange::cell);
            if changes.iter().any(|cell| !cell.is_empty()) {
                line("  change", changes, "");
            }
        }
        if let Some(seed) = self.seed {
            let _ = writeln!(text, "\nseed {seed}; intervals are of 95 %, those of a change by task");
        }
        if self.rows.iter().any(|row| {
            [&row.changes.maths, &row.changes.code, &row.changes.instruction].iter().any(|change| change.lost)
        }) {
            text.push_str(
                "lost: significantly below the stage before (one-sided, 5 % over all changes of the table)\n",
            );
        }
        text
    }
}
