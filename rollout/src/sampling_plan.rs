//! Sampling parameters made ready: the distribution and the stop rules of the requests that share them.

use std::sync::Arc;

use policy::Tokenizer;
use sampling::Distribution;

use crate::error::RolloutError;
use crate::sampler::Sampler;
use crate::sampling_params::SamplingParams;
use crate::stop::StopRules;

/// How some requests are sampled.
#[derive(Debug)]
pub(crate) struct SamplingPlan {
    pub(crate) params: Arc<SamplingParams>,
    pub(crate) distribution: Distribution,
    /// The same for tensors.
    pub(crate) sampler: Sampler,
    pub(crate) rules: StopRules,
    /// Ids of the text that is forced behind a thinking whose budget is spent; empty where there is none.
    pub(crate) forced_ids: Vec<u32>,
}

/// The plans of the requests that an engine holds.
#[derive(Debug, Default)]
pub(crate) struct SamplingPlans(Vec<Arc<SamplingPlan>>);

impl SamplingPlans {
    /// The plan of these parameters, shared with the requests that have equal ones, for a policy with these
    /// end-of-sequence ids and entries of its vocabulary.
    ///
    /// # Errors
    /// A parameter cannot be used, or the tokenizer refuses the text that is forced.
    pub(crate) fn of(
        &mut self,
        params: &Arc<SamplingParams>,
        tokenizer: &Tokenizer,
        eos_ids: &[u32],
        vocab_size: usize,
    ) -> Result<Arc<SamplingPlan>, RolloutError> {
        let is_equal = |plan: &&Arc<SamplingPlan>| Arc::ptr_eq(&plan.params, params) || plan.params == *params;
        if let Some(plan) = self.0.iter().find(is_equal) {
            return Ok(plan.clone());
        }
        params.validate()?;
        params.validate_for(eos_ids, vocab_size)?;
        let forced_ids = params.thinking.as_ref().map(|budget| budget.forced_ids(tokenizer, vocab_size));
        let forced_ids = forced_ids.transpose()?.unwrap_or_default();
        self.0.retain(|plan| Arc::strong_count(plan) > 1);
        let plan = Arc::new(SamplingPlan {
            params: params.clone(),
            distribution: params.distribution(),
            sampler: Sampler::new(params),
            rules: StopRules::new(params, eos_ids),
            forced_ids,
        });
        self.0.push(plan.clone());
        Ok(plan)
    }
}
