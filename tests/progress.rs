//! Progress from outside: it goes to standard error, and a command's result alone to standard output.

use serde_json::{Value, json};

use crate::support::{Bench, run};

#[test]
fn verdicts_are_all_that_goes_to_standard_output() {
    let bench = Bench::new();
    let case = |id: usize| {
        let case = json!({"id": id, "verifier": "math", "ground_truth": "4", "completion": "It is \\boxed{4}."});
        case.to_string() + "\n"
    };
    bench.write("cases.jsonl", &(0..300).map(case).collect::<String>());
    let said = String::from_utf8(run(&["verify", "--input", &bench.text("cases.jsonl")], 0).stdout).unwrap();
    let verdicts: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), 300);
}

#[test]
fn an_evaluation_tells_of_itself_on_standard_error_and_prints_its_table() {
    let bench = Bench::new();
    let task = |id: usize| {
        let messages = json!([{"role": "user", "content": format!("What is {id} + {id}?")}]);
        let task = json!({"id": format!("sum-{id}"), "task": "math", "messages": messages, "verifier": "math",
            "ground_truth": (2 * id).to_string()});
        task.to_string() + "\n"
    };
    let line =
        |id: usize| json!({"id": format!("sum-{id}"), "completions": [format!("\\boxed{{{}}}", 2 * id)]}).to_string();
    bench.write("sums.jsonl", &(1..=5).map(task).collect::<String>());
    bench.write("answers.jsonl", &(1..=5).map(|id| line(id) + "\n").collect::<String>());
    let [data, answers, json] = ["sums.jsonl", "answers.jsonl", "results.json"].map(|name| bench.text(name));
    let output = run(&["eval", "--data", &data, "--completions", &answers, "--json", &json], 0);
    let [printed, told] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    assert!(told.contains("sums 5/5  passed 100.0 %\n") && told.contains("sums done in "), "{told}");
    assert!(printed.contains("sums") && !printed.contains("5/5") && !printed.contains("done in"), "{printed}");
    let results: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(results[0]["num_asked"], 5);
}
