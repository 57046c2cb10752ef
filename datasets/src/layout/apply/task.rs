//! A row made into a task.

use serde_json::{Map, Value, json};

use super::{choice, parts};
use crate::layout::definition::{Layout, LayoutVerifier, Route};
use crate::layout::expression::{Columns, fits};
use crate::layout::fault::Fault;
use crate::layout::item::{Item, cut, shown};
use crate::record;
use crate::task::Task;

/// The task of a row.
pub(super) fn task(layout: &Layout, columns: &Columns<'_>) -> Result<Task, Fault> {
    let messages = parts::prompt(layout, columns)?.ok_or_else(|| Fault::Value("prompt: it is empty".to_owned()))?;
    let judges = judges(layout, columns)?;
    let kind = match judges.iter().find_map(|verifier| verifier.kind.as_deref()) {
        Some(kind) => kind,
        None => layout.kind.as_deref().unwrap_or_else(|| kind_of(&judges[0].name)),
    };
    let verifiers = judges.iter().map(|verifier| judge(verifier, columns)).collect::<Result<Vec<_>, _>>()?;
    let mut task = Map::new();
    task.insert("id".to_owned(), parts::id(layout, columns)?.into());
    task.insert("task".to_owned(), kind.into());
    task.insert("messages".to_owned(), Value::Array(messages));
    task.insert("verifiers".to_owned(), Value::Array(verifiers));
    let said = |value: &Option<String>| value.as_ref().map(|text| Value::from(text.as_str()));
    for (field, value) in [
        ("tools", parts::optional(layout.tools.as_ref(), "tools", columns)?),
        ("source", said(&layout.source)),
        ("license", said(&layout.license)),
        ("meta", parts::meta(layout, columns)?),
    ] {
        if let Some(value) = value {
            task.insert(field.to_owned(), value);
        }
    }
    Ok(record::of_value(Value::Object(task))?)
}

/// The kind of a task that this verifier judges, where the layout does not say it.
fn kind_of(verifier: &str) -> &str {
    match verifier {
        "math" => "math",
        "choice" => "knowledge",
        "ifeval" | "ifbench" => "instruction_following",
        "tool_call" => "tool_call",
        name if name.starts_with("code") => "code",
        other => other,
    }
}

/// The layout's verifiers that judge this row, at least one.
fn judges<'a>(layout: &'a Layout, columns: &Columns<'_>) -> Result<Vec<&'a LayoutVerifier>, Fault> {
    let label = layout.route.as_ref().map(|route| routed(route, columns)).transpose()?;
    let mut judges = Vec::new();
    for verifier in &layout.verifiers {
        let is_routed = label.is_none_or(|label| label == verifier.label);
        let holds = |verifier: &LayoutVerifier| verifier.when.as_ref().map_or(Ok(true), |when| when.holds(columns));
        if is_routed && holds(verifier).map_err(|fault| fault.within(&format!("verifier.{}.when", verifier.label)))? {
            judges.push(verifier);
        }
    }
    if judges.is_empty() {
        let labels: Vec<&str> = layout.verifiers.iter().map(|verifier| verifier.label.as_str()).collect();
        return Err(Fault::Value(format!("no verifier's `when` holds, of {}", labels.join(", "))));
    }
    Ok(judges)
}

/// The label of the verifier for the row's word: the word itself, or the first pattern that it fits.
fn routed<'a>(route: &'a Route, columns: &Columns<'_>) -> Result<&'a str, Fault> {
    let word = match route.by.value(columns).map_err(|fault| fault.within("route"))? {
        Value::String(word) => word,
        other => return Err(Fault::Value(format!("route: a text is expected, found {}", shown(&other)))),
    };
    let exact = route.words.get(&word);
    let label = exact.or_else(|| route.words.iter().find(|(pattern, _)| fits(pattern, &word)).map(|(_, label)| label));
    label.map(String::as_str).ok_or_else(|| {
        let by = route.by.text();
        Fault::Value(format!(
            "{by} is \"{}\", which no word of [routes] fits; map it to a verifier of the layout: \
             routes.\"{word}\"=NAME",
            cut(&word)
        ))
    })
}

/// The verifier's name, weight and ground truth.
fn judge(verifier: &LayoutVerifier, columns: &Columns<'_>) -> Result<Value, Fault> {
    let within = |fault: Fault| fault.within(&format!("verifier.{}", verifier.label));
    let mut ground_truth = match &verifier.ground_truth {
        Some(tree) => tree.value(columns).map_err(within)?,
        None => Value::Null,
    };
    let mut name = verifier.name.clone();
    if let Some(tests) = &verifier.tests {
        let tests = tests.value(columns).map_err(within)?;
        let mut more = match ground_truth {
            Value::Object(more) => more,
            _ => Map::new(),
        };
        name = of_tests(tests, &mut more).map_err(within)?;
        ground_truth = Value::Object(more);
    }
    if name == "choice" {
        choice::check(&ground_truth).map_err(Fault::Value)?;
    }
    Ok(json!({"name": name, "weight": verifier.weight, "ground_truth": ground_truth}))
}

/// Puts tests, as the step `tests` gives them, into a ground truth, and names the verifier that their form asks for.
fn of_tests(tests: Value, ground_truth: &mut Map<String, Value>) -> Result<String, Fault> {
    let Value::Object(mut tests) = tests else {
        return Err(Fault::Value("tests: the last step of its expression must be `tests`".to_owned()));
    };
    let form = tests.shift_remove("form").ok_or_else(|| Fault::Value("tests: no form is given".to_owned()))?;
    let form = Item::Json(form).into_text()?;
    if form == "asserts" {
        ground_truth.entry("setup").or_insert_with(|| "".into());
    }
    ground_truth.extend(tests);
    Ok(format!("code_{form}"))
}
