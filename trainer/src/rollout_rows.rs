//! The rollouts of a step as rows of its Parquet files: what is known before the update, and what the update adds.

use anyhow::Result;
use record::rollouts::{RolloutRow, SegmentRow, TokenValues, UpdateRow, VerdictRow, write_rollouts, write_updates};
use verifiers::VerifierVerdict;

use crate::group::{Group, Rollout};
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::open_run::OpenRun;

/// Source of the segments that the policy sampled.
const SAMPLED: &str = "sampled";

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
    /// Writes the step's rollouts. Call it before the update, so that its crash loses none.
    ///
    /// # Errors
    /// The prompts cannot be decoded, or the file cannot be written.
    pub(crate) async fn write_rollouts(&self, run: &OpenRun, model: &ModelThread<Learner>) -> Result<()> {
        let groups = || self.kept.iter().chain(self.left_out);
        let prompts: Vec<Vec<u32>> =
            groups().map(|group| group.sampled().next().map_or(vec![], |r| r.completion.prompt_ids.clone())).collect();
        let prompts = model
            .run(move |learner| {
                prompts.iter().map(|ids| learner.policy.tokenizer.decode(ids, false)).collect::<Result<Vec<_>, _>>()
            })
            .await??;
        let mut rows = Vec::new();
        for (i, (group, prompt)) in groups().zip(prompts).enumerate() {
            let advantages = self.advantages.get(i);
            for (j, rollout) in group.rollouts.iter().enumerate() {
                rows.push(RolloutRow {
                    advantage: advantages.map(|advantages| advantages[j]),
                    kept: Some(advantages.is_some()),
                    ..row(self.step, group, rollout, &prompt)
                });
            }
            rows.extend(group.masked.iter().map(|rollout| row(self.step, group, rollout, &prompt)));
        }
        Ok(write_rollouts(&run.folder.rollouts(self.step), &rows)?)
    }

    /// Writes what the update knows of the rollouts: `policy_logprobs` of the sampled tokens of each kept one, in their
    /// order. Without any, which is a step without an update, there is no file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write_updates(&self, run: &OpenRun, policy_logprobs: &[Vec<f32>]) -> Result<()> {
        let kept = self.kept.iter().flat_map(|group| group.rollouts.iter().map(move |rollout| (group, rollout)));
        let row = |((group, rollout), policy_logprobs): ((&Group, &Rollout), &Vec<f32>)| UpdateRow {
            step: self.step,
            draw: None,
            sample_index: rollout.completion.sample_index as u32,
            task_id: group.task.id.clone(),
            policy_logprobs: Some(over_tokens(&segments(rollout), policy_logprobs)),
            critic_values: None,
            returns: None,
        };
        let rows: Vec<UpdateRow> = kept.zip(policy_logprobs).map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        Ok(write_updates(&run.folder.updates(self.step), &rows)?)
    }
}

/// Segments of a completion: the engine samples all of its tokens from one version of the policy.
fn segments(rollout: &Rollout) -> Vec<SegmentRow> {
    vec![SegmentRow {
        sequence: 0,
        source: SAMPLED.to_owned(),
        num_tokens: rollout.completion.ids.len() as u32,
        policy_version: Some(rollout.completion.policy_version),
    }]
}

/// Values of sampled tokens as values of all tokens; `None` for those that were not sampled.
fn over_tokens(segments: &[SegmentRow], sampled: &[f32]) -> TokenValues {
    let mut sampled = sampled.iter().copied();
    let is_sampled =
        segments.iter().flat_map(|one| std::iter::repeat_n(one.source == SAMPLED, one.num_tokens as usize));
    is_sampled.map(|is_sampled| if is_sampled { sampled.next() } else { None }).collect()
}

/// The verifier's own word for its verdict, or the kind.
fn word(verdict: &VerifierVerdict) -> &str {
    verdict.detail().unwrap_or(verdict.kind().as_str())
}

fn verdict_row(said: &VerifierVerdict) -> VerdictRow {
    VerdictRow {
        verifier: said.verifier.clone(),
        kind: said.kind().as_str().to_owned(),
        detail: said.detail().map(str::to_owned),
        score: said.verdict.as_ref().ok().map(|verdict| verdict.score),
        weight: Some(said.weight),
        reason: said.reason(),
    }
}

fn row(step: u64, group: &Group, rollout: &Rollout, prompt: &str) -> RolloutRow {
    let completion = &rollout.completion;
    let judgement = &rollout.judgement;
    let verdict = judgement.verdict().filter(|_| judgement.error().is_none());
    let segments = segments(rollout);
    RolloutRow {
        step,
        draw: None,
        sample_index: completion.sample_index as u32,
        task_id: group.task.id.clone(),
        task_kind: group.task.kind.as_str().to_owned(),
        source: group.task.source.clone().unwrap_or_default(),
        kept: Some(false),
        prompt: prompt.to_owned(),
        prompt_ids: Some(completion.prompt_ids.clone()),
        completion: completion.text.clone(),
        completion_ids: completion.ids.clone(),
        rollout_logprobs: over_tokens(&segments, &completion.rollout_logprobs),
        raw_logprobs: Some(over_tokens(&segments, &completion.raw_logprobs)),
        segments: Some(segments),
        finish_reason: completion.finish_reason.as_str().to_owned(),
        policy_version: Some(completion.policy_version),
        reward: rollout.reward.as_ref().map_or(f32::NAN, |reward| reward.total),
        advantage: None,
        advantages: None,
        verdict_score: verdict.map(|verdict| verdict.score),
        verdict_reason: judgement.reason(),
        verdicts: judgement.verdicts.iter().map(|one| (one.verifier.clone(), word(one).to_owned())).collect(),
        judgement: Some(judgement.verdicts.iter().map(verdict_row).collect()),
        breakdown: rollout.reward.as_ref().map_or(Vec::new(), |reward| reward.breakdown.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_were_not_sampled_have_no_value() {
        let segment = |source: &str, num_tokens| SegmentRow { source: source.into(), num_tokens, ..Default::default() };
        let segments = [segment(SAMPLED, 2), segment("tool", 1), segment(SAMPLED, 1)];
        assert_eq!(over_tokens(&segments, &[-1.0, -2.0, -3.0]), [Some(-1.0), Some(-2.0), None, Some(-3.0)]);
    }
}
