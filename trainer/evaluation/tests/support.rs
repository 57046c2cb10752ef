//! What the tests share: files of tasks in a folder of their own, suites of a few lines, verifiers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evaluation::{EvalResult, SampledCompletion, Settings, Suite, SuiteSource, SuiteTasks, Tally, TaskChoice, judge};
use verifiers::{MathVerifier, Verifiers, VerifiersConfig};

/// A suite of a person's own with these keys, in front of a greedy protocol of one sample.
pub(crate) fn suite(keys: &str, protocol: &str) -> Suite {
    let defaults =
        [("samples", "1"), ("temperature", "0.0"), ("top_p", "1.0"), ("top_k", "0"), ("max_new_tokens", "64")];
    let defaults = defaults.iter().filter(|(name, _)| !protocol.contains(&format!("{name} =")));
    let defaults: String = defaults.map(|(name, value)| format!("{name} = {value}\n")).collect();
    let (keys, errata) =
        keys.split_once("[[errata]]").map_or((keys, String::new()), |(keys, rest)| (keys, format!("[[errata]]{rest}")));
    let text = format!(
        "name = \"sums\"\ntitle = \"Sums\"\nlicence = \"none\"\n{keys}\n\
         [protocol]\n{protocol}\n{defaults}\n[sources]\n{errata}"
    );
    Suite::parse(&text, "sums.toml").unwrap()
}

/// A file of maths tasks: id, question and key each.
pub(crate) fn math_file(folder: &Path, tasks: &[(&str, &str, &str)]) -> PathBuf {
    let line = |(id, question, key): &(&str, &str, &str)| {
        serde_json::json!({
            "id": id, "task": "math", "messages": [{"role": "user", "content": question}],
            "verifier": "math", "ground_truth": key,
        })
        .to_string()
    };
    file(folder, "tasks.jsonl", &tasks.iter().map(line).collect::<Vec<_>>())
}

pub(crate) fn file(folder: &Path, name: &str, lines: &[String]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// The suite's tasks of a file, all of them.
pub(crate) fn tasks_of(suite: Suite, file: &Path) -> (SuiteTasks, Settings) {
    SuiteSource::new([file]).tasks(suite, TaskChoice::default()).unwrap()
}

/// The maths verifier alone.
pub(crate) fn verifiers() -> Verifiers {
    let mut verifiers = Verifiers::default();
    verifiers.register(Arc::new(MathVerifier::new(VerifiersConfig::default().math)));
    verifiers
}

/// The result of completions, some for each task.
pub(crate) async fn result_of(tasks: &SuiteTasks, settings: &Settings, completions: &[&[&str]]) -> EvalResult {
    let verifiers = verifiers();
    let mut tally = Tally::new(tasks);
    for (task, completions) in tasks.tasks.iter().zip(completions) {
        for (index, text) in (0..).zip(*completions) {
            let row = judge(&verifiers, "sums", task, index, SampledCompletion::of_text(*text)).await;
            tally.add(&row).unwrap();
        }
    }
    EvalResult::of(&tally, Some(&verifiers), settings.clone(), 1.0).unwrap()
}
