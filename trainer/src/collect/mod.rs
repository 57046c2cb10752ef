//! Draws in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, and a group is settled as soon as its last completion is judged, while
//! others are still generated. Nothing waits for the slowest of a round: there are no rounds.

mod carried;
mod collector;
mod dialogues;
mod ended_rollout;
mod group;
mod group_stream;
mod open_group;
mod partial;
mod refill;
mod sample_stream;
mod score;
mod task_params;

pub(crate) use self::carried::Carried;
pub(crate) use self::collector::Collector;
pub(crate) use self::ended_rollout::EndedRollout;
pub(crate) use self::group::{Batch, Group, Rollout, Sampling};
pub(crate) use self::sample_stream::WantedSamples;

#[cfg(test)]
mod tests;
