//! The learning rate of each update: a warm-up, then constant, linear or cosine decay.
//!
//! With `i` the update's index from 0, `w` the warm-up's length and `n` the number of updates, after the warm-up and
//! with `x = (i - w) / (n - w)`:
//!
//! - constant: `lr`;
//! - linear: `min_lr + (lr - min_lr) (1 - x)`;
//! - cosine: `min_lr + (lr - min_lr) (1 + cos(pi x)) / 2` (Loshchilov and Hutter, arXiv 1608.03983, without restarts).
//!
//! During the warm-up the rate is `lr (i + 1) / w`. transformers has `lr i / w`, so that its first update changes
//! nothing: `warmup_from_zero` does the same. Past update `n` the decayed rate stays at its end.

use std::f64::consts::PI;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Course of the rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// The peak rate to the end.
    #[default]
    Constant,
    /// A straight line down to `min_lr`.
    Linear,
    /// Half a cosine down to `min_lr`.
    Cosine,
}

/// Learning rate of each update: a warm-up, then a constant rate or a decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Peak learning rate. 1e-6 in most published recipes.
    pub lr: f64,
    /// Course of the rate after the warm-up.
    pub decay: Decay,
    /// Number of updates over which the rate rises to `lr`. 0 to 50 in published recipes.
    pub warmup_updates: u64,
    /// Rate at the end of a decay; `constant` does not use it.
    pub min_lr: f64,
    /// True where the warm-up's first update has rate 0, as in transformers.
    pub warmup_from_zero: bool,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { lr: 1e-6, decay: Decay::Constant, warmup_updates: 10, min_lr: 0.0, warmup_from_zero: false }
    }
}

/// A schedule over a known number of updates.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    num_updates: u64,
}

impl Schedule {
    /// A schedule of `num_updates` updates.
    ///
    /// # Errors
    /// A rate is negative or not finite, or `min_lr` exceeds `lr`; the message begins with the key.
    pub fn new(config: ScheduleConfig, num_updates: u64) -> Result<Self> {
        ensure!(config.lr.is_finite() && config.lr >= 0.0, "lr: is {}; set it to 0 or more", config.lr);
        ensure!(
            (0.0..=config.lr).contains(&config.min_lr),
            "min_lr: is {}; set it between 0 and lr, which is {}",
            config.min_lr,
            config.lr
        );
        Ok(Self { config, num_updates })
    }

    /// The rate of an update; `index` counts from 0.
    pub fn rate(&self, index: u64) -> f64 {
        let ScheduleConfig { lr, decay, warmup_updates: warmup, min_lr, warmup_from_zero } = self.config;
        if index < warmup {
            let risen = index + u64::from(!warmup_from_zero);
            return lr * risen as f64 / warmup as f64;
        }
        let length = self.num_updates.saturating_sub(warmup).max(1);
        let x = ((index - warmup) as f64 / length as f64).min(1.0);
        let share = match decay {
            Decay::Constant => return lr,
            Decay::Linear => 1.0 - x,
            Decay::Cosine => (1.0 + (PI * x).cos()) / 2.0,
        };
        min_lr + (lr - min_lr) * share
    }
}
