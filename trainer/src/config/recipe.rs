//! `trainer recipe`: every stage in order, with the figures after each.

use std::path::PathBuf;

use anyhow::Result;
use datasets::generate::DemoDataConfig;
use random::KeyedRng;
use serde::{Deserialize, Serialize};

use crate::failure::Usage;

/// The whole configuration of a recipe. The stages' files are named relative to the recipe's; each stage writes into a
/// folder of the recipe's (`cold-start`, `stage-1`, `reward-model`, `stage-2`), and starts from the stage before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipeConfig {
    /// Folder of the recipe.
    pub dir: PathBuf,
    /// The number from which the seed of every stage and that of the generated data follow; absent, each is what its
    /// own section says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// File of the configuration of `trainer cold-start`.
    pub cold_start: PathBuf,
    /// File of the configuration of `trainer --stage 1`.
    pub stage_1: PathBuf,
    /// File of the configuration of `trainer reward-model`.
    pub reward_model: PathBuf,
    /// File of the configuration of `trainer --stage 2`.
    pub stage_2: PathBuf,
    /// Data to generate into the recipe's `data` folder before the first stage.
    #[serde(default)]
    pub generate: Option<DemoDataConfig>,
    /// Evaluation dataset of each column of the summary.
    pub summary: SummaryColumns,
}

/// `[summary]`: names of evaluation datasets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SummaryColumns {
    /// Held-out mathematics.
    pub maths: String,
    /// Held-out code.
    pub code: String,
    /// Held-out instructions.
    pub instruction: String,
}

impl RecipeConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.dir.as_os_str().is_empty() {
            return Err(Usage::error("dir: name the recipe's folder, or pass --run-dir"));
        }
        Ok(())
    }

    /// The seed of a part of the recipe (a stage, or the data), below 2^53 so that TOML and JSON hold it exactly;
    /// absent where the recipe has none.
    pub(crate) fn seed_of(&self, part: &str) -> Option<u64> {
        let seed = self.seed?;
        Some(KeyedRng::new(&[seed.into(), "recipe".into(), part.into()]).next_u64() >> 11)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_seed_of_its_own_that_follows_from_the_recipes() {
        let config = |seed| RecipeConfig {
            dir: "runs/demo".into(),
            seed,
            cold_start: "cold-start.toml".into(),
            stage_1: "stage-1.toml".into(),
            reward_model: "reward-model.toml".into(),
            stage_2: "stage-2.toml".into(),
            generate: None,
            summary: SummaryColumns { maths: "m".into(), code: "c".into(), instruction: "i".into() },
        };
        let of = |seed| ["data", "cold-start", "stage-1"].map(|part| config(Some(seed)).seed_of(part).unwrap());
        let all: std::collections::HashSet<u64> = [of(0), of(1), of(2)].concat().into_iter().collect();
        assert_eq!(all.len(), 9);
        assert_eq!(of(1), of(1));
        assert!(all.iter().all(|seed| *seed < 1 << 53));
        assert_eq!(config(None).seed_of("data"), None);
    }
}
