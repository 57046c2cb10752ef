//! Figures of suites: shares beside them, majority, errata, rewards, log-likelihood, and the JSON.

use evaluation::{
    CandidateScores, EvalResult, SampledCompletion, SuiteSource, Tally, TaskChoice, judge, results_table,
};
use serde_json::json;

use crate::support::{file, math_file, result_of, suite, tasks_of, verifiers};

#[tokio::test]
async fn a_completion_that_was_cut_within_its_thinking_is_no_answer_and_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) =
        tasks_of(suite("", ""), &math_file(folder.path(), &[("a", "3 + 4?", "7"), ("b", "1 + 1?", "2")]));
    let verifiers = verifiers();
    let mut tally = Tally::new(&tasks);
    let cut =
        SampledCompletion { finish_reason: "length".into(), ..SampledCompletion::of_text("<think>so \\boxed{7}") };
    for (task, sampled) in tasks.tasks.iter().zip([cut, SampledCompletion::of_text("\\boxed{2}")]) {
        let row = judge(&verifiers, "sums", task, 0, sampled).await;
        assert_eq!(row.verdict.kind, if task.task.id == "a" { "no_answer" } else { "passed" });
        tally.add(&row).unwrap();
        assert!(tally.add(&row).unwrap_err().to_string().contains("twice"));
    }
    let result = EvalResult::of(&tally, Some(&verifiers), settings, 0.0).unwrap();
    let summary = &result.summary;
    assert_eq!((summary.pass_at_1, summary.truncated, summary.no_answer), (0.5, 0.5, 0.5));
    let table = results_table(&[result]);
    assert!(table.contains("50.0") && table.contains("no ans."), "{table}");
}

#[tokio::test]
async fn a_majority_votes_by_the_verifiers_equality() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("half", "What is half of 1?", "1/2")]);
    let (tasks, settings) = tasks_of(suite("", "samples = 5\ntemperature = 0.6"), &path);
    let answers = ["\\boxed{0.5}", "\\boxed{\\frac12}", "\\boxed{1/2}", "\\boxed{2}", "\\boxed{2}"];
    let result = result_of(&tasks, &settings, &[&answers]).await;
    assert_eq!((result.summary.pass_at_1, result.summary.majority_at[&5]), (0.6, 1.0));
}

const ERRATA: &str = r#"
[[errata]]
ids = ["a"]
reason = "the key is wrong"
source = "a test"
answer = "3"

[[errata]]
ids = ["b"]
reason = "no answer is right"
source = "a test"
"#;

#[tokio::test]
async fn the_official_figure_and_the_corrected_one_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("a", "1 + 2?", "2"), ("b", "0 / 0?", "1"), ("c", "1 + 1?", "2")]);
    let (tasks, settings) = tasks_of(suite(ERRATA, ""), &path);
    let result = result_of(&tasks, &settings, &[&["\\boxed{3}"], &["\\boxed{5}"], &["\\boxed{2}"]]).await;
    assert_eq!((result.summary.pass_at_1, result.summary.corrected), (1.0 / 3.0, Some(1.0)));
    assert!(tasks.notes.iter().any(|note| note.contains("2 tasks have errata")));
}

#[tokio::test]
async fn a_file_of_results_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = tasks_of(suite("num_rows = 4", ""), &math_file(folder.path(), &[("a", "1 + 1?", "2")]));
    let result = result_of(&tasks, &settings, &[&["\\boxed{2}"]]).await;
    let path = folder.path().join("results.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&[&result]).unwrap()).unwrap();
    assert_eq!(EvalResult::read(&path).unwrap(), [result]);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for field in [
        "suite",
        "pass@1",
        "pass_at",
        "majority_at",
        "intervals",
        "truncated",
        "no_answer",
        "timed_out",
        "verifier_errors",
        "low",
        "high",
        "corrected",
        "settings",
        "marks",
    ] {
        assert!(json[0].get(field).is_some(), "{field}");
    }
    assert_eq!(json[0]["settings"]["protocol"]["max_new_tokens"], 64);
    // A file of a version without suites.
    let old = r#"[{"dataset": "sums", "num_tasks": 1, "num_samples": 1, "pass@1": 1.0, "standard_error": null,
        "interval": [0.2, 1.0], "pass@k": 1.0, "avg@k": 1.0, "completion_tokens_mean": 3.0, "truncated": 0.0,
        "num_verifier_errors": 0, "seconds": 1.5}]"#;
    std::fs::write(&path, old).unwrap();
    assert_eq!(EvalResult::read(&path).unwrap()[0].name(), "sums");
}

#[test]
fn rewards_are_counted_with_ties_and_with_what_length_alone_would_score() {
    let folder = tempfile::tempdir().unwrap();
    let line = |id: &str, chosen: &str, rejected: &str| {
        json!({"id": id, "messages": [{"role": "user", "content": "?"}], "chosen": chosen, "rejected": rejected})
            .to_string()
    };
    let lines =
        [line("a", "a long one", "short"), line("b", "x", "longer"), line("c", "y", "yy"), line("d", "zzz", "z")];
    let path = file(folder.path(), "pairs.jsonl", &lines);
    let rewards =
        suite("has_repeated_prompts = true\noverall = \"reward_bench\"\nby = \"subset\"", "metric = \"reward\"");
    let (tasks, settings) = SuiteSource::new([&path]).tasks(rewards, TaskChoice::default()).unwrap();
    let mut tally = Tally::new(&tasks);
    for (task, (chosen, rejected)) in tasks.tasks.iter().zip([(2.0, 1.0), (0.5, 0.5), (1.0, 3.0), (1.0, 0.0)]) {
        let scores = CandidateScores { chosen: vec![chosen], rejected: vec![rejected] };
        tally.add(&task.scored("sums", &scores).unwrap()).unwrap();
        let text = task.scored("sums", &CandidateScores::default()).unwrap_err().to_string();
        assert!(text.contains("0 scores for 2 completions"), "{text}");
    }
    let result = EvalResult::of(&tally, None, settings, 0.0).unwrap();
    assert_eq!(result.summary.pass_at_1, 0.5);
    let measure = |name: &str| result.suite.measures[name];
    assert_eq!((measure("tie"), measure("length_alone")), (0.25, 0.5));
    assert_eq!(result.suite.measures.len(), 2, "single scores are no figures");
}

#[test]
fn the_likeliest_choice_is_the_answer_and_length_may_decide_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let truth = json!({"answer": "B", "letters": ["A", "B", "C"], "texts": ["ice", "a block of iron", "salt"]});
    let line = json!({"id": "a", "task": "knowledge", "messages": [{"role": "user", "content": "Which?"}],
        "verifier": "choice", "ground_truth": truth});
    let path = file(folder.path(), "tasks.jsonl", &[line.to_string()]);
    let protocol = "metric = \"log_likelihood\"\nform = \"text\"\ncontinuation = \" {{ text }}\"\n\
        prompt = \"Question: {{ question }}\\nAnswer:\"";
    let (tasks, settings) = tasks_of(suite("", protocol), &path);
    let task = &tasks.tasks[0];
    assert_eq!(task.continuations, [" ice", " a block of iron", " salt"]);
    assert_eq!(task.conversation[0].content, "Question: Which?\nAnswer:");
    let logprobs = [-3.0, -6.0, -5.0];
    let plain = task.likeliest(&tasks.suite, &logprobs).unwrap();
    assert_eq!((plain.verdict.answer.as_deref(), plain.verdict.passed()), (Some("A"), false));
    let normalised = tasks_of(suite("", &format!("{protocol}\nnormalised = true")), &path).0;
    let row = normalised.tasks[0].likeliest(&normalised.suite, &logprobs).unwrap();
    assert_eq!((row.verdict.answer.as_deref(), row.verdict.passed()), (Some("B"), true));
    let mut tally = Tally::new(&tasks);
    tally.add(&plain).unwrap();
    let result = EvalResult::of(&tally, None, settings, 0.0).unwrap();
    assert_eq!((result.suite.measures["likeliest"], result.suite.measures["likeliest_by_length"]), (0.0, 1.0));
    assert!(task.likeliest(&tasks.suite, &logprobs[..2]).is_err());
}
