//! What a sweep will do, in words: arms and what they change, cells, what they share, and how long it takes.

use std::collections::BTreeMap;
use std::fmt::Write;

use record::metrics::read_metrics;
use record::names::TIME_STEP;

use crate::error::SweepError;
use crate::folder::check_program;
use crate::measured::CellState;
use crate::plan::Plan;
use crate::state::UnitState;
use crate::unit::{UnitFolder, Work, WorkUnit};

/// Most changes of an arm that are shown.
const MOST_CHANGES: usize = 12;

/// Time that a plan takes, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// Of all units that are not done, one after another; none where a step of a phase was not measured.
    pub seconds: Option<f64>,
    /// Phases without a measured step.
    pub unknown: Vec<String>,
    /// Seconds of a step by phase.
    pub seconds_per_step: BTreeMap<String, f64>,
}

impl Expectation {
    /// From the steps of the units in the folder, or else from what the file says.
    ///
    /// # Errors
    /// A record is there and cannot be read.
    pub fn of(plan: &Plan) -> Result<Self, SweepError> {
        let seconds_per_step = measured_steps(plan)?;
        let mut unknown = Vec::new();
        let mut seconds = 0.0;
        for unit in plan.units.values().filter(|unit| unit.work == Work::Run) {
            let state = UnitState::read(&UnitFolder::new(plan.dir(), &unit.name).state())?;
            if state.state == CellState::Done {
                continue;
            }
            let steps = unit.own_steps(|name| plan.units.get(name)) as f64;
            match seconds_per_step.get(&unit.identity.phase) {
                Some(each) => seconds += each * steps,
                None if unknown.contains(&unit.identity.phase) => {}
                None => unknown.push(unit.identity.phase.clone()),
            }
        }
        Ok(Self { seconds: unknown.is_empty().then_some(seconds), unknown, seconds_per_step })
    }
}

/// Mean seconds of a step by phase: as measured in the folder, or as the file says.
fn measured_steps(plan: &Plan) -> Result<BTreeMap<String, f64>, SweepError> {
    let mut sums: BTreeMap<&str, (f64, u64)> = BTreeMap::new();
    for unit in plan.units.values() {
        let path = UnitFolder::new(plan.dir(), &unit.name).run().join("metrics.jsonl");
        if !path.exists() {
            continue;
        }
        let (sum, count) = sums.entry(&unit.identity.phase).or_default();
        for row in read_metrics(&path)? {
            if let Some(seconds) = row.get(TIME_STEP.name).filter(|seconds| seconds.is_finite()) {
                (*sum, *count) = (*sum + seconds, *count + 1);
            }
        }
    }
    let mut all = plan.file.seconds_per_step.clone();
    for (phase, (sum, count)) in sums.into_iter().filter(|(_, (_, count))| *count > 0) {
        all.insert(phase.to_owned(), sum / count as f64);
    }
    Ok(all)
}

/// The whole plan in words; `num_at_once` units run beside each other.
///
/// # Errors
/// A record of the folder is there and cannot be read.
pub fn describe(plan: &Plan, num_at_once: usize) -> Result<String, SweepError> {
    let mut text = String::new();
    let file = &plan.file;
    let _ = writeln!(text, "sweep {} in {}", file.name, file.dir.display());
    let _ = writeln!(text, "phases: {}", plan.phases.join(", "));
    let seeds: Vec<String> = file.seeds.iter().map(u64::to_string).collect();
    let _ = writeln!(text, "seeds: {}", seeds.join(", "));
    if let Some(seed) = file.base.shared_seed {
        let shared = file.base.shared.join(", ");
        let _ = writeln!(
            text,
            "all seeds share {shared} (seed {seed}): how much the result varies with that is not in the intervals"
        );
    }
    for figure in &file.figure {
        let mark = if figure.primary { " (primary)" } else { "" };
        let _ = writeln!(text, "figure {}{mark}: {}", figure.name, figure.in_words());
    }
    if let [_] = file.seeds.as_slice()
        && let Some(figure) = file.figure.iter().find(|figure| figure.primary && !figure.is_by_task())
    {
        let _ = writeln!(text, "one seed, and {} has no values by task: nothing can be claimed", figure.name);
    }
    describe_arms(plan, &mut text);
    plan.notes.iter().for_each(|note| _ = writeln!(text, "\n{note}"));
    describe_cells(plan, &mut text)?;
    describe_time(plan, num_at_once, &mut text)?;
    describe_missing(plan, &mut text);
    if let Err(error) = check_program(plan) {
        let _ = writeln!(text, "\n{error}");
    }
    Ok(text)
}

fn describe_arms(plan: &Plan, text: &mut String) {
    let _ = writeln!(text, "\n{} arms", plan.arms.len());
    for arm in &plan.arms {
        let from = arm.from_step.map_or(String::new(), |step| format!(", from step {step} on"));
        let _ = writeln!(text, "  {}{from}", arm.name);
        let changes = plan.changes.get(&arm.name).map_or(&[][..], Vec::as_slice);
        changes.iter().take(MOST_CHANGES).for_each(|change| _ = writeln!(text, "    {change}"));
        if changes.len() > MOST_CHANGES {
            let _ = writeln!(text, "    and {} more", changes.len() - MOST_CHANGES);
        }
    }
    for name in &plan.left_out {
        let _ = writeln!(text, "  {name}: is the base itself, and is left out of the grid");
    }
}

fn describe_cells(plan: &Plan, text: &mut String) -> Result<(), SweepError> {
    let _ = writeln!(text, "\n{} cells", plan.cells.len());
    for (index, cell) in plan.cells.iter().enumerate() {
        let mut left = Vec::new();
        for unit in plan.units_of(cell) {
            let state = UnitState::read(&UnitFolder::new(plan.dir(), &unit.name).state())?;
            if state.state != CellState::Done {
                left.push(unit.name.as_str());
            }
        }
        // The beginning of an arm that came later is not this cell's affair once it is done.
        if left.last().copied() != cell.units.last().map(String::as_str) {
            left.clear();
        }
        let left = if left.is_empty() { "done".to_owned() } else { format!("runs {}", left.join(", ")) };
        let _ = writeln!(text, "  {index}: {} {}: {left}", cell.label(), cell.hash);
    }
    let shared: Vec<&WorkUnit> = plan.units.values().filter(|unit| plan.num_cells_of(&unit.name) > 1).collect();
    let _ = writeln!(text, "\n{} units, of which {} are shared", plan.units.len(), shared.len());
    for unit in shared {
        let steps = unit.own_steps(|name| plan.units.get(name));
        let steps = if steps > 0 { format!("{steps} steps, ") } else { String::new() };
        let _ = writeln!(text, "  {}: {steps}once for {} cells", unit.name, plan.num_cells_of(&unit.name));
    }
    Ok(())
}

fn describe_missing(plan: &Plan, text: &mut String) {
    let missing = plan.missing(&plan.cells);
    if !missing.is_empty() {
        let _ = writeln!(text, "\nmissing, and needed before any cell runs");
        missing.iter().for_each(|sentence| _ = writeln!(text, "  {sentence}"));
    }
}

fn describe_time(plan: &Plan, num_at_once: usize, text: &mut String) -> Result<(), SweepError> {
    let expected = Expectation::of(plan)?;
    text.push('\n');
    for (phase, seconds) in &expected.seconds_per_step {
        let _ = writeln!(text, "a step of {phase}: {seconds:.2} s");
    }
    let _ = match expected.seconds {
        Some(seconds) => {
            let hours = seconds / 3600.0;
            writeln!(text, "expected: {hours:.2} hours of cells that are left, {num_at_once} at once here")
        }
        None => writeln!(
            text,
            "expected: not known; no step of {} was measured (run a cell with --cell, or give seconds_per_step)",
            expected.unknown.join(", ")
        ),
    };
    Ok(())
}
