//! `trainer data`, and runs over data as it is published.

use serde_json::{Value, json};

use crate::support::{Bench, run};

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
fn several_sources_are_walked_by_their_weights() {
    let bench = Bench::new();
    let cold = std::fs::read_to_string(bench.path("cold-start.toml")).unwrap();
    let traces = bench.text("data/traces.jsonl");
    let cold = cold.replace(&format!("path = {traces:?}\n"), "");
    let sources = format!(
        "\n[[data.source]]\npath = {traces:?}\nweight = 3.0\n[[data.source]]\nname = \"again\"\npath = [{traces:?}]\nlimit = 9\n"
    );
    bench.write("two.toml", &(cold + &sources));
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
            "eval.at_end=false",
        ],
        0,
    );
    let config = std::fs::read_to_string(bench.path("runs/cold-start/config.toml")).unwrap();
    assert!(config.contains("[[data.source]]") && config.contains("limit = 9"), "{config}");
    let both =
        run(&["cold-start", "--config", &bench.text("two.toml"), "--set", &format!("traces.path={traces:?}")], 2);
    assert!(String::from_utf8_lossy(&both.stderr).contains("give one of them"));
}
