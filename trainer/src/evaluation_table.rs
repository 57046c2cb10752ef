//! The table of a run's held-out accuracy, before and after.

use anyhow::Result;
use progress::say;
use record::metrics::{Metrics, read_metrics};
use record::names::EVAL_PASS_AT_1;

use crate::open_run::OpenRun;

/// Says on the console the first and the last evaluation of a run side by side; nothing where nothing was evaluated.
///
/// # Errors
/// The run's metrics cannot be read.
pub(crate) fn say_evaluation_table(run: &OpenRun) -> Result<()> {
    let table = evaluation_table(run)?;
    if !table.is_empty() {
        say(table.trim_end_matches('\n'));
    }
    Ok(())
}

/// The first and the last evaluation of a run side by side; empty where nothing was evaluated.
///
/// # Errors
/// The run's metrics cannot be read.
fn evaluation_table(run: &OpenRun) -> Result<String> {
    let steps = read_metrics(&run.folder.metrics())?;
    let evaluated = |metrics: &&Metrics| metrics.iter().any(|(name, _)| EVAL_PASS_AT_1.part_of(name).is_some());
    let (Some(first), Some(last)) = (steps.iter().find(evaluated), steps.iter().rev().find(evaluated)) else {
        return Ok(String::new());
    };
    let mut text = format!("{:<24} {:>8} {:>8} {:>8}\n", "held-out pass@1, %", "before", "after", "change");
    let is_only = first.step() == last.step();
    for (name, after) in last.iter() {
        let Some(dataset) = EVAL_PASS_AT_1.part_of(name) else { continue };
        match first.get(name).filter(|_| !is_only) {
            Some(before) => {
                let (before, after) = (100.0 * before, 100.0 * after);
                text.push_str(&format!("{dataset:<24} {before:>8.1} {after:>8.1} {:>+8.1}\n", after - before));
            }
            None => text.push_str(&format!("{dataset:<24} {:>8} {:>8.1}\n", "", 100.0 * after)),
        }
    }
    Ok(text)
}
