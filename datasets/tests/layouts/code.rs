//! Suites of code.

use std::fs;
use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datasets::DataSource;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

use super::{assert_tasks, sample, tasks};

fn ground_truth(name: &str, layout: &str, index: usize) -> (String, Value) {
    let loaded = tasks(name, layout);
    let verifier = &loaded.records[index].verifiers[0];
    (verifier.name.clone(), verifier.ground_truth.clone())
}

#[test]
fn humaneval_is_the_prompt_and_a_test_that_is_called() {
    for (name, layout) in [
        ("HumanEval.jsonl.gz", "humaneval"),
        ("humaneval.parquet", "humaneval"),
        ("humanevalplus.parquet", "humanevalplus"),
    ] {
        let loaded = tasks(name, layout);
        let task = &loaded.records[0];
        let ground_truth = &task.verifiers[0].ground_truth;
        assert_eq!((task.id.as_str(), task.verifiers[0].name.as_str()), ("HumanEval/0", "code_asserts"));
        assert!(ground_truth["prelude"].as_str().unwrap().starts_with("def plus_three"));
        assert!(ground_truth["tests"][0].as_str().unwrap().ends_with("\ncheck(plus_three)"));
    }
}

#[test]
fn evalplus_gives_inputs_and_a_reference_instead_of_tests() {
    let (verifier, truth) = ground_truth("HumanEvalPlus.jsonl.gz", "evalplus_humaneval", 0);
    assert_eq!(verifier, "code_evalplus");
    assert_eq!(truth["plus_input"].to_string(), "[[0],[100000000000000000000]]");
    assert!(truth["reference"].as_str().unwrap().ends_with("\"\"\"\n    return n + 3\n"));
    let (_, truth) = ground_truth("HumanEvalPlus.jsonl.gz", "evalplus_humaneval", 1);
    assert_eq!((&truth["entry_point"], truth["atol"].to_string().as_str()), (&json!("half"), "1e-06"));
    let (_, truth) = ground_truth("MbppPlus.jsonl.gz", "evalplus_mbpp", 0);
    assert_eq!(truth["rebuild"], json!("Mbpp/2"));
    assert_eq!(truth["base_input"], json!([[[1, 5, 9], [2, 6]]]));
}

#[test]
fn mbpp_shows_its_asserts() {
    let asserts = |words: &[&str]| words.iter().map(|word| format!("assert rep({word}")).collect::<Vec<_>>();
    let all = asserts(&["'a', 2) == 'aa'", "'b', 0) == ''", "'ab', 3) == 'ababab'"]);
    for name in ["mbpp.jsonl", "mbpp_full.parquet"] {
        let truth = json!({"setup": "", "tests": all});
        assert_tasks(
            name,
            "mbpp",
            &[("2", "== 'ababab'", "code_asserts", truth.clone()), ("11", "== 'ababab'", "code_asserts", truth)],
        );
    }
    for name in ["sanitized-mbpp.json", "mbpp_sanitized.parquet"] {
        let truth = json!({"setup": "import math", "tests": all});
        assert_tasks(name, "mbpp_sanitized", &[("11", "== 'ababab'", "code_asserts", truth)]);
    }
    let (verifier, truth) = ground_truth("mbppplus.parquet", "mbppplus", 0);
    assert_eq!((verifier.as_str(), &truth["setup"]), ("code_asserts", &json!("")));
    assert!(truth["tests"][0].as_str().unwrap().starts_with("def assertion("));
}

#[test]
fn livecodebench_has_shown_and_hidden_tests() {
    let loaded = tasks("livecodebench", "livecodebench");
    let ids: Vec<&str> = loaded.records.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["1999_B", "abc901_a", "9901"]);
    let of = |index: usize| &loaded.records[index].verifiers[0];
    assert_eq!(
        of(0).ground_truth["cases"],
        json!([
            {"input": "ab\n", "output": "AB\n"}, {"input": "xyz\n", "output": "XYZ\n"}
        ])
    );
    assert_eq!(of(1).ground_truth["cases"].as_array().unwrap().len(), 5);
    assert_eq!((of(1).name.as_str(), of(2).name.as_str()), ("code_stdio", "code_function"));
    assert_eq!(
        of(2).ground_truth,
        json!({
            "comparison": "livecodebench",
            "entry_point": "Solution().scaleList",
            "cases": [{"args": [[1, 2], 3], "expected": [3, 6]}, {"args": [[], 7], "expected": []}],
        })
    );
    assert!(loaded.records[2].messages[0].content.contains("class Solution:"));
    assert_eq!(loaded.records[1].meta.as_ref().unwrap()["date"], json!("2024-08-03T00:00:00"));
}

/// A row of LiveCodeBench whose hidden tests are this text.
fn hidden(tests: &str) -> String {
    let row = json!({
        "question_title": "t", "question_content": "Add.", "platform": "atcoder", "question_id": "q", "contest_id": "c",
        "contest_date": "2024-08-03T00:00:00", "starter_code": "", "difficulty": "easy", "public_test_cases": "[]",
        "private_test_cases": tests, "metadata": "{}",
    });
    format!("{row}\n")
}

#[test]
fn a_published_payload_is_one_test_and_one_that_runs_something_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    // Published as an example of the encoding: one test of standard input.
    let payload = "eJxrYJlqxwABPVbR1UqZeQWlJUpWCkpGCsYxeUo6Ckr5pSVQIVOIQElqcUlJZUEqSKi4JCUzT6k2dooeALHCFKE=";
    fs::write(&path, hidden(payload)).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert_eq!(loaded.records[0].verifiers[0].ground_truth["cases"], json!([{"input": "2 3\n", "output": "5\n"}]));

    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(b"cos\nsystem\n(S'true'\ntR.").unwrap();
    fs::write(&path, hidden(&BASE64_STANDARD.encode(zlib.finish().unwrap()))).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert!(loaded.records.is_empty());
    let problem = &loaded.unreadable[0].problem;
    assert!(problem.contains("the opcode GLOBAL at byte 0"), "{problem}");

    fs::write(&path, hidden("[]")).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert!(loaded.unreadable[0].problem.contains("no tests"), "{}", loaded.unreadable[0].problem);
    assert!(loaded.unreadable[0].place.to_string().ends_with("rows.jsonl, line 1"));
}

#[test]
fn qwq_has_its_tests_in_files_beside() {
    assert_tasks(
        "qwq/livecodebench_v5.jsonl",
        "qwq_livecodebench",
        &[(
            "abc901_a",
            "print their sum.\n",
            "code_stdio",
            json!({"comparison": "livecodebench", "time_limit_seconds": 30,
                   "cases": [{"input": "2\n3 4\n", "output": "7\n"}]}),
        )],
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = fs::read_to_string(sample("qwq/livecodebench_v5.jsonl")).unwrap();
    fs::write(&path, row.replace("559.json", "../../secret")).unwrap();
    let loaded = DataSource::new([&path]).tasks().unwrap();
    assert!(loaded.unreadable[0].problem.contains("below the folder"), "{}", loaded.unreadable[0].problem);
}
