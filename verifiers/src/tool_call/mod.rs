//! The tool call verifier: compares the calls in the completion with those that the task expects.
//!
//! Calls are written as Qwen's template has them, `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`, and
//! compared by the rules of BFCL's AST check (Berkeley Function Calling Leaderboard): the same number of calls with the
//! same names, in any order; all required parameters and none that is unknown; a parameter may be left out only where
//! `""` is among its allowed values; exact types, except that an integer serves as a number; text compared without
//! case, spaces and punctuation. With `[]` as ground truth no tool fits: the completion must answer and call none, and
//! a call that is malformed or lacks its tags is one too.
//!
//! A ground truth that is an object is a benchmark's (`benchmark.rs`): calls in three notations, the functions' own
//! types, and BFCL's two kinds of relevance.
//!
//! Departures from BFCL: numbers are compared with all their digits, never as doubles; expected and made calls are
//! paired so that all find a partner where that is possible, whatever their order; bare values in an allowed object
//! are values and no lists of letters; text that is only punctuation is compared as it stands.

mod benchmark;
mod compare;
mod conversion;
mod decoding;
mod expected;
mod literal;
mod matching;
mod number;
mod pairing;
pub(crate) mod parsing;
mod tools;

use datasets::Task;
use serde_json::Value;

use self::benchmark::Benchmark;
use self::expected::{ExpectedCall, check_against_tools};
use self::pairing::match_calls;
use self::parsing::has_untagged_call;
pub use self::parsing::{ToolCall, parse_tool_calls};
use self::tools::Tools;
use crate::{Judged, Verdict, VerdictFuture, Verifier, VerifierError};

/// `tool_call`: the ground truth is `[{name, arguments: {parameter: [allowed, …]}}, …]`, or a benchmark's object
/// (`docs/ground-truths.md`).
pub struct ToolCallVerifier;

impl ToolCallVerifier {
    fn read<'a>(
        &self,
        task: &'a Task,
        ground_truth: &Value,
    ) -> Result<(Vec<ExpectedCall>, Option<Tools<'a>>), VerifierError> {
        let broken = |problem: String| VerifierError::ground_truth(task, self.name(), problem);
        let expected = ExpectedCall::read_all(ground_truth).map_err(broken)?;
        let tools = task.tools.as_ref().map(Tools::read).transpose().map_err(broken)?;
        if let Some(tools) = &tools {
            check_against_tools(&expected, tools).map_err(broken)?;
        }
        Ok((expected, tools))
    }

    fn benchmark(&self, task: &Task, ground_truth: &Value) -> Result<Option<Benchmark>, VerifierError> {
        let Value::Object(fields) = ground_truth else { return Ok(None) };
        let benchmark = Benchmark::read(fields, task.tools.as_ref());
        benchmark.map(Some).map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        if let Some(benchmark) = self.benchmark(&judged.task, judged.ground_truth())? {
            return Ok(benchmark.judge(judged.answer()));
        }
        let (expected, tools) = self.read(&judged.task, judged.ground_truth())?;
        let answer = judged.answer();
        if answer.trim().is_empty() {
            return Ok(Verdict::no_answer("the answer is empty"));
        }
        let calls = match parse_tool_calls(answer) {
            Ok(calls) => calls,
            Err(problem) => return Ok(Verdict::fail(problem)),
        };
        if calls.is_empty() && has_untagged_call(answer, |name| tools.as_ref().is_some_and(|tools| tools.has(name))) {
            return Ok(Verdict::fail("a call without <tool_call> and </tool_call>"));
        }
        if calls.len() != expected.len() {
            return Ok(Verdict::fail(format!("{} calls, expected {}", calls.len(), expected.len())));
        }
        Ok(match_calls(&expected, &calls, tools.as_ref()))
    }
}

impl Verifier for ToolCallVerifier {
    fn name(&self) -> &str {
        "tool_call"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        match self.benchmark(task, ground_truth)? {
            Some(_) => Ok(()),
            None => self.read(task, ground_truth).map(drop),
        }
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Message, TaskKind, TaskVerifier};
    use serde_json::json;

    use super::*;

    fn task(ground_truth: Value) -> Task {
        let verifier = TaskVerifier::new("tool_call", ground_truth);
        Task {
            tools: Some(json!([{"type": "function", "function": {"name": "area", "parameters": {
                "type": "object",
                "properties": {"base": {"type": "integer"}, "unit": {"type": "string"}},
                "required": ["base"],
            }}}])),
            ..Task::new("t", TaskKind::TOOL_CALL, vec![Message::user("Area?")], verifier)
        }
    }

    fn judge(task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        ToolCallVerifier.judge(&Judged::new(task.clone(), completion))
    }

    fn check(task: &Task) -> Result<(), VerifierError> {
        ToolCallVerifier.check(task, &task.verifiers[0].ground_truth)
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
        assert!(judge(&task(expected.clone()), &both).unwrap().passed());
        let twice = both.replace("{\"base\": 1}", "{\"base\": 2}");
        assert!(!judge(&task(expected.clone()), &twice).unwrap().passed());
        assert!(!judge(&task(expected), &call(r#"{"base": 1}"#)).unwrap().passed());
    }

    #[test]
    fn every_call_finds_its_partner_in_any_order() {
        let expected = json!([
            {"name": "area", "arguments": {"base": [1, 2]}},
            {"name": "area", "arguments": {"base": [1]}},
            {"name": "area", "arguments": {"base": [2, 3]}},
        ]);
        let judge_bases = |bases: [u8; 3]| {
            let calls: String = bases.iter().map(|base| call(&format!("{{\"base\": {base}}}"))).collect();
            judge(&task(expected.clone()), &calls.replace("<think>a</think>", "")).unwrap()
        };
        for right in [[1, 1, 2], [1, 2, 1], [2, 1, 1], [2, 1, 2], [1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 1, 3]] {
            assert!(judge_bases(right).passed(), "{right:?}");
        }
        for wrong in [[1, 1, 1], [2, 2, 3], [3, 3, 1], [2, 2, 2]] {
            assert!(!judge_bases(wrong).passed(), "{wrong:?}");
        }
        assert!(judge_bases([1, 1, 1]).reason.contains("`area.base`"));
        let twice =
            task(json!([{"name": "area", "arguments": {"base": [1]}}, {"name": "area", "arguments": {"base": [1]}}]));
        let same = call("{\"base\": 1}") + &call("{\"base\": 1}").replace("<think>a</think>", "");
        assert!(judge(&twice, &same).unwrap().passed());
    }

    #[test]
    fn a_malformed_call_is_never_a_refusal() {
        let task = task(json!([]));
        for attempt in [
            "<tool_call>\n{\"name\": \"area\", \"arguments\": {\"base\": 1}\n</tool_call>",
            "<tool_call>\n{\"name\": \"area\", \"argum",
            "<think>a</think><tool_call>{\"name\": \"area\", \"arguments\": {\"unit\": \"at </think> here",
            "<tool_call>area(base=1)</tool_call>",
            "<tool_call></tool_call>",
            "I will call it.\n<tool_call>",
            "{\"base\": 1}</tool_call>",
            "{\"name\": \"area\", \"arguments\": {\"base\": 1}}",
            "```json\n{\"name\": \"area\", \"arguments\": {\"base\": 1}}\n```",
        ] {
            for thinking in ["", "<think>a</think>"] {
                let completion = format!("{thinking}{attempt}");
                assert!(!judge(&task, &completion).unwrap().passed(), "{completion}");
            }
        }
        let thought = "<think>Not <tool_call>{\"name\": \"area\"} then, it takes a base.</think>No tool fits.";
        assert!(judge(&task, thought).unwrap().passed());
    }

    #[test]
    fn tags_in_arguments_are_text() {
        let text = "a </tool_call> b </think> c <tool_call> d <think>";
        let expected = task(json!([{"name": "area", "arguments": {"base": [1], "unit": [text]}}]));
        for text in [text, &text.replace('<', "\\u003c")] {
            let made = call(&format!("{{\"base\": 1, \"unit\": \"{text}\"}}"));
            assert!(judge(&expected, &made).unwrap().passed(), "{made}");
            assert!(!judge(&expected, &format!("{made}</tool_call>")).unwrap().passed());
            assert!(!judge(&expected, &made.replace(" d ", " e ")).unwrap().passed());
        }
    }

    #[test]
    fn no_call_is_right_where_no_tool_fits() {
        let task = task(json!([]));
        assert!(judge(&task, "I have no tool for that.").unwrap().passed());
        assert!(!judge(&task, "<think>nothing").unwrap().passed());
        assert!(!judge(&task, &call("{}")).unwrap().passed());
    }

    #[test]
    fn a_call_that_is_only_thought_is_no_call() {
        let expected = task(json!([{"name": "area", "arguments": {"base": [1]}}]));
        let thought = call(r#"{"base": 1}"#).replace("<think>a</think>", "") + "</think>done";
        assert!(!judge(&expected, &thought).unwrap().passed());
    }

    #[test]
    fn a_task_of_another_layout_is_told_before_any_completion() {
        for broken in [json!(5), json!([{"name": "area"}]), json!([{"name": "area", "arguments": {"base": 1}}])] {
            let task = task(broken);
            let error = check(&task).unwrap_err().to_string();
            assert!(error.contains("task `t`") && error.contains("`ground_truth"), "{error}");
            assert!(judge(&task, "x").is_err());
        }
        let mut task = task(json!([{"name": "area", "arguments": {"base": [1]}}]));
        assert!(check(&task).is_ok());
        task.tools = Some(json!([{"type": "function"}]));
        assert!(check(&task).unwrap_err().to_string().contains("`tools[0]`"));
        task.tools = None;
        assert!(check(&task).is_ok());
    }
}
