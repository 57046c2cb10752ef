//! Instructions, calls of functions, and LiveBench.

use datasets::DataSource;
use serde_json::json;

use super::{assert_tasks, sample, tasks};

#[test]
fn ifeval_drops_arguments_that_are_null() {
    let truth = json!({
        "instruction_id_list": ["length_constraints:number_words", "keywords:letter_frequency", "punctuation:no_comma"],
        "kwargs": [
            {"relation": "at least", "num_words": 40},
            {"let_relation": "less than", "letter": "q", "let_frequency": 1}, {}
        ],
    });
    let first = ("9000", "any commas.", "ifeval", truth);
    assert_tasks("ifeval_converted.parquet", "ifeval", std::slice::from_ref(&first));
    let json_format = json!({"instruction_id_list": ["detectable_format:json_format"], "kwargs": [{}]});
    assert_tasks("ifeval_input_data.jsonl", "ifeval", &[first, ("9001", "named port.", "ifeval", json_format)]);
    let lowercase = json!({"instruction_id_list": ["change_case:english_lowercase"], "kwargs": [{}]});
    assert_tasks("qwq/ifeval.jsonl", "ifeval", &[("0", "lower case.", "ifeval", lowercase)]);
}

#[test]
fn ifbench_has_whole_numbers_for_floating_point_ones() {
    assert_tasks(
        "IFBench_test.jsonl",
        "ifbench",
        &[
            (
                "0",
                "30 words.",
                "ifbench",
                json!({
                    "instruction_id_list": ["count:word_count_range"], "kwargs": [{"max_words": 30, "min_words": 20}],
                }),
            ),
            (
                "1",
                "fog once.",
                "ifbench",
                json!({
                    "instruction_id_list": ["count:pronouns", "count:keywords_multiple"],
                    "kwargs": [{"N": 2}, {
                        "keyword1": "fog", "keyword2": "dew", "keyword3": "mist",
                        "keyword4": "sleet", "keyword5": "hail",
                    }],
                }),
            ),
        ],
    );
}

#[test]
fn bfcl_joins_its_answers_by_id() {
    let loaded = tasks("bfcl/BFCL_v4_simple_python.json", "bfcl");
    let truth = &loaded.records[1].verifiers[0].ground_truth;
    assert_eq!(truth["calls"], json!([{"box.pack": {"size": [{"w": [4], "h": [2, ""]}]}}]));
    assert_eq!((&truth["parallel"], &truth["language"]), (&json!(false), &json!("python")));
    assert_eq!(truth["functions"][0]["parameters"]["type"], json!("dict"));
    let tools = loaded.records[1].tools.as_ref().unwrap();
    assert_eq!(tools[0]["function"]["parameters"]["properties"]["size"]["type"], json!("object"));

    let java = tasks("bfcl/BFCL_v4_simple_java.json", "bfcl");
    assert_eq!(java.records[0].verifiers[0].ground_truth["language"], json!("java"));
    let parallel = tasks("bfcl/BFCL_v4_parallel.json", "bfcl");
    assert_eq!(parallel.records[0].verifiers[0].ground_truth["parallel"], json!(true));
    let none = tasks("bfcl/BFCL_v4_irrelevance.json", "bfcl");
    assert_eq!(none.records[0].verifiers[0].ground_truth, json!({"expect": "none"}));
    let live = tasks("bfcl/BFCL_v4_live_simple.json", "bfcl");
    assert_eq!(live.records[0].messages[0].role, "system");
    assert_eq!(live.records[0].meta, Some(json!({"category": "live_simple"})));
}

#[test]
fn a_folder_of_bfcl_is_read_without_its_answers() {
    let loaded = DataSource::new([sample("bfcl")]).tasks().unwrap();
    assert_eq!(loaded.unreadable, []);
    assert_eq!((loaded.layout.name.as_str(), loaded.records.len()), ("bfcl", 8));
}

#[test]
fn livebench_is_read_and_names_a_verifier_that_comes_later() {
    for (name, task) in [
        ("livebench_reasoning.parquet", "web_of_lies_v2"),
        ("livebench_math.parquet", "math_comp"),
        ("livebench_coding.parquet", "LCB_generation"),
        ("livebench_instruction_following.parquet", "summarize"),
        ("livebench/data/live_bench/instruction_following/paraphrase/question.jsonl", "paraphrase"),
    ] {
        let loaded = tasks(name, "livebench");
        assert_eq!(loaded.unreadable, [], "{name}");
        let verifier = &loaded.records[0].verifiers[0];
        assert_eq!((verifier.name.as_str(), &verifier.ground_truth["task"]), ("livebench", &json!(task)));
    }
    let coding = tasks("livebench_coding.parquet", "livebench");
    let cases = &coding.records[0].verifiers[0].ground_truth["tests"]["cases"];
    assert_eq!(cases.as_array().map(Vec::len), Some(2));
}
