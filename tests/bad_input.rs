//! Bad input ends with a message that says what is wrong and where, and with the right exit code.

use crate::support::{Bench, run};

/// What it says on standard error where it must fail with this code.
fn error(arguments: &[&str], code: i32) -> String {
    String::from_utf8_lossy(&run(arguments, code).stderr).into_owned()
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn wrong_usage_ends_with_2() {
    assert_says(&error(&["--stage", "3", "--config", "x.toml"], 2), &["--stage"]);
    assert_says(&error(&["--stage", "1"], 2), &["--config"]);
    assert_says(&error(&["--stage", "1", "--config", "nowhere.toml"], 2), &["nowhere.toml", "No such file"]);
    assert_says(&error(&["--stage", "1", "--config", "x.toml", "--set", "novalue"], 2), &["x.toml"]);
}

#[test]
fn wrong_configurations_name_the_key() {
    let bench = Bench::new();
    let cold = bench.text("cold-start.toml");
    let with = |set: &str, words: &[&str]| {
        assert_says(&error(&["cold-start", "--config", &cold, "--set", set], 2), words);
    };
    with("update.stepz=3", &["stepz", "unknown field"]);
    with("update.steps=many", &["update.steps=many", "invalid type"]);
    with("update.steps=0", &["update"]);
    with("run.device=cuda:7", &["cuda:7"]);
    with("run.device=tpu", &["tpu", "auto, cpu, cuda, cuda:N"]);
    with("run.dtype=int4", &["int4", "bfloat16"]);
    with("schedule.lr=-1.0", &["error: schedule.lr: is -1; "]);
    with("schedule.min_lr=2.0", &["error: schedule.min_lr: is 2; "]);
    with("optimizer.max_gradient_norm=0.0", &["error: optimizer.max_gradient_norm: is 0; "]);
    with("optimizer.beta2=1.0", &["error: optimizer.beta2: is 1; "]);
    with("new_model.num_attention_heads=5", &["new_model", "num_attention_heads"]);
    for range in ["-0.1", "0.0", "nan"] {
        with(&format!("new_model.initializer_range={range}"), &["new_model.initializer_range", "more than 0"]);
    }

    let stage = bench.text("stage-2.toml");
    let no_reward_model = error(&["--stage", "2", "--config", &stage, "--set", "reward_model.path=\"\""], 2);
    assert_says(&no_reward_model, &["reward_model.path", "trainer reward-model"]);
    assert_says(&error(&["--stage", "1", "--config", &stage], 2), &["reward_model.path", "--stage 2"]);
}

#[test]
fn combinations_of_an_algorithm_without_meaning_name_the_key() {
    let bench = Bench::new();
    let stage = bench.text("stage-1.toml");
    let with = |sets: &[&str], words: &[&str]| {
        let mut arguments = vec!["--stage", "1", "--config", &stage];
        arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
        assert_says(&error(&arguments, 2), words);
    };
    with(&["advantage={gae={}}"], &["advantage.gae", "critic", "algorithm.name = \"ppo\""]);
    with(&["algorithm.name=ppo", "advantage=\"group_mean\""], &["advantage", "[advantage.gae]"]);
    with(&["critic.lambda=1.0"], &["critic", "grpo has none"]);
    with(&["algorithm.name=dpo"], &["algorithm", "grpo"]);
    let ppo = ["algorithm.name=ppo", "advantage={gae={}}"];
    let with_ppo = |set: &str, words: &[&str]| with(&[ppo[0], ppo[1], set], words);
    with_ppo("critic.pretrain_steps=1000", &["critic.pretrain_steps", "update.steps"]);
    with_ppo("critic.start=reward_model", &["critic.start", "no reward model"]);
    with_ppo("critic.start=folder", &["critic.path"]);
    with_ppo("critic={shared_trunk=true, updates_per_step=7}", &["critic.updates_per_step", "update.updates_per_step"]);
    with_ppo("critic={shared_trunk=true, pretrain_steps=1}", &["critic.pretrain_steps", "stand still"]);
    with_ppo("critic.lambda=1.5", &["critic.lambda", "between 0 and 1"]);
    with_ppo("critic.schedule.lr=-1.0", &["error: critic.schedule.lr: is -1; "]);
    with(&["loss={kind=\"gspo\", dual_clip=3.0}"], &["dual_clip", "gspo"]);
    with(&["loss={kind=\"reinforce\", clip_low=0.1}"], &["clip_low", "reinforce"]);
}

#[test]
fn broken_datasets_name_the_file_and_the_line() {
    let bench = Bench::new();
    let cold = bench.text("cold-start.toml");
    let traces = bench.text("broken.jsonl");
    let set = format!("traces.path={traces:?}");
    let after = |text: &str| {
        bench.write("broken.jsonl", text);
        error(&["cold-start", "--config", &cold, "--set", &set], 2)
    };
    let good = r#"{"id": "a", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}"#;
    assert_says(&after(&format!("{good}\nnot json\n")), &["broken.jsonl", "line 2"]);
    assert_says(&after(&format!("{good}\n{{\"id\": \"b\"}}\n")), &["broken.jsonl", "line 2", "messages"]);
    assert_says(&after(""), &["broken.jsonl", "empty"]);
    std::fs::remove_file(bench.path("broken.jsonl")).unwrap();
    assert_says(&error(&["cold-start", "--config", &cold, "--set", &set], 2), &["broken.jsonl", "No such file"]);
    assert!(!bench.path("runs/cold-start").exists(), "a run that cannot start leaves no folder");
}

#[test]
fn broken_models_name_the_file() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    bench.write("prompts.jsonl", "{\"id\": 1, \"prompt\": \"x\"}\n");
    let model = bench.path("runs/cold-start/checkpoints/last");
    let generate = || {
        let (model, input, output) =
            (model.display().to_string(), bench.text("prompts.jsonl"), bench.text("out.jsonl"));
        error(&["generate", "--model", &model, "--input", &input, "--output", &output], 1)
    };
    let weights = model.join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    assert_says(&generate(), &["model.safetensors", "truncated"]);
    std::fs::remove_file(&weights).unwrap();
    assert_says(&generate(), &["model.safetensors"]);
    std::fs::write(&weights, whole).unwrap();
    bench.write("prompts.jsonl", "{\"id\": 1, \"prompt\": \"x\"}\n{\"id\": 2}\n");
    assert_says(&generate(), &["prompts.jsonl", "line 2"]);
}

#[test]
fn a_run_folder_that_exists_is_left_alone() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("runs/cold-start")).unwrap();
    bench.write("runs/cold-start/mine.txt", "kept");
    let said = error(&["cold-start", "--config", &bench.text("cold-start.toml")], 2);
    assert_says(&said, &["runs/cold-start", "--resume", "--run-dir"]);
    assert_eq!(std::fs::read_to_string(bench.path("runs/cold-start/mine.txt")).unwrap(), "kept");
}

#[test]
fn a_recipes_folder_keeps_its_seed() {
    let bench = Bench::new();
    let (recipe, dir) = (bench.text("recipe.toml"), bench.text("held"));
    let of = |more: &[&str]| {
        let mut arguments = vec!["recipe", "--config", &recipe, "--run-dir", &dir];
        arguments.extend(more);
        error(&arguments, 2)
    };
    assert_says(&of(&["--seed", "many"]), &["--seed", "many"]);
    assert_says(&of(&["--seed", "-1"]), &["--seed", "-1"]);
    assert!(!bench.path("held").exists());

    // A run of seed 4, as far as its first stage.
    std::fs::create_dir_all(bench.path("held/cold-start")).unwrap();
    let seed_4 = std::fs::read_to_string(&recipe).unwrap().replace("cold_start =", "seed = 4\ncold_start =");
    bench.write("held/config.toml", &seed_4);
    for entry in [&["--resume"][..], &[]] {
        assert_says(&of(&[&["--seed", "5"], entry].concat()), &[&dir, "seed 4", "seed 5", "--run-dir"]);
    }
    assert_says(&of(&["--seed", "4"]), &[&dir, "--resume"]);
    assert_eq!(std::fs::read_to_string(bench.path("held/config.toml")).unwrap(), seed_4);
    // Another recipe with the same seed.
    bench.write("held/config.toml", &seed_4.replace("maths = \"maths\"", "maths = \"sums\""));
    assert_says(&of(&["--resume"]), &[&dir, "summary.maths", "--run-dir"]);
    std::fs::remove_file(bench.path("held/config.toml")).unwrap();
    assert_says(&of(&["--seed", "5", "--resume"]), &[&dir, "recorded no seed", "--run-dir"]);
    assert_eq!(std::fs::read_dir(bench.path("held")).unwrap().count(), 1, "nothing was written");
}

#[test]
fn a_recipes_data_follow_from_its_seed() {
    let bench = Bench::new();
    let small = "num_train = 8\nnum_eval = 3\n";
    let sections = ["maths", "code", "instruction", "preference"].map(|name| format!("[generate.{name}]\n{small}"));
    // All stages' files are read before anything is written; what stops this recipe behind its data is a lost file.
    let lost = std::fs::read_to_string(bench.path("cold-start.toml")).unwrap();
    bench.write("lost.toml", &lost.replace("traces.jsonl", "nowhere.jsonl"));
    let recipe = std::fs::read_to_string(bench.path("recipe.toml")).unwrap().replace("cold-start.toml", "lost.toml");
    bench.write("recipe.toml", &format!("{recipe}[generate]\nnum_traces = 20\n{}", sections.join("")));
    let traces = |folder: &str, seed: &str| {
        let arguments =
            ["recipe", "--config", &bench.text("recipe.toml"), "--run-dir", &bench.text(folder), "--seed", seed];
        assert_says(&error(&arguments, 2), &["nowhere.jsonl"]);
        let config = std::fs::read_to_string(bench.path(folder).join("config.toml")).unwrap();
        let config: toml::Table = config.parse().unwrap();
        assert_eq!(config["seed"].as_integer(), seed.parse().ok());
        let traces = std::fs::read_to_string(bench.path(folder).join("data/traces.jsonl")).unwrap();
        (config["generate"]["seed"].as_integer().unwrap(), traces)
    };
    let first = traces("first", "3");
    assert!(first.0 != 3 && first == traces("again", "3"));
    let other = traces("other", "4");
    assert!(other.0 != first.0 && other.1 != first.1);
}

#[test]
fn a_full_disk_is_said_and_nothing_half_written_stays() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let model = bench.text("runs/cold-start/checkpoints/last");
    bench.write("prompts.jsonl", "{\"id\": 1, \"prompt\": \"x\"}\n");
    let input = bench.text("prompts.jsonl");
    // /dev/full answers every write as a full disk does.
    let said = error(&["generate", "--model", &model, "--input", &input, "--output", "/dev/full"], 1);
    assert_says(&said, &["/dev/full", "No space left"]);
}
