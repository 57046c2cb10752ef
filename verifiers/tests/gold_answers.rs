//! Each right answer of public sets of mathematics is judged right against itself, by the rules of its set.
//!
//! The sets are third parties' and not part of this project: a folder `shared` beside the checkout holds them. The test
//! says so where they are missing.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use datasets::{Message, Task, TaskKind, TaskVerifier};
use serde_json::{Value, json};
use verifiers::{Judged, Verdict, Verifiers, VerifiersConfig};

/// The lines of a file under `shared/data/math`; none where it is not there.
fn lines(name: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/math").join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("not run: there is no file {}", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect())
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// The content of the last box of a text.
fn last_box(text: &str) -> &str {
    let (_, content) = text.rsplit_once("\\boxed{").expect("a solution has a box");
    let mut depth = 1_i32;
    let end = content.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    &content[..end.expect("a box is closed")]
}

/// The key of a row as its file writes it, and its ground truth.
fn key(file: &str, row: &Value) -> (String, Value) {
    let integer = |answer: &Value, form: &str| json!({"answer": answer, "form": form});
    match file {
        "q_aime24_test.jsonl" => (text(row, "answer").to_owned(), integer(&row["answer"], "aime")),
        "q_amc23_test.jsonl" => (row["answer"].to_string(), integer(&row["answer"], "integer")),
        "q_gsm8k_test.jsonl" => {
            let (_, key) = text(row, "answer").rsplit_once("####").expect("a key");
            (key.trim().to_owned(), json!(key.trim().replace(',', "")))
        }
        "q_minerva_math_test.jsonl" => {
            let key = last_box(text(row, "solution"));
            (key.to_owned(), json!({"answer": key, "units": "kept"}))
        }
        "q_olympiadbench_test.jsonl" => {
            let key = row["final_answer"][0].as_str().expect("a key").trim_matches('$');
            (key.to_owned(), json!({"answer": key, "tolerance": row["error"]}))
        }
        _ => (text(row, "answer").to_owned(), json!(text(row, "answer"))),
    }
}

async fn judge(verifiers: &Verifiers, row: &Value, ground_truth: Value, completion: &str) -> Result<Verdict, String> {
    let question = [text(row, "problem"), text(row, "question")].into_iter().find(|text| !text.is_empty());
    let messages = vec![Message::user(question.unwrap_or_default())];
    let task = Arc::new(Task::new("t", TaskKind::MATH, messages, TaskVerifier::new("math", ground_truth)));
    verifiers.check(&task).map_err(|error| error.to_string())?;
    let judgement = verifiers.judge(&Judged::new(task, completion)).await;
    let verdict = judgement.verdicts.into_iter().next().expect("a verdict").verdict;
    verdict.map_err(|error| error.to_string())
}

/// Keys that are judged otherwise: file, number of the row, and a word of the reason.
const UNREADABLE: [(&str, usize, &str); 1] = [("q_olympiadbench_test.jsonl", 73, "`f(x)=a x+b$, where $b$")];

#[tokio::test]
async fn each_right_answer_is_right_against_itself() {
    let client = sandbox_api::Client::new(vec!["http://127.0.0.1:9".to_owned()]).unwrap();
    let verifiers = Verifiers::standard(&VerifiersConfig::default(), client);
    let mut found = Vec::new();
    for (file, num_rows) in [
        ("math500.jsonl", 500),
        ("q_aime24_test.jsonl", 30),
        ("q_amc23_test.jsonl", 40),
        ("q_gsm8k_test.jsonl", 1319),
        ("q_minerva_math_test.jsonl", 272),
        ("q_olympiadbench_test.jsonl", 675),
    ] {
        let Some(rows) = lines(file) else { continue };
        assert_eq!(rows.len(), num_rows, "{file}");
        for (index, row) in rows.iter().enumerate() {
            let (key, ground_truth) = key(file, row);
            let verdict = judge(&verifiers, row, ground_truth, &format!("So \\[ \\boxed{{{key}}} \\]")).await;
            let reason = match verdict {
                Ok(verdict) if verdict.passed() => continue,
                Ok(verdict) => verdict.reason,
                Err(error) => error,
            };
            println!("{file}, row {index}: {reason}");
            let is_known =
                UNREADABLE.iter().any(|(known, row, word)| *known == file && *row == index && reason.contains(word));
            if !is_known {
                found.push(format!("{file}, row {index}: {reason}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
