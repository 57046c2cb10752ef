//! The phases of a sweep's base: those of a recipe up to one of them, or one run by itself.

use std::path::{Path, PathBuf};

use anyhow::Result;
use datasets::generate::DemoDataConfig;
use sweep::file::BaseSection;
use sweep::program::Phase;

use crate::config::{RecipeConfig, Source, load};
use crate::failure::Usage;

/// Kind of a phase, by the names of a recipe's folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseKind {
    ColdStart,
    Stage1,
    RewardModel,
    Stage2,
}

/// What a phase reads of others: key and phase.
type Reads = &'static [(&'static str, &'static str)];

/// All kinds with their names, and what each reads of others.
static KINDS: [(PhaseKind, &str, Reads); 4] = [
    (PhaseKind::ColdStart, "cold-start", &[]),
    (PhaseKind::Stage1, "stage-1", &[("model.path", "cold-start")]),
    (PhaseKind::RewardModel, "reward-model", &[("model.path", "cold-start")]),
    (PhaseKind::Stage2, "stage-2", &[("model.path", "stage-1"), ("reward_model.path", "reward-model")]),
];

/// The base of a sweep.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// The recipe that they are of.
    pub recipe: Option<RecipeConfig>,
    /// Data that are generated before the first phase.
    pub generate: Option<DemoDataConfig>,
}

impl PhaseKind {
    pub(super) fn parse(name: &str) -> Result<Self> {
        let found = KINDS.iter().find(|(_, known, _)| *known == name);
        found.map(|(kind, _, _)| *kind).ok_or_else(|| {
            let names = KINDS.map(|(_, name, _)| name).join(", ");
            Usage::error(format!("base: `{name}` is none of {names}"))
        })
    }

    /// Arguments of the trainer that say the kind.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::ColdStart => &["cold-start"],
            Self::Stage1 => &["--stage", "1"],
            Self::RewardModel => &["reward-model"],
            Self::Stage2 => &["--stage", "2"],
        }
    }
}

impl Base {
    /// Reads the base of a sweep whose file stands in `folder`.
    ///
    /// # Errors
    /// The recipe cannot be read, or a phase is unknown.
    pub(super) fn read(section: &BaseSection, folder: &Path) -> Result<Self> {
        if let Some(config) = &section.config {
            let name = section.command.as_deref().unwrap_or_default();
            PhaseKind::parse(name)?;
            let phase = Phase { name: name.to_owned(), file: folder.join(config), reads: Vec::new() };
            return Ok(Self { phases: vec![phase], recipe: None, generate: None });
        }
        let path = folder.join(section.recipe.as_deref().unwrap_or(Path::new("")));
        let config: RecipeConfig = load(&Source { path: Some(&path), ..Source::default() })?;
        config.validate()?;
        let through = section.through.as_deref().unwrap_or_default();
        PhaseKind::parse(through)?;
        let wanted = needed(through);
        let stages = path.parent().unwrap_or(Path::new("")).to_owned();
        let phases = KINDS.iter().filter(|(_, name, _)| wanted.contains(name)).map(|(kind, name, reads)| Phase {
            name: (*name).to_owned(),
            file: stages.join(file_of(&config, *kind)),
            reads: reads.iter().map(|(key, phase)| ((*key).to_owned(), (*phase).to_owned())).collect(),
        });
        let phases = phases.collect();
        // All cells have the same tasks, whatever their seeds: what they are measured on must be one thing.
        let mut generate = config.generate.clone();
        if let (Some(generate), Some(seed)) = (&mut generate, config.seed_of("data")) {
            generate.seed = seed;
        }
        Ok(Self { phases, recipe: Some(config), generate })
    }
}

fn file_of(config: &RecipeConfig, kind: PhaseKind) -> &PathBuf {
    match kind {
        PhaseKind::ColdStart => &config.cold_start,
        PhaseKind::Stage1 => &config.stage_1,
        PhaseKind::RewardModel => &config.reward_model,
        PhaseKind::Stage2 => &config.stage_2,
    }
}

/// A phase and all that it reads of others.
fn needed(name: &str) -> Vec<&str> {
    let mut names = vec![name];
    let mut index = 0;
    while let Some(name) = names.get(index) {
        let reads = KINDS.iter().find(|(_, known, _)| known == name).map_or(&[][..], |(_, _, reads)| *reads);
        let new: Vec<&str> = reads.iter().map(|(_, phase)| *phase).filter(|phase| !names.contains(phase)).collect();
        names.extend(new);
        index += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_needs_what_it_reads() {
        assert_eq!(needed("cold-start"), ["cold-start"]);
        assert_eq!(needed("stage-1"), ["stage-1", "cold-start"]);
        assert_eq!(needed("reward-model"), ["reward-model", "cold-start"]);
        assert_eq!(needed("stage-2").len(), 4);
        assert!(PhaseKind::parse("stage-3").unwrap_err().to_string().contains("stage-2"));
    }
}
