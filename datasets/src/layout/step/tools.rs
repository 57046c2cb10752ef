//! Tools in Gorilla's notation, made into those of chat templates.

use serde_json::{Map, Value, json};

use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

pub(super) const STEPS: &[ExpressionStep] = &[ExpressionStep::new("tool_schemas", (0, 0), |item, _| {
    let tools = item.into_list()?.into_iter().map(|tool| match tool {
        Value::Object(tool) => Ok(json!({"type": "function", "function": function(tool)})),
        other => Err(Fault::Value(format!("a tool must be an object, found {}", shown(&other)))),
    });
    Ok(Item::Json(tools.collect::<Result<_, _>>()?))
})];

fn function(mut tool: Map<String, Value>) -> Value {
    if let Some(parameters) = tool.get_mut("parameters") {
        *parameters = schema(parameters.take());
    }
    Value::Object(tool)
}

/// A JSON schema, with the types of JSON for those of Python, Java and JavaScript.
fn schema(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    if let Some(Value::String(kind)) = object.get("type") {
        let kind = json_type(kind);
        object.insert("type".to_owned(), kind.into());
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(nested) {
            *inner = schema(inner.take());
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for property in properties.values_mut() {
            *property = schema(property.take());
        }
    }
    Value::Object(object)
}

fn json_type(kind: &str) -> String {
    let known = match kind {
        "dict" | "HashMap" | "Hashtable" | "object" => "object",
        "list" | "tuple" | "array" | "Array" | "ArrayList" | "Set" | "Queue" | "Stack" => "array",
        "int" | "integer" | "long" | "short" | "byte" | "Integer" | "Long" | "Bigint" => "integer",
        "float" | "double" | "number" | "Float" | "Double" => "number",
        "bool" | "Boolean" | "boolean" => "boolean",
        "str" | "string" | "String" | "char" | "any" | "Any" | "" => "string",
        other => other,
    };
    known.to_owned()
}
