//! A group under way: completions that are judged, until all are and the group is settled.

use anyhow::{Context, Result};
use rollout::Completion;
use verifiers::{Judged, Judgement, Reward};

use super::group::{Group, Refusal, Rollout};
use crate::judge::{Judge, Payment};
use crate::tools::{AskedTask, CallRecord};

/// A completion with what its verifiers see and say.
pub(super) struct Judgeable {
    pub completion: Completion,
    pub judged: Judged,
    pub judgement: Judgement,
    /// Calls of tools that went before.
    pub calls: Vec<CallRecord>,
}

impl Judgeable {
    fn rollout(self, reward: Option<Reward>) -> Rollout {
        let Self { completion, judgement, calls, .. } = self;
        let Completion { sample, earlier_sequences: mut sequences, sequence, text, finish_reason, .. } = completion;
        sequences.push(sequence);
        Rollout { sample, sequences, text, calls, finish_reason, judgement, reward }
    }
}

/// The judged completions of a draw so far.
pub(super) struct OpenGroup {
    /// Number of the draw.
    pub draw: u64,
    pub asked: AskedTask,
    /// Number of requests that have ended, by completions or refusals.
    pub num_ended: usize,
    pub judged: Vec<Judgeable>,
    /// Requests that have no completion.
    pub refusals: Vec<Refusal>,
}

impl OpenGroup {
    /// True where all completions of `num_samples` requests are judged, and the others refused.
    pub(super) fn is_judged(&self, num_samples: usize) -> bool {
        self.judged.len() + self.refusals.len() == num_samples
    }

    /// The group of a draw of which requests were refused: it is recorded, and nothing is paid.
    pub(super) fn left_out(mut self) -> Group {
        self.judged.sort_by_key(|one| one.completion.sample);
        self.refusals.sort_by_key(|refusal| refusal.sample);
        let rollouts = self.judged.into_iter().map(|one| one.rollout(None)).collect();
        Group { draw: self.draw, task: self.asked.task, rollouts, masked: Vec::new(), refusals: self.refusals }
    }

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
        let Self { draw, asked, refusals, .. } = self;
        let mut group = Group { draw, task: asked.task, rollouts: Vec::new(), masked: Vec::new(), refusals };
        for (place, mut one) in self.judged.into_iter().enumerate() {
            let name = || format!("draw {draw}, sample {}", one.completion.sample);
            let score = scores.as_ref().map(|scores| scores[place]);
            let payment = judge.pay(&one.judged, &mut one.judgement, score).with_context(name)?;
            let (rollouts, reward) = match payment {
                Payment::Reward(reward) => (&mut group.rollouts, Some(reward)),
                Payment::DropGroup => (&mut group.rollouts, None),
                Payment::Mask => (&mut group.masked, None),
            };
            rollouts.push(one.rollout(reward));
        }
        Ok(group)
    }
}
