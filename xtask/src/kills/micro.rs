//! The runs that are killed: a recipe over a model of a few thousand parameters, its stages by themselves, and PPO
//! with its critics. A run takes seconds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Types of weights and activations; each has runs of its own.
pub(crate) const DTYPES: [&str; 2] = ["float32", "bfloat16"];

/// Folders of a recipe's stages, in their order.
const STAGES: [&str; 4] = ["cold-start", "stage-1", "reward-model", "stage-2"];

/// A kind of run.
#[derive(Debug)]
pub(crate) struct Subject {
    pub name: &'static str,
    /// The trainer's arguments that say what it does.
    pub mode: &'static [&'static str],
    /// Configuration file.
    pub config: &'static str,
    /// Folder of the uninterrupted run; a stage's is within the recipe's.
    pub uninterrupted: &'static str,
}

impl Subject {
    /// Every kind. The recipe comes first: the others start from its stages.
    pub(crate) const ALL: &'static [Self] = &[
        Self { name: "recipe", mode: &["recipe"], config: "recipe.toml", uninterrupted: "recipe" },
        Self {
            name: "cold start",
            mode: &["cold-start"],
            config: "cold-start.toml",
            uninterrupted: "recipe/cold-start",
        },
        Self { name: "stage 1", mode: &["--stage", "1"], config: "stage-1.toml", uninterrupted: "recipe/stage-1" },
        Self {
            name: "reward model",
            mode: &["reward-model"],
            config: "reward-model.toml",
            uninterrupted: "recipe/reward-model",
        },
        Self { name: "stage 2", mode: &["--stage", "2"], config: "stage-2.toml", uninterrupted: "recipe/stage-2" },
        Self { name: "ppo", mode: &["--stage", "1"], config: "ppo.toml", uninterrupted: "ppo" },
        Self {
            name: "ppo, shared trunk",
            mode: &["--stage", "1"],
            config: "ppo-shared.toml",
            uninterrupted: "ppo-shared",
        },
    ];

    /// True of the recipe, which runs in one process.
    pub(crate) fn is_recipe(&self) -> bool {
        self.mode == ["recipe"]
    }

    /// The folders with checkpoints of such a run in `dir`.
    pub(crate) fn run_dirs(&self, dir: &Path) -> Vec<PathBuf> {
        match self.mode {
            ["recipe"] => STAGES.iter().map(|stage| dir.join(stage)).collect(),
            _ => vec![dir.to_owned()],
        }
    }
}

/// Writes the configurations of all kinds into `base`, where the recipe's folder is `recipe`.
///
/// # Errors
/// The folder or a file cannot be written.
pub(crate) fn write(base: &Path, dtype: &str) -> Result<()> {
    write_for(base, base, dtype)
}

/// The same for programs that see `base` as `seen_as`.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_for(base: &Path, seen_as: &Path, dtype: &str) -> Result<()> {
    fs::create_dir_all(base).with_context(|| base.display().to_string())?;
    let stage = |from: &str, more: &str| STAGE.replace("FROM", from) + more + EVAL;
    let files = [
        ("recipe.toml", RECIPE.to_owned()),
        ("cold-start.toml", COLD_START.to_owned() + EVAL),
        ("stage-1.toml", stage("cold-start", GRPO)),
        ("reward-model.toml", REWARD_MODEL.to_owned()),
        ("stage-2.toml", stage("stage-1", &(GRPO.to_owned() + SCORED))),
        ("ppo.toml", stage("cold-start", PPO)),
        ("ppo-shared.toml", stage("cold-start", PPO_SHARED)),
    ];
    for (name, text) in files {
        let text = text.replace("DIR", &seen_as.join("recipe").display().to_string()).replace("DTYPE", dtype);
        let path = base.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

const RECIPE: &str = r#"
dir = "DIR"
cold_start = "cold-start.toml"
stage_1 = "stage-1.toml"
reward_model = "reward-model.toml"
stage_2 = "stage-2.toml"
[summary]
maths = "maths"
code = "code"
instruction = "instruction"
[generate]
num_traces = 60
maths = { num_train = 30, num_eval = 5 }
code = { num_train = 30, num_eval = 5 }
instruction = { num_train = 30, num_eval = 5 }
preference = { num_train = 20, num_eval = 5 }
"#;

const COLD_START: &str = r#"
[run]
dir = "DIR/cold-start"
device = "cpu"
dtype = "DTYPE"
num_threads = 1
[new_model]
vocab_size = 400
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 512
[traces]
path = "DIR/data/traces.jsonl"
per_step = 8
[update]
steps = 4
[schedule]
lr = 1e-3
decay = "linear"
warmup_updates = 1
[checkpoint]
every = 1
keep = 2
"#;

/// Groups are paid by their repetitions and refilled: some teach, and some do not.
const STAGE: &str = r#"
[run]
dir = "DIR/stage"
device = "cpu"
dtype = "DTYPE"
num_threads = 1
[model]
path = "DIR/FROM/checkpoints/last"
[[data]]
path = "DIR/data/math_train.jsonl"
[[data]]
path = "DIR/data/code_train.jsonl"
[[data]]
path = "DIR/data/instruction_train.jsonl"
[rollout]
prompts_per_step = 4
samples_per_prompt = 2
max_new_tokens = 24
[[reward.term]]
name = "varied"
reads = "repetition"
ngram = 1
[update]
steps = 4
updates_per_step = 2
[schedule]
lr = 1e-3
decay = "linear"
warmup_updates = 1
[checkpoint]
every = 1
keep = 2
"#;

const GRPO: &str = r#"
[loss]
kl_coefficient = 0.01
"#;

const SCORED: &str = r#"
[[reward.term]]
name = "score"
reads = "reward_model"
[reward_model]
path = "DIR/reward-model/checkpoints/last"
"#;

const PPO: &str = r#"
[algorithm]
name = "ppo"
[advantage.gae]
lambda = 0.95
[critic]
pretrain_steps = 1
updates_per_step = 2
[critic.schedule]
lr = 1e-3
decay = "linear"
warmup_updates = 1
"#;

const PPO_SHARED: &str = r#"
[algorithm]
name = "ppo"
[advantage.gae]
lambda = 0.95
[critic]
shared_trunk = true
updates_per_step = 2
"#;

const REWARD_MODEL: &str = r#"
[run]
dir = "DIR/reward-model"
device = "cpu"
dtype = "DTYPE"
num_threads = 1
[model]
path = "DIR/cold-start/checkpoints/last"
[preferences]
train = "DIR/data/preferences_train.jsonl"
eval = "DIR/data/preferences_eval.jsonl"
per_step = 4
[update]
steps = 4
[schedule]
lr = 1e-3
decay = "linear"
warmup_updates = 1
[checkpoint]
every = 1
keep = 2
"#;

const EVAL: &str = r#"
[eval]
every = 1
max_new_tokens = 32
datasets = [
    { name = "maths", path = "DIR/data/math_eval.jsonl", limit = 3 },
    { name = "code", path = "DIR/data/code_eval.jsonl", limit = 3 },
    { name = "instruction", path = "DIR/data/instruction_eval.jsonl", limit = 3 },
]
"#;
