//! Limits: a draw by ids and seed.

use std::collections::BTreeSet;
use std::fs;

use datasets::DataSource;
use serde_json::json;

#[test]
fn a_limit_draws_the_same_ids_in_any_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let rows: Vec<String> = (0..100).map(|id| json!({"id": id, "question": "?", "answer": id}).to_string()).collect();
    let ids = |limit: usize, seed: u64, rows: Vec<&String>| {
        fs::write(&path, rows.iter().map(|row| row.as_str()).collect::<Vec<_>>().join("\n")).unwrap();
        let loaded = DataSource { limit: Some(limit), seed, ..DataSource::new([&path]) }.tasks().unwrap();
        assert_eq!((loaded.num_rows, loaded.num_beyond_limit), (100, 100 - limit as u64));
        assert_eq!(loaded.places.len(), limit);
        loaded.records.into_iter().map(|task| task.id).collect::<BTreeSet<_>>()
    };
    let ten = ids(10, 0, rows.iter().collect());
    assert_eq!(ten, ids(10, 0, rows.iter().rev().collect()));
    assert_ne!(ten, ids(10, 1, rows.iter().collect()));
    assert_ne!(ten, (0..10).map(|id| id.to_string()).collect());
    assert!(ten.is_subset(&ids(20, 0, rows.iter().collect())));
}
