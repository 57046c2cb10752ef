//! The instruction verifier on completions written for it: right and wrong ones of each of IFEval's 25 types, a line
//! each in `instructions.jsonl`. Data sets beside the checkout are no part of this project: where they are missing,
//! the tests say so and pass.

use std::collections::BTreeSet;
use std::path::PathBuf;

use datasets::{Task, TaskKind, TaskVerifier};
use proptest::prelude::*;
use serde_json::{Value, json};
use verifiers::{INSTRUCTION_IDS, InstructionConfig, InstructionVerifier, Judged, Verifier};

const GOLDEN: &str = include_str!("instructions.jsonl");

/// The lines of a data set beside the checkout; none where it is not there.
fn lines(path: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(path);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("not run: there is no {}", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn task(ground_truth: &Value) -> Task {
    let verifier = TaskVerifier::new("ifeval", ground_truth.clone());
    Task::new("t", TaskKind::INSTRUCTION_FOLLOWING, Vec::new(), verifier)
}

async fn passes(ground_truth: &Value, completion: &str, loose: bool) -> bool {
    let verifier = InstructionVerifier::new(InstructionConfig { loose, ..InstructionConfig::default() });
    verifier.verify(&Judged::new(task(ground_truth), completion)).await.unwrap().passed()
}

#[tokio::test]
async fn every_type_is_judged_as_it_was_by_hand() {
    let mut types = BTreeSet::new();
    let mut wrong = Vec::new();
    for line in GOLDEN.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let ground_truth = json!({"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]});
        let completion = row["completion"].as_str().unwrap();
        let expected = row["expected"].as_bool().unwrap();
        let loose = row["loose"].as_bool().unwrap_or(false);
        if passes(&ground_truth, completion, loose).await != expected {
            wrong.push(line.to_owned());
        }
        // What follows strictly follows loosely.
        if expected && !loose && !passes(&ground_truth, completion, true).await {
            wrong.push(format!("loose: {line}"));
        }
        let ids = row["instruction_id_list"].as_array().unwrap();
        types.extend(ids.iter().map(|id| (id.as_str().unwrap().to_owned(), expected)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for id in INSTRUCTION_IDS {
        for expected in [true, false] {
            assert!(types.contains(&(id.to_owned(), expected)), "no {expected} completion for {id}");
        }
    }
}

#[tokio::test]
async fn reported_faults_are_judged_right() {
    for row in lines("field/rules.jsonl").iter().filter(|row| row["verifier"] == "ifeval") {
        let completion = row["completion"].as_str().unwrap();
        let expected = row["expected"].as_bool().unwrap();
        assert_eq!(passes(&row["ground_truth"], completion, false).await, expected, "{}", row["id"]);
    }
}

#[test]
fn the_published_prompts_can_all_be_judged() {
    for row in lines("pack/ifeval.jsonl") {
        InstructionVerifier::new(InstructionConfig::default())
            .check(&task(&row["ground_truth"]), &row["ground_truth"])
            .unwrap();
    }
}

proptest! {
    #[test]
    fn what_follows_strictly_follows_loosely(
        row in 0..GOLDEN.lines().count(),
        completion in r#"([*\-<>\[\]"'“”’.!?#_{}|: ]|\n|[a-zA-Z0-9]{1,8}|SECTION 1|P\.S\.|\PC){0,60}"#,
    ) {
        let row: Value = serde_json::from_str(GOLDEN.lines().nth(row).unwrap()).unwrap();
        let ground_truth = json!({"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]});
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let strict = runtime.block_on(passes(&ground_truth, &completion, false));
        prop_assert!(!strict || runtime.block_on(passes(&ground_truth, &completion, true)));
    }
}
