//! The calls of a turn, answered: whatever is wrong with one is told the policy as text, and the rollout goes on.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use verifiers::{ToolCall, parse_tool_calls};

use super::call_record::{CallOutcome, CallRecord};
use super::tool::ToolError;
use super::tool_box::ToolBox;

/// Bytes of a result that are looked at, for each token of it that may be shown.
const BYTES_OF_TOKEN: usize = 64;

impl ToolBox {
    /// Answers the calls of a turn, before which so many were made, one after the other; no records where it calls
    /// nothing.
    ///
    /// # Errors
    /// The tokenizer refuses a result.
    pub(super) async fn answers(&self, answer: &str, turn: usize, num_before: usize) -> Result<Vec<CallRecord>> {
        let calls: Vec<Result<ToolCall, String>> = match parse_tool_calls(answer) {
            Ok(calls) => calls.into_iter().map(Ok).collect(),
            Err(problem) => vec![Err(problem)],
        };
        let most = self.section().max_calls;
        let mut records = Vec::with_capacity(calls.len());
        for (place, call) in calls.into_iter().enumerate() {
            let started = Instant::now();
            let (outcome, text) = match &call {
                _ if num_before + place >= most => {
                    (CallOutcome::NoneLeft, format!("error: no call is left of {most}; answer without tools"))
                }
                Err(problem) => (CallOutcome::Unreadable, format!("error: {problem}")),
                Ok(call) => self.answer(call).await,
            };
            let (outcome, result) = self.shown(outcome, text)?;
            let (tool, arguments) =
                call.map(|call| (call.name, Value::Object(call.arguments).to_string())).unwrap_or_default();
            records.push(CallRecord {
                turn,
                tool,
                arguments,
                outcome,
                result,
                seconds: started.elapsed().as_secs_f64(),
            });
        }
        Ok(records)
    }

    async fn answer(&self, call: &ToolCall) -> (CallOutcome, String) {
        let Some(tool) = self.tool(&call.name) else {
            let known = self.names().join(", ");
            return (CallOutcome::UnknownTool, format!("error: there is no tool `{}`; there is {known}", call.name));
        };
        let seconds = self.section().call_seconds;
        let deadline = Duration::from_secs_f64(seconds) + self.patience();
        match tokio::time::timeout(deadline, tool.call(&call.arguments)).await {
            Ok(Ok(text)) => (CallOutcome::Answered, text),
            Ok(Err(ToolError::Failed(text))) => (CallOutcome::Failed, text),
            Ok(Err(ToolError::TimedOut(text))) => (CallOutcome::TimedOut, text),
            Err(_) => (CallOutcome::TimedOut, format!("error: there was no answer within {seconds} s")),
        }
    }

    /// A result as the policy sees it: cut, and without marks that would end its turn.
    fn shown(&self, outcome: CallOutcome, mut text: String) -> Result<(CallOutcome, String)> {
        let most = self.section().max_result_tokens;
        let num_bytes = text.len();
        let mut end = num_bytes.min(most.saturating_mul(BYTES_OF_TOKEN));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let text = text.replace("<|", "< |").replace("</tool_response>", "< /tool_response>");
        let tokenizer = &self.texts().tokenizer;
        let ids = tokenizer.encode(&text)?;
        if ids.len() <= most && end == num_bytes {
            return Ok((outcome, text));
        }
        let begin = tokenizer.decode(&ids[..ids.len().min(most)], false)?;
        let begin = begin.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let outcome = if outcome == CallOutcome::Answered { CallOutcome::Cut } else { outcome };
        Ok((outcome, format!("{begin}\n[cut behind {most} tokens]")))
    }
}
