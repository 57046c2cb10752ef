//! Files of a suite: which belong to the version, and what is asked of each published layout.

use evaluation::{SuiteSource, TaskChoice, select};

use crate::support::{file, math_file};

#[test]
fn a_file_of_another_layout_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [r#"{"prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "key": 1}"#.to_owned()];
    let path = file(folder.path(), "if.jsonl", &lines);
    let suite = select("gsm8k").unwrap().suites.remove(0);
    let error = SuiteSource::new([&path]).tasks(suite, TaskChoice::default()).unwrap_err().to_string();
    assert!(error.contains("gsm8k"), "{error}");
}

#[test]
fn a_persons_own_tasks_are_asked_by_any_suite() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("a", "1 + 1?", "2")]);
    let suite = select("gsm8k").unwrap().suites.remove(0);
    let (tasks, settings) = SuiteSource::new([&path]).tasks(suite, TaskChoice::default()).unwrap();
    assert!(tasks.tasks[0].conversation[0].content.ends_with("put your final answer within \\boxed{}."));
    assert_eq!((settings.layout.as_str(), settings.data.len()), ("ponder_tasks", 1));
    assert_eq!(tasks.marks, ["1 rows, where the set has 1319"]);
}
