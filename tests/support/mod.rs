//! Shared by the end-to-end tests: the binary, small data, and configurations that run in seconds.

pub(crate) mod commands;
pub(crate) mod remains;

use std::path::PathBuf;
use std::process::{Command, Output};

use datasets::generate::{DemoDataConfig, generate_demo};

/// The trainer, with one thread for libtorch: tests run beside each other.
pub(crate) fn trainer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.env("OMP_NUM_THREADS", "1").env_remove("RUST_LOG");
    // A path that is not there may be a name: no test asks the network for it.
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Arguments of a run that evaluates nothing.
pub(crate) const NO_EVAL: [&str; 4] = ["--set", "eval.at_start=false", "--set", "eval.at_end=false"];

/// Runs it and expects an exit code; what it said otherwise is shown.
pub(crate) fn run(arguments: &[&str], code: i32) -> Output {
    let output = trainer().args(arguments).output().expect("the trainer starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "trainer {arguments:?} said: {said}");
    output
}

/// A folder with generated data and the configurations of a recipe in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// Data of a few dozen tasks, and a model of a few thousand parameters.
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        generate_demo(&data_config()).expect("the data").write(&bench.path("data")).expect("the data are written");
        bench.write("cold-start.toml", &bench.cold_start());
        bench.write("stage-1.toml", &bench.stage("stage-1", "cold-start", ""));
        bench.write("reward-model.toml", &bench.reward_model());
        let reward_model = format!("[reward_model]\npath = {:?}\n", bench.path("runs/reward-model/checkpoints/last"));
        bench.write("stage-2.toml", &bench.stage("stage-2", "stage-1", &reward_model));
        bench.write("recipe.toml", &bench.recipe());
        bench
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file in a temporary folder");
    }

    fn cold_start(&self) -> String {
        format!(
            r#"
[run]
dir = {dir:?}
device = "cpu"
[new_model]
vocab_size = 400
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 512
[traces]
path = {traces:?}
per_step = 8
[update]
steps = 4
[schedule]
lr = 1e-3
warmup_updates = 1
[checkpoint]
every = 2
{eval}"#,
            dir = self.path("runs/cold-start"),
            traces = self.path("data/traces.jsonl"),
            eval = self.eval(),
        )
    }

    fn stage(&self, name: &str, from: &str, more: &str) -> String {
        format!(
            r#"
[run]
dir = {dir:?}
device = "cpu"
[model]
path = {model:?}
[[data]]
path = {math:?}
[[data]]
path = {code:?}
[[data]]
path = {instruction:?}
[rollout]
prompts_per_step = 3
samples_per_prompt = 2
max_new_tokens = 12
[dynamic_sampling]
enabled = false
[loss]
kl_coefficient = 0.01
[reward]
format_bonus = 0.1
[update]
steps = 4
updates_per_step = 2
[schedule]
lr = 1e-3
warmup_updates = 1
[checkpoint]
every = 2
{more}{eval}"#,
            dir = self.path("runs").join(name),
            model = self.path("runs").join(from).join("checkpoints/last"),
            math = self.path("data/math_train.jsonl"),
            code = self.path("data/code_train.jsonl"),
            instruction = self.path("data/instruction_train.jsonl"),
            eval = self.eval(),
        )
    }

    fn reward_model(&self) -> String {
        format!(
            r#"
[run]
dir = {dir:?}
device = "cpu"
[model]
path = {model:?}
[preferences]
train = {train:?}
eval = {eval:?}
per_step = 4
[update]
steps = 4
[schedule]
lr = 1e-3
warmup_updates = 1
[checkpoint]
every = 2
"#,
            dir = self.path("runs/reward-model"),
            model = self.path("runs/cold-start/checkpoints/last"),
            train = self.path("data/preferences_train.jsonl"),
            eval = self.path("data/preferences_eval.jsonl"),
        )
    }

    fn eval(&self) -> String {
        let dataset = |name: &str, file: &str| {
            format!("{{ name = {name:?}, path = {:?}, limit = 3 }}", self.path("data").join(file))
        };
        format!(
            "[eval]\nmax_new_tokens = 8\ndatasets = [{}, {}, {}]\n",
            dataset("maths", "math_eval.jsonl"),
            dataset("code", "code_eval.jsonl"),
            dataset("instruction", "instruction_eval.jsonl"),
        )
    }

    fn recipe(&self) -> String {
        format!(
            r#"
dir = {dir:?}
cold_start = "cold-start.toml"
stage_1 = "stage-1.toml"
reward_model = "reward-model.toml"
stage_2 = "stage-2.toml"
[summary]
maths = "maths"
code = "code"
instruction = "instruction"
"#,
            dir = self.path("runs"),
        )
    }
}

fn data_config() -> DemoDataConfig {
    let mut config = DemoDataConfig { num_traces: 60, ..DemoDataConfig::default() };
    config.maths.num_train = 30;
    config.maths.num_eval = 5;
    config.code.num_train = 30;
    config.code.num_eval = 5;
    config.instruction.num_train = 30;
    config.instruction.num_eval = 5;
    config.preference.num_train = 20;
    config.preference.num_eval = 5;
    config
}
