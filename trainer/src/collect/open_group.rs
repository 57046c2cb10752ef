//! A group under way: completions that are judged, until all are and the group is settled.

use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{Draw, Message};
use rollout::Completion;
use verifiers::{Judged, Judgement};

use super::group::{Group, Rollout};
use crate::judge::{Judge, Payment};
use crate::tools::CallRecord;

/// A completion with what its verifiers see and say.
pub(super) struct Judgeable {
    pub completion: Completion,
    pub judged: Judged,
    pub judgement: Judgement,
    /// Calls of tools that went before.
    pub calls: Vec<CallRecord>,
}

/// The judged completions of a draw so far.
pub(super) struct OpenGroup {
    pub draw: Draw,
    /// The conversation that the prompt was made of.
    pub conversation: Arc<[Message]>,
    /// Text of the prompt.
    pub prompt: String,
    /// True where it ended within the thinking.
    pub thinking_open: bool,
    /// Number of completions that came.
    pub num_complete: usize,
    pub judged: Vec<Judgeable>,
}

impl OpenGroup {
    /// Puts the completions into their order, and adds the verdicts of the verifiers that compare them.
    pub(super) async fn compare(&mut self, judge: &Judge) {
        self.judged.sort_by_key(|one| one.completion.sample);
        let judged: Vec<Judged> = self.judged.iter().map(|one| one.judged.clone()).collect();
        let mut judgements: Vec<Judgement> =
            self.judged.iter_mut().map(|one| std::mem::take(&mut one.judgement)).collect();
        judge.judge_group(&judged, &mut judgements).await;
        for (one, judgement) in self.judged.iter_mut().zip(judgements) {
            one.judgement = judgement;
        }
    }

    /// The group with its rewards, apart from completions that the reward section leaves out. `scores` are the reward
    /// model's, one a completion, where it scores the task.
    pub(super) fn settled(self, judge: &Judge, scores: Option<Vec<f32>>) -> Result<Group> {
        let Draw { number, task } = self.draw;
        let mut group = Group { draw: number, task, rollouts: Vec::new(), masked: Vec::new() };
        for (place, Judgeable { completion, judged, mut judgement, calls }) in self.judged.into_iter().enumerate() {
            let name = || format!("draw {number}, sample {}", completion.sample);
            let score = scores.as_ref().map(|scores| scores[place]);
            let payment = judge.pay(&judged, &mut judgement, score).with_context(name)?;
            let (rollouts, reward) = match payment {
                Payment::Reward(reward) => (&mut group.rollouts, Some(reward)),
                Payment::DropGroup => (&mut group.rollouts, None),
                Payment::Mask => (&mut group.masked, None),
            };
            let Completion { sample, earlier_sequences: mut sequences, sequence, text, finish_reason, .. } = completion;
            sequences.push(sequence);
            rollouts.push(Rollout { sample, sequences, text, calls, finish_reason, judgement, reward });
        }
        Ok(group)
    }
}
