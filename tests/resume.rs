//! Runs that go on: from whole checkpoints alone, as what they were, one process at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use policy::{NamedTensors, Placement, Policy};
use record::lock::FolderLock;
use record::manifest::ManifestBuilder;
use serde_json::Value;
use tch::Tensor;

use crate::support::{Bench, NO_EVAL, run, trainer};

/// A cold start of four steps with checkpoints after the second and the fourth, without evaluations.
struct ColdStart {
    bench: Bench,
}

impl ColdStart {
    fn new() -> Self {
        Self { bench: Bench::new() }
    }

    fn done() -> Self {
        let cold = Self::new();
        cold.run(&[], 0);
        cold
    }

    fn run(&self, more: &[&str], code: i32) -> Output {
        let config = self.bench.text("cold-start.toml");
        let mut arguments = vec!["cold-start", "--config", &config];
        arguments.extend(NO_EVAL);
        arguments.extend(more);
        run(&arguments, code)
    }

    /// What it says on standard error where it ends with this code.
    fn says(&self, more: &[&str], code: i32) -> String {
        String::from_utf8(self.run(more, code).stderr).unwrap()
    }

    fn dir(&self) -> PathBuf {
        self.bench.path("runs/cold-start")
    }

    fn checkpoint(&self, step: u64) -> PathBuf {
        self.dir().join(format!("checkpoints/step_{step:05}"))
    }

    fn last(&self) -> PathBuf {
        std::fs::read_link(self.dir().join("checkpoints/last")).unwrap()
    }

    /// Names in `checkpoints/`, in order.
    fn checkpoints(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir().join("checkpoints")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn flip_a_byte(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn verify_names_what_is_wrong_with_a_checkpoint() {
    let cold = ColdStart::done();
    let (run_dir, last) = (cold.dir(), cold.dir().join("checkpoints/last"));
    let (run_dir, last) = (run_dir.to_str().unwrap(), last.to_str().unwrap());
    let whole = json(&run(&["checkpoint", "verify", last, "--json"], 0));
    assert_eq!((&whole["whole"], &whole["problems"]), (&true.into(), &Value::Array(vec![])));
    let paths: Vec<&str> =
        whole["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    for file in
        ["config.json", "model.safetensors", "tokenizer.json", "trainer/optimizer.safetensors", "trainer/state.json"]
    {
        assert!(paths.contains(&file), "{file} in {paths:?}");
    }
    assert!(whole["files"].as_array().unwrap().iter().all(|file| file["state"] == "whole" && file["bytes"].is_u64()));

    flip_a_byte(&cold.checkpoint(4).join("trainer/optimizer.safetensors"));
    std::fs::remove_file(cold.checkpoint(2).join("tokenizer.json")).unwrap();
    let output = run(&["checkpoint", "verify", run_dir, "--json"], 1);
    let torn = json(&output);
    assert_eq!(torn["whole"], false);
    let problems = torn["problems"].to_string();
    assert_says(&problems, &["step_00004/trainer/optimizer.safetensors", "step_00002/tokenizer.json is missing"]);
    assert_says(&String::from_utf8(output.stderr).unwrap(), &["2 problems"]);
    let text = String::from_utf8(run(&["checkpoint", "verify", last], 1).stdout).unwrap();
    assert_says(&text, &["altered", "whole", "trainer/optimizer.safetensors has another checksum"]);

    std::fs::remove_file(cold.checkpoint(4).join("trainer/manifest.json")).unwrap();
    let torn = json(&run(&["checkpoint", "verify", last, "--json"], 1));
    assert_says(&torn["problems"].to_string(), &["trainer/manifest.json is missing"]);
    for nothing in ["nowhere", cold.bench.text("data").as_str()] {
        let code = if nothing == "nowhere" { 2 } else { 1 };
        run(&["checkpoint", "verify", nothing], code);
    }
}

#[test]
fn a_checkpoint_is_exported_whole_or_not_at_all() {
    let cold = ColdStart::done();
    let (last, out) = (cold.dir().join("checkpoints/last"), cold.bench.path("export"));
    let export = |from: &Path, to: &Path, code: i32| {
        let output = run(&["checkpoint", "export", from.to_str().unwrap(), to.to_str().unwrap()], code);
        [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat()
    };
    let files = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap());
        entries.filter(|path| path.is_file()).map(read).collect::<BTreeMap<_, _>>()
    };
    assert_says(&export(&last, &out, 0), &["the model of step 4"]);
    assert!(files(&out) == files(&last) && !out.join("trainer").exists());
    assert_says(&export(&last, &out, 2), &["export is there already"]);
    assert_says(&export(&cold.dir(), &cold.bench.path("other"), 2), &["is a run", "checkpoints/last"]);
    assert_says(&export(&last, &last.join("hf/model"), 2), &["lies within the checkpoint"]);

    // The same checkpoint as two ranks would have written it.
    let pieces = cold.bench.path("pieces");
    let policy = Policy::load(&last, Placement::CPU).unwrap();
    for rank in 0..2 {
        let half = |(name, tensor): (String, Tensor)| {
            let (flat, length) = (tensor.reshape([-1]), tensor.numel() as i64 / 2);
            (format!("{name}[{}..{}]", rank * length, rank * length + length), flat.narrow(0, rank * length, length))
        };
        let mine: NamedTensors = policy.decoder.state().into_iter().map(half).collect();
        std::fs::create_dir_all(&pieces).unwrap();
        policy::write_rank_file(&pieces, "model", rank as usize, 2, &mine).unwrap();
    }
    policy.save_pieces_index(&pieces, 2).unwrap();
    let mut manifest = ManifestBuilder::new(&pieces);
    let names: Vec<String> = files(&pieces).into_keys().map(|name| name.into_string().unwrap()).collect();
    manifest.component("policy", "", &names).unwrap();
    manifest.write(4, Value::Null).unwrap();
    let again = cold.bench.path("again");
    export(&pieces, &again, 0);
    assert!(files(&again) == files(&out));

    flip_a_byte(&pieces.join("model-rank-00001-of-00002.safetensors"));
    let torn = cold.bench.path("torn");
    let said = export(&pieces, &torn, 1);
    assert_says(&said, &["is not whole", "model-rank-00001-of-00002.safetensors has another checksum"]);
    assert!(!torn.exists());
}

#[test]
fn an_altered_checkpoint_is_named_and_the_one_before_it_used() {
    let cold = ColdStart::done();
    let weights = std::fs::read(cold.checkpoint(4).join("model.safetensors")).unwrap();
    for (step, file) in [(4, "model.safetensors"), (4, "trainer/state.json")] {
        flip_a_byte(&cold.checkpoint(step).join(file));
        let said = cold.says(&["--resume"], 0);
        assert_says(&said, &["step_00004 is not whole", file, "going on from step 2", "altered_step_00004"]);
        // The two steps came again, and are the same.
        assert!(std::fs::read(cold.checkpoint(4).join("model.safetensors")).unwrap() == weights);
        assert_eq!(cold.checkpoints(), ["altered_step_00004", "last", "step_00002", "step_00004"]);
        assert_eq!(cold.last(), Path::new("step_00004"));
    }
    let rows = std::fs::read_to_string(cold.dir().join("metrics.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 4);

    let config = std::fs::read(cold.dir().join("config.toml")).unwrap();
    let refused = |words: &[&str]| {
        let said = cold.says(&["--resume", "--set", "eval.every=3"], 2);
        assert_says(&said, words);
        assert_eq!(std::fs::read(cold.dir().join("config.toml")).unwrap(), config, "nothing is written");
        assert_eq!(std::fs::read_to_string(cold.dir().join("metrics.jsonl")).unwrap(), rows);
        assert_eq!(cold.checkpoints(), ["altered_step_00004", "last", "step_00002", "step_00004"]);
    };
    // Of a newer layout, or not to be read: it may be whole, and is not passed over.
    let manifest = cold.checkpoint(4).join("trainer/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("\"schema\": 1", "\"schema\": 9", 1)).unwrap();
    refused(&["step_00004", "schema 9", "cannot be told"]);
    std::fs::write(&manifest, text).unwrap();
    let counts = cold.checkpoint(4).join("trainer/counts.json");
    std::fs::remove_file(&counts).unwrap();
    std::fs::create_dir(&counts).unwrap();
    refused(&["step_00004", "trainer/counts.json cannot be read", "cannot be told"]);
    // Nothing that is whole.
    std::fs::remove_dir(&counts).unwrap();
    std::fs::remove_file(cold.checkpoint(2).join("config.json")).unwrap();
    refused(&["trainer/counts.json is missing", "config.json is missing", "no checkpoint", "--run-dir"]);
}

#[test]
fn a_run_without_a_checkpoint_begins_again_only_as_what_it_was() {
    let cold = ColdStart::new();
    cold.run(&["--set", "update.steps=2"], 0);
    std::fs::remove_dir_all(cold.dir().join("checkpoints")).unwrap();
    let rows = std::fs::read(cold.dir().join("metrics.jsonl")).unwrap();
    let said = cold.says(&["--resume", "--set", "run.seed=9"], 2);
    assert_says(&said, &["run.seed: 0 -> 9", "--accept-changes"]);
    assert_eq!(std::fs::read(cold.dir().join("metrics.jsonl")).unwrap(), rows);
    let said = cold.says(&["--resume"], 0);
    assert_says(&said, &["no checkpoint", "begins again", "2 steps are lost"]);
    assert_eq!(cold.last(), Path::new("step_00004"));
}

#[test]
fn a_checkpoint_without_a_manifest_is_gone_on_from_only_when_accepted() {
    let cold = ColdStart::new();
    cold.run(&["--set", "update.steps=2"], 0);
    // As versions before the manifest left a run.
    std::fs::remove_file(cold.checkpoint(2).join("trainer/manifest.json")).unwrap();
    std::fs::remove_file(cold.dir().join("manifest.json")).unwrap();
    let said = cold.says(&["--resume"], 2);
    assert_says(&said, &["step_00002", "trainer/manifest.json is missing", "--accept-changes"]);
    let said = cold.says(&["--resume", "--accept-changes"], 0);
    assert_says(&said, &["step_00002", "no manifest"]);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(cold.checkpoint(4).join("trainer/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["run"]["kind"], "cold-start");
    cold.run(&["--resume"], 0);
}

#[test]
fn what_a_kill_leaves_behind_is_cleaned_up() {
    let cold = ColdStart::done();
    let checkpoints = cold.dir().join("checkpoints");
    // Killed between the checkpoint's rename and the link's, in the removal of an old one, and while one was written.
    std::fs::remove_file(checkpoints.join("last")).unwrap();
    std::os::unix::fs::symlink("step_00002", checkpoints.join("last")).unwrap();
    std::os::unix::fs::symlink("step_00004", checkpoints.join(".last.tmp")).unwrap();
    for torso in [".step_00001.tmp", ".step_00005.tmp", "step_00001"] {
        std::fs::create_dir_all(checkpoints.join(torso).join("trainer")).unwrap();
    }
    cold.run(&["--resume"], 0);
    assert_eq!(cold.last(), Path::new("step_00004"));
    assert_eq!(cold.checkpoints(), ["last", "step_00002", "step_00004"]);
    // Killed after the last step's link, before the checkpoints that are too many were removed.
    cold.run(&["--resume", "--set", "checkpoint.keep=1"], 0);
    assert_eq!(cold.checkpoints(), ["last", "step_00004"]);
}

#[test]
fn a_folder_that_is_written_to_is_refused_with_the_writer() {
    let cold = ColdStart::done();
    let before = std::fs::read(cold.dir().join("config.toml")).unwrap();
    let lock = FolderLock::take(&cold.dir()).unwrap();
    let holder = format!("process {}", std::process::id());
    for resume in ["--resume", "--resume=auto"] {
        let said = cold.says(&[resume, "--set", "checkpoint.keep=7"], 2);
        assert_says(&said, &["runs/cold-start", &holder]);
    }
    assert_eq!(std::fs::read(cold.dir().join("config.toml")).unwrap(), before);
    drop(lock);
    cold.run(&["--resume", "--set", "checkpoint.keep=7"], 0);

    let recipe = cold.bench.text("recipe.toml");
    let _lock = FolderLock::take(&cold.bench.path("runs")).unwrap();
    let said = run(&["recipe", "--config", &recipe, "--resume"], 2).stderr;
    assert_says(&String::from_utf8(said).unwrap(), &["runs", &holder]);
}

#[test]
fn one_command_starts_and_goes_on() {
    let cold = ColdStart::new();
    assert_says(&cold.says(&["--resume"], 2), &["runs/cold-start", "without --resume"]);
    cold.run(&["--resume", "auto", "--set", "update.steps=2"], 0);
    cold.run(&["--resume=auto"], 0);
    assert_eq!(cold.last(), Path::new("step_00004"));
    let rows = std::fs::read_to_string(cold.dir().join("metrics.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 4, "{rows}");
    assert_says(&cold.says(&["--resume=perhaps"], 2), &["perhaps", "auto", "require"]);
    assert_says(&cold.says(&["--accept-changes"], 2), &["--resume"]);
}

#[test]
fn a_model_that_does_not_load_leaves_no_folder() {
    let cold = ColdStart::done();
    let model = cold.bench.path("model");
    std::fs::rename(cold.checkpoint(4), &model).unwrap();
    let weights = std::fs::read(model.join("model.safetensors")).unwrap();
    std::fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    let (config, dir) = (cold.bench.text("reward-model.toml"), cold.bench.text("runs/reward-model"));
    let set = format!("model.path={:?}", model.display().to_string());
    let said = run(&["reward-model", "--config", &config, "--set", &set], 1).stderr;
    assert_says(&String::from_utf8(said).unwrap(), &["model.safetensors"]);
    assert!(!Path::new(&dir).exists());

    // A folder that is there for something else is left alone.
    std::fs::create_dir_all(&dir).unwrap();
    let notes = Path::new(&dir).join("notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    std::fs::write(model.join("model.safetensors"), &weights).unwrap();
    let arguments = ["reward-model", "--config", &config, "--set", &set, "--resume", "auto"];
    assert_says(&String::from_utf8(run(&arguments, 2).stderr).unwrap(), &["runs/reward-model", "no run"]);
    std::fs::remove_file(&notes).unwrap();

    // A kill leaves the folder; nothing was trained in it, and so the run may begin as another.
    run(&arguments, 0);
}

#[test]
fn a_run_that_is_no_longer_what_it_was_is_refused_by_name() {
    let cold = ColdStart::new();
    let bench = &cold.bench;
    cold.run(&["--set", "update.steps=2"], 0);
    let held = |name: &str| std::fs::read(cold.dir().join(name)).unwrap();
    let before = ["config.toml", "manifest.json", "metrics.jsonl"].map(held);
    let refused = |set: &str, key: &str| {
        let said = cold.says(&["--resume", "--set", set], 2);
        assert_says(&said, &[key, " -> ", "--accept-changes"]);
        assert_eq!(before, ["config.toml", "manifest.json", "metrics.jsonl"].map(held), "{set}: nothing is written");
    };
    refused("run.seed=9", "run.seed: 0 -> 9");
    refused("run.dtype=bfloat16", "run.dtype");
    refused("run.num_threads=2", "threads: 1 -> 2");
    let traces = std::fs::read_to_string(bench.path("data/traces.jsonl")).unwrap();
    bench.write("data/traces.jsonl", &traces.replacen("the", "The", 1));
    refused("eval.every=0", "traces.path");
    bench.write("data/traces.jsonl", &traces);

    // Without effect on what is trained: the folder, when it is evaluated and saved, and for how long.
    let moved = bench.path("runs/moved");
    std::fs::rename(cold.dir(), &moved).unwrap();
    let sets = ["--set", "eval.samples=2", "--set", "checkpoint.keep=7", "--set", "update.steps=3"];
    let said = cold.says(&[&["--resume", "--run-dir", moved.to_str().unwrap()], &sets[..]].concat(), 0);
    assert!(!said.contains(" -> "), "{said}");

    // Accepted, and written down with the step.
    let said = cold
        .says(&["--resume", "--run-dir", moved.to_str().unwrap(), "--set", "schedule.lr=2e-3", "--accept-changes"], 0);
    assert_says(&said, &["schedule.lr: 0.001 -> 0.002"]);
    let manifest: Value = serde_json::from_slice(&std::fs::read(moved.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["run"]["config"]["schedule.lr"], "0.002");
    assert_eq!(manifest["before"][0]["run"]["config"]["schedule.lr"], "0.001");
    assert_eq!(manifest["before"][0]["until_step"], 3);
}

#[test]
fn a_reference_behind_a_link_is_the_one_that_the_run_began_with() {
    let cold = ColdStart::done();
    let (bench, stage) = (&cold.bench, cold.bench.text("stage-1.toml"));
    let train = |more: &[&str], code: i32| {
        let mut arguments = vec!["--stage", "1", "--config", &stage];
        arguments.extend(NO_EVAL);
        arguments.extend(more);
        String::from_utf8(run(&arguments, code).stderr).unwrap()
    };
    train(&["--set", "update.steps=2"], 0);
    let config = std::fs::read_to_string(bench.path("runs/stage-1/config.toml")).unwrap();
    assert_says(&config, &["runs/cold-start/checkpoints/step_00004"]);
    assert!(!config.contains("checkpoints/last"), "{config}");

    // The cold start is continued meanwhile, and the link moves.
    cold.run(&["--resume", "--set", "update.steps=6"], 0);
    assert_eq!(cold.last(), Path::new("step_00006"));
    assert_says(&train(&["--resume"], 2), &["model.path weights", "step_00004", "step_00006", "--accept-changes"]);
    let set = format!("model.path={:?}", cold.checkpoint(4).display().to_string());
    train(&["--resume", "--set", &set], 0);

    // Tasks that were accepted are walked from their beginning.
    let tasks = bench.path("data/math_train.jsonl");
    let text = std::fs::read_to_string(&tasks).unwrap();
    let (_, fewer) = text.split_once('\n').unwrap();
    std::fs::write(&tasks, fewer).unwrap();
    let more = ["--resume", "--set", &set, "--set", "update.steps=5"];
    assert_says(&train(&more, 2), &["data.source.0.path"]);
    let said = train(&[&more[..], &["--accept-changes"]].concat(), 0);
    assert_says(&said, &["data.source.0.path", "begins again"]);
}

#[test]
fn a_signal_finishes_the_step_and_saves_it() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let modes = [
        (vec!["cold-start"], "cold-start.toml", "-TERM", 75),
        (vec!["--stage", "1"], "stage-1.toml", "-INT", 130),
        (vec!["reward-model"], "reward-model.toml", "-USR1", 75),
    ];
    for (mode, file, signal, code) in modes {
        let (config, dir) = (bench.text(file), bench.text(&format!("stopped-{}", mode.join(""))));
        let arguments = |steps: &str| {
            let mut arguments: Vec<String> = mode.iter().map(|word| (*word).to_owned()).collect();
            let rest = ["--config", &config, "--run-dir", &dir, "--set", steps, "--set", "checkpoint.every=0"];
            arguments.extend(rest.map(str::to_owned));
            if mode != ["reward-model"] {
                arguments.extend(NO_EVAL.map(str::to_owned));
            }
            arguments
        };
        let mut child = trainer().args(arguments("update.steps=100000")).stderr(Stdio::null()).spawn().unwrap();
        let dir = Path::new(&dir);
        let num_rows = || {
            let text = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap_or_default();
            text.lines().filter(|line| !line.contains("\"step\":0,")).count() as u64
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while num_rows() < 2 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{mode:?}");
        // The last step that was recorded is the one that was saved: nothing is lost.
        let step = num_rows();
        let saved = std::fs::read_link(dir.join("checkpoints/last")).unwrap();
        assert_eq!(saved, Path::new(&format!("step_{step:05}")), "{mode:?}");
        let mut more = arguments(&format!("update.steps={}", step + 1));
        more.push("--resume".to_owned());
        run(&more.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        assert_eq!(num_rows(), step + 1);
    }
}
