//! The calls that a ground truth expects, read and checked. It must not know how calls are compared.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::tools::Tools;

/// A call with the allowed values of each of its parameters; no list of them is empty.
#[derive(Debug, Clone)]
pub(super) struct ExpectedCall {
    pub(super) name: String,
    pub(super) arguments: BTreeMap<String, Vec<Value>>,
}

impl ExpectedCall {
    /// The calls of a ground truth, `[{name, arguments: {parameter: [allowed, …]}}, …]`.
    ///
    /// # Errors
    /// The place of what is not so, and what belongs there.
    pub(super) fn read_all(ground_truth: &Value) -> Result<Vec<Self>, String> {
        let Value::Array(calls) = ground_truth else {
            return Err("`ground_truth` must be a list of calls, `[]` where none is right".to_owned());
        };
        calls.iter().enumerate().map(|(at, call)| Self::read(call, &format!("ground_truth[{at}]"))).collect()
    }

    /// The calls of a benchmark: as in a list of calls, or `{function: {parameter: [allowed, …]}}` as BFCL has them.
    ///
    /// # Errors
    /// The place of what is not so, and what belongs there.
    pub(super) fn read_benchmark(calls: &[Value]) -> Result<Vec<Self>, String> {
        let read = |(at, call): (usize, &Value)| {
            let place = format!("ground_truth.calls[{at}]");
            let fields = call.as_object().filter(|fields| fields.len() == 1 && !fields.contains_key("name"));
            match fields.and_then(|fields| fields.iter().next()) {
                Some((name, Value::Object(parameters))) => {
                    let arguments = Self::read_arguments(parameters, &format!("{place}.{name}"))?;
                    Ok(Self { name: name.clone(), arguments })
                }
                _ => Self::read(call, &place),
            }
        };
        calls.iter().enumerate().map(read).collect()
    }

    fn read(call: &Value, place: &str) -> Result<Self, String> {
        let Value::Object(fields) = call else {
            return Err(format!("`{place}` must be an object with `name` and `arguments`"));
        };
        if let Some(field) = fields.keys().find(|field| !["name", "arguments"].contains(&field.as_str())) {
            return Err(format!("`{place}` has the unknown field `{field}`; a call has `name` and `arguments`"));
        }
        let name = match fields.get("name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => return Err(format!("`{place}.name` must be the name of a tool")),
        };
        let Some(Value::Object(parameters)) = fields.get("arguments") else {
            return Err(format!("`{place}.arguments` must be an object, `{{}}` for a call without arguments"));
        };
        let arguments = Self::read_arguments(parameters, &format!("{place}.arguments"))?;
        Ok(Self { name, arguments })
    }

    fn read_arguments(parameters: &Map<String, Value>, place: &str) -> Result<BTreeMap<String, Vec<Value>>, String> {
        let allowed = |(parameter, allowed): (&String, &Value)| match allowed {
            Value::Array(allowed) if !allowed.is_empty() => Ok((parameter.clone(), allowed.clone())),
            _ => Err(format!("`{place}.{parameter}` must be a list of allowed values that is not empty")),
        };
        parameters.iter().map(allowed).collect()
    }
}

/// Checks that the tools of the task have what is expected of them.
///
/// # Errors
/// The place in the ground truth of a call that no completion could make.
pub(super) fn check_against_tools(expected: &[ExpectedCall], tools: &Tools<'_>) -> Result<(), String> {
    for (at, call) in expected.iter().enumerate() {
        if !tools.has(&call.name) {
            return Err(format!("`ground_truth[{at}].name` is `{}`, which is not among the task's `tools`", call.name));
        }
        for (parameter, allowed) in &call.arguments {
            let schema = tools.parameters(&call.name).and_then(|schema| schema.get("properties")?.get(parameter));
            let wants_list = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str) == Some("array");
            if wants_list && allowed.iter().all(|value| !value.is_array() && !value.is_string() && !value.is_null()) {
                return Err(format!(
                    "`ground_truth[{at}].arguments.{parameter}` must hold allowed lists, as in `[[1, 2]]`, and none \
                     of its values is a list"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_layout_is_named_by_its_place() {
        for (ground_truth, place) in [
            (json!({}), "`ground_truth`"),
            (json!(null), "`ground_truth`"),
            (json!("[]"), "`ground_truth`"),
            (json!(["area", {"base": [1]}]), "`ground_truth[0]`"),
            (json!([["area", {"base": [1]}]]), "`ground_truth[0]`"),
            (json!([{"area": {"base": [1]}}]), "`ground_truth[0]` has the unknown field `area`"),
            (json!([{"name": "area"}]), "`ground_truth[0].arguments`"),
            (json!([{"name": "", "arguments": {}}]), "`ground_truth[0].name`"),
            (json!([{"arguments": {}}]), "`ground_truth[0].name`"),
            (json!([{"name": "a", "arguments": {}}, {"name": "a", "arguments": "{}"}]), "`ground_truth[1].arguments`"),
            (json!([{"name": "a", "arguments": {"base": 1}}]), "`ground_truth[0].arguments.base`"),
            (json!([{"name": "a", "arguments": {"base": []}}]), "`ground_truth[0].arguments.base`"),
            (json!([{"name": "a", "arguments": {}, "id": 1}]), "`id`"),
        ] {
            let problem = ExpectedCall::read_all(&ground_truth).unwrap_err();
            assert!(problem.contains(place), "{ground_truth}: {problem}");
        }
        assert_eq!(ExpectedCall::read_all(&json!([{"name": "a", "arguments": {"base": [1, ""]}}])).unwrap().len(), 1);
    }

    #[test]
    fn a_call_that_no_tool_answers_is_named() {
        let tools = json!([{"name": "area", "parameters": {"properties": {"sides": {"type": "array"}}}}]);
        let check = |ground_truth: Value| {
            check_against_tools(&ExpectedCall::read_all(&ground_truth).unwrap(), &Tools::read(&tools).unwrap())
        };
        assert_eq!(check(json!([])), Ok(()));
        for right in [json!([[1, 2], ""]), json!(["sides"]), json!([null])] {
            assert_eq!(check(json!([{"name": "area", "arguments": {"sides": right}}])), Ok(()));
        }
        let problem = check(json!([{"name": "area", "arguments": {"sides": [1, 2]}}])).unwrap_err();
        assert!(problem.contains("`ground_truth[0].arguments.sides`"), "{problem}");
        let problem = check(json!([{"name": "perimeter", "arguments": {}}])).unwrap_err();
        assert!(problem.contains("`ground_truth[0].name` is `perimeter`"), "{problem}");
    }
}
