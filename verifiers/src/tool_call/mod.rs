//! The tool call verifier: compares the calls in the completion with those that the task expects.
//!
//! Calls are written as Qwen's template has them, `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`, and
//! compared by the rules of BFCL's AST check (Berkeley Function Calling Leaderboard): the same number of calls with the
//! same names, in any order; all required parameters and none that is unknown; a parameter may be left out only where
//! `""` is among its allowed values; exact types, except that an integer serves as a number; text compared without
//! case, spaces and punctuation. With `[]` as ground truth no tool fits: the completion must answer and call none.

mod compare;
mod expected;
mod parsing;

use datasets::Task;
use serde::Deserialize;
use serde_json::Value;

use self::compare::compare_call;
use self::expected::ExpectedCall;
pub use self::parsing::{ToolCall, parse_tool_calls};
use crate::{Verdict, VerdictFuture, Verifier, VerifierError, split_thinking};

/// `tool_call`: the ground truth is `[{name, arguments: {parameter: [allowed, …]}}, …]`.
pub struct ToolCallVerifier;

impl ToolCallVerifier {
    fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        let broken = |problem: String| VerifierError::ground_truth(task, self.name(), problem);
        let expected =
            Vec::<ExpectedCall>::deserialize(&task.ground_truth).map_err(|error| broken(error.to_string()))?;
        for call in &expected {
            if let Some((parameter, _)) = call.arguments.iter().find(|(_, allowed)| !allowed.is_array()) {
                return Err(broken(format!("`{}.{parameter}` must be a list of allowed values", call.name)));
            }
        }

        let (_, answer) = split_thinking(completion);
        if answer.trim().is_empty() {
            return Ok(Verdict::fail("the answer is empty"));
        }
        let calls = match parse_tool_calls(answer) {
            Ok(calls) => calls,
            Err(problem) => return Ok(Verdict::fail(problem)),
        };
        if calls.len() != expected.len() {
            return Ok(Verdict::fail(format!("{} calls, expected {}", calls.len(), expected.len())));
        }
        Ok(match_calls(&expected, &calls, task.tools.as_ref()))
    }
}

/// Pairs each expected call with the first call that fits and is not yet paired.
fn match_calls(expected: &[ExpectedCall], calls: &[ToolCall], tools: Option<&Value>) -> Verdict {
    let mut left: Vec<&ToolCall> = calls.iter().collect();
    for expected in expected {
        let parameters = tools.and_then(|tools| parameters_of(tools, &expected.name));
        let mut problem = format!("no call of `{}`", expected.name);
        let mut found = None;
        for (at, call) in left.iter().enumerate() {
            match compare_call(expected, call, parameters) {
                Ok(()) => {
                    found = Some(at);
                    break;
                }
                Err(mismatch) if call.name == expected.name => problem = mismatch,
                Err(_) => {}
            }
        }
        match found {
            Some(at) => left.remove(at),
            None => return Verdict::fail(problem),
        };
    }
    Verdict::pass(match expected.len() {
        0 => "no call, as expected".to_owned(),
        count => format!("{count} calls as expected"),
    })
}

/// The JSON Schema of the parameters of the tool called `name`.
fn parameters_of<'a>(tools: &'a Value, name: &str) -> Option<&'a Value> {
    tools.as_array()?.iter().find_map(|tool| {
        let function = tool.get("function").unwrap_or(tool);
        (function.get("name")?.as_str()? == name).then(|| function.get("parameters"))?
    })
}

impl Verifier for ToolCallVerifier {
    fn name(&self) -> &str {
        "tool_call"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(task, completion) })
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Message, TaskKind};
    use serde_json::json;

    use super::*;

    fn task(ground_truth: Value) -> Task {
        Task {
            id: "t".into(),
            kind: TaskKind::ToolCall,
            messages: vec![Message::user("Area?")],
            verifier: "tool_call".into(),
            ground_truth,
            tools: Some(json!([{"type": "function", "function": {"name": "area", "parameters": {
                "type": "object",
                "properties": {"base": {"type": "integer"}, "unit": {"type": "string"}},
                "required": ["base"],
            }}}])),
            source: None,
            license: None,
            meta: None,
        }
    }

    fn call(arguments: &str) -> String {
        format!("<think>a</think>\n<tool_call>\n{{\"name\": \"area\", \"arguments\": {arguments}}}\n</tool_call>")
    }

    #[test]
    fn parallel_calls_come_in_any_order() {
        let expected = json!([
            {"name": "area", "arguments": {"base": [1]}},
            {"name": "area", "arguments": {"base": [2]}},
        ]);
        let both = format!("{}{}", call(r#"{"base": 2}"#), call(r#"{"base": 1}"#)).replace("<think>a</think>", "");
        assert!(ToolCallVerifier.judge(&task(expected.clone()), &both).unwrap().passed);
        let twice = both.replace("{\"base\": 1}", "{\"base\": 2}");
        assert!(!ToolCallVerifier.judge(&task(expected.clone()), &twice).unwrap().passed);
        assert!(!ToolCallVerifier.judge(&task(expected), &call(r#"{"base": 1}"#)).unwrap().passed);
    }

    #[test]
    fn no_call_is_right_where_no_tool_fits() {
        let task = task(json!([]));
        assert!(ToolCallVerifier.judge(&task, "I have no tool for that.").unwrap().passed);
        assert!(!ToolCallVerifier.judge(&task, "<think>nothing").unwrap().passed);
        assert!(!ToolCallVerifier.judge(&task, &call("{}")).unwrap().passed);
    }

    #[test]
    fn a_call_that_is_only_thought_is_no_call() {
        let expected = task(json!([{"name": "area", "arguments": {"base": [1]}}]));
        let thought = call(r#"{"base": 1}"#).replace("<think>a</think>", "") + "</think>done";
        assert!(!ToolCallVerifier.judge(&expected, &thought).unwrap().passed);
    }

    #[test]
    fn a_ground_truth_without_lists_is_an_error() {
        for broken in [json!({}), json!([{"name": "area"}]), json!([{"name": "area", "arguments": {"base": 1}}])] {
            assert!(ToolCallVerifier.judge(&task(broken), "x").is_err());
        }
    }
}
