//! What a step leaves to the next: groups of which some completions are there, and requests that are under way.
//!
//! It is plain data at a token's boundary, so that a run that goes on and one that is resumed begin the next step
//! alike. Verdicts that came are part of it; what broke a verifier, or was not judged yet, is judged where its group
//! goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use datasets::{Draw, TaskCursor};
use record::manifest::INNER;
use rollout::{Completion, Unfinished};
use serde::{Deserialize, Serialize};
use verifiers::{Judgement, Verdict, VerifierVerdict};

use super::group::Refusal;
use crate::tools::Dialogue;
use crate::worker::SavedComponent;

/// Component of a checkpoint, and its file.
const UNFINISHED: &str = "unfinished";
const FILE: &str = "unfinished.msgpack";

/// A group that was not learned from yet.
#[derive(Clone, Debug)]
pub(crate) struct CarriedGroup {
    pub draw: Draw,
    pub completions: Vec<Completion>,
    pub refusals: Vec<Refusal>,
    /// Conversations of the samples that called tools, complete or not.
    pub dialogues: BTreeMap<u64, Dialogue>,
    /// Verdicts of the completions that were judged, by their samples.
    pub verdicts: BTreeMap<u64, Vec<CarriedVerdict>>,
}

impl CarriedGroup {
    /// A group of which nothing has ended.
    pub(super) fn of_draw(draw: Draw) -> Self {
        Self {
            draw,
            completions: Vec::new(),
            refusals: Vec::new(),
            dialogues: BTreeMap::new(),
            verdicts: BTreeMap::new(),
        }
    }

    /// Keeps the verdicts of a sample, unless one is missing.
    pub(super) fn keep(&mut self, sample: u64, judgement: &Judgement) {
        let verdicts: Option<Vec<CarriedVerdict>> = judgement.verdicts.iter().map(CarriedVerdict::of).collect();
        self.verdicts.extend(verdicts.map(|verdicts| (sample, verdicts)));
    }
}

/// A verdict as a checkpoint holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarriedVerdict {
    verifier: String,
    weight: f32,
    range: [f32; 2],
    verdict: Verdict,
    seconds: f64,
}

impl CarriedVerdict {
    /// `None` where the verifier came to no verdict.
    fn of(given: &VerifierVerdict) -> Option<Self> {
        let VerifierVerdict { verifier, weight, range, verdict, seconds } = given;
        let verdict = verdict.as_ref().ok()?.clone();
        Some(Self { verifier: verifier.clone(), weight: *weight, range: (*range).into(), verdict, seconds: *seconds })
    }

    /// What was said of a completion.
    pub(super) fn judgement(verdicts: Vec<Self>) -> Judgement {
        let given = |Self { verifier, weight, range, verdict, seconds }| VerifierVerdict {
            verifier,
            weight,
            range: range.into(),
            verdict: Ok(verdict),
            seconds,
        };
        Judgement { verdicts: verdicts.into_iter().map(given).collect() }
    }
}

/// Groups and requests that a step leaves to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// First those whose requests have all ended, in the order in which their last ones did.
    pub groups: Vec<CarriedGroup>,
    /// Requests of the others, in the order in which they are sampled.
    pub requests: Vec<Unfinished>,
}

/// The same in a checkpoint, where a draw is its number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedCarried {
    groups: Vec<SavedGroup>,
    requests: Vec<Unfinished>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedGroup {
    draw: u64,
    completions: Vec<Completion>,
    refusals: Vec<Refusal>,
    #[serde(default)]
    dialogues: BTreeMap<u64, Dialogue>,
    #[serde(default)]
    verdicts: BTreeMap<u64, Vec<CarriedVerdict>>,
}

impl Carried {
    /// Writes the component into a checkpoint.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save(&self, checkpoint: &Path) -> Result<SavedComponent> {
        let group = |group: &CarriedGroup| SavedGroup {
            draw: group.draw.number,
            completions: group.completions.clone(),
            refusals: group.refusals.clone(),
            dialogues: group.dialogues.clone(),
            verdicts: group.verdicts.clone(),
        };
        let saved = SavedCarried { groups: self.groups.iter().map(group).collect(), requests: self.requests.clone() };
        let path = checkpoint.join(INNER).join(FILE);
        let bytes = rmp_serde::to_vec_named(&saved).context("unfinished rollouts as MessagePack")?;
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        Ok(SavedComponent { name: UNFINISHED.into(), folder: INNER.into(), files: vec![format!("{INNER}/{FILE}")] })
    }

    /// What a checkpoint holds; nothing where it has no such component. `tasks` is the walk where the checkpoint left
    /// it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn load(checkpoint: &Path, tasks: &TaskCursor) -> Result<Self> {
        let path = checkpoint.join(INNER).join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let saved: SavedCarried = rmp_serde::from_slice(&bytes).with_context(|| path.display().to_string())?;
        let numbers: BTreeSet<u64> = saved.groups.iter().map(|group| group.draw).collect();
        let mut draws: HashMap<u64, Draw> =
            tasks.past_draws(&numbers).into_iter().map(|draw| (draw.number, draw)).collect();
        if draws.len() < numbers.len() {
            tracing::warn!("the walk over the tasks begins again: {} unfinished groups are dropped", numbers.len());
            return Ok(Self::default());
        }
        let group = |SavedGroup { draw, completions, refusals, dialogues, verdicts }| {
            Some(CarriedGroup { draw: draws.remove(&draw)?, completions, refusals, dialogues, verdicts })
        };
        let groups = saved.groups.into_iter().filter_map(group).collect();
        Ok(Self { groups, requests: saved.requests })
    }
}
