//! Every preset in configs/ is valid, and what is said of it before any weight is loaded.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Bench, run};

/// Set to anything, this variable makes a test write its document anew.
const RENEW: &str = "RENEW_DOCS";

/// Sizes of a cluster that docs/scaling.md tells of.
const GPUS: [&str; 3] = ["16", "64", "256"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn file(name: &str) -> String {
    root().join(name).display().to_string()
}

/// What `config check` prints of a preset, for whose model the 32B model's sizes stand.
fn check(preset: &str, arguments: &[&str], code: i32) -> String {
    let (preset, model) = (file(preset), file("configs/qwq-32b/model.json"));
    let all = [&["config", "check", &preset, "--model-config", &model], arguments].concat();
    let output = run(&all, code);
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn json(preset: &str, arguments: &[&str], code: i32) -> Value {
    let (preset, model) = (file(preset), file("configs/qwq-32b/model.json"));
    let all = [&["config", "check", &preset, "--model-config", &model, "--json"], arguments].concat();
    serde_json::from_slice(&run(&all, code).stdout).unwrap()
}

#[test]
fn every_preset_is_valid() {
    let mut presets = Vec::new();
    for folder in std::fs::read_dir(root().join("configs")).unwrap().map(|folder| folder.unwrap().path()) {
        // Layouts of data and suites of tasks are no runs, and sweeps are several.
        if ["layouts", "suites", "sweeps"].iter().any(|name| folder.ends_with(name)) {
            continue;
        }
        for preset in std::fs::read_dir(&folder).unwrap() {
            presets.push(preset.unwrap().path());
        }
    }
    presets.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    assert!(presets.len() >= 10, "{presets:?}");
    for preset in presets {
        let is_recipe = preset.ends_with("recipe.toml");
        let said = check(preset.strip_prefix(root()).unwrap().to_str().unwrap(), &[], if is_recipe { 2 } else { 0 });
        assert!(said.contains(if is_recipe { "is a recipe" } else { "is valid" }), "{}: {said}", preset.display());
    }
}

#[test]
fn every_sweep_is_planned() {
    let mut plans = Vec::new();
    for preset in std::fs::read_dir(root().join("configs/sweeps")).unwrap().map(|preset| preset.unwrap().path()) {
        let output = run(&["sweep", preset.to_str().unwrap(), "--dry-run"], 0);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("figure ") && said.contains("(primary)"), "{}: {said}", preset.display());
        plans.push((preset.file_name().unwrap().to_owned(), said));
    }
    assert!(plans.len() >= 4, "{plans:?}");
    let plan = |name: &str| plans.iter().find(|(preset, _)| preset == name).unwrap().1.as_str();
    assert!(plan("demo-clip.toml").contains("once for 6 cells"), "{}", plan("demo-clip.toml"));
    let qwq = plan("qwq-stage-1.toml");
    assert!(qwq.contains("20 cells") && qwq.contains("100 steps, once for 2 cells"), "{qwq}");
    // Five seeds of 3 x 200 steps, and 100 of the arm that parts late.
    assert!(qwq.contains("expected: 1549.72 hours"), "{qwq}");
}

#[test]
fn a_run_is_told_in_numbers() {
    let checked = json("configs/qwq-32b/stage1.toml", &["--gpus", "64"], 0);
    assert_eq!(checked["fits"], true);
    assert_eq!(checked["run"]["parameters"], 32_763_876_352u64);
    assert_eq!(checked["run"]["sequences_per_step"], 4096);
    assert_eq!(checked["layout"], serde_json::json!({"replicate": 1, "shard": 8, "context": 1, "tensor": 8}));
    let memory = &checked["memory_bytes"];
    let bytes = |part: &str| memory[part].as_u64().unwrap();
    let held = ["weights", "optimizer", "reference", "critic", "reward_model", "sampling_weights", "slack"];
    let of_update = ["gradients", "activations", "moved"];
    assert_eq!(held.into_iter().chain(of_update).map(bytes).sum::<u64>(), bytes("update"));
    let of_sampling = ["cache", "sampling_activations", "sampling_moved"];
    assert_eq!(held.into_iter().chain(of_sampling).map(bytes).sum::<u64>(), bytes("sampling"));
    let seconds = &checked["seconds_per_step"];
    let second = |part: &str| seconds[part].as_f64().unwrap();
    let sum: f64 = ["sampling", "scoring", "update", "moving"].into_iter().map(second).sum();
    assert!((sum - second("total")).abs() < 1e-6 * sum && sum > 0.0);

    let alone = json("configs/demo/cold-start.toml", &[], 0);
    assert!(alone["fits"].is_null() && alone["seconds_per_step"].is_null());
    assert_eq!(alone["run"]["kind"], "cold start");
    assert_eq!(alone["memory_bytes"]["cache"], 0);
    // Without [parallel] a layout is proposed.
    let arguments = ["--gpus", "64", "--set", "run.device=auto", "--set", "run.dtype=bfloat16"];
    let proposed = json("configs/demo/stage-1.toml", &arguments, 0);
    let layout = proposed["layout"].as_object().unwrap();
    assert_eq!(layout.values().map(|length| length.as_u64().unwrap()).product::<u64>(), 64);
}

#[test]
fn what_cannot_fit_is_refused_with_what_would() {
    let preset = "configs/qwq-32b/stage1.toml";
    let said = check(preset, &["--gpus", "8"], 2);
    assert!(said.contains("does not fit 80.0 GiB") && said.contains("it would fit from 16 GPUs on"), "{said}");
    let refused = json(preset, &["--gpus", "64", "--set", "parallel.tensor=1"], 2);
    assert_eq!(refused["fits"], false);
    let remedies = refused["remedies"].as_array().unwrap();
    assert!(remedies[0].as_str().unwrap().starts_with("with tensor = "), "{remedies:?}");
    let smaller = check(preset, &["--gpus", "16", "--gpu-memory", "40GiB"], 2);
    assert!(smaller.contains("does not fit 40.0 GiB"), "{smaller}");
}

#[test]
fn bad_input_is_one_clear_error() {
    let preset = "configs/qwq-32b/stage1.toml";
    let bench = Bench::new();
    let expect = |arguments: &[&str], words: &str| {
        let said = check(preset, arguments, 2);
        assert!(said.contains(words) && said.matches("error:").count() == 1, "{arguments:?}: {said}");
    };
    expect(&["--gpus", "12"], "parallel.shard: takes what is left, but the others make 8");
    expect(&["--gpus", "15", "--set", "parallel.tensor=3"], "parallel.tensor: 3 does not divide the model's 40 heads");
    expect(&["--set", "parallel.tensor=0"], "parallel.tensor: is 0");
    expect(&["--set", "parallel.tnsor=2"], "tnsor");
    expect(&["--gpus", "16", "--gpu-memory", "much"], "`much` is no number of bytes; write it as 80GiB");
    expect(&["--gpus", "0"], "0 is not in 1..=65536");
    expect(&["--stage", "2"], "reward_model.path: stage 2 needs a general reward model");
    expect(&["--prompt-tokens", "131072"], "--prompt-tokens 131072");
    expect(&["--set", "rollout.engine.cache_tokens=1024"], "rollout.engine.cache_tokens: is 1024");
    expect(&["--set", "run.dtype=float8"], "run.dtype: `float8`");
    expect(&["--set", "run.device=tpu"], "run.device: `tpu`");
    bench.write("rates.toml", "operations_per_second = 0\n");
    expect(&["--rates", &bench.text("rates.toml")], "operations_per_second is 0; give more than 0");
    bench.write("rates.toml", "operations = 1e12\n");
    expect(&["--rates", &bench.text("rates.toml")], "operations");
    let preset = file(preset);
    let said = |arguments: &[&str]| String::from_utf8(run(arguments, 2).stderr).unwrap();
    let without = said(&["config", "check", &preset]);
    assert!(without.contains("give the model's config.json with --model-config FILE"), "{without}");
    bench.write("model.json", "{}");
    let empty = said(&["config", "check", &preset, "--model-config", &bench.text("model.json")]);
    assert!(empty.contains("model.json") && empty.contains("model_type"), "{empty}");
    let missing = said(&["config", "check", &bench.text("no.toml")]);
    assert!(missing.contains("no.toml"), "{missing}");
}

#[test]
fn rates_of_this_machine_can_be_measured() {
    let measured = json("configs/demo/cold-start.toml", &["--gpus", "2", "--measure"], 0);
    let rate = |name: &str| measured["assumptions"][name].as_f64().unwrap();
    assert!(rate("operations_per_second") > 1e8 && rate("within_host_bytes_per_second") > 1e6);
    assert_eq!(measured["memory_bytes"]["slack"], 0);
}

#[test]
fn the_document_of_scaling_is_what_the_command_prints() {
    let path = root().join("docs/scaling.md");
    let wanted = scaling();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/scaling.md differs from what `trainer config check` prints; renew it with\n\
         {RENEW}=1 cargo test -p trainer --test main presets"
    );
}

/// The document: its words, and the command's of each size.
fn scaling() -> String {
    let prefix = format!("{}/", root().display());
    let mut parts = GPUS.map(|gpus| {
        let said = check("configs/qwq-32b/stage1.toml", &["--gpus", gpus], 0).replace(&prefix, "");
        let (summary, rest) = said.split_once("\n\n").unwrap();
        let (tables, assumed) = rest.split_once("\n\nassumed\n").unwrap();
        [summary.to_owned(), tables.to_owned(), assumed.trim_end().to_owned()]
    });
    let block = |text: &str| format!("```\n{}\n```\n", text.trim_end());
    let mut text = include_str!("scaling_words.md").to_owned();
    text = text.replace("{summary}\n", &block(&parts[0][0])).replace("{assumed}\n", &block(&parts[0][2]));
    for (gpus, part) in GPUS.iter().zip(&mut parts) {
        text += &format!("\n## {gpus} GPUs\n{}", block(&part[1]));
    }
    text
}
