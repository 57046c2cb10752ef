//! What is wrong with a file is named, with its row.

use std::fs;
use std::path::Path;

use datasets::DataSource;
use datasets::layout::load;
use serde_json::json;

fn problem_of(path: &Path, layout: Option<&str>, set: &[&str]) -> String {
    let set = set.iter().map(|assignment| assignment.to_string()).collect();
    DataSource { layout: layout.map(str::to_owned), set, ..DataSource::new([path]) }.tasks().unwrap_err().to_string()
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_come_near() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    fs::write(&path, "{\"Question\": \"?\", \"anwser\": \"#### 2\"}\n").unwrap();
    let problem = problem_of(&path, Some("gsm8k"), &[]);
    assert!(
        problem.contains("rows.jsonl, line 1") && problem.contains("no column \"question\"; near it: Question"),
        "{problem}"
    );
    let problem = problem_of(&path, Some("gsm8k"), &["prompt=Question"]);
    assert!(problem.contains("no column \"answer\"; near it: anwser"), "{problem}");
    let problem = problem_of(&path, None, &[]);
    assert!(problem.contains("no layout fits the columns Question, anwser"), "{problem}");
    fs::write(&path, "{\"question\": \"?\", \"answer\": \"#### 2\"}\n").unwrap();
    let source = DataSource { filter: Some("levle > 2".to_owned()), ..DataSource::new([&path]) };
    let problem = source.tasks().unwrap_err().to_string();
    assert!(problem.contains("no column \"levle\""), "{problem}");
}

#[test]
fn rows_that_cannot_be_read_are_kept_in_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let rows = [
        json!({"question": "a?", "answer": "#### 1"}),
        json!({"question": "b?", "answer": "no mark"}),
        json!({"question": "c?"}),
        json!({"question": "", "answer": "#### 4"}),
        json!({"question": "e?", "answer": null}),
    ];
    fs::write(&path, rows.map(|row| row.to_string()).join("\n")).unwrap();
    let loaded = DataSource { layout: Some("gsm8k".to_owned()), ..DataSource::new([&path]) }.tasks().unwrap();
    assert_eq!((loaded.records.len(), loaded.num_rows), (1, 5));
    for (unreadable, (row, problem)) in loaded.unreadable.iter().zip([
        (2, "\"####\" does not stand in \"no mark\""),
        (3, "no column \"answer\""),
        (4, "prompt: the text is empty"),
        (5, "is empty"),
    ]) {
        assert_eq!(unreadable.place.row, row);
        assert!(unreadable.problem.contains(problem), "{}", unreadable.problem);
    }
}

#[test]
fn an_id_that_was_used_is_named_with_its_first_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = json!({"id": 3, "question": "?", "answer": "1"}).to_string();
    fs::write(&path, format!("{row}\n{row}\n")).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert_eq!(loaded.records.len(), 1);
    assert!(loaded.unreadable[0].problem.contains("id \"3\" was already used at"), "{}", loaded.unreadable[0].problem);
    assert!(loaded.unreadable[0].problem.contains("line 1"));
}

#[test]
fn layouts_that_fit_equally_are_both_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = json!({"question": "?", "problem": "?", "answer": "1"}).to_string();
    fs::write(&path, row).unwrap();
    let problem = problem_of(&path, None, &[]);
    assert!(problem.contains("problem_answer and question_answer fit equally"), "{problem}");
}

#[test]
fn wrong_layouts_say_which_key_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    for (text, problem) in [
        ("promt = 'a'", "promt"),
        ("prompt = 'a'", "needs [verifier.NAME]"),
        ("[verifier.math]", "needs `prompt`"),
        ("prompt = 'a |'\n[verifier.math]", "prompt: `a |` is no expression: it ends too soon"),
        ("prompt = 'a | trimm'\n[verifier.math]", "no step \"trimm\"; near it: trim"),
        ("prompt = 'a | after'\n[verifier.math]", "takes 1 to 1 arguments"),
        ("prompt = 'a'\n[verifier.math]\nground = 'b'", "verifier.math"),
        ("prompt = 'a'\nroute = 'b'\n[routes]\nx = 'maths'\n[verifier.math]", "no [verifier.maths]; there are math"),
        ("prompt = 'a'\n[routes]\nx = 'math'\n[verifier.math]", "needs `route`"),
        ("records = 'preferences'", "[preference]"),
        ("records = 'traces'", "conversation"),
    ] {
        fs::write(&path, text).unwrap();
        let found = load(&path.display().to_string(), &[]).unwrap_err().to_string();
        assert!(found.contains(problem), "{text}: {found}");
    }
    let found = load("gms8k", &[]).unwrap_err().to_string();
    assert!(found.contains("near it: gsm8k"), "{found}");
    assert!(load("gsm8k", &["prompt".to_owned()]).is_err());
}

#[test]
fn splits_that_are_not_there_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for split in ["train", "test"] {
        let path = folder.path().join(format!("{split}.jsonl"));
        fs::write(path, format!("{{\"question\": \"{split}?\", \"answer\": \"#### 2\"}}\n")).unwrap();
    }
    let mut source = DataSource::new([folder.path()]);
    // The layout says which split is meant where none is named.
    assert_eq!(source.tasks().unwrap().records[0].messages[0].content, "test?");
    source.split = Some("train".to_owned());
    assert_eq!(source.tasks().unwrap().records[0].messages[0].content, "train?");
    source.split = Some("validation".to_owned());
    let problem = source.tasks().unwrap_err().to_string();
    assert!(problem.contains("validation"), "{problem}");
}
