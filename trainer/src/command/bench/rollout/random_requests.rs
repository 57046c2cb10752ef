//! Requests of random tokens: of one length, or of many lengths of which few are long.

use std::sync::Arc;

use anyhow::Result;
use policy::ModelConfig;
use random::KeyedRng;
use rollout::{RolloutRequest, SamplingParams};

use crate::failure::Usage;

/// Shortest and longest prompt, and completion, of a mixed workload.
const MIXED_TOKENS: [usize; 2] = [16, 512];
/// Tokens of a block of the cache, which a request's share is rounded up to.
const BLOCK_TOKENS: usize = 16;

/// Shape of a workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// All requests alike, and all in flight.
    Uniform { prompts: usize, samples: usize, prompt_tokens: usize, new_tokens: usize },
    /// Each prompt and each completion of a length of its own, so many requests in flight.
    Mixed { prompts: usize, samples: usize, in_flight: usize },
}

/// The requests of a run, and the engine that they need.
#[derive(Debug)]
pub(super) struct RandomRequests {
    /// Most requests in flight.
    pub(super) in_flight: usize,
    /// Tokens of the cache.
    pub(super) cache_tokens: usize,
    prompts: Vec<Vec<u32>>,
    /// Parameters of each completion, by prompt.
    params: Vec<Vec<Arc<SamplingParams>>>,
}

impl RandomRequests {
    /// The workload of a shape for a model.
    ///
    /// # Errors
    /// A usage error: the model has too few positions.
    pub(super) fn new(shape: Shape, config: &ModelConfig) -> Result<Self> {
        let mut rng = KeyedRng::new(&["bench".into(), "rollout".into()]);
        let (num_prompts, samples) = match shape {
            Shape::Uniform { prompts, samples, .. } | Shape::Mixed { prompts, samples, .. } => (prompts, samples),
        };
        // Lengths are alike in logarithm: half of them lie below 91.
        let mut mixed = || {
            let [shortest, longest] = MIXED_TOKENS.map(|tokens| tokens as f64);
            (shortest * (longest / shortest).powf(rng.uniform())).round() as usize
        };
        let lengths: Vec<(usize, Vec<usize>)> = match shape {
            Shape::Uniform { prompt_tokens, new_tokens, .. } => {
                vec![(prompt_tokens, vec![new_tokens; samples]); num_prompts]
            }
            Shape::Mixed { .. } => {
                (0..num_prompts).map(|_| (mixed(), (0..samples).map(|_| mixed()).collect())).collect()
            }
        };
        let longest = |(prompt, new): &(usize, Vec<usize>)| prompt + new.iter().max().copied().unwrap_or(0);
        let longest = lengths.iter().map(longest).max().unwrap_or(0);
        let positions = config.max_position_embeddings as usize;
        if longest > positions {
            return Err(Usage::error(format!(
                "a prompt and its completion have {longest} tokens: the model has {positions} positions"
            )));
        }
        let (in_flight, cache_tokens) = match shape {
            Shape::Uniform { .. } => {
                (num_prompts * samples, num_prompts * samples * longest.next_multiple_of(BLOCK_TOKENS))
            }
            Shape::Mixed { in_flight, .. } => (in_flight, in_flight * (2 * MIXED_TOKENS[1]) / 2),
        };
        let vocab_size = config.vocab_size as u64;
        let mut prompt = |length| (0..length).map(|_| rng.below(vocab_size) as u32).collect::<Vec<_>>();
        let params =
            |max_new_tokens| Arc::new(SamplingParams { max_new_tokens, ignore_eos: true, ..SamplingParams::default() });
        Ok(Self {
            in_flight,
            cache_tokens,
            prompts: lengths.iter().map(|(length, _)| prompt(*length)).collect(),
            params: lengths.into_iter().map(|(_, new)| new.into_iter().map(params).collect()).collect(),
        })
    }

    /// Number of completions that are asked for.
    pub(super) fn num_requests(&self) -> usize {
        self.params.iter().map(Vec::len).sum()
    }

    /// The requests, samples of a prompt side by side.
    pub(super) fn all(&self) -> impl Iterator<Item = RolloutRequest> + '_ {
        self.prompts.iter().zip(&self.params).enumerate().flat_map(|(draw, (prompt, params))| {
            params.iter().enumerate().map(move |(sample, params)| RolloutRequest {
                draw: draw as u64,
                sample: sample as u64,
                label: None,
                prompt_ids: prompt.clone(),
                thinking_open: false,
                params: params.clone(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(positions: usize) -> ModelConfig {
        let json = serde_json::json!({
            "model_type": "llama", "vocab_size": 50, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": positions,
        });
        ModelConfig::from_json(&json).unwrap()
    }

    #[test]
    fn prompts_differ_and_samples_share_theirs() {
        let shape = Shape::Uniform { prompts: 3, samples: 2, prompt_tokens: 20, new_tokens: 5 };
        let workload = RandomRequests::new(shape, &config(32)).unwrap();
        let requests: Vec<_> = workload.all().collect();
        assert_eq!((requests.len(), workload.in_flight, workload.cache_tokens), (6, 6, 6 * 32));
        assert_eq!(requests[0].prompt_ids, requests[1].prompt_ids);
        assert_ne!(requests[1].prompt_ids, requests[2].prompt_ids);
        assert!(requests.iter().all(|request| request.prompt_ids.iter().all(|id| *id < 50)));
        assert!(RandomRequests::new(shape, &config(24)).unwrap_err().to_string().contains("24 positions"));
    }

    #[test]
    fn a_mixed_workload_is_long_tailed_and_the_same_each_time() {
        let shape = Shape::Mixed { prompts: 256, samples: 1, in_flight: 64 };
        let workload = RandomRequests::new(shape, &config(1024)).unwrap();
        assert_eq!(workload.cache_tokens, 64 * 1024 / 2);
        let mut lengths: Vec<usize> = workload.all().map(|request| request.prompt_ids.len()).collect();
        assert!(lengths.iter().all(|length| (16..=512).contains(length)));
        lengths.sort_unstable();
        assert!((70..120).contains(&lengths[128]) && lengths[250] > 400, "{} {}", lengths[128], lengths[250]);
        let again = RandomRequests::new(shape, &config(1024)).unwrap();
        assert!(again.all().eq(workload.all()));
    }
}
