//! `trainer data`, and runs over data as it is published.

use serde_json::{Value, json};

use crate::support::{Bench, NO_EVAL, run};

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments, 0).stdout).unwrap()
}

#[test]
fn data_are_shown_and_checked() {
    let bench = Bench::new();
    let task = |id: &str, text: &str, answer: &str| {
        let messages = json!([{"role": "user", "content": text}]);
        json!({"id": id, "task": "math", "messages": messages, "verifier": "math", "ground_truth": answer}).to_string()
    };
    let leaked =
        "A baker sells twelve loaves in the morning and thirty loaves in the afternoon. How many loaves in all?";
    let lines = [
        task("a", "What is $2$?", "2"),
        task("b", leaked, "42"),
        task("c", "what IS 2 ?", "2"),
        task("d", "3 - 1?", "2"),
    ];
    bench.write("tasks.jsonl", &(lines.join("\n") + "\n"));
    bench.write("held_out.jsonl", &(task("h", &leaked.to_uppercase().replace(' ', "  "), "42") + "\n"));
    let (tasks, held_out) = (bench.text("tasks.jsonl"), bench.text("held_out.jsonl"));

    let shown = stdout(&["data", "show", &tasks, "--records", "1"]);
    for words in ["layout ponder_tasks", "tasks.jsonl, line 1", "judged by math", "What is $2$?"] {
        assert!(shown.contains(words), "no `{words}` in {shown}");
    }
    let json = bench.text("check.json");
    let said = stdout(&["data", "check", &tasks, "--against", &held_out, "--json", &json]);
    assert!(said.contains("for nothing"), "{said}");
    let found: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((&found["num_rows"], &found["layout"]), (&4.into(), &"ponder_tasks".into()));
    assert_eq!((&found["unreadable"], &found["duplicates"]), (&json!([]), &json!([])));
    assert_eq!(found["repeated_texts"][0]["ids"], json!(["a", "c"]));
    let overlap = &found["overlaps"][0];
    assert_eq!((&overlap["id"], &overlap["suite_id"], &overlap["kind"]), (&"b".into(), &"h".into(), &"exact".into()));
    assert!(
        overlap["text"].as_str().unwrap().contains("baker")
            && overlap["suite_text"].as_str().unwrap().contains("BAKER")
    );
    let cheap = |way: &str| found["cheap"][way].as_f64().unwrap();
    assert_eq!((cheap("formula"), cheap("commonest_answer"), cheap("empty")), (0.5, 0.75, 0.0));
}

#[test]
fn several_sources_are_walked_by_their_weights_and_a_run_is_measured_on_a_suite() {
    let bench = Bench::new();
    let cold = std::fs::read_to_string(bench.path("cold-start.toml")).unwrap();
    let traces = bench.text("data/traces.jsonl");
    let cold = cold.replace(&format!("path = {traces:?}\n"), "");
    let sources = format!(
        "\n[[data.source]]\npath = {traces:?}\nweight = 3.0\n\
         [[data.source]]\nname = \"again\"\npath = [{traces:?}]\nlimit = 9\n"
    );
    bench.write("two.toml", &(cold + &sources));
    let gsm8k = format!("{}/../tests/golden/suites/gsm8k.parquet", env!("CARGO_MANIFEST_DIR"));
    run(
        &[
            "cold-start",
            "--config",
            &bench.text("two.toml"),
            "--set",
            "update.steps=1",
            "--set",
            "eval.at_start=false",
            "--set",
            &format!("eval.suites=[{{suite = \"gsm8k\", path = {gsm8k:?}, max_new_tokens = 8}}]"),
        ],
        0,
    );
    let metrics = std::fs::read_to_string(bench.path("runs/cold-start/metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"eval/gsm8k/pass@1\":") && metrics.contains("\"eval/maths/pass@1\":"), "{metrics}");
    let config = std::fs::read_to_string(bench.path("runs/cold-start/config.toml")).unwrap();
    assert!(config.contains("[[data.source]]") && config.contains("limit = 9"), "{config}");
    let both =
        run(&["cold-start", "--config", &bench.text("two.toml"), "--set", &format!("traces.path={traces:?}")], 2);
    assert!(String::from_utf8_lossy(&both.stderr).contains("give one of them"));
}

/// The team's tasks: questions with their answers.
fn questions() -> Vec<(String, String)> {
    (1..=12).map(|i| (format!("What is {i} + {}?", i + 1), (2 * i + 1).to_string())).collect()
}

/// The tasks as a table in verl's columns.
fn verl_parquet(path: &std::path::Path) {
    use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Fields};
    use std::sync::Arc;

    let (asked, keys): (Vec<String>, Vec<String>) = questions().into_iter().unzip();
    let count = asked.len();
    let texts = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let structs = |parts: Vec<(&str, ArrayRef)>| {
        let fields: Fields =
            parts.iter().map(|(name, part)| Field::new(*name, part.data_type().clone(), true)).collect();
        Arc::new(StructArray::new(fields, parts.into_iter().map(|(_, part)| part).collect(), None)) as ArrayRef
    };
    let same = |word: &str| texts(vec![word.to_owned(); count]);
    let turns = structs(vec![("content", texts(asked)), ("role", same("user"))]);
    let element = Arc::new(Field::new("element", turns.data_type().clone(), true));
    let prompt = Arc::new(ListArray::new(element, OffsetBuffer::from_lengths(vec![1; count]), turns, None)) as ArrayRef;
    let numbers = Arc::new(Int64Array::from_iter_values(0..count as i64)) as ArrayRef;
    assert_eq!(numbers.data_type(), &DataType::Int64);
    let batch = RecordBatch::try_from_iter([
        ("data_source", same("openai/gsm8k")),
        ("prompt", prompt),
        ("ability", same("math")),
        ("reward_model", structs(vec![("style", same("rule")), ("ground_truth", texts(keys))])),
        ("extra_info", structs(vec![("index", numbers)])),
    ])
    .unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn the_same_tasks_in_three_layouts_train_the_same_steps() {
    let bench = Bench::new();
    run(
        &[&["cold-start", "--config", &bench.text("cold-start.toml"), "--set", "update.steps=2"], &NO_EVAL[..]]
            .concat(),
        0,
    );
    verl_parquet(&bench.path("verl.parquet"));
    let line =
        |(question, answer): (String, String)| json!({"question": question, "answer": answer}).to_string() + "\n";
    bench.write("hub.jsonl", &questions().into_iter().map(line).collect::<String>());
    let row = |(question, answer): (String, String)| format!("\"{question}\",{answer}\n");
    bench.write("ours.csv", &format!("frage,loesung\n{}", questions().into_iter().map(row).collect::<String>()));
    let mapping = r#"set = ["prompt=frage", "kind=math", "verifier.math.ground_truth=loesung"]"#;
    let trained = [("verl.parquet", ""), ("hub.jsonl", ""), ("ours.csv", mapping)].map(|(file, more)| {
        let comma = if more.is_empty() { "" } else { ", " };
        let data = format!("data=[{{path = {:?}, name = \"ours\"{comma}{more}}}]", bench.text(file));
        let folder = bench.text(&format!("runs/{file}"));
        let set = ["--set", &data, "--set", "update.steps=2", "--set", "rollout.temperature=1.5"];
        let stage = bench.text("stage-1.toml");
        let arguments = [&["--stage", "1", "--config", &stage, "--run-dir", &folder], &set[..], &NO_EVAL].concat();
        let said = String::from_utf8(run(&arguments, 0).stderr).unwrap();
        assert!(said.contains("for nothing: ours, math, math"), "{said}");
        let folder = std::path::PathBuf::from(folder);
        std::fs::read(folder.join("checkpoints/last/model.safetensors")).unwrap()
    });
    assert!(trained[0] == trained[1] && trained[1] == trained[2], "a layout changed a weight");
}

#[test]
fn data_that_cannot_be_read_are_named_with_file_and_row() {
    let bench = Bench::new();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let said = String::from_utf8_lossy(&run(arguments, code).stderr).into_owned();
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    };
    let golden = |file: &str| format!("{}/../tests/golden/suites/{file}", env!("CARGO_MANIFEST_DIR"));
    // A column that is not there, a layout that fits nothing, a split that is not there.
    bench.write("near.jsonl", "{\"questoin\": \"1 + 1?\", \"answer\": \"2\"}\n");
    let near = bench.text("near.jsonl");
    refused(&["data", "show", &near, "--layout", "question_answer"], 1, &["near.jsonl", "questoin"]);
    refused(&["data", "show", &near], 1, &["questoin"]);
    refused(&["data", "show", &golden("livecodebench"), "--split", "nowhere"], 1, &["nowhere"]);
    // A compressed file that is cut off, and a shard that is none.
    let whole = std::fs::read(golden("HumanEval.jsonl.gz")).unwrap();
    std::fs::write(bench.path("cut.jsonl.gz"), &whole[..whole.len() / 2]).unwrap();
    refused(&["data", "show", &bench.text("cut.jsonl.gz")], 1, &["cut.jsonl.gz"]);
    let table = std::fs::read(golden("gsm8k.parquet")).unwrap();
    std::fs::create_dir(bench.path("shards")).unwrap();
    std::fs::write(bench.path("shards/test-00000-of-00002.parquet"), &table).unwrap();
    std::fs::write(bench.path("shards/test-00001-of-00002.parquet"), &table[..table.len() - 9]).unwrap();
    refused(&["data", "show", &bench.text("shards")], 1, &["test-00001-of-00002.parquet"]);
    // Rows that are none: a letter beyond the options ends a command, and a check lists it.
    let row = json!({"question_id": 1, "question": "Which?", "options": ["a", "b"], "answer": "F", "answer_index": 5,
        "cot_content": "", "category": "math", "src": "ours"});
    bench.write("pro.jsonl", &format!("{row}\n"));
    let pro = bench.text("pro.jsonl");
    let texts = bench.text("texts.jsonl");
    bench.write("texts.jsonl", "{\"id\": 1, \"completions\": [\"Answer: A\"]}\n");
    refused(&["eval", "--suite", "mmlu-pro", "--data", &pro, "--completions", &texts], 2, &["pro.jsonl, line 1"]);
    let json = bench.text("check.json");
    run(&["data", "check", &pro, "--layout", "mmlu_pro", "--json", &json], 0);
    let found: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(found["unreadable"].as_array().unwrap().len(), 1, "{found}");
    assert!(!bench.path("texts.evaluation").exists(), "nothing half written");
}
