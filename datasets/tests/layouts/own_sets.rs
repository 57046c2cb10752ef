//! A team's own sets: a layout of ten lines, assignments, and this project's own files.

use std::fs;

use datasets::layout::Records;
use datasets::{DataSource, DatasetError, TaskKind};
use serde_json::json;

use super::sample;

#[test]
fn ten_lines_describe_a_set() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("sums.toml");
    fs::write(
        &layout,
        r#"
id = "nr"
prompt = "text"
kind = "math"
filter = "level <= 3"

[verifier.math]
ground_truth = "gold.value"

[meta]
level = "level"
"#,
    )
    .unwrap();
    let path = folder.path().join("sums.jsonl");
    let row =
        |nr: u32, level: u32| json!({"nr": nr, "text": "2 + 2?", "gold": {"value": "4"}, "level": level}).to_string();
    fs::write(&path, [row(7, 1), row(8, 5)].join("\n")).unwrap();
    let source = DataSource { layout: Some(layout.display().to_string()), ..DataSource::new([&path]) };
    let loaded = source.tasks().unwrap();
    assert_eq!((loaded.records.len(), loaded.num_filtered, loaded.layout.name.as_str()), (1, 1, "sums"));
    let task = &loaded.records[0];
    assert_eq!((task.id.as_str(), &task.kind, &task.meta), ("7", &TaskKind::MATH, &Some(json!({"level": 1}))));
    assert_eq!(task.verifiers[0].ground_truth, json!("4"));
}

#[test]
fn assignments_alone_describe_a_csv_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sums.csv");
    fs::write(&path, "nr,text,gold\n1,\"2 + 2, what?\",= 4\n2,3 + 3?,= 6\n").unwrap();
    let mut source = DataSource::new([&path]);
    let problem = source.tasks().unwrap_err().to_string();
    assert!(problem.contains("no layout fits the columns nr, text, gold"), "{problem}");
    source.set = ["id=nr", "prompt=text", "verifier.math.ground_truth=gold | after('=')"].map(str::to_owned).to_vec();
    let loaded = source.tasks().unwrap();
    assert_eq!(loaded.records[0].messages[0].content, "2 + 2, what?");
    assert_eq!((loaded.records[1].id.as_str(), &loaded.records[1].verifiers[0].ground_truth), ("2", &json!("6")));
    source.filter = Some("nr >= 2".to_owned());
    assert_eq!(source.tasks().unwrap().num_filtered, 1);
    source.set.truncate(2);
    assert!(matches!(source.tasks(), Err(DatasetError::Layout { .. })));
}

#[test]
fn own_files_stay_strict() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.jsonl");
    let good = json!({
        "id": "a", "task": "math", "messages": [{"role": "user", "content": "1 + 1?"}], "verifier": "math",
        "ground_truth": "2",
    })
    .to_string();
    let source = DataSource::new([&path]);
    for (text, problem) in [
        ("", "the dataset is empty"),
        ("not json\n", "line 1: not a line of JSON"),
        (&format!("{good}\n{{\"id\": \"b\"}}\n") as &str, "line 2: field \"task\" is missing"),
        (&format!("{good}\nnot json\n"), "line 2: not a line of JSON"),
        (&format!("{good}\n{good}\n"), "was already used on line 1"),
        ("{\"id\": \"a\", \"task\": \"math\"}\n", "line 1: field \"messages\" is missing"),
    ] {
        fs::write(&path, text).unwrap();
        let found = source.tasks().unwrap_err().to_string();
        assert!(found.contains(problem), "{text}: {found}");
        assert_eq!(found, datasets::read_tasks(&path).unwrap_err().to_string());
    }
    fs::write(&path, &good).unwrap();
    let loaded = source.tasks().unwrap();
    assert_eq!((loaded.layout.name.as_str(), loaded.layout.is_own), ("ponder_tasks", true));
    assert_eq!(loaded.records, datasets::read_tasks(&path).unwrap());
    assert_eq!(loaded.places[0].row, 1);
    assert!(source.candidates().is_err());
}

#[test]
fn a_layout_of_one_kind_gives_no_other() {
    let source = DataSource { layout: Some("gsm8k".to_owned()), ..DataSource::new([sample("gsm8k.parquet")]) };
    let problem = source.traces().unwrap_err().to_string();
    assert!(problem.contains("it gives tasks, and traces are wanted"), "{problem}");
    let told = DataSource::new([sample("deepmath_103k.parquet")]);
    assert_eq!(told.layout(None).unwrap().name, "deepmath_103k");
    assert_eq!(told.layout(Some(Records::Traces)).unwrap().name, "deepmath_103k_traces");
}
