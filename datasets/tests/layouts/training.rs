//! Training sets.

use std::fs;

use datasets::DataSource;
use serde_json::json;

use super::{assert_tasks, sample, tasks};

const ASKED: &str = "What is $3\\cdot 9$?";

#[test]
fn words_of_a_column_find_the_verifier() {
    let math = |id: &'static str| [(id, ASKED, "math", json!("27"))];
    assert_tasks("verl.parquet", "verl", &math("0"));
    assert_tasks("skywork_or1_math.parquet", "skywork_or1", &math("0"));
    assert_tasks("deepscaler.json", "deepscaler", &math("0"));
    assert_tasks("deepmath_103k.parquet", "deepmath_103k", &math("0"));
    assert_tasks("rlvr_gsm.parquet", "rlvr", &math("0"));
    assert_tasks("intellect2_rl.parquet", "primeintellect", &math("invented_3"));
    assert_tasks("openr1_math_220k.parquet", "openr1_math", &math("00000000-0000-5000-8000-000000000002"));
    let double = json!({"cases": [{"input": "2\n", "output": "4\n"}]});
    assert_tasks(
        "synthetic2.parquet",
        "primeintellect",
        &[("invented_1", "its double.", "code_stdio", double), ("invented_2", ASKED, "math", json!("27"))],
    );
    assert_tasks(
        "dolci_instruct_rl.parquet",
        "dolci_instruct_rl",
        &[
            ("0", ASKED, "math", json!("27")),
            ("1", "the double.", "code_asserts", json!({"setup": "", "tests": ["assert double(2) == 4"]})),
        ],
    );
    assert_tasks(
        "dolci_rl_zero_code.parquet",
        "dolci_rl_zero_code",
        &[(
            "invented_4",
            "the double.",
            "code_asserts",
            json!({"setup": "", "tests": ["assert double(2) == 4", "assert double(0) == 0"]}),
        )],
    );
}

#[test]
fn a_word_without_a_verifier_is_named_and_can_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = json!({
        "data_source": "my/sums", "prompt": [{"role": "user", "content": "?"}], "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "2"}, "extra_info": {"index": 0},
    });
    fs::write(&path, format!("{row}\n")).unwrap();
    let mut source = DataSource::new([&path]);
    let problem = source.tasks().unwrap().unreadable[0].problem.clone();
    assert!(problem.contains("\"my/sums\"") && problem.contains("routes.\"my/sums\"=NAME"), "{problem}");
    source.set = vec!["routes.\"my/sums\"=math".to_owned()];
    let loaded = source.tasks().unwrap();
    assert_eq!((loaded.unreadable.len(), loaded.records[0].verifiers[0].name.as_str()), (0, "math"));
}

#[test]
fn rows_that_stand_there_twice_are_one() {
    let loaded = tasks("dapo_math_17k.parquet", "dapo");
    assert_eq!((loaded.records.len(), loaded.num_rows, loaded.duplicates.len()), (1, 2, 1));
    assert_eq!((loaded.duplicates[0].place.row, loaded.duplicates[0].first.row), (2, 1));
    assert_eq!(loaded.records[0].id, "00000000-0000-4000-8000-000000000001");
}

#[test]
fn tests_of_every_published_form_are_read() {
    let stdio = json!({"cases": [{"input": "2\n", "output": "4\n"}]});
    let asked = "its double.";
    assert_tasks("deepcoder_primeintellect.parquet", "deepcoder", &[("0", asked, "code_stdio", stdio.clone())]);
    assert_tasks("deepcoder_taco.parquet", "deepcoder", &[("0", asked, "code_stdio", stdio.clone())]);
    let call = json!({"entry_point": "Solution().scaleList", "cases": [{"args": [[1], 2], "expected": [2]}]});
    assert_tasks("deepcoder_lcbv5.parquet", "deepcoder", &[("0", asked, "code_function", call)]);
    assert_tasks("taco.parquet", "taco", &[("0", asked, "code_stdio", stdio.clone())]);
    let contest = json!({"cases": [{"input": "2\n", "output": "4\n"}, {"input": "5\n", "output": "10\n"}]});
    assert_tasks("code_contests.parquet", "code_contests", &[("9001_A. Double", asked, "code_stdio", contest)]);

    let apps = tasks("apps_test.jsonl", "apps");
    let of =
        |index: usize| (apps.records[index].verifiers[0].name.as_str(), &apps.records[index].verifiers[0].ground_truth);
    assert_eq!(of(0), ("code_stdio", &stdio));
    assert_eq!(of(1), ("code_function", &json!({"entry_point": "double", "cases": [{"args": [2], "expected": 4}]})));
    assert_eq!(apps.records.len(), 2);
    assert!(apps.unreadable[0].place.to_string().ends_with("apps_test.jsonl, line 3"));
    assert!(apps.unreadable[0].problem.contains("no tests"), "{}", apps.unreadable[0].problem);
}

#[test]
fn instructions_of_training_sets_become_those_of_ifeval() {
    assert_tasks(
        "rlvr_ifeval.parquet",
        "rlvr",
        &[(
            "0",
            "2 sentences.",
            "ifeval",
            json!({
                "instruction_id_list": ["length_constraints:number_sentences"],
                "kwargs": [{"num_sentences": 2, "relation": "at least"}],
            }),
        )],
    );
    assert_tasks(
        "if_multi_constraints.parquet",
        "if_multi_constraints",
        &[(
            "invented_1",
            "No commas.",
            "ifeval",
            json!({
                "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}],
            }),
        )],
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = |truth: &str| {
        json!({"messages": [{"role": "user", "content": "?"}], "ground_truth": truth, "dataset": "ifeval"}).to_string()
    };
    let at_most = r#"{"func_name": "validate_word_constraint", "N": 9, "quantifier": "at most", "letter": null}"#;
    let exactly = r#"{"func_name": "verify_letter_frequency", "N": 2, "letter": "q"}"#;
    let around = r#"{"func_name": "validate_word_constraint", "N": 9, "quantifier": "around"}"#;
    fs::write(&path, [row(at_most), row(exactly), row(around)].join("\n")).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert_eq!(
        loaded.records[0].verifiers[0].ground_truth["kwargs"],
        json!([{"num_words": 10, "relation": "less than"}])
    );
    assert_eq!(
        loaded.records[1].verifiers[0].ground_truth["kwargs"],
        json!([
            {"letter": "q", "let_frequency": 2, "let_relation": "at least"},
            {"letter": "q", "let_frequency": 3, "let_relation": "less than"},
        ])
    );
    assert!(loaded.unreadable[0].problem.contains("around"), "{}", loaded.unreadable[0].problem);
}

#[test]
fn generations_that_were_right_are_traces() {
    let loaded = DataSource::new([sample("openr1_math_220k.parquet")]).traces().unwrap();
    assert_eq!((loaded.layout.name.as_str(), loaded.records.len()), ("openr1_math_traces", 1));
    assert_eq!(loaded.records[0].completion(), "<think>\n27\n</think>\n\n$\\boxed{27}$");
    assert_eq!(loaded.records[0].prompt_messages()[0].content, ASKED);
    let loaded = DataSource::new([sample("deepmath_103k.parquet")]).traces().unwrap();
    let ids: Vec<&str> = loaded.records.iter().map(|trace| trace.id.as_str()).collect();
    assert_eq!(ids, ["0/0", "0/1", "0/2"]);
}
