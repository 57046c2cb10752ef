//! Summary of a recipe, written as `summary.json` and printed as a table: figures after each stage, and their changes.
//! Must not know how a stage is run.

use std::fmt::Write;

use anyhow::{Context, Result};
use datasets::near::did_you_mean;
use serde::{Deserialize, Serialize};
use statistics::{Change, EvalSummary};

use crate::config::SummaryColumns;

/// Changes that one table judges together, at 5 % over all: two stages after the cold start, three suites each.
const NUM_COMPARED: usize = 6;

/// `summary.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Number from which every stage's seed and the data's follow; `None` where the recipe has none.
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
    /// Wall-clock seconds of the stage, evaluation too: at least those of its recorded steps, if it was interrupted.
    seconds: f64,
    maths_interval: [f64; 2],
    code_interval: [f64; 2],
    instruction_interval: [f64; 2],
    /// Change of each suite against the stage before.
    #[serde(default)]
    changes: Changes,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Changes {
    maths: SuiteChange,
    code: SuiteChange,
    instruction: SuiteChange,
}

impl Changes {
    fn all(&self) -> [&SuiteChange; 3] {
        [&self.maths, &self.code, &self.instruction]
    }
}

/// Change of one suite since the stage before, over the tasks that both judged; the first stage has none.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SuiteChange {
    /// Mean change over tasks, -1..=1.
    change: Option<f64>,
    /// 95 % interval of the change, by task.
    interval: Option<[f64; 2]>,
    /// One-sided probability of a change as low as this where nothing changed.
    p_lower: Option<f64>,
    /// True where the suite is significantly below the stage before, at 5 % over all changes of the table.
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
    /// The summary of a recipe without any stage done.
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self { seed, ..Self::default() }
    }

    /// True where the stage is done.
    pub(super) fn has(&self, stage: &str) -> bool {
        self.rows.iter().any(|row| row.stage == stage)
    }

    /// Seconds of a stage that is done.
    pub(super) fn seconds_of(&self, stage: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.stage == stage).map(|row| row.seconds)
    }

    /// Name of the stage that was done last.
    pub(super) fn last_stage(&self) -> Option<&str> {
        self.rows.last().map(|row| row.stage.as_str())
    }

    /// Adds the figures of a stage; `before` is the evaluation of the stage before, empty for the first.
    ///
    /// # Errors
    /// The evaluation lacks a suite that a column is made from.
    pub(super) fn add_row(
        &mut self,
        stage: &str,
        columns: &SummaryColumns,
        before: &[EvalSummary],
        after: &[EvalSummary],
        seconds: f64,
    ) -> Result<()> {
        let find = |dataset: &str| {
            let summary = after.iter().find(|summary| summary.dataset == dataset);
            let hint = || did_you_mean(dataset, after.iter().map(|summary| summary.dataset.as_str()));
            summary.with_context(|| format!("has no dataset {dataset}{}, which summary names", hint()))
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

    /// The table that ends a recipe: pass@1 of each suite after each stage, and its change since the stage before.
    pub(super) fn table(&self) -> String {
        let mut text = String::from("\n");
        let mut line = |name: &str, cells: [String; 3], seconds: &str| {
            let [maths, code, instruction] = cells;
            let row = format!("{name:<12} {maths:>26} {code:>26} {instruction:>26} {seconds:>9}");
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
            let changes = row.changes.all().map(SuiteChange::cell);
            if changes.iter().any(|cell| !cell.is_empty()) {
                line("  change", changes, "");
            }
        }
        text.push('\n');
        if let Some(seed) = self.seed {
            let _ = write!(text, "seed {seed}; ");
        }
        text.push_str("intervals are of 95 %, those of a change by task\n");
        if self.rows.iter().flat_map(|row| row.changes.all()).any(|change| change.lost) {
            text.push_str(
                "lost: significantly below the stage before (one-sided, 5 % over all changes of the table)\n",
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use statistics::{EvalRecord, EvalSample};

    use super::*;

    /// A suite of 100 tasks with one sample each, of which the first ones pass.
    fn suite(name: &str, num_passed: usize) -> EvalSummary {
        let sample = |passed| EvalSample { score: 1.0, passed, num_tokens: 1, ..EvalSample::default() };
        let record = |index: usize| EvalRecord::new(format!("{name}-{index}"), vec![sample(index < num_passed)]);
        EvalSummary::of(name, &(0..100).map(record).collect::<Vec<_>>(), 1.0).unwrap()
    }

    #[test]
    fn the_table_shows_what_changed_and_what_was_lost() {
        let columns = SummaryColumns { maths: "m".into(), code: "c".into(), instruction: "i".into() };
        let evaluation = |counts: [usize; 3]| {
            ["m", "c", "i"].into_iter().zip(counts).map(|(name, count)| suite(name, count)).collect::<Vec<_>>()
        };
        let (first, second) = (evaluation([80, 20, 30]), evaluation([52, 100, 29]));
        let mut summary = Summary::new(Some(7));
        summary.add_row("cold-start", &columns, &[], &first, 61.4).unwrap();
        assert!(!summary.table().contains("lost") && !summary.table().contains("\n  change"));
        summary.add_row("stage-1", &columns, &first, &second, 30.0).unwrap();
        let text = summary.table();
        let lines: Vec<&str> = text.lines().collect();
        let changes = lines.iter().find(|line| line.starts_with("  change")).unwrap();
        assert!(changes.contains("-28.0 (-37 to -19) lost") && changes.contains("+80.0 (+72 to +88)"), "{text}");
        assert!(changes.ends_with("-1.0 (-4 to +2)"), "{text}");
        assert!(text.contains("seed 7;") && text.contains("lost: significantly"), "{text}");
        // Columns stand below each other, whatever is in them.
        let ends = |line: &str| line.chars().take(12 + 27).collect::<String>().trim_end().chars().count();
        assert!(lines[1..5].iter().all(|line| ends(line) == 12 + 27), "{text}");
        let error = summary.add_row("stage-2", &columns, &first, &second[1..], 1.0).unwrap_err();
        assert!(error.to_string().contains("no dataset m"), "{error}");
    }
}
