//! The sweep's file: what is compared, over which seeds, and by which figures. Must not know what a key of a run means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::claims::{Claims, Tasks};
use crate::cluster::ClusterSection;
use crate::error::SweepError;
use crate::figure::Figure;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// Name of the sweep, by which its folder knows it.
    pub name: String,
    /// Folder that the sweep writes.
    pub dir: PathBuf,
    /// Seeds. Under one seed every arm sees the same tasks in the same order, with the same draws, initial values and
    /// evaluation samples.
    pub seeds: Vec<u64>,
    /// What the arms change.
    pub base: BaseSection,
    /// Arms, each a named change.
    #[serde(default)]
    pub arm: Vec<ArmSection>,
    /// Values by key, of which each combination is an arm that names itself. Keys are those of the last phase.
    #[serde(default)]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Figures, of which exactly one is the primary.
    #[serde(default)]
    pub figure: Vec<Figure>,
    /// How arms are compared.
    #[serde(default)]
    pub claims: Claims,
    /// Cells at once on this machine.
    #[serde(default)]
    pub local: LocalSection,
    /// Resources of a cell where `--emit` writes jobs.
    #[serde(default)]
    pub cluster: ClusterSection,
    /// Seconds of a step by phase, where they are known: `--dry-run` then says how long the sweep takes.
    #[serde(default)]
    pub seconds_per_step: BTreeMap<String, f64>,
}

/// `[base]`: the phases of every cell, from a recipe's file or from one run's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseSection {
    /// A recipe's file, relative to the sweep's.
    pub recipe: Option<PathBuf>,
    /// The recipe's last phase that is run: `cold-start`, `stage-1`, `reward-model` or `stage-2`.
    pub through: Option<String>,
    /// In the place of a recipe: a run's file, relative to the sweep's.
    pub config: Option<PathBuf>,
    /// The command of `config`: `cold-start`, `stage-1`, `reward-model` or `stage-2`.
    pub command: Option<String>,
    /// Overrides of the last phase, as `--set` takes them; arms stand on them.
    pub set: Vec<String>,
    /// Overrides of earlier phases, by phase.
    pub set_in: BTreeMap<String, Vec<String>>,
    /// Phases that are run once for all seeds, with `shared_seed`: from these a cell's seed changes nothing.
    pub shared: Vec<String>,
    /// Seed of the shared phases.
    pub shared_seed: Option<u64>,
    /// Command before the trainer's, as `srun` with its options, where a cell has several hosts.
    pub launcher: Vec<String>,
    /// Further arguments of the trainer, as `--nproc 8`.
    pub arguments: Vec<String>,
}

/// `[[arm]]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSection {
    /// Name in tables and folders.
    pub name: String,
    /// File of the last phase in the place of the base's, relative to the sweep's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// Overrides of the last phase, as `--set` takes them.
    #[serde(default)]
    pub set: Vec<String>,
    /// Overrides of earlier phases, by phase.
    #[serde(default)]
    pub set_in: BTreeMap<String, Vec<String>>,
    /// Step of the last phase after which `set` applies. The steps before are the base's, and are run once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<u64>,
}

/// `[local]`: cells at once on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSection {
    /// Most cells at once.
    pub jobs: usize,
    /// Cores that a cell keeps busy; 0 where cores do not decide.
    pub cores: f64,
    /// Memory that a cell needs, in GiB; 0 where memory does not decide.
    pub memory_gib: f64,
    /// Starts of a cell that is killed, each from its last checkpoint, before it counts as failed.
    pub attempts: u32,
}

impl Default for LocalSection {
    fn default() -> Self {
        Self { jobs: 1, cores: 1.0, memory_gib: 0.0, attempts: 4 }
    }
}

impl LocalSection {
    /// Cells at once: as many as are wanted, have cores and have memory, and one at least.
    pub fn num_at_once(&self, cores: usize, free_memory_gib: f64) -> usize {
        let within = |have: f64, each: f64| if each > 0.0 { (have / each) as usize } else { usize::MAX };
        self.jobs.min(within(cores as f64, self.cores)).min(within(free_memory_gib, self.memory_gib)).max(1)
    }
}

impl SweepFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, has an unknown key, or does not describe a sweep.
    pub fn read(path: &Path) -> Result<Self, SweepError> {
        let fail = |reason: String| SweepError::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let file: Self = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        file.check().map_err(|error| fail(error.to_string()))?;
        Ok(file)
    }

    /// Checks what the types cannot say.
    fn check(&self) -> Result<(), SweepError> {
        let refuse = |reason: String| Err(SweepError::invalid(reason));
        check_name("name", &self.name)?;
        if self.dir.as_os_str().is_empty() {
            return refuse("dir: name the sweep's folder".into());
        }
        if self.seeds.is_empty() {
            return refuse("seeds: name at least one; with fewer than three hardly any difference can be shown".into());
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.seeds.iter().find(|seed| !seen.insert(**seed)) {
            return refuse(format!("seeds: {twice} stands there twice, and would count one run as two"));
        }
        if let Some(large) = self.seeds.iter().find(|seed| **seed >= 1 << 53) {
            return refuse(format!("seeds: {large} is no number below 2^53"));
        }
        self.base.check()?;
        if self.arm.is_empty() && self.grid.is_empty() {
            return refuse("arm: there is nothing to compare the base to; add an [[arm]] or a [grid]".into());
        }
        self.check_figures()?;
        self.check_numbers()
    }

    fn check_figures(&self) -> Result<(), SweepError> {
        let refuse = |reason: String| Err(SweepError::invalid(reason));
        let primary: Vec<&str> =
            self.figure.iter().filter(|figure| figure.primary).map(|figure| figure.name.as_str()).collect();
        match primary.as_slice() {
            [_] => {}
            [] => return refuse("figure: none is the primary; write `primary = true` at the one that decides".into()),
            several => {
                return refuse(format!("figure: {} are all primary; one decides, chosen before", several.join(", ")));
            }
        }
        let mut names = BTreeSet::new();
        for figure in &self.figure {
            if !names.insert(figure.name.as_str()) {
                return refuse(format!("figure: two are named {}", figure.name));
            }
            figure.place()?;
        }
        let others: Vec<&str> =
            self.figure.iter().filter(|figure| !figure.primary).map(|figure| figure.name.as_str()).collect();
        self.claims.check(primary[0], &others).map_err(|error| SweepError::invalid(error.to_string()))?;
        if let Some(figure) = self.figure.iter().find(|figure| figure.primary && !figure.is_by_task())
            && self.claims.tasks == Tasks::LikeThese
        {
            return refuse(format!(
                "claims.tasks: a claim for tasks like these wants a value of each task, and the primary figure {} ({}) \
                 has none; take an eval/NAME/pass@1, or \"these\"",
                figure.name, figure.metric
            ));
        }
        self.check_confirmation(primary[0])
    }

    /// Refuses a second look at the tasks that choose the winner, or at none.
    fn check_confirmation(&self, primary: &str) -> Result<(), SweepError> {
        let Some(name) = self.claims.confirm.as_deref() else { return Ok(()) };
        let dataset =
            |name: &str| self.figure.iter().find(|figure| figure.name == name).and_then(|figure| figure.dataset());
        let reason = match (dataset(name), dataset(primary)) {
            (None, _) => "is of no held-out dataset".to_owned(),
            (Some(own), Some(first)) if own == first => format!("is of {own}, whose tasks choose the winner"),
            _ => return Ok(()),
        };
        Err(SweepError::invalid(format!(
            "claims.confirm: the figure {name} {reason}; name one of another dataset than the primary figure's"
        )))
    }

    fn check_numbers(&self) -> Result<(), SweepError> {
        let refuse = |reason: String| Err(SweepError::invalid(reason));
        let local = &self.local;
        if local.jobs == 0 || local.attempts == 0 {
            return refuse("local: jobs and attempts must be at least 1".into());
        }
        if !(local.cores.is_finite() && local.cores >= 0.0 && local.memory_gib.is_finite() && local.memory_gib >= 0.0) {
            return refuse("local: cores and memory_gib must not be below 0".into());
        }
        for (phase, seconds) in &self.seconds_per_step {
            if !(seconds.is_finite() && *seconds > 0.0) {
                return refuse(format!("seconds_per_step.{phase}: must be above 0"));
            }
        }
        Ok(())
    }
}

impl BaseSection {
    fn check(&self) -> Result<(), SweepError> {
        let refuse = |reason: &str| Err(SweepError::invalid(reason));
        match (&self.recipe, &self.config) {
            (Some(_), Some(_)) => return refuse("base: recipe and config are two bases; keep one"),
            (None, None) => return refuse("base: name a recipe's file as `recipe`, or a run's as `config`"),
            (Some(_), None) if self.through.is_none() || self.command.is_some() => {
                return refuse(
                    "base: with a recipe, say by `through` which phase is its last; `command` is for config",
                );
            }
            (None, Some(_)) if self.command.is_none() || self.through.is_some() => {
                return refuse("base: with a config, say its `command`, as \"stage-1\"; `through` is for recipes");
            }
            _ => {}
        }
        if self.shared.is_empty() != self.shared_seed.is_none() {
            return refuse(
                "base: `shared` and `shared_seed` belong together: phases that all seeds share, and their seed",
            );
        }
        Ok(())
    }
}

/// Refuses a name that cannot be a folder's.
pub(crate) fn check_name(key: &str, name: &str) -> Result<(), SweepError> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-_.=,+".contains(letter);
    if name.is_empty() || name.starts_with('.') || name.len() > 120 || !name.chars().all(is_fit) {
        return Err(SweepError::invalid(format!(
            "{key}: `{name}` is to be the name of a folder: up to 120 letters, digits and -_.=,+"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name = "clip"
dir = "runs/clip"
seeds = [1, 2]
[base]
config = "stage-1.toml"
command = "stage-1"
[[arm]]
name = "higher"
set = ["loss.clip_high=0.28"]
[[figure]]
name = "maths"
metric = "eval/maths/pass@1"
primary = true
"#;

    fn read(text: &str) -> Result<SweepFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.toml");
        std::fs::write(&path, text).unwrap();
        SweepFile::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_whole() {
        let file = read(FILE).unwrap();
        assert_eq!((file.seeds.as_slice(), file.arm.len(), file.local.jobs), ([1, 2].as_slice(), 1, 1));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_file_and_the_key() {
        for (from, to, words) in [
            ("seeds = [1, 2]", "seeds = [1, 1]", "1 stands there twice"),
            ("seeds = [1, 2]", "seeds = []", "seeds: name at least one"),
            ("name = \"clip\"", "name = \"a/b\"", "name of a folder"),
            ("dir = \"runs/clip\"", "dir = \"\"", "dir: name"),
            ("command = \"stage-1\"", "", "say its `command`"),
            ("config = \"stage-1.toml\"", "", "name a recipe's file"),
            ("command = \"stage-1\"", "command = \"stage-1\"\nrecipe = \"recipe.toml\"", "keep one"),
            ("command = \"stage-1\"", "command = \"stage-1\"\nshared = [\"cold-start\"]", "belong together"),
            ("primary = true", "", "none is the primary"),
            ("primary = true", "primary = true\nbest = true", "unknown field `best`"),
            ("primary = true", "primary = true\nat = \"best\"", "never the best"),
            ("[[arm]]\nname = \"higher\"\nset = [\"loss.clip_high=0.28\"]", "", "nothing to compare"),
            ("[[figure]]", "[local]\njobs = 0\n[[figure]]", "at least 1"),
            (
                "primary = true\n",
                "[claims]\ntasks = 'like_these'\n[[figure]]\nname = 'r'\nmetric = 'reward/mean'\nprimary = true\n",
                "the primary figure r (reward/mean) has none",
            ),
            ("[[figure]]", "[seconds_per_step]\nstage-1 = -1.0\n[[figure]]", "seconds_per_step.stage-1"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let said = read(&FILE.replace(from, to)).unwrap_err();
            assert!(said.contains(words) && said.contains("sweep.toml"), "{to}: {said}");
        }
        let twice = format!("{FILE}[[figure]]\nname = 'maths'\nmetric = 'reward/mean'\n");
        assert!(read(&twice).unwrap_err().contains("two are named maths"));
        for (metric, words) in [
            ("eval/maths/score", "is of maths, whose tasks choose the winner"),
            ("reward/mean", "is of no held-out dataset"),
            ("eval/fresh/pass@1", ""),
        ] {
            let confirm = format!("{FILE}[[figure]]\nname = 'c'\nmetric = '{metric}'\n[claims]\nconfirm = 'c'\n");
            let said = read(&confirm).err().unwrap_or_default();
            assert!(said.contains(words) && said.contains("claims.confirm") != words.is_empty(), "{metric}: {said}");
        }
        let both = format!("{FILE}[[figure]]\nname = 'reward'\nmetric = 'reward/mean'\nprimary = true\n");
        assert!(read(&both).unwrap_err().contains("maths, reward are all primary"));
    }

    #[test]
    fn cells_at_once_are_bounded_by_cores_and_memory() {
        let local = LocalSection { jobs: 8, cores: 2.0, memory_gib: 3.0, attempts: 1 };
        assert_eq!(local.num_at_once(8, 64.0), 4);
        assert_eq!(local.num_at_once(64, 10.0), 3);
        assert_eq!(local.num_at_once(1, 1.0), 1);
        assert_eq!(LocalSection { jobs: 3, cores: 0.0, memory_gib: 0.0, attempts: 1 }.num_at_once(1, 0.1), 3);
    }
}
