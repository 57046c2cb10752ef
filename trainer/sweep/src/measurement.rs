//! What a plan measures: figures that can be read where the file says, and arms that are measured alike. All of it is
//! looked at before anything runs; how a run records must not be known here.

use std::collections::{BTreeMap, BTreeSet};

use record::names::{METRICS, find};

use crate::arm::{Arm, BASE};
use crate::error::SweepError;
use crate::figure::{Figure, Place};
use crate::file::SweepFile;
use crate::identity::KeyChange;
use crate::program::{Resolved, SharedKey};

/// Beginnings of the keys that say how a run is measured.
const EVALUATION: [&str; 2] = ["eval.", "preferences.eval"];

/// Refuses figures that the run does not record, or not at that step, or only before the arm differs from the base.
///
/// # Errors
/// The figure, the arm and the seed are named.
pub(crate) fn check_figures(file: &SweepFile, arm: &Arm, seed: u64, resolved: &Resolved) -> Result<(), SweepError> {
    for figure in &file.figure {
        check_figure(figure, figure.place()?, arm.from_step, resolved).map_err(|reason| {
            let Figure { name, metric, .. } = figure;
            SweepError::invalid(format!("figure {name} ({metric}): arm {} seed {seed}: {reason}", arm.name))
        })?;
    }
    Ok(())
}

fn check_figure(figure: &Figure, place: Place, from_step: Option<u64>, resolved: &Resolved) -> Result<(), String> {
    let Resolved { steps, evaluations, datasets, unrecorded, .. } = resolved;
    if let Place::Step(step) = place
        && step > *steps
    {
        return Err(format!("step {step} is not reached; the run has {steps} steps"));
    }
    if find(&figure.metric).is_none() {
        return Err(format!("nobody records it; {}", names_beside(&figure.metric)));
    }
    if let Some((_, reason)) = unrecorded.iter().find(|(beginning, _)| figure.metric.starts_with(beginning.as_str())) {
        return Err(format!("nobody records it: {reason}"));
    }
    if let Some(dataset) = figure.dataset()
        && !datasets.iter().any(|name| name == dataset)
    {
        let known = datasets.join(", ");
        return Err(format!("nobody records it: the run measures no dataset `{dataset}`, but: {known}"));
    }
    let first = if figure.is_of_evaluations() {
        let chosen = place.choose(evaluations, Some(evaluations), *steps);
        let chosen = chosen.map_err(|reason| format!("it {reason}; see eval.every, eval.at_start and eval.at_end"))?;
        chosen.first().copied().unwrap_or_default()
    } else {
        first_of_steps(place, *steps)?
    };
    match from_step {
        Some(parting) if first <= parting => Err(format!(
            "it is read at step {first}, and the arm parts from the base after step {parting}: up to there the two \
             are one run"
        )),
        _ => Ok(()),
    }
}

/// The first step at which a figure of every step is read.
fn first_of_steps(place: Place, steps: u64) -> Result<u64, String> {
    match place {
        Place::Last => Ok(steps),
        Place::Step(0) => {
            Err("it is recorded from step 1 on; before the first step there is an evaluation alone".into())
        }
        Place::Step(step) => Ok(step),
        Place::MeanOfLast(count) => (steps + 1)
            .checked_sub(count as u64)
            .filter(|first| *first > 0)
            .ok_or_else(|| format!("the mean of the last {count} is asked for, and the run has {steps} steps")),
    }
}

/// Names of metrics that begin as this one does, or else of all groups.
fn names_beside(metric: &str) -> String {
    let group = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let wanted = group(metric);
    let names: Vec<&str> = METRICS.iter().map(|it| it.name).filter(|name| group(name) == wanted).collect();
    if !names.is_empty() {
        return format!("what begins so is {}", names.join(", "));
    }
    let groups: BTreeSet<String> = METRICS.iter().map(|it| group(it.name)).collect();
    format!("names begin with {}", groups.into_iter().collect::<Vec<_>>().join(", "))
}

/// Refuses an arm that is measured in another way than the base: by a key of evaluations, or by one that evaluations
/// take from training. Where such a key can have no other value in evaluations, as the text around a task's words, the
/// arm is told of in a sentence. `changes` are those of each arm, whose keys of the last phase begin with `last`.
///
/// # Errors
/// The arm, the key, and what gives evaluations a value of their own.
pub(crate) fn check_alike(
    file: &SweepFile,
    changes: &BTreeMap<String, Vec<KeyChange>>,
    last: &str,
    resolved: &BTreeMap<&str, &Resolved>,
) -> Result<Vec<String>, SweepError> {
    let shared_of = |arm: &str| resolved.get(arm).map_or(&[][..], |resolved| resolved.shared.as_slice());
    let is_evaluated = file.figure.iter().any(Figure::is_of_evaluations);
    let mut notes = Vec::new();
    for (arm, changes) in changes {
        let (mut refused, mut remedies, mut told) = (Vec::new(), BTreeSet::new(), Vec::new());
        for change in changes {
            let Some(key) = change.key.strip_prefix(last).and_then(|key| key.strip_prefix(": ")) else { continue };
            let mut shared =
                [BASE, arm].into_iter().flat_map(shared_of).filter(|shared| is_evaluated && shared.covers(key));
            if EVALUATION.iter().any(|start| key.starts_with(start)) {
                refused.push(change.to_string());
                remedies.insert("set it in base.set".to_owned());
            } else if let Some(SharedKey { own, .. }) = shared.next() {
                match own {
                    Some(own) => {
                        refused.push(change.to_string());
                        remedies.insert(format!("give evaluations a value of their own by {own} in base.set"));
                    }
                    None => told.push(key.to_owned()),
                }
            }
        }
        if !refused.is_empty() {
            let remedies: Vec<String> = remedies.into_iter().collect();
            return Err(SweepError::invalid(format!(
                "arm {arm}: changes how it is measured: {}; arms are measured alike, so {}",
                refused.join("; "),
                remedies.join(", and ")
            )));
        }
        if !told.is_empty() {
            notes.push(format!(
                "Arm {arm} changes {}, by which its evaluations are asked and judged too: a difference in them is of \
                 what was trained and of how it is measured together.",
                told.join(", ")
            ));
        }
    }
    Ok(notes)
}
