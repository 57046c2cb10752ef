//! BFCL's single-turn categories: calls by the functions' own types, none at all (irrelevance), or any (relevance).
//! Calls may be written in three notations, and dots in names as underscores.
//!
//! Departures from BFCL, beside those of the whole verifier: a call may stand below prose, in a block of code or a
//! paragraph of its own; Java and JavaScript calls in text are read by Python's grammar of calls, their arguments by
//! the language's own; values are read by one grammar and not by patterns, so that commas in texts and nested
//! collections are whole; arithmetic in an argument is not worked out.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::conversion::{as_json_schema, converted};
use super::decoding::decode_calls;
use super::expected::{ExpectedCall, check_against_tools};
use super::literal::Dialect;
use super::pairing::match_calls;
use super::parsing::ToolCall;
use super::tools::Tools;
use crate::Verdict;

/// What a task of a benchmark asks for.
pub(super) enum Benchmark {
    /// These calls, by the functions as JSON Schema has them.
    Calls { expected: Vec<ExpectedCall>, functions: Tools<'static>, declared: Tools<'static>, dialect: Dialect },
    /// No call that can be read.
    NoCall,
    /// One call or more.
    AnyCall,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BenchmarkFields {
    calls: Option<Vec<Value>>,
    expect: Option<Expect>,
    /// True where more than one call may be expected.
    parallel: Option<bool>,
    language: Option<Language>,
    functions: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    None,
    Any,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    Python,
    Java,
    JavaScript,
}

impl Benchmark {
    /// Reads a ground truth that is an object; `tools` are the task's.
    ///
    /// # Errors
    /// The field and what it must be.
    pub(super) fn read(fields: &Map<String, Value>, tools: Option<&Value>) -> Result<Self, String> {
        let fields = BenchmarkFields::deserialize(&Value::Object(fields.clone())).map_err(|error| error.to_string())?;
        let BenchmarkFields { calls, expect, parallel, language, functions } = fields;
        let calls = match (calls, expect) {
            (None, Some(Expect::None)) => return Ok(Self::NoCall),
            (None, Some(Expect::Any)) => return Ok(Self::AnyCall),
            (Some(calls), None) => calls,
            _ => return Err("it must have `calls`, or `expect` with \"none\" or \"any\"".to_owned()),
        };
        let mut expected = ExpectedCall::read_benchmark(&calls)?;
        if expected.is_empty() {
            return Err("`calls` must name a call; `{\"expect\": \"none\"}` is for none".to_owned());
        }
        if expected.len() > 1 && parallel == Some(false) {
            return Err(format!("`calls` has {} calls, but `parallel` is false", expected.len()));
        }
        for call in &mut expected {
            call.name = plain_name(&call.name);
        }
        let given = functions.as_ref().or(tools).map(Tools::read).transpose()?.unwrap_or_default();
        let declared = given.converted(plain_name, |schema| Ok(schema.clone()))?;
        let functions = given.converted(plain_name, as_json_schema)?;
        if !functions.is_empty() {
            check_against_tools(&expected, &functions)?;
        }
        let dialect = match language.unwrap_or(Language::Python) {
            Language::Python => Dialect::Python,
            Language::Java => Dialect::Java,
            Language::JavaScript => Dialect::JavaScript,
        };
        if dialect != Dialect::Python && functions.is_empty() {
            return Err("`functions`, or the task's `tools`, must declare the types that arguments have".to_owned());
        }
        Ok(Self::Calls { expected, functions, declared, dialect })
    }

    /// Judges an answer, its thinking removed. The verdict's answer are the calls, as JSON.
    pub(super) fn judge(&self, answer: &str) -> Verdict {
        if answer.trim().is_empty() {
            return Verdict::no_answer("the answer is empty");
        }
        let calls = decode_calls(answer);
        let made = calls.as_ref().ok().and_then(|calls| serde_json::to_string(calls).ok());
        Verdict { answer: made, ..self.verdict(calls) }
    }

    fn verdict(&self, calls: Result<Vec<ToolCall>, String>) -> Verdict {
        let Self::Calls { expected, functions, declared, dialect } = self else {
            return match (calls, self) {
                (Err(_), Self::NoCall) => Verdict::pass("no call, as expected"),
                (Ok(calls), Self::NoCall) => Verdict::fail(format!("{} calls, expected none", calls.len())),
                (Ok(calls), _) => Verdict::pass(format!("{} calls", calls.len())),
                (Err(problem), _) => Verdict::fail(problem),
            };
        };
        let mut calls = match calls {
            Ok(calls) => calls,
            Err(problem) => return Verdict::fail(problem),
        };
        if calls.len() != expected.len() {
            return Verdict::fail(format!("{} calls, expected {}", calls.len(), expected.len()));
        }
        for call in &mut calls {
            call.name = plain_name(&call.name);
            if *dialect != Dialect::Python
                && let Err(problem) = convert(call, declared.parameters(&call.name), *dialect)
            {
                return Verdict::fail(problem);
            }
        }
        match_calls(expected, &calls, Some(functions))
    }
}

/// Puts values in the place of the texts that a call of a Java or JavaScript function has.
fn convert(call: &mut ToolCall, parameters: Option<&Value>, dialect: Dialect) -> Result<(), String> {
    for (parameter, value) in &mut call.arguments {
        let Value::String(text) = value else {
            return Err(format!("`{}.{parameter}` must be text in the function's own language", call.name));
        };
        let schema = parameters.and_then(|schema| schema.get("properties")?.get(parameter));
        *value = converted(text, schema, dialect);
    }
    Ok(())
}

/// A function's name as it is compared: models and their templates write a dot as an underscore.
fn plain_name(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::VerdictKind;

    fn functions() -> Value {
        json!([{"name": "shape.area", "parameters": {"type": "dict", "properties": {
            "width": {"type": "float"}, "height": {"type": "float"}, "unit": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "box": {"type": "dict", "properties": {"w": {"type": "float"}}},
        }, "required": ["width", "height"]}}])
    }

    fn read(ground_truth: Value) -> Benchmark {
        Benchmark::read(ground_truth.as_object().unwrap(), None).unwrap()
    }

    fn assert_judged(ground_truth: Value, right: &[&str], wrong: &[&str]) {
        let benchmark = read(ground_truth);
        for (answers, is_right) in [(right, true), (wrong, false)] {
            for answer in answers {
                let verdict = benchmark.judge(answer);
                assert_eq!(verdict.passed(), is_right, "{answer}: {}", verdict.reason);
            }
        }
    }

    #[test]
    fn a_call_is_judged_by_the_functions_own_types() {
        let calls = json!([{"shape.area": {
            "width": [2, 2.0], "height": [3.0], "unit": ["", "m2"], "tags": ["", ["a b", "c"]],
            "box": ["", {"w": [12.0]}],
        }}]);
        assert_judged(
            json!({"calls": calls, "functions": functions(), "parallel": false}),
            &[
                "[shape.area(width=2, height=3)]",
                "[shape_area(width=2.0, height=3.0, unit='M2')]",
                "shape.area(height=3, width=2, tags=['A-B', 'c'])",
                "[shape.area(width=2, height=3, box={'w': 12})]",
                r#"<tool_call>{"name": "shape_area", "arguments": {"width": 2, "height": 3}}</tool_call>"#,
            ],
            &[
                "[shape.area(width=2)]",
                "[shape.area(width=True, height=3)]",
                "[shape.area(width='2', height=3)]",
                "[shape.area(width=2, height=3, depth=1)]",
                "[shape.area(width=2, height=3, tags=['c', 'a b'])]",
                "[shape.area(width=2, height=3, box={'w': 13})]",
                "[shape.area(width=2, height=3, unit='cm2')]",
                "[shape.area(width=2, height=3), shape.area(width=2, height=3)]",
                "[area(width=2, height=3)]",
                "shape.area is the one to call.",
            ],
        );
    }

    #[test]
    fn parallel_calls_come_in_any_order() {
        let calls = json!([{"save": {"text": ["tea"]}}, {"name": "save", "arguments": {"text": ["milk"]}}]);
        assert_judged(
            json!({"calls": calls, "parallel": true}),
            &["[save(text='tea'), save(text='milk')]", "[save(text='milk'), save(text='tea')]"],
            &["[save(text='tea')]", "[save(text='tea'), save(text='tea')]"],
        );
    }

    #[test]
    fn java_gives_texts_that_are_converted() {
        let ground_truth = json!({
            "calls": [{"Ledger.open": {
                "page": [3], "quiet": [true, ""], "marks": ["", ["a"]], "map": ["", {"k": [1]}],
            }}],
            "language": "java",
            "functions": [{"name": "Ledger.open", "parameters": {"type": "dict", "properties": {
                "page": {"type": "integer"}, "quiet": {"type": "boolean"},
                "marks": {"type": "ArrayList", "items": {"type": "String"}}, "map": {"type": "HashMap"},
            }, "required": ["page"]}}],
        });
        assert_judged(
            ground_truth,
            &[
                "[Ledger.open(page='3')]",
                "[Ledger.open(page='3', quiet='true')]",
                "[Ledger.open(page='3', marks='new ArrayList<>(Arrays.asList(\"a\"))')]",
                "[Ledger.open(page='3', map='new HashMap<String, Integer>() {{ put(\"k\", 1); }}')]",
                r#"{"name": "Ledger_open", "arguments": {"page": "3", "quiet": "true"}}"#,
            ],
            &["[Ledger.open(page=3)]", "[Ledger.open(page='3L')]", "[Ledger.open(page='3', quiet='True')]"],
        );
    }

    #[test]
    fn javascript_gives_texts_that_are_converted() {
        let ground_truth = json!({
            "calls": [{"draw": {"points": [[1, 2]], "options": [{"fast": [true]}], "state": ["stateObject"]}}],
            "language": "javascript",
            "functions": [{"name": "draw", "parameters": {"type": "dict", "properties": {
                "points": {"type": "array", "items": {"type": "integer"}}, "options": {"type": "dict"},
                "state": {"type": "dict"},
            }, "required": ["points"]}}],
        });
        assert_judged(
            ground_truth,
            &["[draw(points='[1, 2]', options='{fast: true}', state='stateObject')]"],
            &["[draw(points=[1, 2], options='{fast: true}', state='stateObject')]", "[draw(points='[1, 2]')]"],
        );
    }

    #[test]
    fn relevance_asks_whether_a_call_can_be_read() {
        let (call, cut) = ("[save(text='tea')]", "<tool_call>{\"name\": \"save\"");
        assert_judged(json!({"expect": "none"}), &["No function fits.", cut], &[call, ""]);
        assert_judged(json!({"expect": "any"}), &[call, "[anything(x=1), more()]"], &["No function fits.", cut, ""]);
        assert_eq!(read(json!({"expect": "none"})).judge(" \n").kind, VerdictKind::NoAnswer);
        let made = r#"[{"name":"save","arguments":{"text":"tea"}}]"#;
        assert_eq!(read(json!({"expect": "any"})).judge(call).answer.as_deref(), Some(made));
    }

    #[test]
    fn what_is_no_benchmark_is_told() {
        for (ground_truth, told) in [
            (json!({}), "`calls`"),
            (json!({"calls": []}), "`calls`"),
            (json!({"expect": "some"}), "some"),
            (json!({"calls": [{"f": {"x": 1}}]}), "ground_truth.calls[0].f.x"),
            (json!({"calls": [{"f": {}}, {"f": {}}], "parallel": false}), "`parallel`"),
            (json!({"calls": [{"f": {}}], "language": "ruby"}), "ruby"),
            (json!({"calls": [{"f": {}}], "language": "java"}), "`functions`"),
            (json!({"calls": [{"f": {}}], "functions": functions()}), "`f`"),
            (json!({"calls": [{"f": {}}], "functions": [{"name": "f", "parameters": {"type": "map"}}]}), "`map`"),
            (json!({"call": []}), "`call`"),
        ] {
            let problem = Benchmark::read(ground_truth.as_object().unwrap(), None).err().unwrap();
            assert!(problem.contains(told), "{ground_truth}: {problem}");
        }
    }
}
