//! Invented samples of 80 public sets' files: each is read to its last row.

use std::path::{Path, PathBuf};

use datasets::rows::{self, Options};
use serde_json::{Map, Value, json};
fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/suites")
}

#[test]
fn every_sample_is_read_to_its_last_row() {
    let counts: Vec<String> = files(&suites())
        .into_iter()
        .map(|file| {
            let has_no_header = file.ends_with("mmlu_original_test.csv");
            let columns = has_no_header.then(|| ["question", "A", "B", "C", "D", "answer"].map(str::to_owned).to_vec());
            let options = Options { columns, ..Options::default() };
            let rows = rows::open_with(&[suites().join(&file)], &options).unwrap();
            let num_rows = rows.inspect(|row| assert!(!row.as_ref().unwrap().fields.is_empty())).count();
            format!("{} {num_rows}", file.display())
        })
        .collect();
    insta::assert_snapshot!(counts.join("\n"));
}

fn read(name: &str) -> Vec<Map<String, Value>> {
    super::read(&[suites().join(name)], None).unwrap()
}

#[test]
fn the_same_rows_in_two_formats_are_equal() {
    assert_eq!(read("gsm8k.parquet"), read("gsm8k_github.jsonl"));
    let olympiad = read("olympiadbench_qwen.jsonl");
    assert_eq!(read("olympiadbench_OE_TO_maths_en_COMP.json"), olympiad);
    for (row, columns) in read("olympiadbench_hothan.parquet").iter().zip(olympiad) {
        for (column, value) in columns {
            assert_eq!(row[&column], value, "{column}");
        }
    }
}

#[test]
fn values_of_odd_types_are_as_they_were_written() {
    let row = &read("amc_ai_mo.parquet")[1];
    assert_eq!((&row["id"], row["answer"].to_string()), (&json!(1), "-1.0".to_owned()));
    let row = &read("livebench_coding.parquet")[0];
    assert_eq!(row["original_json"]["contest_date"], json!("2024-11-25T00:00:00"));
    assert_eq!(row["livebench_removal_date"], Value::Null);
    let kwargs = &read("livebench_instruction_following.parquet")[0]["kwargs"];
    assert_eq!((&kwargs[0]["num_sentences"], &kwargs[0]["end_phrase"]), (&json!(2), &Value::Null));
    let row = &read("gpqa_diamond.csv")[0];
    assert_eq!(row.len(), 78);
    assert_eq!(row["Question"], json!("A cell is kept at 300 K,\nthen at 600 K. By which factor\ndoes \"kT\" grow?"));
    assert_eq!(row["Correct Answer"], json!("2\n"));
}

/// All files below a folder, named from there on, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}
