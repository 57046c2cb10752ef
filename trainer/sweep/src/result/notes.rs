//! Sentences that must be read with the figures: what was lost, what so few seeds can show, what differs besides the
//! arm. Must not know where they are shown.

use std::collections::BTreeMap;

use super::arm::ArmResult;
use super::budgets;
use super::difference::{Claim, DifferenceResult};
use super::figure::Unit;
use super::losses::{Loss, list, losses};
use super::sweep_result::SweepResult;
use crate::claims::{FLOOR_ARM, Tasks};
use crate::design::DesignChange;
use crate::measured::CellState;

pub(super) fn of(result: &SweepResult) -> Vec<String> {
    let mut notes: Vec<String> = open_cells(result).into_iter().collect();
    notes.extend(failed_cells(result));
    notes.extend(pairs(result));
    notes.extend(reach(result));
    notes.extend(missing_claims(result));
    notes.extend(unlike(result));
    notes.extend(budgets::warnings(result));
    notes.extend(family(result));
    notes.extend(pairing(result));
    notes.extend(floor(result));
    notes.extend(winner(result));
    notes
}

/// What was not fixed beforehand.
pub(super) fn of_changes(changes: &[DesignChange]) -> Vec<String> {
    let mut notes: Vec<String> =
        changes.iter().map(|change| format!("Changed after cells had run: {change}.")).collect();
    if !notes.is_empty() {
        notes.push(
            "What was changed after a look at results was not fixed beforehand: intervals and p-values are those of a \
             look, and not of a test that was planned."
                .to_owned(),
        );
    }
    notes
}

fn num_seeds(result: &SweepResult) -> usize {
    arm(result, &result.base).map_or(0, |base| base.seeds.len())
}

fn arm<'a>(result: &'a SweepResult, name: &str) -> Option<&'a ArmResult> {
    result.arms.iter().find(|arm| arm.name == name)
}

fn primary(result: &SweepResult) -> impl Iterator<Item = &DifferenceResult> {
    result.differences.iter().filter(|difference| difference.is_primary)
}

fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn open_cells(result: &SweepResult) -> Option<String> {
    let is_open = |state| matches!(state, CellState::Waiting | CellState::Started);
    let open = result.cells.iter().filter(|cell| is_open(cell.state)).count();
    let all = result.cells.len();
    (open > 0).then(|| format!("{open} of {all} cells are not done: every figure here may still change."))
}

fn failed_cells(result: &SweepResult) -> Vec<String> {
    let failed = result.cells.iter().filter(|cell| cell.state == CellState::Failed);
    let said = failed.map(|cell| {
        let words = cell.failure.as_deref().unwrap_or("it left no word");
        format!("Arm {}, seed {}, failed: {words}", cell.arm, cell.seed)
    });
    said.collect()
}

/// Pairs that lost a side, arms with too few of them, and tasks that a cell lacks.
fn pairs(result: &SweepResult) -> Vec<String> {
    let found = losses(result);
    let mut notes: Vec<String> = found.iter().map(|loss| loss.said(&result.base)).collect();
    notes.extend(found.iter().filter(|loss| loss.leaves_few()).map(Loss::said_of_few));
    let left_out = result.differences.iter().filter(|difference| difference.num_tasks_left_out > 0);
    notes.extend(left_out.map(|difference| {
        let tasks = plural(difference.num_tasks_left_out, "task", "tasks");
        let DifferenceResult { figure, arm, .. } = difference;
        let whose = match difference.claim {
            Some(Claim::TasksLikeThese | Claim::TheseTrainings) => "the difference, its interval and its p-value are",
            Some(Claim::TheseTasks) | None => "what is claimed for tasks like these is",
        };
        format!("{figure}, arm {arm}: {tasks} not judged in every cell are left out; {whose} of the others.")
    }));
    notes
}

/// What so many seeds can show at all.
fn reach(result: &SweepResult) -> Vec<String> {
    let seeds = num_seeds(result);
    let percent = format!("{:.0} of 100", 100.0 * result.claims.power);
    let mut notes = Vec::new();
    if seeds == 1 {
        notes.push(
            "One seed: tasks are the unit. Training's own spread is not in the intervals and p-values, and another \
             seed may turn any difference round. Three seeds or more show it."
                .to_owned(),
        );
    }
    if seeds == 2 && result.primary().unit == Unit::Share {
        notes.push("Two seeds cannot show 5 points: their test finds hardly anything of that size.".to_owned());
    }
    if let Some(deviations) = result.deviations_shown {
        let deviations = (10.0 * deviations).ceil() / 10.0;
        notes.push(format!(
            "With {} this sweep finds a difference in {percent} repeats where it is {deviations:.1} standard \
             deviations of the seeds' differences (11.6, 3.3, 1.7 and 1.2 with 2, 3, 5 and 8 seeds at 80 % and 5 %).",
            plural(seeds, "seed", "seeds")
        ));
    }
    notes
}

/// Claims that the file asks for and no test can bear.
fn missing_claims(result: &SweepResult) -> Vec<String> {
    let mut notes = Vec::new();
    for difference in primary(result).filter(|difference| difference.num_pairs > 0) {
        let (arm, figure) = (&difference.arm, &difference.figure);
        if num_seeds(result) == 1 && difference.claim.is_none() {
            notes.push(format!(
                "Arm {arm}: one seed and no values of {figure} by task, so nothing can be claimed of the difference."
            ));
        } else if result.claims.tasks == Tasks::LikeThese && difference.num_pairs > 1 && difference.claim.is_none() {
            notes.push(format!(
                "Arm {arm}: {figure} has no values by task, so nothing can be claimed for tasks like these; the claim \
                 for these tasks stands."
            ));
        }
    }
    notes
}

/// A sentence for each arm and way in which pairs of the primary figure were not computed alike.
fn unlike(result: &SweepResult) -> Vec<String> {
    let mut said = Vec::new();
    for difference in result.differences.iter().filter(|difference| difference.is_primary) {
        let mut by_words: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for pair in &difference.unlike_pairs {
            by_words.entry(pair.differences.join("; ")).or_default().push(pair.seed);
        }
        said.extend(by_words.into_iter().map(|(words, seeds)| {
            let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
            format!(
                "Arm {} and {} were not computed alike under {seed} {}: {words}. Equal seeds are equal to the bit on \
                 equal machines by one program alone: part of the difference may be rounding.",
                difference.arm,
                result.base,
                list(&seeds)
            )
        }));
    }
    said
}

fn family(result: &SweepResult) -> Option<String> {
    let num = primary(result).filter(|difference| difference.arm != FLOOR_ARM).count();
    let figure = &result.primary().name;
    (num > 1).then(|| {
        format!(
            "p-values of {figure} are corrected for {num} arms (Holm), those that failed among them. Other figures \
             carry no marks: they were not chosen beforehand."
        )
    })
}

fn pairing(result: &SweepResult) -> Option<String> {
    let said = |difference: &DifferenceResult| {
        let shortened = 100.0 * difference.shortened_by_pairing?;
        let word = if shortened < 0.0 { "lengthens" } else { "shortens" };
        Some(format!("{word} that of {} by {:.0} %", difference.arm, shortened.abs()))
    };
    let words: Vec<String> =
        primary(result).filter(|difference| difference.arm != FLOOR_ARM).filter_map(said).collect();
    (!words.is_empty()).then(|| format!("Against an interval of unpaired seeds (Welch), pairing {}.", list(&words)))
}

fn floor(result: &SweepResult) -> Option<String> {
    let found = primary(result).find(|difference| difference.arm == FLOOR_ARM)?;
    let unit = result.primary().unit;
    let difference = with_unit(unit.show_signed(found.difference?), unit.of_differences());
    let interval = found
        .interval
        .map_or_else(String::new, |[low, high]| format!(" ({} to {})", unit.show_signed(low), unit.show_signed(high)));
    Some(format!(
        "The floor: the base once more with other seeds differs from itself by {difference}{interval}. Unpaired, a \
         difference of that size is the seeds' alone."
    ))
}

fn with_unit(text: String, unit: &str) -> String {
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

fn winner(result: &SweepResult) -> Vec<String> {
    let Some(winner) = &result.winner else { return Vec::new() };
    let (primary, arm) = (result.primary(), &winner.arm);
    let shown = if winner.is_shown { "shown after the correction" } else { "not shown: the seeds may have chosen it" };
    let mut notes = vec![format!(
        "{arm} is the winner of {} arms in {}, {shown}. The tasks that chose it flatter it.",
        winner.num_arms, primary.name
    )];
    notes.push(match (&winner.confirmation, &result.claims.confirm) {
        (Some(again), _) => {
            let unit =
                result.figures.iter().find(|figure| figure.name == again.figure).map_or(primary.unit, |it| it.unit);
            let difference = with_unit(unit.show_signed(again.difference), unit.of_differences());
            let p_value =
                again.p_value.map_or_else(String::new, |p_value| format!(", p {}", super::table::p_text(p_value)));
            let holds = if again.holds { "holds" } else { "does not hold" };
            format!(
                "Measured again on {}, which did not choose it, the difference is {difference}{p_value}: it {holds}.",
                again.figure
            )
        }
        (None, Some(figure)) => format!("It is to be measured again on {figure}, which has no value of it yet."),
        (None, None) => {
            "Measure it again on tasks that did not choose it: name such a figure by claims.confirm.".to_owned()
        }
    });
    notes
}
