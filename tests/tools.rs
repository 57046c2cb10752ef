//! Completions that call `python`: through a whole run, over the embedded code execution server.

use std::collections::BTreeSet;
use std::path::Path;

use record::metrics::read_metrics;
use record::rollouts::{RolloutRow, read_rollouts};
use record::run_folder::RunFolder;
use record::samples::{SampleRow, read_samples};

use crate::partial::PARTIAL;
use crate::support::{Bench, NO_EVAL, run};

/// A chat template that opens the thinking.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                        {% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";

/// Text that a thinking of one token ends with.
const CALL: &str = "</think><tool_call>{\"name\": \"python\", \"arguments\": {\"code\": \"print(6 * 7)\"}}</tool_call>";

/// Text that ends a template's turn of a tool.
const RESULT: &str = "<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n<think>\n";

/// A stage over a model of few tokens that do not end its turns.
fn stage() -> (Bench, Vec<String>) {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let from = bench.path("runs/cold-start/checkpoints/last");
    std::fs::create_dir(bench.path("model")).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, bench.path("model").join(path.file_name().unwrap())).unwrap();
        }
    }
    bench.write("model/chat_template.jinja", TEMPLATE);
    let stops: Vec<u32> = (5..400).filter(|id| id % 2 == 0).chain([0, 2]).collect();
    bench.write("model/generation_config.json", &serde_json::json!({"eos_token_id": stops}).to_string());
    let thinking = format!("rollout.thinking={{max_tokens=1, forced_text={CALL:?}}}");
    let model = format!("model.path={:?}", bench.text("model"));
    let assignments = [&model, &thinking, "update.steps=2", "checkpoint.every=0"].map(str::to_owned);
    (bench, assignments.to_vec())
}

fn stage_with(bench: &Bench, name: &str, assignments: &[String], code: i32) -> String {
    stage_on(bench, name, assignments, &[], code)
}

fn stage_on(bench: &Bench, name: &str, assignments: &[String], ranks: &[&str], code: i32) -> String {
    let (config, dir) = (bench.text("stage-1.toml"), bench.text(name));
    let mut arguments = [&["--stage", "1", "--config", &config, "--run-dir", &dir], ranks].concat();
    assignments.iter().for_each(|assignment| arguments.extend(["--set", assignment]));
    arguments.extend(NO_EVAL);
    String::from_utf8(run(&arguments, code).stderr).unwrap()
}

#[test]
fn what_python_prints_stands_behind_the_turn_and_is_not_learned() {
    let (bench, mut assignments) = stage();
    assignments.push("rollout.tools.python=true".to_owned());
    stage_with(&bench, "tools", &assignments, 0);
    let folder = RunFolder::open(&bench.path("tools")).unwrap();
    let rows: Vec<_> = (1..=2).flat_map(|step| read_rollouts(&folder.rollouts(step)).unwrap()).collect();
    let num_calls: usize = rows.iter().map(|row| row.tool_calls.as_ref().unwrap().len()).sum();
    assert!(num_calls > 0, "nothing called");
    let tokenizer = {
        let path = bench.path("model/tokenizer.json");
        policy::Tokenizer::from_bytes(&std::fs::read(&path).unwrap(), &path).unwrap()
    };
    let num_result = tokenizer.encode(&format!("\n{RESULT}")).unwrap().len() as u32;
    let mut num_result_tokens = 0;
    for row in &rows {
        let (calls, segments) = (row.tool_calls.as_ref().unwrap(), row.segments.as_ref().unwrap());
        let results: Vec<_> = segments.iter().filter(|segment| segment.source == "tool").collect();
        for call in calls {
            assert_eq!((call.tool.as_str(), call.outcome.as_str(), call.result.as_str()), ("python", "answered", "42"));
            assert!(call.seconds > 0.0);
        }
        // A rollout whose tokens are used up ends with its last call.
        let num_unread = calls.len() - results.len();
        assert!(num_unread == 0 || (num_unread == 1 && row.finish_reason == "length"), "{num_unread}");
        // Where another token than the template's ended the turn, the template's stands behind it.
        assert!(results.iter().all(|result| (num_result..=num_result + 1).contains(&result.num_tokens)));
        num_result_tokens += results.iter().map(|result| result.num_tokens).sum::<u32>();
        let given: u32 = segments.iter().filter(|one| one.source != "sampled").map(|one| one.num_tokens).sum();
        let without = row.rollout_logprobs.iter().filter(|logprob| logprob.is_none()).count();
        assert_eq!(given as usize, without);
    }
    let metrics = read_metrics(&bench.path("tools").join(Path::new("metrics.jsonl"))).unwrap();
    let sum = |name: &str| metrics.iter().filter_map(|row| row.get(name)).sum::<f64>();
    assert_eq!((sum("tools/calls"), sum("tools/errors")), (num_calls as f64, 0.0));
    assert!(sum("completion/forced_tokens") > 0.0);
    assert_eq!(sum("tools/tokens"), f64::from(num_result_tokens));

    // The same seed makes the same run, however long the programs took.
    stage_with(&bench, "again", &assignments, 0);
    assert_eq!(sampled(&folder), sampled(&RunFolder::open(&bench.path("again")).unwrap()));
}

/// Ids and logprobs of a run's rollouts.
fn sampled(folder: &RunFolder) -> Vec<(Vec<u32>, Vec<Option<f32>>)> {
    let rows = (1..=2).flat_map(|step| read_rollouts(&folder.rollouts(step)).unwrap());
    rows.map(|row| (row.completion_ids, row.rollout_logprobs)).collect()
}

#[test]
fn a_run_that_leaves_calls_to_its_next_steps_is_resumed_as_if_it_had_not_stopped() {
    let (bench, mut assignments) = stage();
    assignments.extend(PARTIAL.map(str::to_owned));
    assignments.extend(["rollout.tools.python=true", "checkpoint.every=1", "run.num_threads=1"].map(str::to_owned));
    for (layout, ranks) in [(None, &[][..]), (Some("parallel.replicate=2"), &["--nproc", "2"][..])] {
        let until = |steps: &str| {
            let more = [Some(format!("update.steps={steps}")), layout.map(str::to_owned)];
            [assignments.clone(), more.into_iter().flatten().collect()].concat()
        };
        let [whole, parts] = ["whole", "parts"].map(|name| format!("{name}-{}", ranks.len()));
        stage_on(&bench, &whole, &until("4"), ranks, 0);
        stage_on(&bench, &parts, &until("1"), ranks, 0);
        stage_on(&bench, &parts, &until("3"), &[ranks, &["--resume"]].concat(), 0);
        stage_on(&bench, &parts, &until("4"), &[ranks, &["--resume"]].concat(), 0);
        let [whole, parts]: [Vec<RolloutRow>; 2] = [&whole, &parts].map(|name| {
            let folder = RunFolder::open(&bench.path(name)).unwrap();
            (1..=4).flat_map(|step| read_rollouts(&folder.rollouts(step)).unwrap()).collect()
        });
        let said = |row: &RolloutRow| {
            let calls = row.tool_calls.iter().flatten();
            let calls: Vec<(u32, String)> = calls.map(|call| (call.turn, call.result.clone())).collect();
            (row.draw, row.sample_index, row.completion_ids.clone(), row.rollout_logprobs.clone(), calls, row.reward)
        };
        let [whole_said, parts_said] = [&whole, &parts].map(|rows| rows.iter().map(said).collect::<Vec<_>>());
        assert!(whole_said == parts_said, "the parts are another run, {layout:?}");
        // A rollout that called has tokens of two policies.
        let num_mixed = whole.iter().filter(|row| {
            let versions = row.segments.iter().flatten().filter_map(|segment| segment.policy_version);
            let versions: BTreeSet<u64> = versions.collect();
            versions.len() > 1 && row.tool_calls.iter().flatten().count() > 0
        });
        assert!(num_mixed.count() > 0, "no rollout went on behind a call, {layout:?}");
    }
}

#[test]
fn turns_call_tools_on_each_of_two_ranks() {
    let (bench, mut assignments) = stage();
    assignments.extend(["rollout.tools.python=true", "run.num_threads=1"].map(str::to_owned));
    stage_with(&bench, "one", &assignments, 0);
    let one = RunFolder::open(&bench.path("one")).unwrap();
    for (first, again, layout) in [("replicas", "replicas-again", "replicate"), ("cut", "cut-again", "tensor")] {
        let layout = [assignments.clone(), vec![format!("parallel.{layout}=2")]].concat();
        for name in [first, again] {
            stage_on(&bench, name, &layout, &["--nproc", "2"], 0);
        }
        let [folder, again] = [first, again].map(|name| RunFolder::open(&bench.path(name)).unwrap());
        assert_eq!(sampled(&folder), sampled(&again), "{first}");
        // Rounding apart, the first step's tokens and calls are those of one rank.
        let [rows, expected] = [&folder, &one].map(|folder| read_rollouts(&folder.rollouts(1)).unwrap());
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row.completion_ids, expected.completion_ids, "{first}");
            let results = |calls: &Option<Vec<record::rollouts::ToolCallRow>>| {
                calls.iter().flatten().map(|call| call.result.clone()).collect::<Vec<_>>()
            };
            assert_eq!(results(&row.tool_calls), results(&expected.tool_calls), "{first}");
        }
        assert!(rows.iter().any(|row| row.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())), "{first}");
    }
}

/// A suite of sums whose completions call; `more` goes into its protocol.
fn suite(bench: &Bench, name: &str, more: &str) -> String {
    let protocol = format!(
        "samples = 2\ntemperature = 1.0\ntop_p = 1.0\ntop_k = 0\nmax_new_tokens = 12\n{more}\n\
         thinking = {{ max_tokens = 1, forced_text = {CALL:?} }}"
    );
    let text = format!(
        "name = \"sums\"\ntitle = \"Sums\"\nlicence = \"ours\"\nlayouts = []\nnum_rows = 5\n[protocol]\n{protocol}\n\
         [sources]\nsamples = \"this test\"\n"
    );
    bench.write(name, &text);
    bench.text(name)
}

#[test]
fn an_evaluation_with_tools_keeps_its_turns_goes_on_and_is_judged_again() {
    let (bench, _) = stage();
    let (model, data, suite) =
        (bench.text("model"), bench.text("data/math_eval.jsonl"), suite(&bench, "sums.toml", ""));
    let output = |name: &str| (bench.text(name), bench.text(&format!("{name}.json")));
    let eval = |name: &str, more: &[&str], code: i32| {
        let (folder, json) = output(name);
        let own = ["eval", "--suite", &suite, "--data", &data, "--output", &folder, "--json", &json];
        String::from_utf8(run(&[&own[..], more].concat(), code).stderr).unwrap()
    };
    let limits = ["--tools", "python", "--set", "rollout.tools.max_calls=2"];
    let sampled = [&["--model", model.as_str()][..], &limits].concat();
    eval("tools", &sampled, 0);
    let record = bench.path("tools/sums");
    let settings = std::fs::read_to_string(record.join("settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!((&settings["tools"]["python"], &settings["tools"]["max_calls"]), (&true.into(), &2.into()));
    let samples = std::fs::read_to_string(record.join("samples.jsonl")).unwrap();
    let rows: Vec<SampleRow> = samples.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().any(|row| !row.turns.is_empty()), "nothing called");
    for row in rows.iter().filter(|row| !row.turns.is_empty()) {
        for pair in row.turns.chunks(2) {
            assert_eq!((pair[0].role.as_str(), pair[1].role.as_str()), ("assistant", "tool"));
            assert!(pair[0].content.contains("print(6 * 7)"), "{}", pair[0].content);
        }
        assert_eq!(row.turns[1].content, "42");
        assert!(row.thinking_open && row.num_completion_tokens <= 12);
    }
    assert_eq!(read_samples(&record.join("samples.parquet")).unwrap(), rows);

    // What a kill leaves is gone on with, and ends with the same bytes.
    std::fs::write(record.join("samples.jsonl"), &samples[..samples.len() / 3]).unwrap();
    eval("tools", &sampled, 0);
    assert!(std::fs::read_to_string(record.join("samples.jsonl")).unwrap() == samples, "another record");

    // Without a model the same conversations come to the same verdicts.
    eval("tools", &[&["--rejudge"], &limits[..]].concat(), 0);
    for row in read_samples(&record.join("samples.parquet")).unwrap() {
        assert_eq!(Some(&row.verdict), row.earlier.as_ref());
    }
    for more in [&["--rejudge"][..], &["--model", &model]] {
        let said = eval("tools", more, 2);
        assert!(said.contains("tools.python: true there, not set here"), "{said}");
    }

    eval("plain", &["--model", &model], 0);
    let plain = std::fs::read_to_string(bench.path("plain/sums/samples.jsonl")).unwrap();
    let settings = std::fs::read_to_string(bench.path("plain/sums/settings.json")).unwrap();
    assert!(!plain.contains("\"turns\"") && !settings.contains("\"tools\""));
    let said = run(&["compare", &output("plain").1, &output("tools").1], 2).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("tools.max_calls: not set there, 2 here"), "{said}");
}

#[test]
fn tools_that_an_evaluation_cannot_offer_are_named() {
    let (bench, _) = stage();
    let (model, data, sums) = (bench.text("model"), bench.text("data/math_eval.jsonl"), suite(&bench, "sums.toml", ""));
    let refused = |suite: &str, more: &[&str], problem: &str| {
        let own = ["eval", "--suite", suite, "--data", &data, "--model", &model, "--tools"];
        let said = String::from_utf8(run(&[&own[..], more].concat(), 2).stderr).unwrap();
        assert!(said.contains(problem), "{said}");
    };
    refused(&sums, &["ruby"], "--tools <NAME>");
    refused(&sums, &["python", "--completions", "there.jsonl"], "--completions");
    refused(&sums, &["python", "--set", "rollout.tools.max_calls=0"], "rollout.tools.max_calls: must be at least 1");
    refused(
        &sums,
        &["python", "--set", "rollout.tools.call_seconds=3600.0"],
        "rollout.tools.call_seconds: is more than",
    );
    let texts = suite(&bench, "text.toml", "form = \"text\"");
    refused(&texts, &["python"], "--tools: sums is asked as plain text");
    let template =
        format!("{{% if messages[-1].role == 'tool' %}}{{{{ raise_exception('no') }}}}{{% endif %}}{TEMPLATE}");
    bench.write("model/chat_template.jinja", &template);
    refused(&sums, &["python"], "--tools: the chat template takes no results of tools");
}

#[test]
fn a_run_offers_its_tools_to_held_out_tasks() {
    let (bench, assignments) = stage();
    let thinking = format!("eval.thinking={{max_tokens=1, forced_text={CALL:?}}}");
    let of_run =
        ["rollout.tools.python=true", "eval.at_end=false", "eval.temperature=1.0", "eval.max_new_tokens=12", &thinking];
    let figures = |name: &str, more: &str| {
        let (config, dir) = (bench.text("stage-1.toml"), bench.text(name));
        let mut arguments = vec!["--stage", "1", "--config", &config, "--run-dir", &dir, "--set", "update.steps=1"];
        let all = assignments.iter().map(String::as_str).filter(|assignment| !assignment.starts_with("update."));
        all.chain(of_run).chain([more]).for_each(|assignment| arguments.extend(["--set", assignment]));
        run(&arguments, 0);
        let rows = read_metrics(&bench.path(name).join("metrics.jsonl")).unwrap();
        let figure =
            |dataset| rows.iter().find_map(|row| row.get(&format!("eval/{dataset}/completion_tokens"))).unwrap();
        [figure("maths"), figure("code"), figure("instruction")]
    };
    let with = figures("with", "eval.tools=true");
    assert_eq!(figures("again", "eval.tools=true"), with);
    // Without tools a turn that calls is the last.
    let without = figures("without", "eval.tools=false");
    assert!(with.iter().sum::<f64>() > without.iter().sum::<f64>(), "{with:?} {without:?}");
}

#[test]
fn limits_and_texts_that_cannot_be_used_are_named() {
    let (bench, _) = stage();
    for (assignment, problem) in [
        ("rollout.tools.max_calls=0", "rollout.tools.max_calls: must be at least 1"),
        ("rollout.thinking={max_tokens=0}", "rollout.thinking.max_tokens = 0: must be at least 1"),
        ("rollout.thinking={max_tokens=4, forced_text=\"so\"}", "must hold </think>"),
        ("eval.thinking={max_tokens=0}", "thinking.max_tokens = 0"),
    ] {
        let said = stage_with(&bench, "refused", &[assignment.to_owned()], 2);
        assert!(said.contains(problem), "{said}");
    }
}
