//! The result of a sweep as it stands: tables, files and the page in its folder, and the exit code.

use std::path::Path;

use anyhow::Result;
use record::atomic::write_file;
use report::{ArmChange, SweepPage, write_sweep};
use serde_json::json;
use sweep::arm::BASE;
use sweep::collect::collect;
use sweep::folder::design_changes;
use sweep::measured::{CellState, MeasuredCell};
use sweep::plan::Plan;
use sweep::result::{FigureName, SweepFigures, SweepResult};

use super::failed::{failed, in_words};
use crate::failure::Usage;

/// The result of a sweep.
pub(super) struct Outcome<'a> {
    plan: &'a Plan,
    cells: Vec<MeasuredCell>,
    result: SweepResult,
}

impl<'a> Outcome<'a> {
    /// Reads what the cells measured, and compares the arms.
    ///
    /// # Errors
    /// The folder's file cannot be read, or the cells cannot be compared.
    pub(super) fn of(plan: &'a Plan) -> Result<Self> {
        let cells = collect(plan);
        let result = SweepResult::of(&plan.file.claims, &plan.file.name, BASE, &figures(plan), &cells);
        let result = result.map_err(|error| Usage::error(error.to_string()))?;
        let mut result = result.with_changes(design_changes(plan).map_err(in_words)?);
        result.notes.extend(shared_note(plan).into_iter().chain(plan.notes.clone()));
        Ok(Self { plan, cells, result })
    }

    /// Prints the tables, and writes the files and the page; `json` is one more place for the result.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&self, json: Option<&Path>) -> Result<()> {
        let dir = self.plan.dir();
        self.result.write(dir, &self.cells)?;
        self.write_page()?;
        if let Some(path) = json {
            write_file(path, self.result.json()?.as_bytes())?;
        }
        print!("{}", self.result.text());
        println!("\nreport: {}", dir.join("report.html").display());
        Ok(())
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

    /// Ends with an error where a cell failed; in a result that was `collected`, where one is not done.
    ///
    /// # Errors
    /// The cells are named, with their last words.
    pub(super) fn check(&self, collected: bool) -> Result<()> {
        let is_lost = |cell: &&MeasuredCell| match cell.state {
            CellState::Done => false,
            CellState::Failed => true,
            CellState::Waiting | CellState::Started => collected,
        };
        let lost: Vec<String> = self.cells.iter().filter(is_lost).map(said).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let (num_lost, num_cells) = (lost.len(), self.cells.len());
        Err(failed(format!("{num_lost} of {num_cells} cells have no result:{}", lost.concat())))
    }
}

/// Writes the page of a sweep as it stands.
///
/// # Errors
/// As [`Outcome::of`], or the page cannot be written.
pub(super) fn write_page(plan: &Plan) -> Result<()> {
    Outcome::of(plan)?.write_page()
}

/// Writes the cells of a plan as they stand, in the place of a result.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_plan(plan: &Plan, path: &Path) -> Result<()> {
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
    format!("\n  {} seed {}: {words}", cell.arm, cell.seed)
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
