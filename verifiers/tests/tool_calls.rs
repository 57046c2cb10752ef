//! The tool call verifier on BFCL's questions and on cases after public bug reports. Both are no part of this project:
//! where they do not stand in a folder `shared` beside the checkout, the tests say so and pass.

use std::path::PathBuf;

use datasets::{Task, TaskKind, TaskVerifier};
use serde_json::{Map, Value, json};
use verifiers::{Judged, ToolCallVerifier, Verifier};

/// The lines of a data set beside the checkout; `None` where it is not there.
fn lines(path: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(path);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("not run: there is no {}", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

async fn passes(task: &Task, completion: &str) -> bool {
    ToolCallVerifier.verify(&Judged::new(task.clone(), completion)).await.unwrap().passed()
}

/// A value that the ground truth allows: the last of its choices, so that alternatives are tried too.
fn choice(allowed: &[Value]) -> Option<Value> {
    let value = allowed.iter().rfind(|value| value.as_str() != Some(""))?;
    Some(plain(value))
}

/// An allowed value with a choice in the place of each field's list.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => {
            let field = |(name, allowed): (&String, &Value)| Some((name.clone(), choice(allowed.as_array()?)?));
            Value::Object(fields.iter().filter_map(field).collect())
        }
        other => other.clone(),
    }
}

fn right_calls(task: &Task) -> Vec<Value> {
    let calls = task.verifiers[0].ground_truth.as_array().unwrap();
    let call = |call: &Value| {
        let allowed = call["arguments"].as_object().unwrap();
        let argument = |(name, allowed): (&String, &Value)| Some((name.clone(), choice(allowed.as_array()?)?));
        let arguments: Map<String, Value> = allowed.iter().filter_map(argument).collect();
        json!({"name": call["name"], "arguments": arguments})
    };
    calls.iter().map(call).collect()
}

fn render(calls: &[Value]) -> String {
    let calls: String = calls.iter().map(|call| format!("\n<tool_call>\n{call}\n</tool_call>")).collect();
    format!("<think>\nwhich one?\n</think>\n{calls}")
}

#[tokio::test]
async fn bfcl_pays_its_own_answers_and_no_changed_ones() {
    let Some(rows) = lines("pack/bfcl_even.jsonl") else {
        return;
    };
    let mut num_changed = 0;
    for row in rows {
        let task: Task = serde_json::from_value(row).unwrap();
        ToolCallVerifier.check(&task, &task.verifiers[0].ground_truth).unwrap();
        let mut calls = right_calls(&task);
        if calls.is_empty() {
            assert!(passes(&task, "<think>\nno\n</think>\n\nNone of my tools can do that.").await, "{}", task.id);
            assert!(
                !passes(&task, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}\n</tool_call>").await,
                "{}",
                task.id
            );
            continue;
        }
        assert!(passes(&task, &render(&calls)).await, "{}: {}", task.id, render(&calls));
        calls.reverse();
        assert!(passes(&task, &render(&calls)).await, "{}: {}", task.id, render(&calls));
        for at in 0..calls.len() {
            let names: Vec<String> = calls[at]["arguments"].as_object().unwrap().keys().cloned().collect();
            for name in names {
                let mut changed = calls.clone();
                let argument = &mut changed[at]["arguments"][&name];
                *argument = match argument {
                    Value::String(text) => json!(format!("{text} and more")),
                    Value::Number(_) => json!(987_654_321),
                    Value::Array(items) => json!([items.clone(), ["more"]]),
                    _ => json!("other"),
                };
                assert!(!passes(&task, &render(&changed)).await, "{}: {}", task.id, render(&changed));
                num_changed += 1;
            }
        }
        assert!(!passes(&task, &render(&calls[1..])).await, "{}", task.id);
        assert!(!passes(&task, &(render(&calls) + "</tool_call>")).await, "{}", task.id);
    }
    assert!(num_changed > 1000, "only {num_changed} answers were changed");
}

#[tokio::test]
async fn cases_after_bug_reports_are_judged_right() {
    let Some(rows) = lines("field/rules.jsonl") else {
        return;
    };
    let mut num_cases = 0;
    for row in rows.iter().filter(|row| row["verifier"] == "tool_call") {
        let verifier = TaskVerifier::new("tool_call", row["ground_truth"].clone());
        let task = Task {
            tools: Some(row["tools"].clone()),
            ..Task::new(row["id"].to_string(), TaskKind::TOOL_CALL, Vec::new(), verifier)
        };
        let completion = row["completion"].as_str().unwrap();
        assert_eq!(json!(passes(&task, completion).await), row["expected"], "{}", task.id);
        num_cases += 1;
    }
    assert!(num_cases > 0);
}
