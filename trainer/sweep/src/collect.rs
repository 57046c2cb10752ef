//! What the cells of a plan measured: read from the runs' records where the sweep's file says, and nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use record::machines::read_machines;
use record::metrics::{Metrics, read_metrics};
use record::names;
use record::run_folder::RunFolder;
use statistics::EvalSummary;

use crate::error::SweepError;
use crate::figure::Figure;
use crate::measured::{Budget, CellState, MeasuredCell, MeasuredFigure};
use crate::plan::{Cell, Plan};
use crate::state::UnitState;
use crate::unit::{UnitFolder, Work, WorkUnit};

/// What a cell lacks whose run was done and is gone.
const NO_RUN: &str = "its run is not there";

/// Reads what every cell measured. A cell whose run is done and lacks a figure counts as failed, by name, and so does
/// one of which a file is there and cannot be read: the others have their result.
pub fn collect(plan: &Plan) -> Vec<MeasuredCell> {
    let of_cell = |cell| measure(plan, cell).unwrap_or_else(|error| unreadable(plan, cell, &error));
    plan.cells.iter().map(of_cell).collect()
}

/// The figures that the run of a cell's last unit lacks, each with its reason.
///
/// # Errors
/// A file is there and cannot be read.
pub(crate) fn lacking(figures: &[Figure], unit: &WorkUnit, dir: &Path) -> Result<Vec<String>, SweepError> {
    let Some(run) = open_run(unit, dir) else { return Ok(vec![NO_RUN.to_owned()]) };
    let rows = rows_of(&run)?;
    Ok(read_figures(figures, unit, &rows, &run).1)
}

fn measure(plan: &Plan, cell: &Cell) -> Result<MeasuredCell, SweepError> {
    let mut states = Vec::new();
    for unit in plan.units_of(cell) {
        states.push((unit, UnitState::read(&UnitFolder::new(plan.dir(), &unit.name).state())?));
    }
    let own = || states.iter().filter(|(unit, _)| plan.num_cells_of(&unit.name) == 1);
    // What the last unit stood on was done before it. An arm's beginning that came later is not its affair.
    let is_done = states.last().is_some_and(|(_, state)| state.state == CellState::Done);
    let failed = states.iter().find(|(_, state)| !is_done && state.state == CellState::Failed);
    let state = match failed {
        _ if is_done => CellState::Done,
        Some(_) => CellState::Failed,
        None if own().any(|(_, state)| state.state != CellState::Waiting) => CellState::Started,
        None => CellState::Waiting,
    };
    let failure = failed.map(|(unit, state)| {
        let words = state.failure.as_deref().unwrap_or("failed");
        format!("{}: {words}", unit.identity.phase)
    });
    let seconds = own().map(|(_, state)| state.seconds).sum();
    let mut measured = MeasuredCell { failure, seconds, ..without_figures(plan, cell, state) };
    // A run that goes on from a beginning has its programs and machines among its own. A beginning that came later is
    // none of this cell's.
    for (unit, state) in states.into_iter().filter(|(unit, _)| unit.identity.until.is_none()) {
        let machines = match open_run(unit, plan.dir()) {
            Some(run) => read_machines(&run)?,
            None => Vec::new(),
        };
        if !state.programs.is_empty() {
            let computed_by = measured.computed_by.entry(unit.identity.phase.clone()).or_default();
            computed_by.add(state.programs, machines.into_iter().map(|span| span.machine));
        }
    }
    let Some(last) = plan.units_of(cell).next_back() else { return Ok(measured) };
    read_run(plan, last, &mut measured)?;
    Ok(measured)
}

/// A cell of which nothing was read.
fn without_figures(plan: &Plan, cell: &Cell, state: CellState) -> MeasuredCell {
    MeasuredCell {
        arm: cell.arm.clone(),
        seed: cell.seed,
        state,
        failure: None,
        folder: cell.folder(plan.dir()).display().to_string(),
        seconds: 0.0,
        figures: BTreeMap::new(),
        budget: Budget::default(),
        computed_by: BTreeMap::new(),
    }
}

fn unreadable(plan: &Plan, cell: &Cell, error: &SweepError) -> MeasuredCell {
    let failure = Some(error.in_words());
    MeasuredCell { failure, ..without_figures(plan, cell, CellState::Failed) }
}

/// Adds what the last unit's run recorded.
fn read_run(plan: &Plan, unit: &WorkUnit, measured: &mut MeasuredCell) -> Result<(), SweepError> {
    let missing = match open_run(unit, plan.dir()) {
        None => vec![NO_RUN.to_owned()],
        Some(run) => {
            let rows = rows_of(&run)?;
            measured.budget = budget(&rows);
            let (figures, missing) = read_figures(&plan.file.figure, unit, &rows, &run);
            measured.figures = figures;
            missing
        }
    };
    if measured.state == CellState::Done && !missing.is_empty() {
        measured.state = CellState::Failed;
        measured.failure = Some(missing.join("; "));
    }
    Ok(())
}

/// The run of a unit that trains, where it has begun.
fn open_run(unit: &WorkUnit, dir: &Path) -> Option<RunFolder> {
    RunFolder::open(&UnitFolder::new(dir, &unit.name).run()).ok().filter(|_| unit.work == Work::Run)
}

fn rows_of(run: &RunFolder) -> Result<Vec<Metrics>, SweepError> {
    Ok(if run.metrics().exists() { read_metrics(&run.metrics())? } else { Vec::new() })
}

/// The figures that are recorded by their names, and what is wrong with the others.
fn read_figures(
    figures: &[Figure],
    unit: &WorkUnit,
    rows: &[Metrics],
    run: &RunFolder,
) -> (BTreeMap<String, MeasuredFigure>, Vec<String>) {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for figure in figures {
        match read_figure(figure, unit, rows, run) {
            Ok(value) => _ = found.insert(figure.name.clone(), value),
            Err(reason) => missing.push(format!("figure {} ({}): {reason}", figure.name, figure.metric)),
        }
    }
    (found, missing)
}

fn read_figure(figure: &Figure, unit: &WorkUnit, rows: &[Metrics], run: &RunFolder) -> Result<MeasuredFigure, String> {
    let mut curve: BTreeMap<u64, f64> = BTreeMap::new();
    for row in rows {
        if let (Some(step), Some(value)) = (row.step(), row.get(&figure.metric).filter(|value| value.is_finite())) {
            curve.insert(step, value);
        }
    }
    if curve.is_empty() {
        let near = rows.last().map(|row| row.iter().map(|(name, _)| name).filter(|name| *name != "step").collect());
        let near: Vec<&str> = near.unwrap_or_default();
        return Err(format!("nobody records it; the last step records {}", near.join(", ")));
    }
    let recorded: Vec<u64> = curve.keys().copied().collect();
    let place = figure.place().map_err(|error| error.to_string())?;
    let due = figure.is_of_evaluations().then_some(unit.evaluations.as_slice());
    let chosen = place.choose(&recorded, due, unit.steps)?;
    let values = chosen.iter().filter_map(|step| curve.get(step));
    let value = values.sum::<f64>() / chosen.len() as f64;
    let by_task = by_task(figure, &chosen, run)?;
    Ok(MeasuredFigure { value, by_task, curve: curve.into_iter().collect() })
}

/// pass@1 of each task, averaged over the steps that are read; none for figures that are no means over tasks.
fn by_task(figure: &Figure, steps: &[u64], run: &RunFolder) -> Result<Option<BTreeMap<String, f64>>, String> {
    let Some(dataset) = names::EVAL_PASS_AT_1.part_of(&figure.metric) else { return Ok(None) };
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for step in steps {
        let path = run.eval(*step);
        let Some(summary) = read_evaluation(&path)?.into_iter().find(|summary| summary.dataset == dataset) else {
            return Err(format!("{} has no dataset {dataset}", path.display()));
        };
        for task in summary.tasks {
            let (sum, count) = sums.entry(task.task_id).or_default();
            (*sum, *count) = (*sum + task.pass_at_1, *count + 1);
        }
    }
    // A task that was not judged at one of the steps has no mean over them.
    sums.retain(|_, (_, count)| *count == steps.len());
    Ok(Some(sums.into_iter().map(|(task, (sum, count))| (task, sum / count as f64)).collect()))
}

fn read_evaluation(path: &Path) -> Result<Vec<EvalSummary>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn budget(rows: &[Metrics]) -> Budget {
    let tokens = |row: &Metrics| -> f64 {
        let sampled = row.get(names::TIME_ROLLOUT.name).zip(row.get(names::ROLLOUT_TOKENS_PER_SECOND.name));
        let sampled = sampled.map(|(seconds, rate)| (seconds * rate).round()).filter(|tokens| tokens.is_finite());
        sampled.or(row.get(names::BATCH_TOKENS.name)).unwrap_or(0.0)
    };
    let seconds = rows.iter().filter_map(|row| row.get(names::TIME_STEP.name)).filter(|seconds| seconds.is_finite());
    Budget {
        steps: rows.iter().filter_map(Metrics::step).max().unwrap_or(0),
        tokens: rows.iter().map(tokens).sum::<f64>() as u64,
        seconds: seconds.sum(),
    }
}
