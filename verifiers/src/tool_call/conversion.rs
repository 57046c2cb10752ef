//! The arguments of BFCL's Java and JavaScript functions: text in the language's own notation, converted by the type
//! that the function declares. What is not written as that type has it stays the text that it is.

use serde_json::{Map, Value};

use super::literal::{Dialect, read_literal};

/// The types of BFCL's function documents, with the word that JSON Schema has for what they become.
const SCHEMA_TYPES: [(&str, &str); 27] = [
    ("dict", "object"),
    ("HashMap", "object"),
    ("Hashtable", "object"),
    ("float", "number"),
    ("double", "number"),
    ("byte", "integer"),
    ("short", "integer"),
    ("long", "integer"),
    ("Bigint", "integer"),
    ("tuple", "array"),
    ("Array", "array"),
    ("ArrayList", "array"),
    ("Set", "array"),
    ("Queue", "array"),
    ("Stack", "array"),
    ("list", "array"),
    ("String", "string"),
    ("char", "string"),
    ("Boolean", "boolean"),
    ("bool", "boolean"),
    ("int", "integer"),
    // These are JSON Schema's own.
    ("string", "string"),
    ("integer", "integer"),
    ("number", "number"),
    ("boolean", "boolean"),
    ("array", "array"),
    ("object", "object"),
];

/// The schema with JSON Schema's types for BFCL's, at every depth; a type that says nothing (`any`, an empty one) goes.
///
/// # Errors
/// A type that BFCL does not know.
pub(super) fn as_json_schema(schema: &Value) -> Result<Value, String> {
    match schema {
        Value::Object(fields) => {
            let mut converted = Map::new();
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("type", Value::String(word)) => {
                        if let Some(word) = schema_type(word)? {
                            converted.insert(key.clone(), word.into());
                        }
                    }
                    ("properties", Value::Object(properties)) => {
                        let properties =
                            properties.iter().map(|(name, schema)| Ok((name.clone(), as_json_schema(schema)?)));
                        converted.insert(key.clone(), Value::Object(properties.collect::<Result<_, String>>()?));
                    }
                    ("items", items) => drop(converted.insert(key.clone(), as_json_schema(items)?)),
                    _ => drop(converted.insert(key.clone(), value.clone())),
                }
            }
            Ok(Value::Object(converted))
        }
        other => Ok(other.clone()),
    }
}

fn schema_type(word: &str) -> Result<Option<&'static str>, String> {
    if ["", "any", "null"].contains(&word) {
        return Ok(None);
    }
    let known = SCHEMA_TYPES.iter().find(|(type_word, _)| *type_word == word);
    known.map(|(_, schema)| Some(*schema)).ok_or_else(|| format!("the type `{word}` is none of BFCL's"))
}

/// The value that the text of an argument stands for, by the type that `schema` declares.
pub(super) fn converted(text: &str, schema: Option<&Value>, dialect: Dialect) -> Value {
    let text = text.trim();
    let declared = schema.and_then(|schema| schema.get("type")?.as_str()).unwrap_or_default();
    let as_it_is = || Value::String(text.to_owned());
    let value = || read_literal(text, dialect);
    let is_number = |suffixes: &[char], is_required: bool, may_be_fraction: bool| {
        let bare = text.strip_suffix(suffixes);
        let digits = bare.unwrap_or(text).trim_start_matches('-');
        let is_part = |byte: u8| byte.is_ascii_digit() || may_be_fraction && b".eE+-".contains(&byte);
        (bare.is_some() || !is_required) && digits.bytes().all(is_part)
    };
    let number = |is_written: bool| value().filter(|value| is_written && value.is_number());
    let found = match (declared, dialect) {
        ("byte" | "short" | "integer", _) => number(is_number(&[], false, false)),
        ("long", _) => number(is_number(&['l', 'L'], true, false)),
        ("Bigint", _) => number(is_number(&['n'], true, false)),
        ("float", Dialect::Java) => number(is_number(&['f', 'F'], true, true)),
        ("double" | "float", _) => number(is_number(&[], false, true)),
        ("boolean" | "Boolean", _) => value().filter(Value::is_boolean),
        ("String", Dialect::JavaScript) => value().filter(|value| value.is_string() && text.starts_with(['"', '\''])),
        ("Array" | "ArrayList" | "array", _) => value().filter(Value::is_array),
        ("HashMap" | "dict", _) => value().filter(Value::is_object),
        _ => None,
    };
    found.unwrap_or_else(as_it_is)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assert_converted(dialect: Dialect, cases: &[(&str, &str, Value)]) {
        for (declared, text, value) in cases {
            assert_eq!(converted(text, Some(&json!({"type": declared})), dialect), *value, "{declared} {text}");
        }
    }

    #[test]
    fn java_is_converted_by_the_declared_type() {
        let decimal = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_converted(
            Dialect::Java,
            &[
                ("integer", "-3", json!(-3)),
                ("integer", "3L", json!("3L")),
                ("integer", "x", json!("x")),
                ("long", "3L", json!(3)),
                ("long", "3", json!("3")),
                ("float", "3.5f", decimal("3.5")),
                ("float", "3.5", json!("3.5")),
                ("double", "3.5e1", decimal("3.5e1")),
                ("double", "3.5f", json!("3.5f")),
                ("boolean", "true", json!(true)),
                ("boolean", "True", json!("True")),
                ("String", "abc", json!("abc")),
                ("ArrayList", "new ArrayList<>(Arrays.asList(\"a\"))", json!(["a"])),
                ("Array", "new int[]{1, 2}", json!([1, 2])),
                ("Array", "values", json!("values")),
                ("HashMap", "new HashMap<>() {{ put(\"k\", 1); }}", json!({"k": 1})),
                ("any", "5", json!("5")),
            ],
        );
    }

    #[test]
    fn javascript_is_converted_by_the_declared_type() {
        assert_converted(
            Dialect::JavaScript,
            &[
                ("String", "'abc'", json!("abc")),
                ("String", "abc", json!("abc")),
                ("Bigint", "12n", json!(12)),
                ("Bigint", "12", json!("12")),
                ("Boolean", "false", json!(false)),
                ("array", "[1, 'a']", json!([1, "a"])),
                ("dict", "{a: 1}", json!({"a": 1})),
                ("dict", "config", json!("config")),
            ],
        );
    }

    #[test]
    fn types_are_json_schemas_and_unknown_ones_are_told() {
        let declared = json!({"type": "dict", "properties": {
            "a": {"type": "float"}, "b": {"type": "tuple", "items": {"type": "any"}}, "type": {"type": "String"},
        }, "required": ["a"]});
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "number"}, "b": {"type": "array", "items": {}}, "type": {"type": "string"},
        }, "required": ["a"]});
        assert_eq!(as_json_schema(&declared), Ok(schema));
        assert!(as_json_schema(&json!({"type": "matrix"})).unwrap_err().contains("`matrix`"));
    }
}
