//! The run that a recipe's folder holds already, and the check that it is the same as the one to come.

use std::path::Path;

use anyhow::{Context, Result};
use record::run_folder::RunFolder;

use crate::config::{RecipeConfig, Source, load};
use crate::failure::Usage;
use crate::run::run_manifest::OnChange;

/// Folder of the first stage.
const COLD_START: &str = "cold-start";

/// Run in a recipe's folder.
pub(super) enum PreviousRun {
    /// No run has begun there.
    Nothing,
    /// A run that recorded no configuration.
    Unknown,
    /// A run of this recipe, as it was resolved.
    Run(Box<RecipeConfig>),
}

impl PreviousRun {
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let Ok(folder) = RunFolder::open(dir) else { return Ok(Self::Nothing) };
        let path = folder.config();
        if path.is_file() {
            return Ok(Self::Run(Box::new(load(&Source { path: Some(&path), ..Source::default() })?)));
        }
        Ok(if dir.join(COLD_START).is_dir() { Self::Unknown } else { Self::Nothing })
    }

    pub(super) fn seed(&self) -> Option<u64> {
        match self {
            Self::Run(config) => config.seed,
            Self::Nothing | Self::Unknown => None,
        }
    }

    /// Refuses to mix the run in the folder with one of another seed; or of another recipe, unless that is accepted.
    pub(super) fn check(&self, config: &RecipeConfig, on_change: OnChange) -> Result<()> {
        let dir = config.dir.display();
        let name = |seed: Option<u64>| seed.map_or("without a seed".to_owned(), |seed| format!("of seed {seed}"));
        let other = match self {
            Self::Nothing => return Ok(()),
            Self::Unknown if config.seed.is_none() => return Ok(()),
            Self::Unknown => "a run that recorded no seed".to_owned(),
            Self::Run(held) if held.seed != config.seed => {
                return Err(Usage::error(format!(
                    "{dir} holds the run {}, not one {}: name another folder with --run-dir, or that run's seed with \
                     --seed",
                    name(held.seed),
                    name(config.seed),
                )));
            }
            Self::Run(held) => match differing_key(held, config)? {
                None => return Ok(()),
                Some(key) if on_change == OnChange::Accept => {
                    tracing::warn!("{dir}: the recipe goes on with another `{key}`");
                    return Ok(());
                }
                Some(key) => format!("a run with another `{key}`"),
            },
        };
        Err(Usage::error(format!("{dir} holds {other}: name another folder with --run-dir")))
    }
}

/// The first key in which two recipes differ, their folders aside.
fn differing_key(held: &RecipeConfig, config: &RecipeConfig) -> Result<Option<String>> {
    let table = |config: &RecipeConfig| -> Result<toml::Table> {
        let mut table = toml::Table::try_from(config).context("the recipe as TOML")?;
        table.remove("dir");
        Ok(table)
    };
    Ok(difference(&table(held)?, &table(config)?))
}

fn difference(left: &toml::Table, right: &toml::Table) -> Option<String> {
    left.keys().chain(right.keys()).find_map(|key| match (left.get(key), right.get(key)) {
        (Some(toml::Value::Table(left)), Some(toml::Value::Table(right))) => {
            difference(left, right).map(|inner| format!("{key}.{inner}"))
        }
        (left, right) => (left != right).then(|| key.clone()),
    })
}
