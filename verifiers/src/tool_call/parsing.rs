//! Reads the calls of an answer. Strict: text that looks like a call and is none fails the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// One call as the completion has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The name of the tool that is called.
    pub name: String,
    /// The arguments by parameter; empty where the call gives none.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// The calls of an answer, in order; none where it has no `<tool_call>`.
///
/// # Errors
/// A tag lacks its partner, a call is not JSON, or a field has the wrong type. The text serves as a verdict's reason.
pub fn parse_tool_calls(answer: &str) -> Result<Vec<ToolCall>, String> {
    let mut calls = Vec::new();
    let mut rest = answer;
    while let Some((before, after)) = rest.split_once(OPEN) {
        if before.contains(CLOSE) {
            return Err("a </tool_call> without its <tool_call>".to_owned());
        }
        let (body, after) = after.split_once(CLOSE).ok_or("a <tool_call> that is never closed")?;
        let call = serde_json::from_str(body.trim())
            .map_err(|error| format!("call {} is malformed: {error}", calls.len() + 1))?;
        calls.push(call);
        rest = after;
    }
    if rest.contains(CLOSE) {
        return Err("a </tool_call> without its <tool_call>".to_owned());
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_are_read_in_order() {
        let answer = "Let me see.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\": 1}}\n</tool_call>\n\
                      <tool_call>{\"name\": \"b\"}</tool_call>";
        let calls = parse_tool_calls(answer).unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!((calls[0].name.as_str(), calls[1].name.as_str()), ("a", "b"));
        assert_eq!(parse_tool_calls("none"), Ok(Vec::new()));
    }

    #[test]
    fn malformed_calls_are_told() {
        for bad in [
            "<tool_call>{\"name\": \"a\"}",
            "{\"name\": \"a\"}</tool_call>",
            "<tool_call>{'name': 'a'}</tool_call>",
            "<tool_call>{\"arguments\": {}}</tool_call>",
            "<tool_call>{\"name\": \"a\", \"arguments\": \"{}\"}</tool_call>",
            "<tool_call><tool_call>{\"name\": \"a\"}</tool_call></tool_call>",
        ] {
            assert!(parse_tool_calls(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(answer in r#"(</?tool_call>|\{|\}|\[|"name"|:|"|\PC){0,40}"#) {
            let _ = parse_tool_calls(&answer);
        }
    }
}
