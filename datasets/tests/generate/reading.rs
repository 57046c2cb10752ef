//! Reads the answers of tasks and completions from their words.

use datasets::Task;

pub(crate) fn prompt(task: &Task) -> &str {
    &task.messages[0].content
}

/// The thinking and the final text.
pub(crate) fn parts(completion: &str) -> (&str, &str) {
    let thought = completion.strip_prefix("<think>\n").expect("opens with thinking");
    thought.split_once("\n</think>\n\n").expect("closes its thinking")
}

/// The four parts of a line such as `7+5=12`.
pub(crate) fn sum_of(line: &str) -> (i64, char, i64, i64) {
    let (sum, total) = line.split_once('=').unwrap();
    let place = sum.find(['+', '-']).unwrap();
    let number = |text: &str| text.parse().unwrap();
    (number(&sum[..place]), sum[place..].chars().next().unwrap(), number(&sum[place + 1..]), number(total))
}

/// The number in the last `\boxed{}`.
pub(crate) fn boxed(completion: &str) -> u32 {
    let (_, rest) = completion.rsplit_once("\\boxed{").unwrap();
    rest.split_once('}').unwrap().0.parse().unwrap()
}

/// The answer of a word problem, read from its words.
pub(crate) fn maths_answer(prompt: &str) -> u32 {
    let mut total: i64 = 0;
    for sentence in prompt.split(". ") {
        let words: Vec<&str> = sentence.split([' ', '.']).collect();
        let number = || words[2].parse::<i64>().unwrap();
        match words[1] {
            "has" => total = number(),
            "finds" | "buys" | "gets" => total += number(),
            "loses" | "sells" | "drops" => total -= number(),
            "many" => {}
            other => panic!("verb {other}"),
        }
        assert!((0..=20).contains(&total), "{prompt}");
    }
    total as u32
}

/// The value a code prompt asks for, read from its words.
pub(crate) fn code_answer(prompt: &str, x: i64) -> i64 {
    let (_, operations) = prompt.trim_end_matches('.').split_once(": ").unwrap();
    operations.split(", ").fold(x, |total, operation| {
        let (words, number) = operation.rsplit_once(' ').unwrap();
        let number: i64 = number.parse().unwrap();
        match words {
            "add" => total + number,
            "subtract" => total - number,
            "multiply by" => total * number,
            other => panic!("operation {other}"),
        }
    })
}

/// The expression that a program computes.
pub(crate) fn expression(final_text: &str) -> &str {
    let code = final_text.strip_prefix("```python\n").unwrap().strip_suffix("\n```").unwrap();
    code.strip_prefix("def f(x):\n    return ")
        .or_else(|| code.strip_prefix("x = int(input())\nprint(").and_then(|rest| rest.strip_suffix(')')))
        .expect("one of the two forms")
}

/// A code task's inputs and expected values, and the form its prompt must have.
pub(crate) fn cases(task: &Task) -> Vec<(i64, i64)> {
    let judge = &task.verifiers[0];
    if judge.name == "code_asserts" {
        assert!(prompt(task).starts_with("Write f(x): "));
        let tests = judge.ground_truth["tests"].as_array().unwrap();
        let test = |test: &serde_json::Value| {
            let test = test.as_str().unwrap().strip_prefix("assert f(").unwrap().to_owned();
            let (x, value) = test.split_once(") == ").unwrap();
            (x.parse().unwrap(), value.parse().unwrap())
        };
        tests.iter().map(test).collect()
    } else {
        assert_eq!(judge.name, "code_stdio");
        assert!(prompt(task).starts_with("Read x and print: "));
        let cases = judge.ground_truth["cases"].as_array().unwrap();
        let number = |text: &serde_json::Value| text.as_str().unwrap().trim_end().parse().unwrap();
        cases.iter().map(|case| (number(&case["input"]), number(&case["output"]))).collect()
    }
}
