//! The rollouts of a step as rows of its Parquet files: what is known before the update, and what the update adds.

use anyhow::{Context, Result};
use learner::trajectory::Trajectory;
use learner::update_outcome::UpdateOutcome;
use policy::Texts;
use record::rollouts::{
    RolloutRow, SegmentRow, TokenValues, ToolCallRow, UpdateRow, VerdictRow, write_rollouts, write_updates,
};
use rollout::{Sequence, TokenSource};
use verifiers::VerifierVerdict;

use crate::collect::{Batch, Group, Rollout};
use crate::open_run::OpenRun;
use crate::tools::CallRecord;
use crate::trajectories::kept_ids;

/// Groups of one step, the kept ones with their advantages.
pub(crate) struct StepRecord<'a> {
    /// Step, counted from 1.
    pub step: u64,
    /// Groups of the step.
    pub batch: &'a Batch,
    /// Advantages of the kept groups, one for each rollout; none where the update computes them.
    pub advantages: Option<&'a [Vec<f32>]>,
}

impl StepRecord<'_> {
    /// Writes the step's rollouts. Call it before the update, so that its crash loses none.
    ///
    /// # Errors
    /// The prompts cannot be decoded, or the file cannot be written.
    pub(crate) fn write_rollouts(&self, run: &OpenRun, texts: &Texts) -> Result<()> {
        let Batch { kept, left_out, .. } = self.batch;
        let mut rows = Vec::new();
        for (place, group) in kept.iter().chain(left_out).enumerate() {
            let is_kept = place < kept.len();
            let prompt_ids = group.sampled().next().map_or(&[][..], |rollout| rollout.sequences[0].prompt_ids());
            let prompt = texts.tokenizer.decode(prompt_ids, false)?;
            let advantages = self.advantages.filter(|_| is_kept).map(|advantages| &advantages[place]);
            for (sample, rollout) in group.rollouts.iter().enumerate() {
                rows.push(RolloutRow {
                    advantage: advantages.map(|advantages| advantages[sample]),
                    kept: Some(is_kept),
                    ..row(self.step, group, rollout, &prompt)
                });
            }
            rows.extend(group.masked.iter().map(|rollout| row(self.step, group, rollout, &prompt)));
        }
        Ok(write_rollouts(&run.folder.rollouts(self.step), &rows)?)
    }

    /// Writes what the update knows of the kept rollouts, in their order. A step without an update has no file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write_updates(&self, run: &OpenRun, outcome: &UpdateOutcome) -> Result<()> {
        if outcome.trajectories.is_empty() {
            return Ok(());
        }
        let mut trajectories = outcome.trajectories.iter();
        let mut logprobs = outcome.policy_logprobs.iter();
        let mut rows = Vec::new();
        for (group, rollout) in
            self.batch.kept.iter().flat_map(|group| group.rollouts.iter().map(move |it| (group, it)))
        {
            let segments = segments(rollout);
            let count = rollout.sequences.len();
            let these: Vec<&Trajectory> = trajectories.by_ref().take(count).collect();
            let policy_logprobs: Vec<f32> = logprobs.by_ref().take(count).flatten().copied().collect();
            let by_critic = |of: fn(&Trajectory) -> Option<Vec<f32>>| {
                let values: Option<Vec<Vec<f32>>> = these.iter().map(|trajectory| of(trajectory)).collect();
                values.map(|values| over_tokens(&segments, &values.concat()))
            };
            rows.push(UpdateRow {
                step: self.step,
                draw: Some(group.draw),
                sample_index: rollout.sample as u32,
                task_id: group.task.id.clone(),
                policy_logprobs: outcome.policy.as_ref().map(|_| over_tokens(&segments, &policy_logprobs)),
                critic_values: by_critic(|it| it.old_values.clone()),
                returns: by_critic(|it| it.returns.clone()),
                advantages: by_critic(|it| it.returns.as_ref().map(|_| it.token_advantages())),
            });
        }
        write_updates(&run.folder.updates(self.step), &rows).context("what the update learned")
    }
}

/// Segments of a rollout, but for its prompt; one that several versions of the policy sampled is several rows.
fn segments(rollout: &Rollout) -> Vec<SegmentRow> {
    let mut rows = Vec::new();
    for (place, sequence) in rollout.sequences.iter().enumerate() {
        for segment in &sequence.segments()[usize::from(place == 0)..] {
            let row = |num_tokens: usize, policy_version| SegmentRow {
                sequence: place as u32,
                source: segment.source.as_str().to_owned(),
                num_tokens: num_tokens as u32,
                policy_version,
            };
            if segment.is_sampled() {
                rows.extend(segment.versions.iter().map(|span| row(span.num_tokens, Some(span.policy_version))));
            } else {
                rows.push(row(segment.ids.len(), None));
            }
        }
    }
    rows
}

/// Of each token, whether it was sampled.
fn is_sampled(segments: &[SegmentRow]) -> impl Iterator<Item = bool> {
    segments
        .iter()
        .flat_map(|one| std::iter::repeat_n(one.source == TokenSource::Sampled.as_str(), one.num_tokens as usize))
}

/// Values of sampled tokens as values of all tokens; `None` for those that were not sampled.
fn over_tokens(segments: &[SegmentRow], sampled: &[f32]) -> TokenValues {
    let mut sampled = sampled.iter().copied();
    is_sampled(segments).map(|is_sampled| if is_sampled { sampled.next() } else { None }).collect()
}

/// Kept ids of sampled tokens as lists of all tokens, empty for those that were not sampled; `None` where they were not
/// asked for.
fn kept_of_tokens(rollout: &Rollout, segments: &[SegmentRow]) -> Option<Vec<Vec<u32>>> {
    let kept: Vec<_> = rollout.sequences.iter().map(kept_ids).collect::<Option<_>>()?;
    let mut kept = kept.into_iter().flatten();
    Some(
        is_sampled(segments)
            .map(|is_sampled| if is_sampled { kept.next() } else { None }.unwrap_or_default())
            .collect(),
    )
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

fn call_row(call: &CallRecord) -> ToolCallRow {
    ToolCallRow {
        turn: call.turn as u32,
        tool: call.tool.clone(),
        arguments: call.arguments.clone(),
        outcome: call.outcome.as_str().to_owned(),
        result: call.result.clone(),
        seconds: call.seconds as f32,
    }
}

fn row(step: u64, group: &Group, rollout: &Rollout, prompt: &str) -> RolloutRow {
    let judgement = &rollout.judgement;
    let verdict = judgement.verdict().filter(|_| judgement.error().is_none());
    let segments = segments(rollout);
    let all = rollout.sequences.iter().flat_map(Sequence::segments);
    let rollout_logprobs: Vec<f32> = rollout.sequences.iter().flat_map(Sequence::rollout_logprobs).collect();
    let raw_logprobs: Vec<f32> = rollout.sequences.iter().flat_map(Sequence::raw_logprobs).collect();
    RolloutRow {
        step,
        draw: Some(group.draw),
        sample_index: rollout.sample as u32,
        task_id: group.task.id.clone(),
        task_kind: group.task.kind.as_str().to_owned(),
        source: group.task.source.clone().unwrap_or_default(),
        kept: Some(false),
        prompt: prompt.to_owned(),
        prompt_ids: Some(rollout.sequences[0].prompt_ids().to_vec()),
        completion: rollout.text.clone(),
        completion_ids: all.skip(1).flat_map(|segment| segment.ids.iter().copied()).collect(),
        rollout_logprobs: over_tokens(&segments, &rollout_logprobs),
        raw_logprobs: Some(over_tokens(&segments, &raw_logprobs)),
        kept_ids: kept_of_tokens(rollout, &segments),
        segments: Some(segments),
        tool_calls: Some(rollout.calls.iter().map(call_row).collect()),
        finish_reason: rollout.finish_reason.as_str().to_owned(),
        policy_version: rollout.sequences[0].policy_versions().next(),
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
        let segments = [segment("sampled", 2), segment("tool", 1), segment("sampled", 1)];
        assert_eq!(over_tokens(&segments, &[-1.0, -2.0, -3.0]), [Some(-1.0), Some(-2.0), None, Some(-3.0)]);
    }
}
