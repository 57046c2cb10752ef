//! Suites of mathematics.

use datasets::DataSource;
use serde_json::{Value, json};

use super::{assert_tasks, sample};

fn aime(answer: u32) -> Value {
    json!({"answer": answer, "form": "aime"})
}

#[test]
fn aime_keys_are_whole_numbers_however_they_are_written() {
    let two = [("60", "Find $a$.", "math", aime(3)), ("61", "Find $n+18$.", "math", aime(25))];
    assert_tasks("aime_2024_h4.parquet", "aime_2024_h4", &two);
    assert_tasks("aime24_math_ai.parquet", "aime24_math_ai", &two[..1]);
    let two = [("2024-I-1", "Find $a$.", "math", aime(3)), ("2024-II-9", "Find $n+18$.", "math", aime(25))];
    assert_tasks("aime_2024_maxwell.parquet", "aime_2024_maxwell", &two);
    let two = [("0", "and $20$.", "math", aime(36)), ("1", "elements.", "math", aime(16))];
    assert_tasks("aime25_math_ai.jsonl", "aime25_math_ai", &two);
    let three = [
        ("0", "$x+y=9$.", "math", aime(10)),
        ("1", "by $11$?", "math", aime(4)),
        ("2", "Find $m$.", "math", aime(140)),
    ];
    assert_tasks("aime_2025_opencompass", "aime_2025_opencompass", &three);
    assert_tasks("qwq/aime24.jsonl", "qwq_aime", &[("0", "\\boxed{}.", "math", aime(25))]);
}

#[test]
fn keys_stand_in_columns_boxes_and_behind_marks() {
    assert_tasks(
        "math_500.jsonl",
        "math_500",
        &[
            ("test/prealgebra/9001.json", "common fraction.", "math", json!("\\frac{7}{10}")),
            ("test/algebra/9002.json", "in dollars?", "math", json!("3.60\\text{ dollars}")),
            ("test/number_theory/9003.json", "is $160$ cm?", "math", json!("\\text{Bo}")),
        ],
    );
    assert_tasks("math_original.parquet", "math_original", &[("0", "$2+\\frac12$.", "math", json!("\\frac{5}{2}"))]);
    for name in ["gsm8k.parquet", "gsm8k_github.jsonl"] {
        assert_tasks(
            name,
            "gsm8k",
            &[("0", "jars are left?", "math", json!("2125")), ("1", "the temperature?", "math", json!("-5"))],
        );
    }
    let amc = [("0", "pens cost?", "math", json!(18)), ("1", "$x+5=4$.", "math", json!(-1))];
    assert_tasks("amc23_math_ai.parquet", "amc23_math_ai", &amc);
    assert_tasks("amc_ai_mo.parquet", "amc_ai_mo", &amc);
    assert_tasks("amc23_qwen.jsonl", "amc23_qwen", &amc[..1]);
}

#[test]
fn units_tolerances_and_several_answers_go_to_the_verifier() {
    let minerva = [
        ("0", "in joules.", "math", json!({"answer": "4.5e3", "units": "kept"})),
        ("1", "t)$.", "math", json!({"answer": "2\\pi/\\omega", "units": "kept"})),
    ];
    assert_tasks("minerva_math_qwen.jsonl", "minerva_qwen", &minerva);
    assert_tasks("minervamath_math_ai.jsonl", "minerva_math_ai", &minerva[..1]);
    let olympiad = [
        ("9001", "real $x$.", "math", json!({"all_of": ["2", "3"], "ordered": false})),
        (
            "9002",
            "$10$ m.\n\nFind its diagonal to one decimal place, in metres.",
            "math",
            serde_json::from_str(r#"{"answer": "14.1", "tolerance": 1e-1}"#).unwrap(),
        ),
        ("9003", "$t^2<4$?", "math", json!({"answer": "(-2,2)"})),
    ];
    assert_tasks("olympiadbench_OE_TO_maths_en_COMP.json", "olympiadbench", &olympiad);
    assert_tasks("olympiadbench_qwen.jsonl", "olympiadbench", &olympiad);
    assert_tasks("olympiadbench_hothan.parquet", "olympiadbench_hothan", &olympiad);
}

#[test]
fn a_task_keeps_what_a_suite_asks_by() {
    let loaded = DataSource::new([sample("olympiadbench_qwen.jsonl")]).tasks().unwrap();
    let task = &loaded.records[1];
    assert_eq!(task.license.as_deref(), Some("Apache-2.0"));
    let meta = task.meta.as_ref().unwrap();
    assert_eq!((&meta["unit"], &meta["answer_type"]), (&json!("m"), &json!("Numerical")));
    assert_eq!(loaded.records[0].meta.as_ref().unwrap().get("unit"), None);
}
