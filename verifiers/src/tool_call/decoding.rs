//! The calls of an answer in whichever of three notations it writes them: Qwen's `<tool_call>` tags, JSON, or the calls
//! of Python that BFCL's prompt asks for, `[f(a=1), g.h(b="x")]`. It must not know which calls are right.

use serde_json::{Map, Value};

use super::literal::{Dialect, LiteralReader};
use super::parsing::{ToolCall, has_number_key, parse_tool_calls};

/// The calls of an answer, in order; at least one.
///
/// Without tags the whole answer is calls, or the last of its blocks of code, or its last paragraph: prose that only
/// speaks of a call is none.
///
/// # Errors
/// No call can be read; the text serves as a verdict's reason.
pub(super) fn decode_calls(answer: &str) -> Result<Vec<ToolCall>, String> {
    if answer.contains("<tool_call>") || answer.contains("</tool_call>") {
        return parse_tool_calls(answer);
    }
    let block = last_block(answer);
    let paragraph = answer.trim().rsplit("\n\n").next();
    let texts = [Some(answer), block, paragraph.filter(|text| text.trim_start().starts_with(['[', '{']))];
    texts.into_iter().flatten().find_map(bare_calls).ok_or_else(|| "no call that can be read".to_owned())
}

/// The content of the last block between fences, its language aside.
fn last_block(answer: &str) -> Option<&str> {
    let (before, _) = answer.rsplit_once("```")?;
    let (_, block) = before.rsplit_once("```")?;
    Some(block.split_once('\n').map_or(block, |(_, code)| code))
}

/// The calls that a text is, all of it.
fn bare_calls(text: &str) -> Option<Vec<ToolCall>> {
    let text = text.trim_matches(['`', ' ', '\n', '\r', '\t']);
    json_calls(text).or_else(|| python_calls(text)).filter(|calls| !calls.is_empty())
}

/// `{"name": .., "arguments": {..}}`, or a list of such objects; `parameters` is another word for arguments, and BFCL's
/// own `{function: {parameter: value}}` is read too.
fn json_calls(text: &str) -> Option<Vec<ToolCall>> {
    if has_number_key(text) {
        return None;
    }
    let calls = match serde_json::from_str(text).ok()? {
        Value::Array(calls) => calls,
        call @ Value::Object(_) => vec![call],
        _ => return None,
    };
    calls.into_iter().map(json_call).collect()
}

fn json_call(call: Value) -> Option<ToolCall> {
    let Value::Object(mut fields) = call else { return None };
    if let Some(function @ Value::Object(_)) = fields.remove("function") {
        return json_call(function);
    }
    if let Some(Value::String(name)) = fields.get("name") {
        let name = name.clone();
        let arguments = match fields.remove("arguments").or_else(|| fields.remove("parameters")) {
            Some(Value::Object(arguments)) => arguments,
            Some(Value::String(text)) => serde_json::from_str(&text).ok()?,
            Some(_) => return None,
            None => Map::new(),
        };
        return Some(ToolCall { name, arguments });
    }
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some((name, Value::Object(arguments))), None) => Some(ToolCall { name, arguments }),
        _ => None,
    }
}

/// `[f(a=1), g(b=2)]`, with or without the brackets. An argument without a name belongs to no parameter.
fn python_calls(text: &str) -> Option<Vec<ToolCall>> {
    let mut reader = LiteralReader::new(text, Dialect::Python);
    let is_list = reader.take("[");
    let mut calls = Vec::new();
    loop {
        if is_list && reader.take("]") {
            break;
        }
        calls.push(python_call(&mut reader)?);
        if !reader.take(",") {
            if is_list && !reader.take("]") {
                return None;
            }
            break;
        }
    }
    reader.skip_space();
    reader.rest().is_empty().then_some(calls)
}

fn python_call(reader: &mut LiteralReader<'_>) -> Option<ToolCall> {
    let name = reader.name()?.to_owned();
    if !reader.take("(") {
        return None;
    }
    let mut arguments = Map::new();
    while !reader.take(")") {
        let parameter = reader.name()?;
        if !reader.take("=") {
            return None;
        }
        arguments.insert(parameter.to_owned(), reader.value(0)?);
        if !reader.take(",") && !reader.rest().starts_with(')') {
            return None;
        }
    }
    Some(ToolCall { name, arguments })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn decoded(answer: &str) -> Option<Value> {
        decode_calls(answer).ok().map(|calls| json!(calls))
    }

    #[test]
    fn every_notation_says_the_same_calls() {
        let expected = json!([{"name": "shape.area", "arguments": {"width": 2, "unit": "m2", "tags": ["a"]}}]);
        let json = r#"{"name": "shape.area", "arguments": {"width": 2, "unit": "m2", "tags": ["a"]}}"#;
        let python = "shape.area(width=2, unit='m2', tags=[\"a\"])";
        for answer in [
            &format!("I call it.\n<tool_call>\n{json}\n</tool_call>"),
            json,
            &format!("[{json}]"),
            &format!("```json\n{json}\n```"),
            &format!("So:\n```json\n[{json}]\n```\nDone."),
            &json.replace("arguments", "parameters"),
            &format!("{{\"function\": {json}}}"),
            r#"[{"shape.area": {"width": 2, "unit": "m2", "tags": ["a"]}}]"#,
            python,
            &format!("[{python}]"),
            &format!("`[{python}]`"),
            &format!("```python\n[{python}]\n```"),
            &format!("The call is:\n\n[{python}]"),
            "[shape.area(\n    width=2,\n    unit='m2',  # metres\n    tags=('a',),\n)]",
        ] {
            assert_eq!(decoded(answer).as_ref(), Some(&expected), "{answer}");
        }
        let two = json!([{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"x": {"y": null}}}]);
        assert_eq!(decoded("[f(), g(x={'y': None})]"), Some(two.clone()));
        assert_eq!(decoded("f(), g(x={'y': None})"), Some(two));
    }

    #[test]
    fn prose_and_broken_calls_are_none() {
        for answer in [
            "",
            "[]",
            "I have no tool for that.",
            "I would call f(a=1), but cannot.",
            "[f(1)]",
            "[f(a=1]",
            "[f(a=1), x]",
            "{\"name\": \"f\", \"arguments\": 5}",
            "{\"a\": 1, \"b\": 2}",
            "<tool_call>{\"name\": \"f\"</tool_call>",
            "7",
        ] {
            assert_eq!(decoded(answer), None, "{answer}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(answer in r#"(\[|\]|f|\(|\)|=|'|"|,|\{|\}|:|```|\n|name|\PC){0,40}"#) {
            let _ = decode_calls(&answer);
        }
    }
}
