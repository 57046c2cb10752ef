//! Completions of another engine, and prompts for one.

use evaluation::{CompletionFile, SuiteSource, TaskChoice};

use crate::support::{file, math_file, suite, tasks_of};

const TASKS: [(&str, &str, &str); 3] = [("a", "1 + 1?", "2"), ("b", "2 + 2?", "4"), ("7", "3 + 4?", "7")];

#[test]
fn as_many_are_judged_as_were_asked_or_it_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, _) = tasks_of(suite("", ""), &math_file(folder.path(), &TASKS));
    let lines = [
        r#"{"id": "a", "completions": ["2", "3"]}"#.to_owned(),
        r#"{"id": "b", "completions": ["4", "5"], "finish_reasons": ["stop", "length"]}"#.to_owned(),
        r#"{"id": 7, "completions": ["7", "8"]}"#.to_owned(),
        r#"{"id": "other", "completions": ["1"]}"#.to_owned(),
    ];
    let whole = CompletionFile::read(&file(folder.path(), "c.jsonl", &lines)).unwrap();
    let assigned = whole.clone().assign(&tasks, None).unwrap();
    assert_eq!((assigned.samples, assigned.num_other_ids), (2, 1));
    assert_eq!(assigned.completions[2][1].text, "8");
    assert_eq!(assigned.completions[1][1].finish_reason, "length");
    // Two are there and four were asked: no figure is made of half of them.
    let text = whole.assign(&tasks, Some(4)).unwrap_err().to_string();
    assert!(text.contains("c.jsonl") && text.contains("a, b, 7") && text.contains("has 2"), "{text}");
    let less = CompletionFile::read(&file(folder.path(), "less.jsonl", &lines[..1])).unwrap();
    let text = less.assign(&tasks, None).unwrap_err().to_string();
    assert!(text.contains("2 of 3 tasks have no completions: b, 7"), "{text}");
    let twice = file(folder.path(), "twice.jsonl", &[lines[0].clone(), lines[0].clone()]);
    assert!(CompletionFile::read(&twice).unwrap_err().to_string().contains("line 2"));
    let wrong = file(folder.path(), "wrong.jsonl", &["{\"id\": \"a\"}".to_owned()]);
    assert!(CompletionFile::read(&wrong).unwrap_err().to_string().contains("line 1"));
}

#[test]
fn a_limit_draws_the_same_tasks_and_marks_the_figure() {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<String> = (0..50).map(|id| format!("t{id}")).collect();
    let questions: Vec<String> = (0..50).map(|id| format!("{id} + 1?")).collect();
    let tasks: Vec<(&str, &str, &str)> =
        ids.iter().zip(&questions).map(|(id, question)| (id.as_str(), question.as_str(), "1")).collect();
    let path = math_file(folder.path(), &tasks);
    let drawn = |limit, seed| {
        let choice = TaskChoice { seed, limit: Some(limit) };
        let (tasks, settings) = SuiteSource::new([&path]).tasks(suite("num_rows = 50", ""), choice).unwrap();
        assert_eq!(settings.limit, Some(limit));
        (tasks.tasks.iter().map(|task| task.task.id.clone()).collect::<Vec<_>>(), tasks.marks)
    };
    let (ten, marks) = drawn(10, 1);
    assert_eq!((ten.len(), &ten), (10, &drawn(10, 1).0));
    assert!(marks[0].contains("10 of 50 tasks"), "{marks:?}");
    let twenty = drawn(20, 1).0;
    assert!(ten.iter().all(|id| twenty.contains(id)), "a larger draw has the smaller one");
    assert_ne!(ten, drawn(10, 2).0);
    assert_ne!(ten, ids[..10], "not the first ones");
}

#[test]
fn one_prompt_under_two_ids_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("a", "1 + 1?", "2"), ("b", "1 + 1?", "2")]);
    let text = SuiteSource::new([&path]).tasks(suite("", ""), TaskChoice::default()).unwrap_err().to_string();
    assert!(text.contains("a and b have the same prompt"), "{text}");
    tasks_of(suite("has_repeated_prompts = true", ""), &path);
}

#[test]
fn another_number_of_rows_marks_the_figure() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, _) = tasks_of(suite("num_rows = [40, 46]", ""), &math_file(folder.path(), &TASKS));
    assert_eq!(tasks.marks, ["3 rows, where the set has 40 or 46"]);
}

#[test]
fn a_prompt_is_the_template_over_the_tasks_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &TASKS);
    let protocol = "system = \"Be brief.\"\nprompt = \"{{ question }} In a box.\"";
    let (tasks, _) = tasks_of(suite("", protocol), &path);
    let lines: Vec<String> = tasks.prompt_lines().map(|line| serde_json::to_string(&line).unwrap()).collect();
    let expected = concat!(
        r#"{"id":"a","messages":[{"role":"system","content":"Be brief."},"#,
        r#"{"role":"user","content":"1 + 1? In a box."}]}"#
    );
    assert_eq!(lines[0], expected);
    // What is judged keeps the question of the data.
    assert_eq!(tasks.tasks[0].task.messages[0].content, "1 + 1?");
    let unknown = suite("", "prompt = \"{{ starter_code }}\"");
    let text = SuiteSource::new([&path]).tasks(unknown, TaskChoice::default()).unwrap_err().to_string();
    assert!(text.contains("task a"), "{text}");
}
