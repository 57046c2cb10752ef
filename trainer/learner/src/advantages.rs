//! Advantages of completions from their rewards: one number a completion, the same for all of its tokens.
//!
//! With `r` the rewards of a group (the completions of one prompt), `n` their number and `mean` theirs:
//!
//! | variant | advantage | source |
//! | --- | --- | --- |
//! | `group_std` | `(r - mean) / (std(group) + eps)` | GRPO, arXiv 2402.03300 |
//! | `group_mean` | `r - mean` | Dr. GRPO, arXiv 2503.20783 |
//! | `batch_std` | `(r - mean) / (std(all rewards) + eps)` | ScaleRL, arXiv 2510.13786 |
//! | `rloo` | `r - mean of the other n - 1` | RLOO, arXiv 2402.14740 |
//! | `rloo_normalised` | RLOO's over `std(all of RLOO's) + eps` | the same, normalised over the batch |
//!
//! Departures. GRPO's paper says neither which std nor an eps: `ddof` 1 and 1e-6 are what public trainers use. A group
//! whose rewards are all equal gets exactly 0, also where eps is 0; so does a group of one, for which public trainers
//! disagree. RLOO's advantages sum to 0 in each group, so `rloo_normalised` subtracts no batch mean.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Variant of the advantage, as in the table above.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdvantageConfig {
    /// Reward minus the group's mean.
    GroupMean,
    /// Reward minus the group's mean, over the group's standard deviation.
    GroupStd {
        /// 1 divides the squares by n - 1 (sample), 0 by n (population).
        #[serde(default = "default_ddof")]
        ddof: u32,
        /// Added to the standard deviation; in units of reward.
        #[serde(default = "default_eps")]
        eps: f64,
    },
    /// Reward minus the group's mean, over the standard deviation of all rewards that were passed.
    BatchStd {
        /// 1 divides the squares by n - 1 (sample), 0 by n (population).
        #[serde(default = "default_ddof")]
        ddof: u32,
        /// Added to the standard deviation; in units of reward.
        #[serde(default = "default_eps")]
        eps: f64,
    },
    /// Reward minus the mean of the other completions of the group.
    Rloo,
    /// RLOO's advantages over their standard deviation in the whole batch.
    RlooNormalised {
        /// 1 divides the squares by n - 1 (sample), 0 by n (population).
        #[serde(default = "default_ddof")]
        ddof: u32,
        /// Added to the standard deviation; in units of reward.
        #[serde(default = "default_eps")]
        eps: f64,
    },
}

fn default_ddof() -> u32 {
    1
}

fn default_eps() -> f64 {
    1e-6
}

impl Default for AdvantageConfig {
    fn default() -> Self {
        Self::GroupStd { ddof: default_ddof(), eps: default_eps() }
    }
}

impl AdvantageConfig {
    /// Errors where `ddof` is neither 0 nor 1, or `eps` is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        if let Self::GroupStd { ddof, eps } | Self::BatchStd { ddof, eps } | Self::RlooNormalised { ddof, eps } = *self
        {
            ensure!(ddof <= 1, "advantages: ddof is {ddof}; set it to 0 (divide by n) or 1 (by n - 1)");
            ensure!(eps.is_finite() && eps >= 0.0, "advantages: eps is {eps}; set it to 0 or a small positive number");
        }
        Ok(())
    }
}

/// Advantages in the layout of `rewards`: one inner vector a group, one number a completion. Groups may differ in size.
///
/// The `batch` variants take their standard deviation over all groups passed: pass one source's groups at a time to
/// normalise per source.
pub fn advantages(rewards: &[Vec<f32>], config: &AdvantageConfig) -> Vec<Vec<f32>> {
    let rewards: Vec<Vec<f64>> =
        rewards.iter().map(|group| group.iter().map(|&reward| f64::from(reward)).collect()).collect();
    let scaled: Vec<Vec<f64>> = match *config {
        AdvantageConfig::GroupMean => rewards.iter().map(|group| centered(group)).collect(),
        AdvantageConfig::GroupStd { ddof, eps } => {
            rewards.iter().map(|group| over(&centered(group), std_dev(group, ddof) + eps)).collect()
        }
        AdvantageConfig::BatchStd { ddof, eps } => {
            let scale = std_dev(&rewards.concat(), ddof) + eps;
            rewards.iter().map(|group| over(&centered(group), scale)).collect()
        }
        AdvantageConfig::Rloo => rewards.iter().map(|group| leave_one_out(group)).collect(),
        AdvantageConfig::RlooNormalised { ddof, eps } => {
            let raw: Vec<Vec<f64>> = rewards.iter().map(|group| leave_one_out(group)).collect();
            let scale = std_dev(&raw.concat(), ddof) + eps;
            raw.iter().map(|group| over(group, scale)).collect()
        }
    };
    scaled.iter().map(|group| group.iter().map(|&advantage| advantage as f32).collect()).collect()
}

/// True where all rewards of a group are equal, so that the group teaches nothing; so it is for a group of one or none.
pub fn is_flat<T: PartialEq>(rewards: &[T]) -> bool {
    rewards.windows(2).all(|pair| pair[0] == pair[1])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Standard deviation; exactly 0 for equal values and for no more than `ddof` values.
fn std_dev(values: &[f64], ddof: u32) -> f64 {
    if is_flat(values) || values.len() <= ddof as usize {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - ddof as usize) as f64).sqrt()
}

fn centered(group: &[f64]) -> Vec<f64> {
    if is_flat(group) {
        return vec![0.0; group.len()];
    }
    let mean = mean(group);
    group.iter().map(|reward| reward - mean).collect()
}

fn leave_one_out(group: &[f64]) -> Vec<f64> {
    // r - (sum - r) / (n - 1) is the centred reward, stretched by n / (n - 1).
    let stretch = group.len() as f64 / group.len().saturating_sub(1).max(1) as f64;
    centered(group).iter().map(|reward| reward * stretch).collect()
}

/// The values over `scale`. Zeros stay zeros: equal values and an `eps` of 0 make a scale of 0.
fn over(values: &[f64], scale: f64) -> Vec<f64> {
    values.iter().map(|&value| if value == 0.0 { 0.0 } else { value / scale }).collect()
}
