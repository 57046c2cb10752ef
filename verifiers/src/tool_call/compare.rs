//! Compares one call with one expected call, by BFCL's rules. The recursion follows the depth of the ground truth,
//! never that of the completion.

use serde_json::{Map, Number, Value};

use super::expected::ExpectedCall;
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
        let Some(allowed) = expected.arguments.get(parameter).and_then(Value::as_array) else {
            return Err(format!("`{name}` has the unexpected `{parameter}`"));
        };
        let schema = parameters
            .and_then(|parameters| parameters.get("properties"))
            .and_then(|properties| properties.get(parameter));
        check_type(value, schema, allowed).map_err(|problem| format!("`{name}.{parameter}` {problem}"))?;
        if !allowed.iter().any(|allowed| matches_value(allowed, value)) {
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
fn is_optional(allowed: &Value) -> bool {
    allowed.as_array().is_some_and(|allowed| allowed.iter().any(|value| value.as_str() == Some("")))
}

/// Checks a value against the schema's type, and a list's items one level down. An integer serves as a number. A value
/// that is itself among the allowed ones passes whatever its type, as null may.
fn check_type(value: &Value, schema: Option<&Value>, allowed: &[Value]) -> Result<(), String> {
    let Some(schema) = schema else {
        return Ok(());
    };
    if allowed.contains(value) {
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

fn is_integer(number: &Number) -> bool {
    number.to_string().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// True where `value` is the allowed value: text loosely, numbers by value, lists in order, objects by field.
fn matches_value(allowed: &Value, value: &Value) -> bool {
    match (allowed, value) {
        (Value::String(allowed), Value::String(value)) => loose(allowed) == loose(value),
        (Value::Number(allowed), Value::Number(value)) => equal_numbers(allowed, value),
        (Value::Array(allowed), Value::Array(values)) => {
            allowed.len() == values.len()
                && allowed.iter().zip(values).all(|(allowed, value)| matches_value(allowed, value))
        }
        (Value::Object(allowed), Value::Object(fields)) => matches_fields(allowed, fields),
        (allowed, value) => allowed == value,
    }
}

/// Compares an object by field. Each allowed field is a list of allowed values in its turn, or a single value.
fn matches_fields(allowed: &Map<String, Value>, fields: &Map<String, Value>) -> bool {
    let fits = |allowed: &Value, value: &Value| match allowed {
        Value::Array(choices) => choices.iter().any(|choice| matches_value(choice, value)),
        single => matches_value(single, value),
    };
    fields.iter().all(|(field, value)| allowed.get(field).is_some_and(|allowed| fits(allowed, value)))
        && allowed.iter().all(|(field, allowed)| fields.contains_key(field) || is_optional(allowed))
}

fn equal_numbers(left: &Number, right: &Number) -> bool {
    left == right || matches!((left.as_f64(), right.as_f64()), (Some(left), Some(right)) if left == right)
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
            },
            "required": [],
        });
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        let expected = ExpectedCall { name: "f".into(), arguments: object(allowed) };
        let call = ToolCall { name: "f".into(), arguments: object(arguments) };
        compare_call(&expected, &call, Some(&schema))
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
