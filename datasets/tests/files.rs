//! Files: what is written is read back, and a wrong file is told what is wrong with it.

use std::fs;
use std::path::PathBuf;

use datasets::{
    DatasetError, Message, PreferencePair, Task, TaskKind, TaskVerifier, Trace, line_of, read_preferences, read_tasks,
    read_traces, write_jsonl,
};
use serde_json::json;
use tempfile::TempDir;

fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.jsonl");
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// The error's text from the line number on.
fn problem<T: std::fmt::Debug>(result: Result<Vec<T>, DatasetError>) -> String {
    let text = result.unwrap_err().to_string();
    let (_, problem) = text.split_once("tasks.jsonl").expect("the file is named");
    problem.to_owned()
}

const GOOD: &str = concat!(
    r#"{"id":"a","task":"math","messages":[{"role":"user","content":"1 + 1?"}],"#,
    r#""verifier":"math","ground_truth":"2","more":7}"#
);

fn problem_of_line(line: &str) -> String {
    let (_folder, path) = file(format!("{GOOD}\n\n{line}\n"));
    problem(read_tasks(&path))
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/rows.jsonl");
    let task = Task {
        id: "a".to_owned(),
        kind: TaskKind::TOOL_CALL,
        messages: vec![Message::user("line\nbreak \"quoted\" \u{1F980}")],
        verifiers: vec![TaskVerifier::new(
            "tool_call",
            json!([{"name": "area", "arguments": {"base": [10, 10.5, 1e300]}}]),
        )],
        tools: Some(json!([{"type": "function"}])),
        source: Some("somewhere".to_owned()),
        license: None,
        meta: Some(json!({"level": 3})),
    };
    write_jsonl(&path, std::slice::from_ref(&task)).unwrap();
    assert_eq!(read_tasks(&path).unwrap(), [task]);

    let trace = Trace {
        id: "t".to_owned(),
        kind: Some(TaskKind::TOOL_CALL),
        messages: vec![Message::user("Hi."), Message::assistant("<think>\n</think>")],
        tools: Some(json!([{"type": "function"}])),
    };
    write_jsonl(&path, std::slice::from_ref(&trace)).unwrap();
    let read = read_traces(&path).unwrap();
    assert_eq!(read[0].prompt_messages(), [Message::user("Hi.")]);
    assert_eq!(read[0].completion(), "<think>\n</think>");
    assert_eq!(read, [trace]);

    let pair = PreferencePair {
        id: "p".to_owned(),
        kind: None,
        messages: vec![Message::user("Hi.")],
        tools: None,
        chosen: "Hello!".to_owned(),
        rejected: "What?".to_owned(),
    };
    write_jsonl(&path, std::slice::from_ref(&pair)).unwrap();
    assert_eq!(read_preferences(&path).unwrap(), [pair]);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn blank_lines_and_unknown_fields_are_allowed() {
    let (_folder, path) = file(format!("\u{feff}\n{GOOD}\r\n  \n"));
    let tasks = read_tasks(&path).unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].verifiers, [TaskVerifier::new("math", "2")]);
    assert_eq!((line_of(&path, "a"), line_of(&path, "b")), (Some(2), None));
}

#[test]
fn a_wrong_line_is_named_with_what_it_lacks() {
    for (line, expected) in [
        ("{oops", ", line 3: not a line of JSON: "),
        ("[1]", ", line 3: expected a JSON object, found a list"),
        (
            r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"ground_truth":"2"}"#,
            ", line 3: field \"verifier\" is missing; a task needs verifier and ground_truth, or a list verifiers",
        ),
        (
            r#"{"id":7,"task":"math","messages":[],"verifier":"math","ground_truth":"2"}"#,
            ", line 3: field \"id\" must be a text, found a number",
        ),
        (
            concat!(
                r#"{"id":"b","task":"maths?","messages":[{"role":"user","content":"?"}],"#,
                r#""verifier":"math","ground_truth":"2"}"#
            ),
            ", line 3: field \"task\" is \"maths?\"; a kind is a word of letters, digits, _ and -",
        ),
        (
            r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"verifiers":[],"verifier":"math"}"#,
            ", line 3: fields \"verifier\" and \"verifiers\" exclude each other",
        ),
        (
            r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"verifiers":[{"weight":1}]}"#,
            ", line 3: verifiers[0]: missing field `name`",
        ),
        (
            concat!(
                r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"#,
                r#""verifiers":[{"name":"a","weight":-1}]}"#
            ),
            ", line 3: verifiers[0].weight is -1; it must be",
        ),
        (
            concat!(
                r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"#,
                r#""verifiers":[{"name":"a","weight":0}]}"#
            ),
            ", line 3: the weights of \"verifiers\" sum to nothing",
        ),
        (
            r#"{"id":"b","task":"math","messages":[],"verifier":"math","ground_truth":"2"}"#,
            ", line 3: field \"messages\" is empty",
        ),
        (
            r#"{"id":"b","task":"math","messages":[{"role":"user"}],"verifier":"math","ground_truth":"2"}"#,
            ", line 3: messages[0].content must be a text, found nothing",
        ),
        (
            r#"{"id":"b","task":"math","messages":["?"],"verifier":"math","ground_truth":"2"}"#,
            ", line 3: messages[0].role must be a text, found nothing",
        ),
        (
            concat!(
                r#"{"id":"b","task":"math","messages":[{"role":"human","content":"?"}],"#,
                r#""verifier":"math","ground_truth":"2"}"#
            ),
            ", line 3: messages[0].role is \"human\"; known roles are ",
        ),
        (
            concat!(
                r#"{"id":"b","task":"math","messages":[{"role":"user","content":"?"}],"#,
                r#""verifier":"math","ground_truth":"2","license":3}"#
            ),
            ", line 3: field \"license\" must be a text, found a number",
        ),
        (GOOD, ", line 3: id \"a\" was already used on line 1; ids must be unique in a file"),
    ] {
        let problem = problem_of_line(line);
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn traces_and_pairs_say_what_they_lack() {
    let (_folder, path) = file(r#"{"id":"t","messages":[{"role":"user","content":"?"}]}"#);
    let lacks = problem(read_traces(&path));
    assert!(lacks.starts_with(", line 1: the last of \"messages\" is the user's"), "{lacks}");
    let lacks = problem(read_preferences(&path));
    assert!(lacks.starts_with(", line 1: field \"chosen\" is missing; a preference pair needs"), "{lacks}");
    let (_folder, path) = file(r#"{"id":"t","messages":[{"role":"user","content":"?"}],"chosen":"a","rejected":"a"}"#);
    let lacks = problem(read_preferences(&path));
    assert_eq!(lacks, ", line 1: \"chosen\" and \"rejected\" are the same text");
}

#[test]
fn files_that_are_no_datasets_are_refused() {
    let (_folder, path) = file("\n \n");
    let empty = problem(read_tasks(&path));
    assert!(empty.starts_with(": the dataset is empty; it needs at least one line with id,"), "{empty}");
    let (_folder, path) = file(b"{\"id\":\"\xff\"}");
    let bytes = problem(read_tasks(&path));
    assert!(bytes.starts_with(", line 1: not UTF-8 text"), "{bytes}");
    let (folder, path) = file("");
    fs::remove_file(&path).unwrap();
    let missing = problem(read_tasks(&path));
    assert!(missing.starts_with(": cannot be read: "), "{missing}");
    // A folder where the file should go: nothing is left behind.
    fs::create_dir(&path).unwrap();
    let error = write_jsonl(&path, &[1, 2]).unwrap_err().to_string();
    assert!(error.contains("tasks.jsonl: cannot be written: "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
