//! The rollouts of a step as rows of its Parquet file.

use anyhow::Result;
use record::rollouts::{RolloutRow, write_rollouts};
use rollout::Sequence;
use verifiers::VerifierVerdict;

use crate::group::{Group, Rollout};
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::open_run::OpenRun;

/// Groups of one step, the kept ones with their advantages.
pub(crate) struct StepRecord<'a> {
    /// Step, counted from 1.
    pub step: u64,
    /// Groups that the policy learned from.
    pub kept: &'a [Group],
    /// Flat groups, and those whose verifier broke.
    pub left_out: &'a [Group],
    /// Advantages of the kept groups, one for each rollout.
    pub advantages: &'a [Vec<f32>],
}

impl StepRecord<'_> {
    /// Writes the Parquet file of the step. `policy_logprobs` are those of the kept rollouts, in their order.
    ///
    /// # Errors
    /// The prompts cannot be decoded, or the file cannot be written.
    pub(crate) async fn write(
        &self,
        run: &OpenRun,
        model: &ModelThread<Learner>,
        policy_logprobs: Vec<Vec<f32>>,
    ) -> Result<()> {
        let groups = self.kept.iter().chain(self.left_out);
        let prompts: Vec<Vec<u32>> = groups
            .map(|group| group.sampled().next().map_or(vec![], |r| r.sequences[0].prompt_ids().to_vec()))
            .collect();
        let prompts = model
            .run(move |learner| {
                prompts
                    .iter()
                    .map(|ids| learner.policy.texts.tokenizer.decode(ids, false))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await??;
        let mut policy_logprobs = policy_logprobs.into_iter();
        let mut rows = Vec::new();
        for (i, (group, prompt)) in self.kept.iter().chain(self.left_out).zip(prompts).enumerate() {
            let advantages = self.advantages.get(i);
            for (j, rollout) in group.rollouts.iter().enumerate() {
                rows.push(RolloutRow {
                    advantage: advantages.map(|advantages| advantages[j]),
                    policy_logprobs: advantages.and_then(|_| policy_logprobs.next()),
                    kept: advantages.is_some(),
                    ..row(self.step, group, rollout, &prompt)
                });
            }
            rows.extend(group.masked.iter().map(|rollout| row(self.step, group, rollout, &prompt)));
        }
        Ok(write_rollouts(&run.folder.rollouts(self.step), &rows)?)
    }
}

/// The verifier's own word for its verdict, or the kind.
fn word(verdict: &VerifierVerdict) -> &str {
    verdict.detail().unwrap_or(verdict.kind().as_str())
}

fn row(step: u64, group: &Group, rollout: &Rollout, prompt: &str) -> RolloutRow {
    let sequences = &rollout.sequences;
    let judgement = &rollout.judgement;
    let verdict = judgement.verdict().filter(|_| judgement.error().is_none());
    RolloutRow {
        step,
        task_id: group.task.id.clone(),
        task_kind: group.task.kind.as_str().to_owned(),
        source: group.task.source.clone().unwrap_or_default(),
        sample_index: rollout.sample as u32,
        prompt: prompt.to_owned(),
        completion: rollout.text.clone(),
        completion_ids: sequences.iter().flat_map(Sequence::completion_ids).collect(),
        rollout_logprobs: sequences.iter().flat_map(Sequence::rollout_logprobs).collect(),
        policy_logprobs: None,
        finish_reason: rollout.finish_reason.as_str().to_owned(),
        policy_version: sequences.iter().filter_map(Sequence::oldest_version).min().unwrap_or(0),
        reward: rollout.reward.as_ref().map_or(f32::NAN, |reward| reward.total),
        advantage: None,
        verdict_score: verdict.map(|verdict| verdict.score),
        verdict_reason: judgement.reason(),
        verdicts: judgement.verdicts.iter().map(|one| (one.verifier.clone(), word(one).to_owned())).collect(),
        breakdown: rollout.reward.as_ref().map_or(Vec::new(), |reward| reward.breakdown.clone()),
        kept: false,
    }
}
