//! What a model was made of: the runs that led to it, from the first one's base, by the manifests of their checkpoints.
//! Of paths on this machine only the last names are told on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hub::Origin;
use record::manifest::{CheckpointManifest, MANIFEST};
use serde_json::Value;

/// Most runs in a row; a manifest that names its own checkpoint must not be followed for ever.
const MOST_RUNS: usize = 16;

/// A model's runs.
#[derive(Debug)]
pub(super) struct Lineage {
    /// What the first run began with.
    base: FirstWeights,
    /// The runs in the order in which they ran.
    pub(super) runs: Vec<TrainedRun>,
}

/// What a first run begins with.
#[derive(Debug)]
enum FirstWeights {
    /// Weights drawn at random.
    Nothing,
    /// A folder, the repository that it is of, and whether it is here.
    Folder { folder: PathBuf, origin: Option<Origin>, is_here: bool },
}

/// A run as its checkpoint tells it.
#[derive(Debug)]
pub(super) struct TrainedRun {
    /// Word for what was trained, and how.
    pub(super) kind: String,
    /// Step of the checkpoint.
    pub(super) step: u64,
    /// Keys of the configuration with their values.
    pub(super) config: Vec<(String, String)>,
    pub(super) data: Vec<TrainedData>,
    start: Option<PathBuf>,
}

/// Data that a run learned from.
#[derive(Debug)]
pub(super) struct TrainedData {
    pub(super) name: String,
    /// Repository and commit, where they are of the hub.
    pub(super) origin: Option<Origin>,
    /// Checksum of the content.
    pub(super) content: String,
    pub(super) weight: Option<String>,
}

impl Lineage {
    /// Follows the manifests from a checkpoint's back to the base.
    ///
    /// # Errors
    /// A manifest that is there cannot be read.
    pub(super) fn of(manifest: &CheckpointManifest) -> Result<Self> {
        let mut runs = vec![TrainedRun::of(manifest)];
        let mut base = FirstWeights::Nothing;
        while let Some(start) = runs.last().and_then(|run| run.start.clone()) {
            let path = start.join(MANIFEST);
            if !path.is_file() || runs.len() == MOST_RUNS {
                let (origin, is_here) = (Origin::of_path(&start), start.is_dir());
                base = FirstWeights::Folder { folder: start, origin, is_here };
                break;
            }
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let before: CheckpointManifest =
                serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
            runs.push(TrainedRun::of(&before));
        }
        runs.reverse();
        Ok(Self { base, runs })
    }

    /// True where the first run began with a model.
    pub(super) fn has_base(&self) -> bool {
        matches!(self.base, FirstWeights::Folder { .. })
    }

    /// True where the base's folder is here, so that what it does not say it does not say.
    pub(super) fn is_base_here(&self) -> bool {
        matches!(self.base, FirstWeights::Folder { is_here: true, .. })
    }

    /// Folder of the base.
    pub(super) fn base_folder(&self) -> Option<&Path> {
        match &self.base {
            FirstWeights::Folder { folder, .. } => Some(folder),
            FirstWeights::Nothing => None,
        }
    }

    /// Repository of the base, where it is of the hub.
    pub(super) fn base_origin(&self) -> Option<&Origin> {
        match &self.base {
            FirstWeights::Folder { origin, .. } => origin.as_ref(),
            FirstWeights::Nothing => None,
        }
    }

    /// The base in words.
    pub(super) fn base_words(&self) -> String {
        match &self.base {
            FirstWeights::Nothing => "weights drawn at random".to_owned(),
            FirstWeights::Folder { origin: Some(origin), .. } => {
                format!("`{}` at commit `{}`", origin.id, origin.commit)
            }
            FirstWeights::Folder { folder, is_here: true, .. } => {
                format!("the folder `{}`, which is of no commit", last_name(folder))
            }
            FirstWeights::Folder { folder, .. } => {
                let name = last_name(folder);
                format!("the folder `{name}`, which was gone when this was written: what it was made of is not known")
            }
        }
    }
}

impl TrainedRun {
    fn of(manifest: &CheckpointManifest) -> Self {
        let run = &manifest.run;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let config: Vec<(String, String)> = run["config"]
            .as_object()
            .map(|config| config.iter().map(|(key, value)| (key.clone(), text(value))).collect())
            .unwrap_or_default();
        let inputs = run["inputs"].as_object();
        let path = |key: &str| {
            let path = inputs?.get(key)?["path"].as_str()?;
            Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty())
        };
        let data = inputs.into_iter().flatten().filter_map(|(key, input)| TrainedData::of(key, input, &config));
        Self {
            kind: text(&run["kind"]),
            step: manifest.step,
            data: data.collect(),
            start: path("model.path weights"),
            config,
        }
    }

    /// Value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        value_of(&self.config, key)
    }
}

impl TrainedData {
    /// The data of an input; none for models, plug-ins, layouts and what is held out.
    fn of(key: &str, input: &Value, config: &[(String, String)]) -> Option<Self> {
        let section = match key {
            "traces.path" => "traces",
            "preferences.train" => "preferences",
            _ => key.strip_suffix(".path").filter(|section| section.starts_with("data."))?,
        };
        let path = Path::new(input["path"].as_str()?);
        let origin = Origin::of_path(path);
        let own = value_of(config, &format!("{section}.name")).map(str::to_owned);
        let name = own.unwrap_or_else(|| match &origin {
            Some(origin) => origin.repository().to_owned(),
            None => last_name(path),
        });
        let content = input["content"].as_str().unwrap_or_default().to_owned();
        Some(Self { name, origin, content, weight: value_of(config, &format!("{section}.weight")).map(str::to_owned) })
    }
}

/// The folder of the run that a checkpoint lies in.
pub(super) fn run_of(checkpoint: &Path) -> Option<&Path> {
    let checkpoints = checkpoint.parent()?;
    (checkpoints.file_name()? == "checkpoints").then(|| checkpoints.parent())?
}

fn value_of<'a>(config: &'a [(String, String)], key: &str) -> Option<&'a str> {
    config.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

fn last_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(step: u64, kind: &str, start: &Path) -> CheckpointManifest {
        let run = json!({
            "kind": kind,
            "config": {"data.source.0.name": "sums", "data.source.0.weight": "2.0", "run.seed": "3"},
            "inputs": {
                "model.path weights": {"path": start, "content": "xxh3-128:1"},
                "data.source.0.path": {"path": "/home/me/sums.jsonl", "content": "xxh3-128:2"},
                "eval.datasets.0.path": {"path": "/home/me/held_out.jsonl", "content": "xxh3-128:3"},
            },
            "machine": {},
        });
        CheckpointManifest { schema: 1, step, components: Default::default(), run }
    }

    #[test]
    fn runs_are_followed_back_to_the_base() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("cold-start/checkpoints/step_00009");
        std::fs::create_dir_all(first.join("trainer")).unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let base = PathBuf::from(format!("/cache/models--org--base/snapshots/{commit}"));
        let text = serde_json::to_vec(&manifest(9, "cold-start", &base)).unwrap();
        std::fs::write(first.join(MANIFEST), text).unwrap();
        let lineage = Lineage::of(&manifest(4, "stage-1", &first)).unwrap();
        let runs: Vec<(&str, u64)> = lineage.runs.iter().map(|run| (run.kind.as_str(), run.step)).collect();
        assert_eq!(runs, [("cold-start", 9), ("stage-1", 4)]);
        assert_eq!(lineage.base_words(), format!("`org/base` at commit `{commit}`"));
        let [data] = lineage.runs[1].data.as_slice() else { panic!("{:?}", lineage.runs[1].data) };
        assert_eq!((data.name.as_str(), data.weight.as_deref(), &data.origin), ("sums", Some("2.0"), &None));
        assert_eq!(lineage.runs[0].value("run.seed"), Some("3"));
        assert_eq!(run_of(&first), Some(folder.path().join("cold-start").as_path()));
    }

    #[test]
    fn a_run_from_nothing_and_one_from_a_folder_have_words() {
        let nothing = Lineage::of(&manifest(1, "cold-start", Path::new(""))).unwrap();
        assert!(!nothing.has_base() && nothing.base_words().contains("at random"));
        let local = Lineage::of(&manifest(1, "stage-1", Path::new("/home/me/models/mine"))).unwrap();
        assert!(local.base_words().contains("`mine`") && !local.base_words().contains("/home"));
        assert!(!local.is_base_here() && local.base_words().contains("was gone"), "{}", local.base_words());
        let folder = tempfile::tempdir().unwrap();
        let here = Lineage::of(&manifest(1, "stage-1", folder.path())).unwrap();
        assert!(here.is_base_here() && here.base_words().contains("of no commit"), "{}", here.base_words());
    }
}
