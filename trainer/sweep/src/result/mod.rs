//! What a sweep comes to: each figure by arm, and its paired difference to the base with interval and p-value.
//!
//! Seed s of an arm is paired with seed s of the base. Only whole pairs count: a seed that one of the two lost leaves
//! both, by name. The family of tests is the arms by the primary figure, corrected after Holm, and an arm that failed
//! stays in its number. Other figures carry no marks. docs/ablations.md has the formulas and what they hold.
//!
//! Must not know where cells ran, nor how a figure was read.

mod arm;
mod budgets;
mod difference;
mod figure;
mod files;
mod losses;
mod machines;
mod markup;
mod notes;
mod pairs;
mod sweep_result;
mod table;
mod winner;

use std::collections::HashSet;

use statistics::holm;

pub use self::arm::{ArmBudget, ArmFigure, ArmResult, SeedValue};
pub use self::difference::{Claim, ClaimResult, DifferenceResult, Rule, SeedDifference};
pub use self::figure::{FigureName, SweepFigures, Unit};
pub use self::files::RESULT_FILES;
pub use self::machines::UnlikePair;
pub use self::sweep_result::{CellResult, SweepResult};
pub use self::table::{FigureTable, p_text};
pub use self::winner::{Confirmation, Winner};
use crate::claims::{Claims, ClaimsError, FLOOR_ARM};
use crate::design::DesignChange;
use crate::measured::MeasuredCell;

/// Cells that cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SweepResultError {
    /// The base is no arm.
    #[error("the base {base:?} is no arm of this sweep: its arms are {arms}")]
    NoBase {
        /// What was given.
        base: String,
        /// Names of the arms.
        arms: String,
    },
    /// One arm has a seed twice.
    #[error("arm {arm:?} has seed {seed} twice: a pair is one cell of each arm; give each seed once")]
    RepeatedSeed {
        /// Name of the arm.
        arm: String,
        /// The seed.
        seed: u64,
    },
    /// Two figures have one name.
    #[error("figure {name:?} stands twice: give each figure a name of its own")]
    RepeatedFigure {
        /// Name of the figure.
        name: String,
    },
    /// A `[claims]` table that cannot hold.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

impl SweepResult {
    /// Compares every arm with `base`. `cells` holds all cells of the sweep, those that failed or wait too; arms and
    /// seeds stand in the order of the cells.
    ///
    /// # Errors
    /// The base is no arm, a seed or a figure stands twice, or the claims cannot hold. A lost cell is no error: it is
    /// named in the notes.
    pub fn of(
        claims: &Claims,
        name: &str,
        base: &str,
        figures: &SweepFigures,
        cells: &[MeasuredCell],
    ) -> Result<Self, SweepResultError> {
        let others: Vec<&str> = figures.others.iter().map(|figure| figure.name.as_str()).collect();
        claims.check(&figures.primary.name, &others)?;
        let figures: Vec<FigureName> = figures.all().cloned().collect();
        let names = arm_names(cells);
        claims.check_arms(names.iter().map(String::as_str))?;
        check(&names, base, &figures, cells)?;
        let of_arm = |arm: &str| cells.iter().filter(|cell| cell.arm == arm).collect::<Vec<_>>();
        let base_cells = of_arm(base);
        let arms: Vec<ArmResult> = names.iter().map(|arm| ArmResult::of(arm, &figures, &of_arm(arm))).collect();
        let mut differences = Vec::new();
        for (place, figure) in figures.iter().enumerate() {
            for arm in names.iter().filter(|arm| *arm != base) {
                differences.push(DifferenceResult::of(claims, arm, figure, place == 0, &base_cells, &of_arm(arm)));
            }
        }
        correct(&mut differences);
        let winner = Winner::of(claims, &differences);
        let num_seeds = base_cells.len();
        let mut result = Self {
            name: name.to_owned(),
            base: base.to_owned(),
            figures,
            claims: claims.clone(),
            arms,
            differences,
            winner,
            deviations_shown: claims.aim().deviations_found(num_seeds),
            changes: Vec::new(),
            notes: Vec::new(),
            cells: cells.iter().map(CellResult::of).collect(),
        };
        result.notes = notes::of(&result);
        Ok(result)
    }

    /// The same with what of the comparison was changed after cells had run, each said first of all.
    #[must_use]
    pub fn with_changes(mut self, changes: Vec<DesignChange>) -> Self {
        self.notes.splice(..0, notes::of_changes(&changes));
        Self { changes, ..self }
    }
}

/// Names of the arms in the order of their first cells.
fn arm_names(cells: &[MeasuredCell]) -> Vec<String> {
    let mut seen = HashSet::new();
    cells.iter().filter(|cell| seen.insert(cell.arm.as_str())).map(|cell| cell.arm.clone()).collect()
}

fn check(arms: &[String], base: &str, figures: &[FigureName], cells: &[MeasuredCell]) -> Result<(), SweepResultError> {
    if !arms.iter().any(|arm| arm == base) {
        return Err(SweepResultError::NoBase { base: base.to_owned(), arms: arms.join(", ") });
    }
    let mut seen = HashSet::new();
    if let Some(cell) = cells.iter().find(|cell| !seen.insert((cell.arm.as_str(), cell.seed))) {
        return Err(SweepResultError::RepeatedSeed { arm: cell.arm.clone(), seed: cell.seed });
    }
    let mut seen = HashSet::new();
    match figures.iter().find(|figure| !seen.insert(figure.name.as_str())) {
        Some(figure) => Err(SweepResultError::RepeatedFigure { name: figure.name.clone() }),
        None => Ok(()),
    }
}

/// Corrects the p-values of the family for one another, each claim by itself. A test that could not be made counts as
/// one that found nothing. The floor is no claim, so it is not of the family.
fn correct(differences: &mut [DifferenceResult]) {
    let mut family: Vec<&mut DifferenceResult> =
        differences.iter_mut().filter(|difference| difference.is_primary && difference.arm != FLOOR_ARM).collect();
    let own = corrected(family.iter().map(|difference| difference.p_value));
    for (difference, p_corrected) in family.iter_mut().zip(own) {
        difference.p_corrected = p_corrected;
    }
    for claim in Claim::ALL {
        let of_claim = |difference: &DifferenceResult| difference.claim_result(claim)?.p_value;
        let p_values: Vec<Option<f64>> = family.iter().map(|difference| of_claim(difference)).collect();
        for (difference, p_corrected) in family.iter_mut().zip(corrected(p_values.into_iter())) {
            if let Some(result) = difference.claims.iter_mut().find(|result| result.claim == claim) {
                result.p_corrected = p_corrected;
            }
        }
    }
}

fn corrected(p_values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
    let p_values: Vec<Option<f64>> = p_values.collect();
    let counted: Vec<Option<f64>> = p_values.iter().map(|p_value| Some(p_value.unwrap_or(1.0))).collect();
    holm(&counted).into_iter().zip(p_values).map(|(corrected, p_value)| p_value.and(corrected)).collect()
}

#[cfg(test)]
mod tests;
