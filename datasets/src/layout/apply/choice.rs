//! What a question with options must hold, before anyone is asked.

use serde_json::Value;

use crate::layout::item::shown;

/// Checks `{answer, letters, texts}`. The error says what is wrong.
pub(super) fn check(ground_truth: &Value) -> Result<(), String> {
    let texts_of = |name: &str| match &ground_truth[name] {
        Value::Array(items) if items.iter().all(Value::is_string) => Ok(items),
        other => Err(format!("{name} must be a list of texts, found {}", shown(other))),
    };
    let letters = texts_of("letters")?;
    if letters.len() < 2 {
        return Err(format!("a choice needs two options, and there are {}", letters.len()));
    }
    if let Some((index, twice)) = letters.iter().enumerate().find(|(index, letter)| letters[..*index].contains(letter))
    {
        return Err(format!("option {} has the letter {} of another", index + 1, shown(twice)));
    }
    if ground_truth.get("texts").is_some() {
        let texts = texts_of("texts")?;
        if texts.len() != letters.len() {
            return Err(format!("{} letters do not fit {} options", letters.len(), texts.len()));
        }
    }
    let answer = &ground_truth["answer"];
    if !letters.contains(answer) {
        let letters: Vec<&str> = letters.iter().filter_map(Value::as_str).collect();
        return Err(format!("the answer {} is beyond the options {}", shown(answer), letters.join(", ")));
    }
    Ok(())
}
