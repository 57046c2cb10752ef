//! Sampling parameters made ready: the sampler and the stop rules of the requests that share them.
//!
//! A step samples each plan's rows together; where all rows have one plan, as in training, nothing is sorted or copied.

use std::sync::Arc;

use policy::TensorParallel;
use tch::Tensor;

use crate::error::RolloutError;
use crate::params::SamplingParams;
use crate::sampler::{SampledToken, Sampler};
use crate::stop::StopRules;

/// How some requests are sampled.
#[derive(Debug)]
pub(crate) struct SamplingPlan {
    params: Arc<SamplingParams>,
    sampler: Sampler,
    pub(crate) rules: StopRules,
}

/// The plans of the requests that an engine holds.
#[derive(Debug, Default)]
pub(crate) struct SamplingPlans(Vec<Arc<SamplingPlan>>);

impl SamplingPlans {
    /// The plan of these parameters, shared with the requests that have equal ones. `eos_ids` are the policy's.
    ///
    /// # Errors
    /// A parameter cannot be used.
    pub(crate) fn of(
        &mut self,
        params: &Arc<SamplingParams>,
        eos_ids: &[u32],
    ) -> Result<Arc<SamplingPlan>, RolloutError> {
        let is_equal = |plan: &&Arc<SamplingPlan>| Arc::ptr_eq(&plan.params, params) || plan.params == *params;
        if let Some(plan) = self.0.iter().find(is_equal) {
            return Ok(plan.clone());
        }
        params.validate()?;
        self.0.retain(|plan| Arc::strong_count(plan) > 1);
        let (sampler, rules) = (Sampler::new(params), StopRules::new(params, eos_ids));
        let plan = Arc::new(SamplingPlan { params: params.clone(), sampler, rules });
        self.0.push(plan.clone());
        Ok(plan)
    }
}

/// Draws a token for each row of `logits` `[rows, vocab]` float32, by the row's plan and with its number of `uniforms`
/// `[rows]` float64. Where the vocabulary is split over ranks, the logits are those of this rank's stretch.
pub(crate) fn draw_tokens(
    plans: &[&Arc<SamplingPlan>],
    logits: &Tensor,
    uniforms: &Tensor,
    tensor: Option<&TensorParallel>,
) -> Vec<SampledToken> {
    let sample = |sampler: &Sampler, logits: &Tensor, uniforms: &Tensor| match tensor {
        None => sampler.sample(logits, uniforms),
        Some(tensor) => sampler.sample_split(logits, uniforms, tensor),
    };
    let Some(first) = plans.first() else { return Vec::new() };
    if plans.iter().all(|plan| Arc::ptr_eq(plan, first)) {
        return sample(&first.sampler, logits, uniforms);
    }
    let mut tokens: Vec<Option<SampledToken>> = vec![None; plans.len()];
    while let Some(next) = tokens.iter().position(Option::is_none) {
        let rows: Vec<usize> = (next..plans.len()).filter(|&row| Arc::ptr_eq(plans[row], plans[next])).collect();
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index = Tensor::from_slice(&index).to_device(logits.device());
        let (logits, uniforms) = (logits.index_select(0, &index), uniforms.index_select(0, &index));
        let sampled = sample(&plans[next].sampler, &logits, &uniforms);
        for (row, token) in rows.into_iter().zip(sampled) {
            tokens[row] = Some(token);
        }
    }
    tokens.into_iter().flatten().collect()
}
