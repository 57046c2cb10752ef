//! Preference sets, and suites of rewards.

use std::fs;

use datasets::{Candidates, DataSource, Loaded};
use serde_json::json;

use super::sample;

fn candidates(name: &str, layout: &str) -> Loaded<Candidates> {
    let loaded = DataSource::new([sample(name)]).candidates().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(loaded.layout.name, layout, "{name}");
    loaded
}

#[test]
fn the_better_completion_is_chosen_whichever_stands_first() {
    for (name, layout) in [
        ("helpsteer2_preference.jsonl.gz", "helpsteer2"),
        ("helpsteer3_preference.jsonl.gz", "helpsteer3"),
        ("skywork_reward_preference.parquet", "skywork_reward"),
    ] {
        let loaded = candidates(name, layout);
        assert_eq!(loaded.unreadable, [], "{name}");
        let only = &loaded.records[0];
        assert_eq!((only.chosen[0].as_str(), only.rejected[0].as_str()), ("Stir it and wait.", "Heat it."), "{name}");
        assert_eq!((only.messages.len(), only.messages[0].content.as_str()), (1, "How do I cool soup?"), "{name}");
    }
}

#[test]
fn ties_are_left_out_and_counted() {
    let loaded = candidates("ultrafeedback_binarized.parquet", "ultrafeedback");
    assert_eq!((loaded.records.len(), loaded.num_ties, loaded.num_rows), (0, 1, 1));
}

#[test]
fn a_boolean_in_the_place_of_a_completion_is_named() {
    let loaded = candidates("pandalm_testset-v1.json", "pandalm");
    assert_eq!(loaded.records.len(), 0);
    let problem = &loaded.unreadable[0].problem;
    assert!(problem.contains("second") && problem.contains("found true"), "{problem}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.json");
    let row = |index: u32, says: [u32; 3]| {
        json!({
            "idx": index, "motivation_app": "", "cmp_key": "a_b", "instruction": "Is ice cold?", "input": "",
            "response1": "Yes.",
            "response2": "No.", "annotator1": says[0], "annotator2": says[1], "annotator3": says[2],
        })
    };
    fs::write(&path, json!([row(0, [1, 0, 1]), row(1, [2, 2, 1]), row(2, [0, 1, 2]), row(3, [0, 0, 1])]).to_string())
        .unwrap();
    let loaded = DataSource::new([&path]).candidates().unwrap();
    let chosen: Vec<&str> = loaded.records.iter().map(|one| one.chosen[0].as_str()).collect();
    assert_eq!((chosen, loaded.num_ties), (vec!["Yes.", "No."], 2));
}

#[test]
fn suites_of_rewards_keep_ids_and_subsets() {
    let loaded = candidates("reward_bench_filtered.parquet", "rewardbench");
    let only = &loaded.records[0];
    assert_eq!((only.id.as_str(), &only.meta), ("9000", &Some(json!({"subset": "math-prm"}))));
    let loaded = candidates("reward_bench_2.parquet", "rewardbench2");
    let ids: Vec<&str> = loaded.records.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["0", "ref:0", "tied:0"]);
    assert_eq!(loaded.records[0].rejected, ["Trout.", "Wren.", "Newt."]);
    assert_eq!(loaded.records[2].chosen, ["Red.", "Amber.", "Green."]);
    let pairs = DataSource::new([sample("reward_bench_2.parquet")]).preferences().unwrap();
    assert_eq!((pairs.records.len(), pairs.places.len()), (7, 7));
    assert_eq!((pairs.records[1].id.as_str(), pairs.records[3].id.as_str()), ("0/0-1", "ref:0"));
}

#[test]
fn a_split_that_a_column_says_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preference.jsonl");
    let row = |split: &str, strength: i32| {
        json!({
            "split": split, "prompt": "?", "response_1": "a", "response_2": "b", "preference_strength": strength,
        })
        .to_string()
    };
    fs::write(&path, [row("train", 1), row("val", -3), row("train", 0)].join("\n")).unwrap();
    let mut source = DataSource::new([&path]);
    let loaded = source.candidates().unwrap();
    assert_eq!((loaded.num_rows, loaded.num_ties, loaded.records[0].chosen[0].as_str()), (2, 1, "b"));
    source.split = Some("val".to_owned());
    assert_eq!(source.candidates().unwrap().records[0].chosen[0], "a");
    source.split = Some("test".to_owned());
    let problem = source.candidates().unwrap_err().to_string();
    assert!(problem.contains("train, val"), "{problem}");
}
