//! Tests of programs in the forms in which they are published, read into one.
//!
//! | form | who has it |
//! | --- | --- |
//! | `[{input, output, testtype, metadata}]` | LiveCodeBench, DeepCoder |
//! | `[{type, input, output, fn_name}]` | PrimeIntellect's sets |
//! | `{inputs, outputs, fn_name}` | APPS, TACO, verl |
//! | `{input: […], output: […]}` | CodeContests |
//! | `["assert …"]` | MBPP, Dolci |
//!
//! They become `{form: "stdio" | "function" | "asserts", entry_point, cases | tests}`, as the verifiers of code have
//! them. No tests are a fault: every program would pass them.

use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::encoding::python;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

pub(super) const STEPS: &[ExpressionStep] = &[ExpressionStep::new("tests", (0, 2), tests).of_null()];

const NO_TESTS: &str = "it has no tests, so every program would pass";

/// A test as it is published: what goes in, what must come out.
struct Case {
    input: Value,
    output: Value,
}

/// The tests. The arguments are the function's name where the tests do not say it, and the code that a program starts
/// from: where it has a class `Solution`, the function is that class's method.
fn tests(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let published = match item.into_json()? {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => python::read(&text).map_err(|problem| format!("no JSON ({error}), and {problem}"))?,
        },
        other => other,
    };
    let named = arguments.text(0)?.filter(|name| !name.is_empty());
    let has_class = arguments.text(1)?.is_some_and(|starter| starter.contains("class Solution"));
    let found = match published {
        Value::Null => return Err(Fault::Value(NO_TESTS.to_owned())),
        Value::Array(items) if items.is_empty() => return Err(Fault::Value(NO_TESTS.to_owned())),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            return Ok(Item::Json(json!({"form": "asserts", "tests": items})));
        }
        Value::Array(items) => of_list(items)?,
        Value::Object(object) => of_object(object)?,
        other => return Err(Fault::Value(format!("tests are a list or an object, found {}", shown(&other)))),
    };
    let Found { cases, function, is_method } = found;
    if cases.is_empty() {
        return Err(Fault::Value(NO_TESTS.to_owned()));
    }
    let Some(function) = function else {
        return Ok(Item::Json(json!({"form": "stdio", "cases": stdio(cases)?})));
    };
    let Some(name) = function.or(named) else {
        return Err(Fault::Value("its tests call a function, and no name of it is given".to_owned()));
    };
    let entry_point = if is_method || has_class { format!("Solution().{name}") } else { name };
    Ok(Item::Json(json!({"form": "function", "entry_point": entry_point, "cases": calls(cases, is_method)?})))
}

struct Found {
    cases: Vec<Case>,
    /// `None`: they are read from standard input. A function's name may stand elsewhere.
    function: Option<Option<String>>,
    /// True where the form says that functions are methods of `Solution`, and their arguments a line each.
    is_method: bool,
}

fn name_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn of_list(items: Vec<Value>) -> Result<Found, Fault> {
    let mut found = Found { cases: Vec::new(), function: None, is_method: false };
    let mut kinds = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let Value::Object(mut test) = item else {
            return Err(Fault::Value(format!("test {} is no object: {}", index + 1, shown(&item))));
        };
        let kind = name_of(test.get("testtype")).or_else(|| name_of(test.get("type")));
        let name =
            name_of(test.get("fn_name")).or_else(|| name_of(test.get("metadata").and_then(|m| m.get("func_name"))));
        let calls = match kind.as_deref() {
            Some("functional") => {
                found.is_method = true;
                true
            }
            Some("function_call") => true,
            Some("stdin" | "stdin_stdout") => false,
            None => name.is_some(),
            Some(other) => {
                return Err(Fault::Value(format!(
                    "test {} is of type \"{other}\"; known are stdin, functional, stdin_stdout and function_call",
                    index + 1
                )));
            }
        };
        kinds.push(calls);
        if calls {
            found.function = Some(found.function.flatten().or(name));
        }
        let mut part = |name: &str| {
            test.shift_remove(name).ok_or_else(|| Fault::Value(format!("test {} has no {name}", index + 1)))
        };
        found.cases.push(Case { input: part("input")?, output: part("output")? });
    }
    if kinds.iter().any(|calls| *calls != kinds[0]) {
        return Err(Fault::Value("some tests call a function and some read standard input".to_owned()));
    }
    Ok(found)
}

fn of_object(mut object: Map<String, Value>) -> Result<Found, Fault> {
    let name = name_of(object.get("fn_name"));
    let mut part = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| object.shift_remove(*name));
        match value {
            Some(Value::Array(items)) => Ok(items),
            Some(Value::Null) => Ok(Vec::new()),
            Some(other) => Err(Fault::Value(format!("{} must be a list, found {}", names[0], shown(&other)))),
            None => {
                Err(Fault::Value(format!("tests that are an object need inputs and outputs; {} is missing", names[0])))
            }
        }
    };
    let (inputs, outputs) = (part(["inputs", "input"])?, part(["outputs", "output"])?);
    if inputs.len() != outputs.len() {
        return Err(Fault::Value(format!("{} inputs do not fit {} outputs", inputs.len(), outputs.len())));
    }
    let cases = inputs.into_iter().zip(outputs).map(|(input, output)| Case { input, output }).collect();
    Ok(Found { cases, function: name.map(Some), is_method: false })
}

/// Texts of standard input and output; a list of lines is one too.
fn stdio(cases: Vec<Case>) -> Result<Value, Fault> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(lines) => {
            let lines = lines.into_iter().map(|line| match line {
                Value::String(line) => Ok(line),
                Value::Number(number) => Ok(number.to_string()),
                other => Err(Fault::Value(format!("a line must be a text, found {}", shown(&other)))),
            });
            Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        other => Err(Fault::Value(format!("a test of standard input must be a text, found {}", shown(&other)))),
    };
    cases.into_iter().map(|case| Ok(json!({"input": text(case.input)?, "output": text(case.output)?}))).collect()
}

/// Arguments and the expected value of each call.
fn calls(cases: Vec<Case>, is_method: bool) -> Result<Value, Fault> {
    // Where every expected value is a list of one, the list is a wrapping: one bare list of one among others is not.
    let is_wrapped =
        !is_method && cases.iter().all(|case| matches!(&case.output, Value::Array(items) if items.len() == 1));
    let mut calls = Vec::new();
    for (index, Case { input, output }) in cases.into_iter().enumerate() {
        let fault = |problem: String| Fault::Value(format!("test {}: {problem}", index + 1));
        let is_text = input.is_string();
        let args = match input {
            Value::Array(arguments) => arguments,
            Value::String(lines) => {
                let values = lines.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
                values.collect::<Result<_, _>>().map_err(|error| fault(format!("an argument is no JSON: {error}")))?
            }
            other => vec![other],
        };
        let expected = match output {
            Value::Array(mut items) if is_wrapped => items.remove(0),
            // Where the arguments are JSON in a text, the expected value is too.
            Value::String(text) if is_text => match serde_json::from_str(&text) {
                Ok(value) => value,
                Err(error) if is_method => return Err(fault(format!("the expected value is no JSON: {error}"))),
                Err(_) => Value::String(text),
            },
            other => other,
        };
        calls.push(json!({"args": args, "expected": expected}));
    }
    Ok(Value::Array(calls))
}
