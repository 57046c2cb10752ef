//! The ground truth of an EvalPlus task. It must not know how its reference is run.

use sandbox_api::EngineChoice;
use serde::Deserialize;
use serde_json::Value;

use super::rebuild::Rebuild;
use crate::code::ground_truth::engine_of;
use crate::code::program::Prelude;

/// A task of HumanEval+ or MBPP+.
#[derive(Debug, Clone)]
pub(super) struct EvalPlusTask {
    pub(super) entry_point: String,
    pub(super) prelude: Prelude,
    /// The program of the reference solution.
    pub(super) reference: String,
    /// Lists of arguments, the base inputs first, as JSON text.
    pub(super) inputs: String,
    pub(super) num_inputs: usize,
    pub(super) num_base: usize,
    /// How far floats may be off; 0 for the judge's own.
    pub(super) atol: f64,
    pub(super) rebuild: Rebuild,
    pub(super) engine: Option<EngineChoice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvalPlusFields {
    entry_point: String,
    prelude: Option<String>,
    reference: String,
    inputs: Option<Vec<Value>>,
    num_base: Option<usize>,
    base_input: Option<Vec<Value>>,
    plus_input: Option<Vec<Value>>,
    atol: Option<f64>,
    rebuild: Option<String>,
    engine: Option<Value>,
}

impl EvalPlusTask {
    /// Reads a ground truth.
    ///
    /// # Errors
    /// The field and what it must be.
    pub(super) fn read(ground_truth: &Value) -> Result<Self, String> {
        let fields = EvalPlusFields::deserialize(ground_truth).map_err(|error| error.to_string())?;
        let (inputs, num_base) = match (fields.inputs, fields.num_base, fields.base_input) {
            (Some(inputs), Some(num_base), None) if fields.plus_input.is_none() => (inputs, num_base),
            (None, None, Some(mut base)) => {
                let num_base = base.len();
                base.extend(fields.plus_input.unwrap_or_default());
                (base, num_base)
            }
            _ => return Err("it must have `inputs` and `num_base`, or `base_input` and `plus_input`".to_owned()),
        };
        if inputs.is_empty() || num_base == 0 {
            return Err("it has no base inputs, so every program would pass".to_owned());
        }
        if num_base > inputs.len() {
            return Err(format!("`num_base` is {num_base}, of {} inputs", inputs.len()));
        }
        if let Some(at) = inputs.iter().position(|arguments| !arguments.is_array()) {
            return Err(format!("`inputs[{at}]` must be a list of arguments, not {}", inputs[at]));
        }
        let entry_point = fields.entry_point;
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        if entry_point.is_empty() || !entry_point.chars().all(is_name) {
            return Err(format!("`entry_point` is `{entry_point}`, which is no name"));
        }
        let atol = fields.atol.unwrap_or(0.0);
        if !(atol >= 0.0 && atol.is_finite()) {
            return Err(format!("`atol` is {atol}: give 0 or more"));
        }
        let engine = engine_of(&serde_json::json!({ "engine": fields.engine }))?;
        Ok(Self {
            entry_point,
            prelude: Prelude::new(&fields.prelude.unwrap_or_default()),
            reference: fields.reference,
            num_inputs: inputs.len(),
            inputs: Value::Array(inputs).to_string(),
            num_base,
            atol,
            rebuild: Rebuild::read(fields.rebuild.as_deref())?,
            engine,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_layouts_are_one() {
        let one = json!({"entry_point": "f", "reference": "def f(x): return x", "inputs": [[1], [2]], "num_base": 1});
        let other = json!({
            "entry_point": "f", "reference": "def f(x): return x", "base_input": [[1]], "plus_input": [[2]],
            "prelude": null, "atol": 0, "rebuild": "Mbpp/2",
        });
        for ground_truth in [one, other] {
            let task = EvalPlusTask::read(&ground_truth).unwrap();
            assert_eq!((task.inputs.as_str(), task.num_inputs, task.num_base), ("[[1],[2]]", 2, 1));
        }
    }

    #[test]
    fn what_is_no_task_is_told() {
        let with = |changes: Value| {
            let mut fields = json!({"entry_point": "f", "reference": "", "inputs": [[1]], "num_base": 1});
            for (key, value) in changes.as_object().unwrap() {
                fields[key] = value.clone();
            }
            EvalPlusTask::read(&fields).err().unwrap_or_default()
        };
        for (changes, told) in [
            (json!({"inputs": []}), "no base inputs"),
            (json!({"num_base": 0}), "no base inputs"),
            (json!({"num_base": 2}), "`num_base`"),
            (json!({"inputs": [1]}), "`inputs[0]`"),
            (json!({"base_input": [[1]]}), "`base_input`"),
            (json!({"entry_point": "f()"}), "`f()`"),
            (json!({"atol": -1}), "`atol`"),
            (json!({"rebuild": "lists"}), "`lists`"),
            (json!({"input": []}), "`input`"),
        ] {
            let problem = with(changes.clone());
            assert!(problem.contains(told), "{changes}: {problem}");
        }
    }
}
