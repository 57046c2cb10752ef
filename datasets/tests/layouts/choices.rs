//! Questions with options.

use std::fs;

use datasets::DataSource;
use serde_json::json;

use super::{assert_tasks, sample};

#[test]
fn the_key_is_a_letter_of_the_rows_own_options() {
    let truth = json!({"answer": "C", "letters": ["A", "B", "C", "D"], "texts": ["9", "15", "17", "21"]});
    assert_tasks("mmlu.parquet", "mmlu", &[("0", "is a prime?\n\nA. 9\nB. 15\nC. 17\nD. 21", "choice", truth.clone())]);
    assert_tasks("mmlu_original_test.csv", "mmlu_original", &[("0", "\n\nA. 9\nB. 15\nC. 17\nD. 21", "choice", truth)]);
    assert_tasks(
        "mmlu_pro.parquet",
        "mmlu_pro",
        &[
            (
                "9000",
                "D. 12",
                "choice",
                json!({"answer": "D", "letters": ["A", "B", "C", "D"], "texts": ["6", "8", "10", "12"]}),
            ),
            (
                "9001",
                "C. neon",
                "choice",
                json!({"answer": "B", "letters": ["A", "B", "C"], "texts": ["helium", "carbon dioxide", "neon"]}),
            ),
        ],
    );
    assert_tasks(
        "arc.parquet",
        "arc",
        &[
            (
                "Invented_SC_1",
                "D. salt",
                "choice",
                json!({"answer": "B", "letters": ["A", "B", "C", "D"], "texts": ["iron", "ice", "glass", "salt"]}),
            ),
            (
                "INVENTED_2",
                "3. gravity",
                "choice",
                json!({"answer": "3", "letters": ["1", "2", "3"], "texts": ["magnetism", "friction", "gravity"]}),
            ),
        ],
    );
}

#[test]
fn options_without_an_order_are_shuffled_by_seed_and_the_key_goes_with_them() {
    let mut orders = Vec::new();
    for seed in 0..8 {
        let source = DataSource { seed, ..DataSource::new([sample("gpqa_diamond.csv")]) };
        let loaded = source.tasks().unwrap();
        assert_eq!((loaded.layout.name.as_str(), loaded.unreadable.len()), ("gpqa", 0));
        let task = &loaded.records[0];
        assert_eq!(task.id, "recINVENTED000001");
        assert!(task.messages[0].content.starts_with("A cell is kept at 300 K,\nthen at 600 K."));
        let truth = task.verifiers[0].ground_truth.clone();
        let at = truth["letters"].as_array().unwrap().iter().position(|letter| *letter == truth["answer"]).unwrap();
        assert_eq!(truth["texts"][at], json!("2"));
        assert_eq!(source.tasks().unwrap().records[0].verifiers[0].ground_truth, truth);
        orders.push(at);
    }
    assert!(orders.iter().any(|at| *at != orders[0]), "{orders:?}");
}

#[test]
fn a_file_without_a_header_may_have_two_equal_options_in_its_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logic_test.csv");
    fs::write(&path, "Is it so?,True,False,True,False,B\n\"And, this?\",a,b,c,d,A\n").unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert_eq!((loaded.layout.name.as_str(), loaded.records.len()), ("mmlu_original", 2));
    assert_eq!(loaded.records[0].meta.as_ref().unwrap()["subject"], json!("logic"));
}

#[test]
fn a_key_beyond_the_options_is_named_with_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = |answer: usize| json!({"question": "?", "subject": "s", "choices": ["a", "b"], "answer": answer});
    fs::write(&path, format!("{}\n{}\n", row(1), row(4))).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert_eq!(loaded.records.len(), 1);
    assert!(loaded.unreadable[0].place.to_string().ends_with("line 2"));
    assert!(
        loaded.unreadable[0].problem.contains("4 is no index of the 2 options"),
        "{}",
        loaded.unreadable[0].problem
    );

    let row =
        json!({"id": "x", "question": "?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "E"});
    fs::write(&path, format!("{row}\n")).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert!(loaded.unreadable[0].problem.contains("beyond the options A, B"), "{}", loaded.unreadable[0].problem);
}
