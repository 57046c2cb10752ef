//! Prompts as the model sees them: `trainer render`, the check before a run's first step, and the token that ends a
//! turn.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Bench, run};

/// A model's folder, from a cold start of four steps.
fn model(bench: &Bench) -> PathBuf {
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    bench.path("runs/cold-start/checkpoints/last")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(arguments: &[&str], code: i32) -> String {
    String::from_utf8_lossy(&run(arguments, code).stderr).into_owned()
}

/// A template of the tests' own, in the place of the folder's.
fn set_template(model: &Path, source: &str) {
    std::fs::write(model.join("chat_template.jinja"), source).unwrap();
}

const CHATML: &str = "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}\
                      {%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}";

#[test]
fn render_writes_the_prompts_that_are_sampled_from() {
    let bench = Bench::new();
    let model = model(&bench);
    std::fs::remove_file(model.join("model.safetensors")).unwrap();
    let folder = model.display().to_string();
    let (input, output) = (bench.text("data/math_eval.jsonl"), bench.text("prompts.jsonl"));
    let render = |more: &[&str]| {
        run(&[&["render", "--model", &folder, "--input", &input, "--output", &output], more].concat(), 0);
        lines(Path::new(&output))
    };
    let prompts = render(&["--set", "prompt.suffix.math=\" Think.\"", "--set", "prompt.system=Be brief."]);
    let tasks = lines(Path::new(&input));
    assert_eq!(prompts.len(), tasks.len());
    for (prompt, task) in prompts.iter().zip(&tasks) {
        let question = task["messages"][0]["content"].as_str().unwrap();
        let expected = format!(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{question} Think.<|im_end|>\n\
             <|im_start|>assistant\n"
        );
        assert_eq!(prompt["text"], expected);
        assert_eq!((&prompt["id"], &prompt["turn_end"]), (&task["id"], &json!(2)));
        assert_eq!(prompt["ids"].as_array().unwrap().iter().filter(|id| **id == json!(2)).count(), 2);
    }

    set_template(
        &model,
        "{{ messages[0].content }} {{ tools | tojson }} {{ strftime_now('%d %B %Y') }} {{ enable_thinking }}",
    );
    let tools = json!([{"type": "function", "function": {"name": "f", "default": 0, "a": "<é>"}}]);
    bench.write(
        "tools.jsonl",
        &json!({"id": 7, "messages": [{"role": "user", "content": "x"}], "tools": tools}).to_string(),
    );
    bench.write("render.toml", "[prompt]\ndate = \"2026-02-03\"\narguments = {enable_thinking = false}\n[other]\n");
    let (input, config) = (bench.text("tools.jsonl"), bench.text("render.toml"));
    run(&["render", "--model", &folder, "--input", &input, "--output", &output, "--config", &config], 0);
    let expected =
        r#"x [{"type": "function", "function": {"name": "f", "default": 0, "a": "<é>"}}] 03 February 2026 False"#;
    assert_eq!(lines(Path::new(&output))[0]["text"], expected);
}

#[test]
fn render_names_the_line_that_is_wrong() {
    let bench = Bench::new();
    let model = model(&bench);
    set_template(&model, "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}x");
    let good = r#"{"id": "a", "messages": [{"role": "user", "content": "x"}]}"#;
    let folder = model.display().to_string();
    let (input, output) = (bench.text("in.jsonl"), bench.text("out.jsonl"));
    for (line, words) in [
        ("{", vec!["in.jsonl, line 3"]),
        (r#"{"id": "b"}"#, vec!["in.jsonl, line 3", "messages"]),
        (
            r#"{"id": "b", "messages": [{"role": "system", "content": "s"}]}"#,
            vec!["in.jsonl, line 3", "\"b\"", "no system turn"],
        ),
    ] {
        bench.write("in.jsonl", &format!("{good}\n\n{line}\n"));
        let said = said(&["render", "--model", &folder, "--input", &input, "--output", &output], 2);
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
    }
    let said =
        said(&["render", "--model", &folder, "--input", &input, "--output", &output, "--set", "prompt.date=x"], 2);
    assert!(said.contains("prompt.date"), "{said}");
}

#[test]
fn every_prompt_is_checked_before_the_first_step() {
    let bench = Bench::new();
    let model = model(&bench);
    let stage = bench.text("stage-1.toml");
    let task = |id: &str, words: usize| {
        let content = "word ".repeat(words);
        json!({
            "id": id, "task": "math", "verifier": "math", "ground_truth": "2",
            "messages": [{"role": "user", "content": content}],
        })
    };
    let tasks = [task("a", 1), task("b", 2000), task("c", 2)].map(|task| task.to_string() + "\n");
    bench.write("tasks.jsonl", &tasks.concat());
    let data = format!("data=[{{ path = {:?} }}]", bench.text("tasks.jsonl"));
    let arguments = ["--stage", "1", "--config", &stage, "--set", &data, "--set", "update.steps=1"];
    let too_long = said(&arguments, 2);
    for word in ["tasks.jsonl, line 2", "task b", "at most 511", "prompt.overlong"] {
        assert!(too_long.contains(word), "{word} in {too_long}");
    }
    assert!(!bench.path("runs/stage-1").exists());

    let dropping = said(&[&arguments[..], &["--set", "prompt.overlong=drop"]].concat(), 0);
    assert!(dropping.contains("1 of 3 tasks are dropped"), "{dropping}");
    let metrics = lines(&bench.path("runs/stage-1/metrics.jsonl"));
    assert_eq!(metrics.last().unwrap()["prompts/dropped"], 1.0);

    set_template(
        &model,
        &format!(
            "{{% if 'word word' in messages[0].content %}}{{{{ raise_exception('too many') }}}}{{% endif %}}{CHATML}"
        ),
    );
    let other = bench.text("runs/other");
    let refused = said(&[&arguments[..], &["--run-dir", &other]].concat(), 2);
    for word in ["tasks.jsonl, line 2", "task b", "too many"] {
        assert!(refused.contains(word), "{word} in {refused}");
    }
    assert!(!bench.path("runs/other").exists());
}

#[test]
fn long_traces_are_dropped_and_counted() {
    let bench = Bench::new();
    let long = json!({"id": "long", "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": "word ".repeat(600)},
    ]});
    let traces = std::fs::read_to_string(bench.path("data/traces.jsonl")).unwrap();
    bench.write("data/traces.jsonl", &format!("{traces}{long}\n"));
    let config = bench.text("cold-start.toml");
    let arguments = ["cold-start", "--config", &config, "--set", "traces.max_tokens=400", "--set", "update.steps=1"];
    let warned = said(&arguments, 0);
    assert!(warned.contains("traces are dropped") && warned.contains("traces.max_tokens"), "{warned}");
    let metrics = lines(&bench.path("runs/cold-start/metrics.jsonl"));
    assert!(metrics.last().unwrap()["traces/dropped"].as_f64().unwrap() >= 1.0);
    let other = bench.text("runs/other");
    let short = said(&[&arguments[..4], &["traces.max_tokens=3", "--run-dir", &other]].concat(), 2);
    assert!(short.contains("traces.jsonl") && short.contains("traces.max_tokens"), "{short}");
}

#[test]
fn the_token_that_ends_a_turn_is_learned_and_saved_where_the_folder_lacks_it() {
    let bench = Bench::new();
    let base = model(&bench);
    // As Qwen2.5's base models are: the config names the end of a text alone, the template ends turns otherwise.
    let config = base.join("config.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    assert!(!base.join("generation_config.json").exists());
    json["eos_token_id"] = json!(0);
    std::fs::write(&config, json.to_string()).unwrap();
    let tokenizer_config = base.join("tokenizer_config.json");
    let text = std::fs::read_to_string(&tokenizer_config).unwrap();
    std::fs::write(&tokenizer_config, text.replace(r#""eos_token": "<|im_end|>""#, r#""eos_token": "<|endoftext|>""#))
        .unwrap();
    let cold = std::fs::read_to_string(bench.path("cold-start.toml")).unwrap();
    let (head, rest) = cold.split_once("[new_model]").unwrap();
    let rest = &rest[rest.find("[traces]").unwrap()..];
    bench.write("tune.toml", &format!("{head}[model]\npath = {base:?}\n{rest}"));
    let tune = bench.text("tune.toml");
    let warned = said(&["cold-start", "--config", &tune, "--run-dir", &bench.text("runs/tuned")], 0);
    assert!(warned.contains("<|im_end|> (2)") && warned.contains("generation_config.json"), "{warned}");
    let saved = bench.path("runs/tuned/checkpoints/last/generation_config.json");
    let saved: Value = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
    assert_eq!(saved["eos_token_id"], json!([2, 0]));
}
