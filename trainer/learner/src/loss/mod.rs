//! Policy-gradient losses on packed tokens: one kind a file, which opens with its formula, paper and departures.
//!
//! With `r = exp(policy - old)`, `A` the advantage and `sg` the stop-gradient, per token:
//!
//! | kind | loss | paper |
//! | --- | --- | --- |
//! | `ppo_clip` | `-min(r A, clip(r, 1 - low, 1 + high) A)` | PPO 1707.06347; low < high: DAPO 2503.14476 |
//! | with `dual_clip` c | where `A < 0`, at most `-c A` | 1912.09729 |
//! | `gspo` | the same with `s = exp(mean of log r over the completion)` for `r` | GSPO 2507.18071 |
//! | `cispo` | `-sg(min(r, 1 + high)) A policy` | MiniMax-M1 2506.13585, as run: without the lower bound |
//! | `cispo_two_sided` | `-sg(clip(r, 1 - low, 1 + high)) A policy` | the same, as printed |
//! | `reinforce` | `-A policy` | Williams 1992 |
//!
//! A kind owns its parameters, their defaults and its paper's aggregation, so that its name alone is its paper. Each
//! token's loss is multiplied by the rollout correction's weight; then `kl_coefficient` times a KL estimate to the
//! reference is added; then losses are summed by the aggregation's weights ([`crate::aggregation`]). Log ratios are
//! clamped to +-20 everywhere.
//!
//! A new kind is a file with a struct that implements [`surrogate::Surrogate`], and a row in [`kind`].

pub mod cispo;
pub mod cispo_two_sided;
mod clip_range;
pub mod config;
pub mod gspo;
pub mod inputs;
pub mod kind;
pub mod metrics;
pub mod policy_loss;
pub mod ppo_clip;
pub mod reinforce;
pub mod surrogate;

pub use self::config::PolicyLossConfig;
pub use self::inputs::LossInputs;
pub use self::kind::PolicyLossKind;
pub use self::metrics::LossMetrics;
pub use self::policy_loss::{LossOutput, policy_loss};
