//! Generalised advantage estimation: one advantage a token, from rewards by token and a critic's values.
//!
//! With `r_t` the reward of a token, `V_t` the value of the state in which it was chosen, and `V` after the last token
//! 0 (Schulman et al., arXiv 1506.02438):
//!
//! - `delta_t = r_t + gamma V_(t+1) - V_t`
//! - `A_t = delta_t + gamma lambda A_(t+1)`
//! - the critic's targets, `returns_t = A_t + V_t`
//!
//! Departures. Tokens that the policy did not sample (a tool's answer) are stepped over: they have no advantage, no
//! power of gamma or lambda is spent on them, and the token before them looks at the value after them. A completion
//! that was cut at its limit counts as ended, as in public trainers: nothing is bootstrapped from its last value. A
//! completion of one token has the advantage `r - V`.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// `[advantage.gae]`: generalised advantage estimation (arXiv 1506.02438), which PPO needs and GRPO refuses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaeConfig {
    /// Discount of a token's future, from 0 to 1. 1 where the reward stands at a completion's end.
    pub gamma: f64,
    /// Weight of longer looks ahead, from 0 (the next value alone) to 1 (the rewards alone). 0.95 in PPO (arXiv
    /// 1707.06347) and its use on language models (arXiv 2009.01325); 1 in Open-Reasoner-Zero (arXiv 2503.24290).
    pub lambda: f64,
    /// True where advantages are whitened over the batch's trained tokens: to mean 0 and standard deviation 1.
    pub whiten: bool,
}

impl Default for GaeConfig {
    fn default() -> Self {
        Self { gamma: 1.0, lambda: 0.95, whiten: true }
    }
}

impl GaeConfig {
    /// # Errors
    /// `gamma` or `lambda` is not between 0 and 1.
    pub fn validate(&self) -> Result<()> {
        let Self { gamma, lambda, .. } = *self;
        ensure!((0.0..=1.0).contains(&gamma), "advantage.gae.gamma is {gamma}; set it between 0 and 1 (1 is usual)");
        ensure!(
            (0.0..=1.0).contains(&lambda),
            "advantage.gae.lambda is {lambda}; set it between 0 and 1 (0.95 is usual)"
        );
        Ok(())
    }
}

/// Advantages of the trained tokens of one completion, in order, and what its values should have been.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenAdvantages {
    /// Advantage of each token, not whitened.
    pub advantages: Vec<f32>,
    /// Advantage and value of each token together: the critic's targets.
    pub returns: Vec<f32>,
}

/// Advantages and returns of one completion, given the rewards and values of its trained tokens in order; computed in
/// float64. [`GaeConfig::whiten`] is the caller's, who has the whole batch.
///
/// # Errors
/// `token_rewards` and `values` differ in length.
pub fn gae(config: &GaeConfig, token_rewards: &[f32], values: &[f32]) -> Result<TokenAdvantages> {
    ensure!(
        token_rewards.len() == values.len(),
        "a completion has {} token rewards and {} values; give one of each for every trained token",
        token_rewards.len(),
        values.len()
    );
    let mut result = TokenAdvantages { advantages: vec![0.0; values.len()], returns: vec![0.0; values.len()] };
    let (mut advantage, mut next_value) = (0.0, 0.0);
    for t in (0..values.len()).rev() {
        let value = f64::from(values[t]);
        let delta = f64::from(token_rewards[t]) + config.gamma * next_value - value;
        advantage = delta + config.gamma * config.lambda * advantage;
        result.advantages[t] = advantage as f32;
        result.returns[t] = (advantage + value) as f32;
        next_value = value;
    }
    Ok(result)
}
