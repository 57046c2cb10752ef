//! The tools that a task offers, by name. It must not know what calls are expected of them.

use std::borrow::Cow;

use serde_json::Value;

/// Tools in the layout of chat templates: `{"type": "function", "function": {name, parameters, …}}`, or a function
/// alone.
#[derive(Default)]
pub(super) struct Tools<'a> {
    functions: Vec<(Cow<'a, str>, Option<Cow<'a, Value>>)>,
}

impl<'a> Tools<'a> {
    /// Reads the field `tools` of a task.
    ///
    /// # Errors
    /// The place of what is no tool.
    pub(super) fn read(tools: &'a Value) -> Result<Self, String> {
        let tools = tools.as_array().ok_or("`tools` must be a list of tools")?;
        let mut functions = Vec::with_capacity(tools.len());
        for (at, tool) in tools.iter().enumerate() {
            let function = tool.get("function").unwrap_or(tool);
            let name = function.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| format!("`tools[{at}]` has no function with a `name`"))?;
            functions.push((name.into(), function.get("parameters").map(Cow::Borrowed)));
        }
        Ok(Self { functions })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.functions.iter().any(|(known, _)| known == name)
    }

    /// The JSON Schema of the parameters of the tool called `name`.
    pub(super) fn parameters(&self, name: &str) -> Option<&Value> {
        self.functions.iter().find(|(known, _)| known == name)?.1.as_deref()
    }

    /// The same tools under other names, with other schemas of their parameters.
    ///
    /// # Errors
    /// That of `convert`, with the tool's name.
    pub(super) fn converted(
        &self,
        rename: impl Fn(&str) -> String,
        convert: impl Fn(&Value) -> Result<Value, String>,
    ) -> Result<Tools<'static>, String> {
        let functions = self.functions.iter().map(|(name, parameters)| {
            let parameters = parameters.as_deref().map(&convert).transpose();
            let parameters = parameters.map_err(|problem| format!("the tool `{name}`: {problem}"))?;
            Ok((rename(name).into(), parameters.map(Cow::Owned)))
        });
        Ok(Tools { functions: functions.collect::<Result<_, String>>()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_layouts_are_read_and_no_other() {
        let tools = json!([{"type": "function", "function": {"name": "a", "parameters": {}}}, {"name": "b"}]);
        let tools = Tools::read(&tools).unwrap();
        assert!(tools.has("a") && tools.has("b") && !tools.has("c"));
        assert_eq!((tools.parameters("a"), tools.parameters("b")), (Some(&json!({})), None));
        for (bad, place) in [(json!({}), "`tools`"), (json!([{"name": "a"}, {"function": {}}]), "`tools[1]`")] {
            assert!(Tools::read(&bad).err().unwrap().contains(place), "{bad}");
        }
    }
}
