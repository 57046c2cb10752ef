//! The stages of a recipe as phases of long work: what each costs beside the others, so that the time left of all can be
//! told. Must not know how a stage is run.
//!
//! The cost is the number of sequences that a stage samples and learns from. What one takes differs from kind to kind
//! of stage (on the demo's model 6 to 20 ms), so that the first stage tells the time of the others roughly; once a
//! stage of a kind is done, or its end in sight, its pace is that of its kind.

use progress::Phase;

use crate::config::{ReinforceRun, RewardModelRun, SupervisedRun};

/// Configurations of a recipe's stages.
pub(super) struct StageConfigs {
    pub(super) cold_start: SupervisedRun,
    pub(super) stage_1: ReinforceRun,
    pub(super) reward_model: RewardModelRun,
    pub(super) stage_2: ReinforceRun,
}

impl StageConfigs {
    /// The phases, by the names of the stages' folders.
    pub(super) fn phases(&self) -> [Phase; 4] {
        let Self { cold_start, stage_1, reward_model, stage_2 } = self;
        let learned = cold_start.update.steps as f64 * cold_start.traces.per_step as f64;
        let compared = 2.0 * reward_model.update.steps as f64 * reward_model.preferences.per_step as f64;
        [
            phase("cold-start", "cold start", learned),
            phase("stage-1", "stage", sampled(stage_1)),
            phase("reward-model", "reward model", compared),
            phase("stage-2", "stage", sampled(stage_2)),
        ]
    }
}

fn phase(name: &str, kind: &'static str, cost: f64) -> Phase {
    Phase { name: name.to_owned(), kind, cost }
}

/// Each completion is sampled and learned from.
fn sampled(stage: &ReinforceRun) -> f64 {
    let rollout = &stage.rollout;
    2.0 * stage.update.steps as f64 * (rollout.prompts_per_step * rollout.samples_per_prompt) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    #[test]
    fn the_demos_phases_cost_what_their_sequences_are() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo");
        fn of<C: serde::de::DeserializeOwned>(path: std::path::PathBuf) -> C {
            load(&Source { path: Some(&path), ..Source::default() }).unwrap()
        }
        let configs = StageConfigs {
            cold_start: of(folder.join("cold-start.toml")),
            stage_1: of(folder.join("stage-1.toml")),
            reward_model: of(folder.join("reward-model.toml")),
            stage_2: of(folder.join("stage-2.toml")),
        };
        let costs = configs.phases().map(|phase| (phase.name, phase.cost));
        let expected = [("cold-start", 32000.0), ("stage-1", 16384.0), ("reward-model", 3840.0), ("stage-2", 16384.0)];
        assert_eq!(costs, expected.map(|(name, cost)| (name.to_owned(), cost)));
    }
}
