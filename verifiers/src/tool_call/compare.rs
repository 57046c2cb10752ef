//! Compares one call with one expected call, by BFCL's rules. The recursion follows the depth of the ground truth,
//! never that of the completion.
//!
//! The fields of an object that is an allowed value hold lists of allowed values in their turn. Some ground truths have
//! bare values there (`{"town": "Bern"}`); those are compared as they stand, and never taken apart.

use serde_json::{Map, Value};

use super::expected::ExpectedCall;
use super::number::{equal_numbers, is_integer};
use super::parsing::ToolCall;

/// Checks that `expected` allows `call`; `parameters` is the tool's JSON Schema where the task has one. The error
/// serves as a verdict's reason.
pub(super) fn compare_call(expected: &ExpectedCall, call: &ToolCall, parameters: Option<&Value>) -> Result<(), String> {
    let name = &expected.name;
    if call.name != *name {
        return Err(format!("a call of `{}`, expected `{name}`", call.name));
    }
    let required = parameters.and_then(|parameters| parameters.get("required")).and_then(Value::as_array);
    for parameter in required.into_iter().flatten().filter_map(Value::as_str) {
        if !call.arguments.contains_key(parameter) {
            return Err(format!("`{name}` lacks the required `{parameter}`"));
        }
    }
    for (parameter, value) in &call.arguments {
        let Some(allowed) = expected.arguments.get(parameter) else {
            return Err(format!("`{name}` has the unexpected `{parameter}`"));
        };
        let schema = parameters
            .and_then(|parameters| parameters.get("properties"))
            .and_then(|properties| properties.get(parameter));
        check_type(value, schema, allowed).map_err(|problem| format!("`{name}.{parameter}` {problem}"))?;
        if !allowed.iter().any(|allowed| matches_value(allowed, value, schema)) {
            return Err(format!("`{name}.{parameter}` has a value that is not among those allowed"));
        }
    }
    for (parameter, allowed) in &expected.arguments {
        if !call.arguments.contains_key(parameter) && !is_optional(allowed) {
            return Err(format!("`{name}` lacks `{parameter}`"));
        }
    }
    Ok(())
}

/// True for a parameter that may be left out: `""` is among its allowed values.
fn is_optional(allowed: &[Value]) -> bool {
    allowed.iter().any(|value| value.as_str() == Some(""))
}

/// Checks a value against the schema's type, and a list's items one level down. An integer serves as a number. A value
/// that is itself among the allowed ones passes whatever its type, as null may, and so does text where text is allowed:
/// the name of a variable in the place of a value.
fn check_type(value: &Value, schema: Option<&Value>, allowed: &[Value]) -> Result<(), String> {
    let Some(schema) = schema else {
        return Ok(());
    };
    let is_text = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    if allowed.contains(value) || value.is_string() && allowed.iter().find(is_text).is_some() {
        return Ok(());
    }
    let expected = schema.get("type").and_then(Value::as_str);
    if !has_type(value, expected) {
        return Err(format!("must be of type {}", expected.unwrap_or("any")));
    }
    let item_type = schema.get("items").and_then(|items| items.get("type")).and_then(Value::as_str);
    if let Value::Array(items) = value
        && !items.iter().all(|item| has_type(item, item_type))
    {
        return Err(format!("must hold items of type {}", item_type.unwrap_or("any")));
    }
    Ok(())
}

fn has_type(value: &Value, expected: Option<&str>) -> bool {
    match expected {
        Some("integer") => value.as_number().is_some_and(is_integer),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => true,
    }
}

/// True where `value` is the allowed value: text loosely, numbers by value, lists in order, objects by field. `schema`
/// is the JSON Schema of the value where there is one.
fn matches_value(allowed: &Value, value: &Value, schema: Option<&Value>) -> bool {
    match (allowed, value) {
        (Value::String(allowed), Value::String(value)) => equal_text(allowed, value),
        (Value::Number(allowed), Value::Number(value)) => equal_numbers(allowed, value),
        (Value::Array(allowed), Value::Array(values)) => matches_items(allowed, values, schema),
        (Value::Object(allowed), Value::Object(fields)) => matches_fields(allowed, fields, schema),
        (allowed, value) => allowed == value,
    }
}

/// Compares a list item by item; `schema` is the list's.
fn matches_items(allowed: &[Value], values: &[Value], schema: Option<&Value>) -> bool {
    let schema = schema.and_then(|schema| schema.get("items"));
    allowed.len() == values.len()
        && allowed.iter().zip(values).all(|(allowed, value)| matches_value(allowed, value, schema))
}

/// Compares an object by field. Each allowed field is a list of allowed values in its turn, or a bare value.
fn matches_fields(allowed: &Map<String, Value>, fields: &Map<String, Value>, schema: Option<&Value>) -> bool {
    let has_bare_values = !allowed.values().all(Value::is_array);
    let fits = |field: &String, value: &Value| {
        let schema = schema.and_then(|schema| schema.get("properties")?.get(field));
        match allowed.get(field) {
            Some(Value::Array(choices)) => {
                choices.iter().any(|choice| matches_value(choice, value, schema))
                    || is_bare_list(choices, schema, has_bare_values)
                        && value.as_array().is_some_and(|values| matches_items(choices, values, schema))
            }
            Some(bare) => matches_value(bare, value, schema),
            None => false,
        }
    };
    fields.iter().all(|(field, value)| fits(field, value))
        && allowed.iter().all(|(field, allowed)| {
            fields.contains_key(field) || allowed.as_array().is_some_and(|choices| is_optional(choices))
        })
}

/// True where a field's list may be a bare value rather than a list of choices. None of its items is a list, and the
/// schema wants one; without a word of the schema, another field of the object is bare, or there is nothing to choose.
fn is_bare_list(choices: &[Value], schema: Option<&Value>, has_bare_values: bool) -> bool {
    let expected = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
    !choices.iter().any(Value::is_array)
        && expected.map_or(has_bare_values || choices.is_empty(), |expected| expected == "array")
}

/// Compares text loosely. Where nothing but marks would be left (`-` and `*`), text is compared as it stands.
fn equal_text(allowed: &str, value: &str) -> bool {
    let (loose_allowed, loose_value) = (loose(allowed), loose(value));
    if loose_allowed.is_empty() || loose_value.is_empty() {
        return allowed.trim() == value.trim();
    }
    loose_allowed == loose_value
}

/// The text in lower case, without spaces and the punctuation `,./-_*^`, with double quotes for single ones.
fn loose(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, ' ' | ',' | '.' | '/' | '-' | '_' | '*' | '^'))
        .flat_map(char::to_lowercase)
        .map(|c| if c == '\'' { '"' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compare(allowed: Value, arguments: Value) -> Result<(), String> {
        let schema = json!({
            "properties": {
                "n": {"type": "integer"},
                "x": {"type": "number"},
                "s": {"type": "string"},
                "b": {"type": "boolean"},
                "l": {"type": "array", "items": {"type": "integer"}},
                "o": {"type": "object"},
                "p": {"type": "object", "properties": {"tags": {"type": "array"}, "word": {"type": "string"}}},
                "m": {"type": "array", "items": {"type": "object"}},
            },
            "required": [],
        });
        let expected = ExpectedCall::read_all(&json!([{"name": "f", "arguments": allowed}])).unwrap().remove(0);
        let arguments = arguments.as_object().cloned().unwrap();
        compare_call(&expected, &ToolCall { name: "f".into(), arguments }, Some(&schema))
    }

    #[test]
    fn types_are_exact_but_for_integers_as_numbers() {
        assert!(compare(json!({"n": [5]}), json!({"n": 5})).is_ok());
        assert!(compare(json!({"n": [5]}), json!({"n": 5.0})).is_err());
        assert!(compare(json!({"n": [5]}), json!({"n": "5"})).is_err());
        assert!(compare(json!({"x": [5.0]}), json!({"x": 5})).is_ok());
        assert!(compare(json!({"b": [true]}), json!({"b": "true"})).is_err());
        assert!(compare(json!({"x": [null, ""]}), json!({"x": null})).is_ok());
    }

    #[test]
    fn text_is_compared_loosely() {
        let allowed = json!({"s": ["New York, NY", "don't"]});
        assert!(compare(allowed.clone(), json!({"s": "new york NY"})).is_ok());
        assert!(compare(allowed.clone(), json!({"s": "Don\"t"})).is_ok());
        assert!(compare(allowed, json!({"s": "Boston"})).is_err());
    }

    #[test]
    fn text_of_marks_alone_is_compared_as_it_stands() {
        assert!(compare(json!({"s": ["-"]}), json!({"s": "-"})).is_ok());
        assert!(compare(json!({"s": ["-"]}), json!({"s": "*"})).is_err());
        assert!(compare(json!({"s": ["a", ""]}), json!({"s": ""})).is_ok());
        assert!(compare(json!({"s": ["a", ""]}), json!({"s": "..."})).is_err());
    }

    #[test]
    fn integers_are_exact_wherever_they_stand() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (allowed, arguments, is_right) in [
            (r#"{"n": [9007199254740995]}"#, r#"{"n": 9007199254740995}"#, true),
            (r#"{"n": [9007199254740995]}"#, r#"{"n": 9007199254740996}"#, false),
            (r#"{"x": [9007199254740995]}"#, r#"{"x": 9007199254740996.0}"#, false),
            (r#"{"l": [[12345678901234567890]]}"#, r#"{"l": [12345678901234567891]}"#, false),
            (r#"{"o": [{"a": [12345678901234567890]}]}"#, r#"{"o": {"a": 12345678901234567890}}"#, true),
            (r#"{"o": [{"a": [12345678901234567890]}]}"#, r#"{"o": {"a": 12345678901234567891}}"#, false),
            (r#"{"o": [{"a": 12345678901234567890}]}"#, r#"{"o": {"a": 12345678901234567891}}"#, false),
            (r#"{"n": [1000]}"#, r#"{"n": 1e3}"#, false),
            (r#"{"x": [1000]}"#, r#"{"x": 1e3}"#, true),
            (r#"{"n": [1]}"#, r#"{"n": true}"#, false),
        ] {
            assert_eq!(compare(value(allowed), value(arguments)).is_ok(), is_right, "{allowed} {arguments}");
        }
    }

    #[test]
    fn bare_values_in_objects_are_compared_whole() {
        let allowed = json!({"o": [{"name": "Ann Lee", "tags": ["x", "y"], "at": {"town": "Bern"}}]});
        let made = |name: Value, tags: Value, town: Value| {
            compare(allowed.clone(), json!({"o": {"name": name, "tags": tags, "at": {"town": town}}})).is_ok()
        };
        assert!(made(json!("Ann Lee"), json!(["x", "y"]), json!("Bern")));
        assert!(made(json!("ann lee"), json!("y"), json!("Bern")));
        for part in ["A", "Ann", "", "Ann Lee Ann Lee"] {
            assert!(!made(json!(part), json!(["x", "y"]), json!("Bern")), "{part}");
        }
        assert!(!made(json!(["Ann Lee"]), json!(["x", "y"]), json!("Bern")));
        assert!(!made(json!("Ann Lee"), json!(["y", "x"]), json!("Bern")));
        assert!(!made(json!("Ann Lee"), json!(["x", "y"]), json!("B")));
        // Lists alone are BFCL's layout: choices, unless the schema asks for a list.
        assert!(compare(json!({"o": [{"tags": ["x", "y"]}]}), json!({"o": {"tags": ["x", "y"]}})).is_err());
        assert!(compare(json!({"p": [{"tags": ["x", "y"]}]}), json!({"p": {"tags": ["x", "y"]}})).is_ok());
        assert!(compare(json!({"p": [{"tags": ["x", "y"]}]}), json!({"p": {"tags": ["x"]}})).is_err());
        assert!(compare(json!({"p": [{"tags": [["x", "y"], ["z"]]}]}), json!({"p": {"tags": ["z"]}})).is_ok());
        assert!(
            compare(json!({"p": [{"word": ["x", "y"], "n": 1}]}), json!({"p": {"word": ["x", "y"], "n": 1}})).is_err()
        );
        assert!(compare(json!({"o": [{"tags": []}]}), json!({"o": {"tags": []}})).is_ok());
    }

    #[test]
    fn a_list_of_objects_is_one_of_the_allowed_lists() {
        let allowed = json!({"m": [[{"a": [1, 2]}, {"a": [3]}], [{"a": [4]}]]});
        assert!(compare(allowed.clone(), json!({"m": [{"a": 2}, {"a": 3}]})).is_ok());
        assert!(compare(allowed.clone(), json!({"m": [{"a": 4}]})).is_ok());
        for wrong in
            [json!([{"a": 3}, {"a": 2}]), json!([{"a": 1}]), json!([{"a": 4}, {"a": 3}]), json!([]), json!({"a": 4})]
        {
            assert!(compare(allowed.clone(), json!({"m": wrong})).is_err());
        }
    }

    #[test]
    fn what_may_be_left_out_is_marked() {
        let allowed = json!({"n": [1], "s": ["m", ""]});
        assert!(compare(allowed.clone(), json!({"n": 1})).is_ok());
        assert!(compare(allowed.clone(), json!({"s": "m"})).is_err());
        assert!(compare(allowed, json!({"n": 1, "x": 2})).is_err());
    }

    #[test]
    fn lists_keep_their_order_and_objects_have_choices() {
        assert!(compare(json!({"l": [[1, 2]]}), json!({"l": [1, 2]})).is_ok());
        assert!(compare(json!({"l": [[1, 2]]}), json!({"l": [2, 1]})).is_err());
        assert!(compare(json!({"l": [[1, 2]]}), json!({"l": [1.0, 2]})).is_err());
        let allowed = json!({"o": [{"a": [1, 2], "b": ["x", ""]}]});
        assert!(compare(allowed.clone(), json!({"o": {"a": 2}})).is_ok());
        assert!(compare(allowed.clone(), json!({"o": {"a": 3}})).is_err());
        assert!(compare(allowed, json!({"o": {"a": 1, "c": 1}})).is_err());
    }
}
