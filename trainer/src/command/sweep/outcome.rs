//! The result of a sweep as it stands: tables, files and the page in its folder, and the exit code.

use std::path::{Path, absolute};

use anyhow::Result;
use record::atomic::write_file;
use report::{ArmChange, SweepPage, write_sweep};
use serde_json::json;
use sweep::arm::BASE;
use sweep::collect::collect;
use sweep::folder::{design_changes, lock_folder};
use sweep::measured::{CellState, MeasuredCell};
use sweep::plan::Plan;
use sweep::result::{FigureName, SweepFigures, SweepResult};

use super::failed::{in_words, line_of, lost};
use crate::failure::Usage;

/// The result of a sweep.
pub(super) struct Outcome<'a> {
    plan: &'a Plan,
    cells: Vec<MeasuredCell>,
    result: SweepResult,
}

impl<'a> Outcome<'a> {
    /// Reads what the cells measured, compares the arms, and writes the files and the page; `json` is one more place
    /// for the result. The folder is locked meanwhile, so that of several processes none replaces another's files half
    /// way, or a newer result by an older one.
    ///
    /// # Errors
    /// The folder's file cannot be read, the cells cannot be compared, or a file cannot be written.
    pub(super) fn write(plan: &'a Plan, json: Option<&Path>) -> Result<Self> {
        let _lock = lock_folder(plan.dir()).map_err(in_words)?;
        let outcome = Self::of(plan)?;
        outcome.result.write(plan.dir(), &outcome.cells)?;
        outcome.write_page()?;
        if let Some(path) = json {
            write_file(path, outcome.result.json()?.as_bytes())?;
        }
        Ok(outcome)
    }

    fn of(plan: &'a Plan) -> Result<Self> {
        let cells = collect(plan);
        let result = SweepResult::of(&plan.file.claims, &plan.file.name, BASE, &figures(plan), &cells);
        let result = result.map_err(|error| Usage::error(error.to_string()))?;
        let mut result = result.with_changes(design_changes(plan).map_err(in_words)?);
        result.notes.extend(shared_note(plan).into_iter().chain(plan.notes.clone()));
        Ok(Self { plan, cells, result })
    }

    /// The tables, and where the page is.
    pub(super) fn text(&self) -> String {
        format!("{}\nreport: {}\n", self.result.text(), self.plan.dir().join("report.html").display())
    }

    fn write_page(&self) -> Result<()> {
        let changes: Vec<ArmChange> = self
            .plan
            .arms
            .iter()
            .filter_map(|arm| Some((arm, self.plan.changes.get(&arm.name)?)))
            .flat_map(|(arm, changes)| {
                changes.iter().map(|change| ArmChange {
                    arm: arm.name.clone(),
                    key: change.key.clone(),
                    base: change.old.clone(),
                    value: change.new.clone(),
                })
            })
            .collect();
        let page = SweepPage { result: &self.result, cells: &self.cells, changes: &changes };
        write_sweep(self.plan.dir(), &page)?;
        Ok(())
    }

    /// Ends with an error where a cell is not done.
    ///
    /// # Errors
    /// The cells are named, with their last words.
    pub(super) fn check(&self) -> Result<()> {
        let lines: Vec<String> = self.cells.iter().filter(|cell| cell.state != CellState::Done).map(said).collect();
        if lines.is_empty() { Ok(()) } else { Err(lost(&lines, self.cells.len())) }
    }
}

/// Writes the page of a sweep as it stands.
///
/// # Errors
/// As [`Outcome::write`].
pub(super) fn write_page(plan: &Plan) -> Result<()> {
    let _lock = lock_folder(plan.dir()).map_err(in_words)?;
    Outcome::of(plan)?.write_page()
}

/// Writes the cells of a plan as they stand, in the place of a result.
///
/// # Errors
/// The file lies in the sweep's own folder, where a run would find files and no sweep; or it cannot be written.
pub(super) fn write_plan(plan: &Plan, path: &Path) -> Result<()> {
    let dir = plan.dir();
    if absolute(path)?.starts_with(absolute(dir)?) {
        return Err(Usage::error(format!(
            "--json: {} lies in the sweep's folder {}, which a dry run does not begin; name another place",
            path.display(),
            dir.display()
        )));
    }
    let none: [(); 0] = [];
    let cells = collect(plan);
    let value = json!({ "name": plan.file.name, "arms": none, "differences": none, "cells": cells });
    Ok(write_file(path, &serde_json::to_vec_pretty(&value)?)?)
}

/// What seeds do not vary.
fn shared_note(plan: &Plan) -> Option<String> {
    let base = &plan.file.base;
    let seed = base.shared_seed?;
    Some(format!(
        "All seeds share {} (seed {seed}): how much the result varies with that is not in the intervals.",
        base.shared.join(", ")
    ))
}

fn said(cell: &MeasuredCell) -> String {
    let words = match (&cell.failure, cell.state) {
        (Some(words), _) => words.as_str(),
        (None, CellState::Started) => "is under way",
        (None, _) => "is not begun",
    };
    line_of(&cell.arm, cell.seed, words)
}

fn figures(plan: &Plan) -> SweepFigures {
    let named = |primary: bool| {
        let figures = plan.file.figure.iter().filter(move |figure| figure.primary == primary);
        figures.map(|figure| FigureName::of_metric(&figure.name, &figure.metric))
    };
    let mut primary = named(true);
    SweepFigures {
        primary: primary.next().unwrap_or_else(|| FigureName::of_metric("", "")),
        others: named(false).collect(),
    }
}
