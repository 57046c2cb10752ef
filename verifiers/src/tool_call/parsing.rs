//! Reads the calls of an answer, `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. Strict: text that looks like a
//! call and is none fails the answer.
//!
//! A call ends where its JSON object ends, and nothing but its closing tag may follow: tags inside of its strings are
//! text. Of a key that stands twice in one object the last counts, as for the readers that tools have.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Deserializer, Map, Value};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// The key by which serde_json, which keeps all digits of a number, writes one down. An object that has it would be
/// read as a number.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// One call as the completion has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolCall {
    /// The name of the tool that is called.
    pub name: String,
    /// The arguments by parameter, numbers with all their digits; empty where the call gives none.
    pub arguments: Map<String, Value>,
}

impl ToolCall {
    /// The call that a JSON object describes; its other fields are left aside.
    fn read(mut fields: Map<String, Value>) -> Result<Self, String> {
        let name = match fields.remove("name") {
            Some(Value::String(name)) => name,
            Some(_) => return Err("`name` is not text".to_owned()),
            None => return Err("it has no `name`".to_owned()),
        };
        let arguments = match fields.remove("arguments") {
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err("`arguments` is not an object".to_owned()),
            None => Map::new(),
        };
        Ok(Self { name, arguments })
    }
}

/// The calls of an answer, in order; none where it has no `<tool_call>`.
///
/// # Errors
/// A tag lacks its partner, a call is not one JSON object, there is something beside it, or a field has the wrong type.
/// The text serves as a verdict's reason.
pub fn parse_tool_calls(answer: &str) -> Result<Vec<ToolCall>, String> {
    let mut calls = Vec::new();
    let mut rest = answer;
    loop {
        let (before, after) = rest.split_once(OPEN).map_or((rest, None), |(before, after)| (before, Some(after)));
        if before.contains(CLOSE) {
            return Err("a </tool_call> without its <tool_call>".to_owned());
        }
        let Some(after) = after else {
            return Ok(calls);
        };
        let malformed = |problem: String| format!("call {} is malformed: {problem}", calls.len() + 1);
        let (fields, length) = closed_object(after).map_err(malformed)?;
        calls.push(ToolCall::read(fields).map_err(malformed)?);
        rest = &after[length..];
    }
}

/// The stretches of `text`, in bytes and tags included, that are one JSON object between the tags of a call.
pub(crate) fn closed_calls(text: &str) -> Vec<Range<usize>> {
    let mut calls = Vec::new();
    let mut start = 0;
    while let Some(at) = text[start..].find(OPEN).map(|at| start + at) {
        start = at + OPEN.len();
        if let Ok((_, length)) = closed_object(&text[start..]) {
            start += length;
            calls.push(at..start);
        }
    }
    calls
}

/// True where a call of a tool that `is_tool` knows stands on lines of its own and lacks its tags.
pub(super) fn has_untagged_call(answer: &str, is_tool: impl Fn(&str) -> bool) -> bool {
    let mut rest = answer;
    while !rest.is_empty() {
        let mut line = rest.trim_start();
        if line.starts_with('{')
            && let Ok((fields, length)) = leading_object(line)
        {
            let names_tool = fields.get("name").and_then(Value::as_str).is_some_and(&is_tool);
            let is_alone = line[length..].lines().next().is_none_or(|beside| beside.trim().is_empty());
            if names_tool && fields.get("arguments").is_some_and(Value::is_object) && is_alone {
                return true;
            }
            line = &line[length..];
        }
        rest = line.split_once('\n').map_or("", |(_, below)| below);
    }
    false
}

/// The object that `text` opens with and the number of bytes up to the end of the closing tag behind it.
fn closed_object(text: &str) -> Result<(Map<String, Value>, usize), String> {
    let body = text.trim_start();
    let (fields, length) = leading_object(body)?;
    let behind = body[length..].trim_start();
    let rest = behind.strip_prefix(CLOSE).ok_or("no </tool_call> follows its JSON")?;
    Ok((fields, text.len() - rest.len()))
}

/// The JSON object that `text` begins with, and its length in bytes.
fn leading_object(text: &str) -> Result<(Map<String, Value>, usize), String> {
    if !text.starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let fields = match values.next() {
        Some(Ok(Value::Object(fields))) => fields,
        Some(Err(error)) => return Err(error.to_string()),
        _ => return Err("it is no JSON object".to_owned()),
    };
    let length = values.byte_offset();
    if has_number_key(&text[..length]) {
        return Err(format!("a key is `{NUMBER_KEY}`"));
    }
    Ok((fields, length))
}

/// True where a key of this JSON is [`NUMBER_KEY`], in whatever way it is written.
pub(super) fn has_number_key(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let literal = &rest[start..];
        let mut is_escaped = false;
        let end = literal.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let Some(end) = end.map(|end| end + 2) else {
            return false;
        };
        rest = &literal[end..];
        let is_key = rest.trim_start().starts_with(':');
        if is_key && serde_json::from_str::<String>(&literal[..end]).is_ok_and(|key| key == NUMBER_KEY) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
            r#"<tool_call>{"name": "a"}"#,
            r#"<tool_call>{"name": "a"}<tool_call>"#,
            r#"{"name": "a"}</tool_call>"#,
            r#"<tool_call>{"name": "a"}</tool_call></tool_call>"#,
            r#"</tool_call><tool_call>{"name": "a"}</tool_call>"#,
            r#"<tool_call><tool_call>{"name": "a"}</tool_call></tool_call>"#,
            "<tool_call></tool_call>",
            "<tool_call>{'name': 'a'}</tool_call>",
            r#"<tool_call>{"name": "a"</tool_call>"#,
            r#"<tool_call>{"name": "a"}}</tool_call>"#,
            r#"<tool_call>{"name": "a"},</tool_call>"#,
            r#"<tool_call>{"name": "a"} {"name": "b"}</tool_call>"#,
            r#"<tool_call>call {"name": "a"}</tool_call>"#,
            r#"<tool_call>[{"name": "a"}]</tool_call>"#,
            r#"<tool_call>["a", {}]</tool_call>"#,
            r#"<tool_call>"a"</tool_call>"#,
            r#"<tool_call>{"arguments": {}}</tool_call>"#,
            r#"<tool_call>{"name": 1}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": "{}"}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": null}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": [1]}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": {"x": NaN}}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": {"x": 01}}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": {"x": {"$serde_json::private::Number": "1"}}}</tool_call>"#,
            r#"<tool_call>{"name": "a", "arguments": {"x": {"\u0024serde_json::private::Number" : "1"}}}</tool_call>"#,
        ] {
            assert!(parse_tool_calls(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_object_nested_without_end_is_malformed() {
        let deep = format!("<tool_call>{}", r#"{"a":"#.repeat(200_000));
        assert!(parse_tool_calls(&deep).is_err());
    }

    #[test]
    fn a_call_without_its_tags_is_seen() {
        let is_tool = |name: &str| name == "f";
        let call = r#"{"name": "f", "arguments": {"x": 1}}"#;
        let pretty = call.replace(' ', "\n");
        for answer in
            [call, &format!("Sure:\n  {call}\n"), &format!("```json\n{pretty}\n```"), &format!("{{}}\n{call}")]
        {
            assert!(has_untagged_call(answer, is_tool), "{answer}");
        }
        for answer in ["", "{", "{ f }", "No tool.", r#"{"name": "g", "arguments": {}}"#, r#"{"name": "f"}"#] {
            assert!(!has_untagged_call(answer, is_tool), "{answer}");
        }
        assert!(!has_untagged_call(&format!("I would need {call}, which I cannot give."), is_tool));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let text = r#"(</?tool_call>|</?think>|"|\\|\{|\}|\n|\PC|\$serde_json::private::Number){0,8}"#;
        let leaf = prop_oneof![text.prop_map(Value::String), any::<i64>().prop_map(Value::from), Just(json!(null))];
        leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::Array))
    }

    proptest! {
        #[test]
        fn never_panics(answer in r#"(</?tool_call>|\{|\}|\[|"name"|:|"|\\|\n|\PC){0,40}"#) {
            let _ = parse_tool_calls(&answer);
            let _ = has_untagged_call(&answer, |_| true);
            for call in closed_calls(&answer) {
                prop_assert_eq!(&answer[call.start..call.start + OPEN.len()], OPEN);
                prop_assert!(answer[call].ends_with(CLOSE));
            }
        }

        #[test]
        fn what_is_rendered_is_read(
            values in prop::collection::vec(json_value(), 1..4),
            pretty: bool,
            space in r"\s{0,3}",
        ) {
            let arguments = |value: &Value| [("x".to_owned(), value.clone())].into_iter().collect();
            let calls: Vec<ToolCall> =
                values.iter().map(|value| ToolCall { name: "f".into(), arguments: arguments(value) }).collect();
            let render = |call: &ToolCall| {
                let call = json!({"name": call.name, "arguments": call.arguments});
                let json = if pretty { format!("{call:#}") } else { call.to_string() };
                format!("{OPEN}{space}{json}{space}{CLOSE}\n")
            };
            let answer: String = calls.iter().map(render).collect();
            prop_assert_eq!(closed_calls(&answer).len(), calls.len());
            prop_assert_eq!(parse_tool_calls(&answer), Ok(calls));
        }
    }
}
