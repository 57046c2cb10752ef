//! Advantages of completions from their rewards: one number a completion, the same for all of its tokens.
//!
//! With `r` the rewards of a group (the completions of one prompt), `n` their number and `mean` theirs:
//!
//! | variant | advantage | source |
//! | --- | --- | --- |
//! | `group_std` | `(r - mean) / (std(group) + eps)` | GRPO, arXiv 2402.03300 |
//! | `group_mean` | `r - mean` | Dr. GRPO, arXiv 2503.20783 |
//! | `batch_std` | `(r - mean) / (std(all of r - mean) + eps)` | ScaleRL, arXiv 2510.13786 |
//! | `reward_std` | `(r - mean) / (std(all r) + eps)` | TRL's `scale_rewards = "batch"`, after arXiv 2508.08221 |
//! | `rloo` | `r - mean of the other n - 1` | RLOO, arXiv 2402.14740 |
//! | `rloo_normalised` | RLOO's over `std(all of RLOO's) + eps` | the same, normalised over the batch |
//! | `gae` | by token, from a critic's values: [`crate::gae`] | arXiv 1506.02438 |
//!
//! `batch_std` follows ScaleRL's sentence, "the standard deviation of all advantages in a batch": of rewards that are
//! centred in their groups already. The deviation of `reward_std` has the spread between prompts in it, so that its
//! advantages are the smaller, the more the prompts differ in how hard they are.
//!
//! Departures. GRPO's paper says neither which std nor an eps, ScaleRL's no eps: `ddof` 1 and 1e-6 are what public
//! trainers use. A group whose rewards are all equal gets exactly 0, also where eps is 0; so does a group of one, for
//! which public trainers disagree. Centred rewards and RLOO's advantages sum to 0 in each group, so `batch_std` and
//! `rloo_normalised` subtract no batch mean.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::gae::GaeConfig;

/// Advantages of completions from their group's rewards, or of tokens from a critic's values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdvantageConfig {
    /// Reward minus the group's mean.
    GroupMean,
    /// Reward minus the group's mean, over the group's standard deviation.
    GroupStd(Deviation),
    /// Reward minus the group's mean, over the standard deviation of these in the whole batch.
    BatchStd(Deviation),
    /// Reward minus the group's mean, over the standard deviation of the whole batch's rewards.
    RewardStd(Deviation),
    /// Reward minus the mean of the other completions of the group.
    Rloo,
    /// RLOO's advantages over their standard deviation in the whole batch.
    RlooNormalised(Deviation),
    /// One advantage a token, from a critic's values: needed in PPO.
    Gae(GaeConfig),
}

/// Standard deviation that advantages are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deviation {
    /// 1 divides the squares by n - 1 (sample), 0 by n (population).
    pub ddof: u32,
    /// Added to the standard deviation; in units of reward.
    pub eps: f64,
}

impl Default for Deviation {
    fn default() -> Self {
        Self { ddof: 1, eps: 1e-6 }
    }
}

impl Deviation {
    fn validate(&self, kind: &str) -> Result<()> {
        let Self { ddof, eps } = *self;
        ensure!(ddof <= 1, "advantage.{kind}.ddof is {ddof}; set it to 0 (divide by n) or 1 (by n - 1)");
        ensure!(eps.is_finite() && eps >= 0.0, "advantage.{kind}.eps is {eps}; set it to 0 or a small positive number");
        Ok(())
    }
}

impl Default for AdvantageConfig {
    fn default() -> Self {
        Self::GroupStd(Deviation::default())
    }
}

impl AdvantageConfig {
    /// # Errors
    /// `ddof` is neither 0 nor 1, `eps` is negative or not finite, or GAE's numbers are out of their range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::GroupMean | Self::Rloo => {}
            Self::GroupStd(deviation) => deviation.validate("group_std")?,
            Self::BatchStd(deviation) => deviation.validate("batch_std")?,
            Self::RewardStd(deviation) => deviation.validate("reward_std")?,
            Self::RlooNormalised(deviation) => deviation.validate("rloo_normalised")?,
            Self::Gae(config) => config.validate()?,
        }
        Ok(())
    }

    /// Settings of GAE where advantages come from a critic's values and not from the group's rewards.
    pub fn gae(&self) -> Option<&GaeConfig> {
        match self {
            Self::Gae(config) => Some(config),
            _ => None,
        }
    }
}

/// Advantages in the layout of `rewards`: one inner vector a group, one number a completion. Groups may differ in size.
///
/// `batch_std`, `reward_std` and `rloo_normalised` take their standard deviation over all groups passed: pass one
/// source's groups at a time to normalise per source.
///
/// # Errors
/// `config` is `gae`, which rewards alone do not give.
pub fn advantages(rewards: &[Vec<f32>], config: &AdvantageConfig) -> Result<Vec<Vec<f32>>> {
    let rewards: Vec<Vec<f64>> =
        rewards.iter().map(|group| group.iter().map(|&reward| f64::from(reward)).collect()).collect();
    let all_centred = || rewards.iter().map(|group| centred(group)).collect::<Vec<_>>();
    let scaled: Vec<Vec<f64>> = match config {
        AdvantageConfig::GroupMean => all_centred(),
        AdvantageConfig::GroupStd(deviation) => {
            let scales = rewards.iter().map(|group| deviation.of(group));
            all_centred().iter().zip(scales).map(|(group, scale)| over(group, scale)).collect()
        }
        AdvantageConfig::BatchStd(deviation) => over_own_deviation(&all_centred(), deviation),
        AdvantageConfig::RewardStd(deviation) => {
            let scale = deviation.of(&rewards.concat());
            all_centred().iter().map(|group| over(group, scale)).collect()
        }
        AdvantageConfig::Rloo => rewards.iter().map(|group| leave_one_out(group)).collect(),
        AdvantageConfig::RlooNormalised(deviation) => {
            let raw: Vec<Vec<f64>> = rewards.iter().map(|group| leave_one_out(group)).collect();
            over_own_deviation(&raw, deviation)
        }
        AdvantageConfig::Gae(_) => bail!(
            "advantage.gae needs a critic's values by token; without a critic, choose an advantage of rewards such as \
             group_std"
        ),
    };
    Ok(scaled.iter().map(|group| group.iter().map(|&advantage| advantage as f32).collect()).collect())
}

/// True where all values are equal: a group with such rewards teaches nothing. So it is for one value or none.
pub fn is_flat<T: PartialEq>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Deviation {
    /// Standard deviation plus `eps`; the deviation is exactly 0 for equal values and for no more than `ddof` values.
    fn of(&self, values: &[f64]) -> f64 {
        let ddof = self.ddof as usize;
        if is_flat(values) || values.len() <= ddof {
            return self.eps;
        }
        let mean = mean(values);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (values.len() - ddof) as f64).sqrt() + self.eps
    }
}

/// The groups over the deviation of all their values together.
fn over_own_deviation(groups: &[Vec<f64>], deviation: &Deviation) -> Vec<Vec<f64>> {
    let scale = deviation.of(&groups.concat());
    groups.iter().map(|group| over(group, scale)).collect()
}

fn centred(group: &[f64]) -> Vec<f64> {
    if is_flat(group) {
        return vec![0.0; group.len()];
    }
    let mean = mean(group);
    group.iter().map(|reward| reward - mean).collect()
}

fn leave_one_out(group: &[f64]) -> Vec<f64> {
    // r - (sum - r) / (n - 1) is the centred reward, stretched by n / (n - 1).
    let stretch = group.len() as f64 / group.len().saturating_sub(1).max(1) as f64;
    centred(group).iter().map(|reward| reward * stretch).collect()
}

/// The values over `scale`. Zeros stay zeros: equal values and an `eps` of 0 make a scale of 0.
fn over(values: &[f64], scale: f64) -> Vec<f64> {
    values.iter().map(|&value| if value == 0.0 { 0.0 } else { value / scale }).collect()
}
