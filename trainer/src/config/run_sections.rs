//! Names of all sections that the configuration of some run has, for commands that read one of them and pass the others
//! by.

/// The sections of stages, cold starts and reward models.
pub(super) const RUN_SECTIONS: &[&str] = &[
    "run",
    "model",
    "new_model",
    "prompt",
    "data",
    "traces",
    "preferences",
    "rollout",
    "dynamic_sampling",
    "algorithm",
    "critic",
    "advantage",
    "loss",
    "reward",
    "reward_model",
    "update",
    "optimizer",
    "schedule",
    "eval",
    "checkpoint",
    "parallel",
    "verifiers",
    "sandbox",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::config::{ReinforceRun, RewardModelRun, SupervisedRun};

    /// The names that are listed where a section is unknown.
    fn sections<C: DeserializeOwned>() -> Vec<String> {
        let said = toml::from_str::<C>("no_such_section = 1").err().unwrap().message().to_owned();
        said.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_section_of_every_run_is_listed() {
        let runs = [sections::<ReinforceRun>(), sections::<SupervisedRun>(), sections::<RewardModelRun>()];
        let of_runs: BTreeSet<String> = runs.concat().into_iter().collect();
        assert!(of_runs.contains("preferences") && of_runs.contains("traces") && of_runs.contains("rollout"));
        assert_eq!(of_runs, RUN_SECTIONS.iter().map(|name| name.to_string()).collect());
    }
}
