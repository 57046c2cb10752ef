//! From a configuration to the work of one of its steps.

use anyhow::Result;
use learner::optimizer::state_place::StatePlace;
use learner::update_plan::OldLogprobs;
use planner::{Completions, Critic, HeadWork, ModelSizes, Place, Work};
use policy::{ModelConfig, Recompute};

use super::kind::Configured;
use super::sizes::sizes_of_folder;
use crate::config::{ReinforceRun, RewardModelRun, SupervisedRun};
use crate::failure::Usage;

/// Tokens of a prompt where nobody says how many.
const PROMPT_TOKENS: u64 = 1024;

/// What a step's work is made of beside the configuration.
pub(super) struct Known<'a> {
    pub(super) model: &'a ModelConfig,
    pub(super) sizes: ModelSizes,
    pub(super) place: Place,
    /// Tokens of a prompt, at most, where that is said.
    pub(super) prompt_tokens: Option<u64>,
}

impl Known<'_> {
    fn positions(&self) -> u64 {
        self.model.max_position_embeddings.unsigned_abs()
    }

    /// Tokens of a prompt: as many as are said, or the usual number and half of the positions at most.
    fn prompt_tokens(&self) -> Result<u64> {
        let positions = self.positions();
        match self.prompt_tokens {
            Some(tokens) if tokens == 0 || tokens >= positions => Err(Usage::error(format!(
                "--prompt-tokens {tokens}: give at least 1, and fewer than the model's {positions} positions"
            ))),
            Some(tokens) => Ok(tokens),
            None => Ok(PROMPT_TOKENS.min(positions / 2).max(1)),
        }
    }
}

/// The work of a step.
///
/// # Errors
/// A usage error: sizes do not fit the model.
pub(super) fn work(configured: &Configured, known: &Known<'_>) -> Result<Work> {
    let number_bytes = configured.run().kind()?.elt_size_in_bytes() as u64;
    let base = Work { number_bytes, place: known.place, ..Work::update_of(1) };
    match configured {
        Configured::Stage(stage, config) => of_stage(*stage, config, known, base),
        Configured::ColdStart(config) => Ok(of_cold_start(config, known, base)),
        Configured::RewardModel(config) => Ok(of_reward_model(config, known, base)),
    }
}

fn of_stage(stage: u8, config: &ReinforceRun, known: &Known<'_>, base: Work) -> Result<Work> {
    let (rollout, update) = (&config.rollout, &config.update);
    let engine = &rollout.engine;
    let prompt_tokens = known.prompt_tokens()?;
    let new_tokens = (rollout.max_new_tokens as u64).min(known.positions() - prompt_tokens);
    let longest = prompt_tokens + new_tokens;
    let evaluated_tokens = match (config.eval.datasets.is_empty(), config.eval.max_new_tokens as u64) {
        (true, _) => 0,
        (false, 0) => new_tokens,
        (false, tokens) => tokens.min(known.positions() - prompt_tokens),
    };
    let longest_evaluated = if evaluated_tokens == 0 { 0 } else { prompt_tokens + evaluated_tokens };
    // What is free when a run begins is not known here.
    let cache_tokens = engine.cache_tokens.number().map(|tokens| tokens as u64);
    for (key, tokens) in [("rollout", new_tokens), ("eval", evaluated_tokens)] {
        if cache_tokens.is_some_and(|most| prompt_tokens + tokens > most) {
            return Err(Usage::error(format!(
                "rollout.engine.cache_tokens: is {}, and a prompt of {prompt_tokens} tokens with {tokens} new ones \
                 ({key}.max_new_tokens) takes {}; set it higher, or --prompt-tokens lower",
                engine.cache_tokens,
                prompt_tokens + tokens
            )));
        }
    }
    let updates = update.updates_per_step as u64;
    let max_rounds = if config.dynamic_sampling.enabled { config.dynamic_sampling.max_rounds as u64 } else { 1 };
    let critic = config.critic().filter(|critic| !critic.shared_trunk);
    let reward_model = match stage {
        2 => Some(sizes_of_folder(&config.reward_model.path)?.unwrap_or(known.sizes)),
        _ => None,
    };
    Ok(Work {
        sequences: (rollout.prompts_per_step * rollout.samples_per_prompt) as u64,
        prompt_tokens,
        longest,
        updates,
        scored_updates: if config.algorithm.old_logprobs == OldLogprobs::Recompute { updates - 1 } else { 0 },
        micro_batch_tokens: update.micro_batch_tokens as u64,
        recomputes: update.recompute == Recompute::Blocks,
        head: HeadWork::Language { chunk: update.head_chunk.unsigned_abs() },
        completions: Some(Completions {
            samples: rollout.samples_per_prompt as u64,
            new_tokens,
            max_rounds,
            longest_evaluated,
            max_sequences: engine.max_sequences as u64,
            cache_tokens,
            prefill_tokens: engine.prefill_tokens as u64,
            packs_weights: engine.packed_weights && base.place == Place::Cpu && base.number_bytes == 4,
        }),
        has_reference: config.loss.kl_coefficient != 0.0,
        state_on_host: config.optimizer.state == StatePlace::Host,
        critic: critic.map(|critic| Critic {
            updates: critic.updates_per_step as u64,
            state_on_host: critic.optimizer.state == StatePlace::Host,
        }),
        reward_model,
        ..base
    })
}

fn of_cold_start(config: &SupervisedRun, known: &Known<'_>, base: Work) -> Work {
    let longest = match config.traces.max_tokens as u64 {
        0 => known.positions(),
        tokens => tokens.min(known.positions()),
    };
    Work {
        sequences: config.traces.per_step as u64,
        longest,
        micro_batch_tokens: config.update.micro_batch_tokens as u64,
        recomputes: config.update.recompute == Recompute::Blocks,
        head: HeadWork::Language { chunk: config.update.head_chunk.unsigned_abs() },
        state_on_host: config.optimizer.state == StatePlace::Host,
        largest_context: 1,
        ..base
    }
}

fn of_reward_model(config: &RewardModelRun, known: &Known<'_>, base: Work) -> Work {
    let at_once = config.update.micro_batch_tokens as u64;
    Work {
        sequences: 2 * config.preferences.per_step as u64,
        longest: (at_once / 2).clamp(1, known.positions()),
        micro_batch_tokens: at_once,
        recomputes: config.update.recompute == Recompute::Blocks,
        head: HeadWork::Scalar,
        state_on_host: config.optimizer.state == StatePlace::Host,
        largest_context: 1,
        ..base
    }
}
