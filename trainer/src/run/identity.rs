//! What a run is: the configuration, the content of all it reads, libtorch and the device. A run that goes on must be
//! what it was, or what differs is named. Keys and their effect are in `effect.rs`.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use policy::Placement;
use policy::dist::Fingerprint;
use record::machines::Machine;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::effect::is_mathematics;
use super::flat_values::flatten;
use super::inputs::{InputContent, TrainingRun, contents, is_commit};
use super::machine::{gpu, libtorch, processor};
use super::named_inputs::HeldCommits;
use crate::ranks::environment::environment;

/// What stands for a value that is not there.
const NOT_SET: &str = "not set";
/// Number of ranks, where there are several.
const RANKS: &str = "ranks";
/// Kind of GPU, with the versions of what computes on it.
const GPU: &str = "gpu";
/// Number of threads of each rank.
const THREADS: &str = "threads";

/// What a run is. Two runs of the same identity make the same weights, bit for bit on a CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunIdentity {
    /// Word for what is trained, and how.
    kind: String,
    /// Value of each key of the configuration, but for the keys of `inputs`.
    config: BTreeMap<String, String>,
    /// Content of all that the run reads, by the configuration's key.
    inputs: BTreeMap<String, InputContent>,
    /// Commits of the names of the hub that may come to have others, as they were resolved. Not compared: `inputs` says
    /// what was read.
    #[serde(default)]
    names: HeldCommits,
    /// libtorch, the kind of device, on a CPU the number of threads, by which sums are split, and that of the ranks;
    /// the kind of GPU.
    machine: BTreeMap<String, String>,
}

/// A difference between two identities.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The key.
    pub name: String,
    old: String,
    new: String,
    /// True where it can change what is trained.
    pub is_mathematics: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.name, self.old, self.new)
    }
}

impl RunIdentity {
    /// The identity of a run that is about to start, whose threads are set.
    ///
    /// # Errors
    /// Something that is there cannot be read.
    pub(crate) fn of<C: TrainingRun>(config: &C, placement: Placement) -> Result<Self> {
        let (values, inputs) = values_and_inputs(config)?;
        let mut machine = BTreeMap::from([("libtorch".to_owned(), libtorch())]);
        machine.insert("device".to_owned(), if placement.device == Device::Cpu { "cpu" } else { "cuda" }.to_owned());
        if placement.device == Device::Cpu {
            machine.insert(THREADS.to_owned(), tch::get_num_threads().to_string());
        } else {
            machine.insert(GPU.to_owned(), gpu(placement.device));
        }
        if let Some(ranks) = environment()? {
            machine.insert(RANKS.to_owned(), ranks.world_size.to_string());
        }
        Ok(Self { kind: config.kind().to_owned(), config: values, inputs, names: HeldCommits::new(), machine })
    }

    /// The same with the commits to which names of the hub were resolved, beside those that it has.
    pub(crate) fn with_names(mut self, names: HeldCommits) -> Self {
        self.names.extend(names);
        self
    }

    /// Commits to which names of the hub were resolved.
    pub(crate) fn names(&self) -> &HeldCommits {
        &self.names
    }

    /// The machine on which the run is.
    pub(crate) fn machine(&self) -> Machine {
        let part = |key: &str| self.machine.get(key).cloned();
        Machine {
            device: part(GPU).or_else(|| part("device")).unwrap_or_default(),
            processor: processor(),
            dtype: self.config.get("run.dtype").cloned().unwrap_or_default(),
            threads: tch::get_num_threads().max(1) as usize,
            ranks: part(RANKS).and_then(|ranks| ranks.parse().ok()).unwrap_or(1),
            libtorch: part("libtorch").unwrap_or_default(),
        }
    }

    /// What all ranks of a job must agree on: that they are this run, by this version of the program.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut entries = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        entries.push(("the kind of run".to_owned(), self.kind.clone()));
        entries.extend(self.config.iter().map(|(key, value)| (key.clone(), value.clone())));
        entries.extend(self.inputs.iter().map(|(key, input)| (key.clone(), input.content.clone())));
        entries.extend(self.machine.iter().map(|(key, value)| (key.clone(), value.clone())));
        entries.into_iter().fold(Fingerprint::default(), |all, (name, value)| all.with(&name, value))
    }

    /// The identity by the names that keys have today: sources of data once had shorter ones.
    fn renamed(self) -> Self {
        let Self { kind, config, inputs, names, machine } = self;
        let config = config.into_iter().map(|(key, value)| (renamed(key), value)).collect();
        let inputs = inputs.into_iter().map(|(key, value)| (renamed(key), value)).collect();
        Self { kind, config, inputs, names, machine }
    }

    /// True where no learning rate follows the length of the run: neither the policy's nor that of a critic.
    fn rates_are_constant(&self) -> bool {
        let decays = ["schedule.decay", "critic.schedule.decay"].map(|key| self.config.get(key));
        decays[0].is_some() && decays.into_iter().flatten().all(|decay| decay == "constant")
    }

    /// Everything in which a run differs from what it was, the mathematics first.
    pub(crate) fn differences_from(&self, old: &Self) -> Vec<Difference> {
        let old = &old.clone().renamed();
        let mut found = Vec::new();
        let mut compare = |name: &str, old: Option<String>, new: Option<String>, is_mathematics: bool| {
            if old != new {
                let word = |value: Option<String>| value.unwrap_or_else(|| NOT_SET.to_owned());
                found.push(Difference { name: name.to_owned(), old: word(old), new: word(new), is_mathematics });
            }
        };
        compare("the kind of run", Some(old.kind.clone()), Some(self.kind.clone()), true);
        let rates_are_constant = self.rates_are_constant();
        for key in keys(&old.config, &self.config) {
            let is_mathematics = is_mathematics(&self.kind, key, rates_are_constant);
            compare(key, old.config.get(key).cloned(), self.config.get(key).cloned(), is_mathematics);
        }
        // A job goes on with the ranks that there are, and each has its share of a host's cores.
        let has_as_many_ranks = old.machine.get(RANKS) == self.machine.get(RANKS);
        for key in keys(&old.machine, &self.machine) {
            let is_mathematics = has_as_many_ranks || ![RANKS, THREADS].contains(&key.as_str());
            compare(key, old.machine.get(key).cloned(), self.machine.get(key).cloned(), is_mathematics);
        }
        for key in keys(&old.inputs, &self.inputs) {
            let (before, now) = (old.inputs.get(key), self.inputs.get(key));
            if is_commit(key) && (before.is_none() || now.is_none()) {
                // Files that came to lie elsewhere are told by their content.
                continue;
            }
            if before.map(|input| &input.content) != now.map(|input| &input.content) {
                let word = |input: &InputContent| format!("{} ({})", input.content, input.path.display());
                compare(key, before.map(word), now.map(word), is_mathematics(&self.kind, key, rates_are_constant));
            }
        }
        found.sort_by_key(|difference| !difference.is_mathematics);
        found
    }
}

/// Value of each key of a configuration, but for the keys that are told by content, and these contents.
///
/// # Errors
/// Something that is there cannot be read.
pub(crate) fn values_and_inputs<C: TrainingRun>(
    config: &C,
) -> Result<(BTreeMap<String, String>, BTreeMap<String, InputContent>)> {
    let (keys, inputs) = contents(config)?;
    let value = toml::Value::try_from(config).context("the configuration as TOML")?;
    let mut values = BTreeMap::new();
    flatten("", &value, &mut values);
    // The value of such a key may be a list.
    let is_told = |key: &str, told: &String| key.strip_prefix(told.as_str()).is_some_and(is_empty_or_below);
    values.retain(|key, _| !keys.iter().any(|told| is_told(key, told)));
    Ok((values, inputs))
}

/// True for what follows a key in itself, or in a key below it.
fn is_empty_or_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

/// Today's name of a key.
fn renamed(key: String) -> String {
    match key.strip_prefix("data.") {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => format!("data.source.{rest}"),
        _ => key,
    }
}

fn keys<'a, V>(old: &'a BTreeMap<String, V>, new: &'a BTreeMap<String, V>) -> impl Iterator<Item = &'a String> {
    old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::Kind;

    use super::super::inputs::resolve_links;
    use super::*;
    use crate::config::{ReinforceRun, RewardModelRun, Source, SupervisedRun, load};

    /// Files that a run of each kind reads. They are not loaded, only looked at.
    struct Files {
        folder: tempfile::TempDir,
    }

    const MODEL_FILES: [(&str, &str); 5] = [
        ("config.json", "{\"hidden_size\": 32}"),
        ("model.safetensors", "weights"),
        ("tokenizer.json", "{\"vocab\": 1}"),
        ("tokenizer_config.json", "{\"eos_token\": \"</s>\", \"chat_template\": \"{{ messages }}\"}"),
        ("generation_config.json", "{\"eos_token_id\": 2}"),
    ];

    impl Files {
        fn new() -> Self {
            let files = Self { folder: tempfile::tempdir().unwrap() };
            for model in ["step_00002", "step_00004", "scorer"] {
                MODEL_FILES.iter().for_each(|(name, text)| files.write(&format!("{model}/{name}"), text));
            }
            files.write("step_00004/model.safetensors", "weights two steps later");
            files.link("step_00002");
            for data in ["tasks.jsonl", "traces.jsonl", "pairs.jsonl", "held_out.jsonl", "judge.py"] {
                files.write(data, "one\ntwo\n");
            }
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            std::fs::write(self.path(name), text).unwrap();
        }

        /// Points the link `last` at a folder.
        fn link(&self, target: &str) {
            let _ = std::fs::remove_file(self.path("last"));
            std::os::unix::fs::symlink(target, self.path("last")).unwrap();
        }

        fn identity<C: TrainingRun + serde::de::DeserializeOwned>(&self, text: &str, set: &[&str]) -> RunIdentity {
            let text = text.replace("DIR", &self.folder.path().display().to_string());
            self.write("run.toml", &text);
            let assignments = set.iter().map(|set| (*set).to_owned()).collect();
            let path = self.path("run.toml");
            let mut config: C = load(&Source { path: Some(&path), assignments, moved: None }).unwrap();
            resolve_links(&mut config);
            RunIdentity::of(&config, Placement { device: Device::Cpu, kind: Kind::Float }).unwrap()
        }

        fn stage(&self, set: &[&str]) -> RunIdentity {
            self.identity::<ReinforceRun>(STAGE, set)
        }
    }

    const STAGE: &str = r#"
run = { dir = "DIR/run", seed = 3 }
model.path = "DIR/last"
reward_model.path = "DIR/scorer"
data = [{ path = "DIR/tasks.jsonl" }]
schedule = { lr = 1e-4, decay = "linear" }
verifiers.python.judge = { file = "DIR/judge.py" }
eval.datasets = [{ path = "DIR/held_out.jsonl" }]
"#;

    const COLD_START: &str = r#"
run.dir = "DIR/run"
model.path = "DIR/last"
traces.path = "DIR/traces.jsonl"
"#;

    const REWARD_MODEL: &str = r#"
run.dir = "DIR/run"
model.path = "DIR/last"
preferences = { train = "DIR/pairs.jsonl", eval = "DIR/held_out.jsonl" }
"#;

    /// The names of what differs, and whether it is mathematics.
    fn names(new: &RunIdentity, old: &RunIdentity) -> Vec<(String, bool)> {
        new.differences_from(old).into_iter().map(|found| (found.name, found.is_mathematics)).collect()
    }

    #[test]
    fn the_same_run_is_the_same() {
        let files = Files::new();
        assert_eq!(names(&files.stage(&[]), &files.stage(&[])), []);
        let json = serde_json::to_value(files.stage(&[])).unwrap();
        assert_eq!(serde_json::from_value::<RunIdentity>(json).unwrap(), files.stage(&[]));
    }

    #[test]
    fn a_changed_key_of_the_mathematics_is_named() {
        let files = Files::new();
        let before = files.stage(&[]);
        for set in [
            "run.seed=4",
            "run.dtype=bfloat16",
            "schedule.lr=2e-4",
            "schedule.decay=cosine",
            "schedule.warmup_updates=11",
            "update.steps=101",
            "update.updates_per_step=2",
            "update.micro_batch_tokens=4096",
            "update.head_chunk=512",
            "update.recompute=blocks",
            "optimizer.beta2=0.95",
            "optimizer.weight_decay=0.5",
            "optimizer.max_gradient_norm=0.5",
            "loss.kl_coefficient=0.5",
            "loss.clip_high=0.5",
            "rollout.temperature=0.5",
            "rollout.samples_per_prompt=4",
            "rollout.max_new_tokens=7",
            "rollout.engine.max_sequences=7",
            "dynamic_sampling.enabled=false",
            "reward.wrong=-1.0",
            "prompt.system=Think.",
            "verifiers.deadline_seconds=5.0",
            "verifiers.math.max_digits=5",
            "verifiers.python.judge.timeout_seconds=5.0",
            "sandbox.server.code_bytes=77",
        ] {
            let (key, _) = set.split_once('=').unwrap();
            assert_eq!(names(&files.stage(&[set]), &before), [(key.to_owned(), true)], "{set}");
        }
    }

    #[test]
    fn a_changed_key_without_effect_is_told_apart() {
        let files = Files::new();
        let before = files.stage(&[]);
        for set in [
            "run.dir=elsewhere",
            "checkpoint.every=3",
            "checkpoint.keep=7",
            "eval.every=3",
            "eval.samples=3",
            "verifiers.max_steps_unavailable=9",
            "verifiers.pause_minutes=9.0",
            "verifiers.python.judge.workers=9",
            "sandbox.client.attempts=9",
            "sandbox.server.workers=77",
        ] {
            let (key, _) = set.split_once('=').unwrap();
            assert_eq!(names(&files.stage(&[set]), &before), [(key.to_owned(), false)], "{set}");
        }
        // What these resolve to is compared.
        for set in ["run.device=cpu", "run.num_threads=1"] {
            let differing = names(&files.stage(&[set]), &before);
            assert!(differing.iter().all(|(_, is_mathematics)| !is_mathematics), "{differing:?}");
        }
        let constant = ["schedule.decay=constant", "update.steps=100"];
        let longer = ["schedule.decay=constant", "update.steps=200"];
        assert_eq!(names(&files.stage(&longer), &files.stage(&constant)), [("update.steps".to_owned(), false)]);
        // The rate of a critic follows the length of the run too.
        let critic = ["critic.schedule.decay=linear"];
        let (longer, before) = (files.stage(&[&longer[..], &critic].concat()), [&constant[..], &critic].concat());
        assert_eq!(names(&longer, &files.stage(&before)), [("update.steps".to_owned(), true)]);
    }

    #[test]
    fn changed_content_is_named_by_its_key() {
        let template = "{\"eos_token\": \"</s>\", \"chat_template\": \"{{ messages[0] }}\"}";
        let eos = "{\"eos_token\": \"</t>\", \"chat_template\": \"{{ messages }}\"}";
        for (file, text, name) in [
            ("tasks.jsonl", "one\ntwo!\n", "data.source.0.path"),
            ("judge.py", "one\ntwo!\n", "verifiers.python.judge.file"),
            ("step_00002/model.safetensors", "Weights", "model.path weights"),
            ("step_00002/model-00002-of-00002.safetensors", "more", "model.path weights"),
            ("step_00002/model-rank-00000-of-00002.safetensors", "more", "model.path weights"),
            ("step_00002/model.pieces.json", "{}", "model.path weights"),
            ("step_00002/config.json", "{}", "model.path config.json"),
            ("step_00002/tokenizer.json", "{}", "model.path tokenizer"),
            ("step_00002/generation_config.json", "{}", "model.path tokenizer"),
            ("step_00002/tokenizer_config.json", template, "model.path chat template"),
            ("step_00002/tokenizer_config.json", eos, "model.path tokenizer"),
            ("step_00002/chat_template.jinja", "{{ messages }}", "model.path chat template"),
            ("step_00002/additional_chat_templates/tool_use.jinja", "{{ tools }}", "model.path chat template"),
            ("scorer/model.safetensors", "Weights", "reward_model.path weights"),
        ] {
            let files = Files::new();
            let before = files.stage(&[]);
            files.write(file, text);
            let after = files.stage(&[]);
            assert_eq!(names(&after, &before), [(name.to_owned(), true)], "{file}");
            let said = after.differences_from(&before)[0].to_string();
            assert!(said.contains(" -> ") && said.contains("xxh3-128:"), "{said}");
        }
        let files = Files::new();
        let before = files.stage(&[]);
        files.write("held_out.jsonl", "another\n");
        assert_eq!(names(&files.stage(&[]), &before), [("eval.datasets.0.path".to_owned(), false)]);
    }

    #[test]
    fn a_moved_link_is_another_reference_and_moved_files_are_the_same() {
        let files = Files::new();
        let before = files.stage(&[]);
        files.link("step_00004");
        assert_eq!(names(&files.stage(&[]), &before), [("model.path weights".to_owned(), true)]);
        files.link("step_00002");
        std::fs::rename(files.path("step_00002"), files.path("moved")).unwrap();
        files.link("moved");
        assert_eq!(names(&files.stage(&[]), &before), []);
        std::fs::remove_dir_all(files.path("moved")).unwrap();
        let gone = files.stage(&[]).differences_from(&before);
        assert!(gone.iter().any(|found| found.to_string().contains("-> absent")), "{gone:?}");
    }

    #[test]
    fn a_list_of_files_is_told_by_their_content_and_an_older_key_is_known() {
        let files = Files::new();
        files.write("shards/b.jsonl", "one\n");
        let set = [format!("data=[{{path = [{:?}, {:?}]}}]", files.path("tasks.jsonl"), files.path("shards"))];
        let of_list = || files.stage(&[&set[0]]);
        let before = of_list();
        assert!(before.config.keys().all(|key| !key.contains("path")), "{:?}", before.config);
        files.write("shards/b.jsonl", "two\n");
        assert_eq!(names(&of_list(), &before), [("data.source.0.path".to_owned(), true)]);

        let now = files.stage(&[]);
        let mut old = now.clone();
        let content = old.inputs.remove("data.source.0.path").unwrap();
        old.inputs.insert("data.0.path".to_owned(), content);
        for key in ["name", "weight"] {
            let value = old.config.remove(&format!("data.source.0.{key}")).unwrap();
            old.config.insert(format!("data.0.{key}"), value);
        }
        assert_eq!(names(&now, &old), []);
    }

    #[test]
    fn another_machine_is_named() {
        let files = Files::new();
        let before = files.stage(&[]);
        for name in ["libtorch", "device", "threads"] {
            let mut other = before.clone();
            let value = other.machine.get_mut(name).unwrap();
            value.push_str(" of another kind");
            assert_eq!(names(&other, &before), [(name.to_owned(), true)]);
        }
        assert!(before.machine["libtorch"].starts_with(|first: char| first.is_ascii_digit()), "{before:?}");
        assert!(!before.machine["libtorch"].contains(" 0 bytes"), "{before:?}");
    }

    #[test]
    fn another_kind_of_run_is_named() {
        let files = Files::new();
        let cold = files.identity::<SupervisedRun>(COLD_START, &[]);
        let found = names(&files.stage(&[]), &cold);
        assert!(found.contains(&("the kind of run".to_owned(), true)), "{found:?}");
    }

    #[test]
    fn traces_and_pairs_are_mathematics_and_held_out_pairs_are_not() {
        let files = Files::new();
        let cold = || files.identity::<SupervisedRun>(COLD_START, &[]);
        let scorer = || files.identity::<RewardModelRun>(REWARD_MODEL, &[]);
        let (cold_before, scorer_before) = (cold(), scorer());
        for (file, name, of_a_cold_start, is_mathematics) in [
            ("traces.jsonl", "traces.path", true, true),
            ("pairs.jsonl", "preferences.train", false, true),
            ("held_out.jsonl", "preferences.eval", false, false),
        ] {
            files.write(file, "three\n");
            let found = if of_a_cold_start { names(&cold(), &cold_before) } else { names(&scorer(), &scorer_before) };
            assert_eq!(found, [(name.to_owned(), is_mathematics)], "{file}");
            files.write(file, "one\ntwo\n");
        }
        let checked = ["verifiers.math.max_digits=5", "sandbox.server.code_bytes=77"];
        let found = names(&files.identity::<SupervisedRun>(COLD_START, &checked), &cold_before);
        assert!(found.len() == 2 && found.iter().all(|(_, is_mathematics)| !is_mathematics), "{found:?}");
    }
}
