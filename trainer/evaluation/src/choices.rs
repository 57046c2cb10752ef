//! The choices of a task: their letters, and an order drawn for each task where they have none of their own.

use datasets::Task;
use random::KeyedRng;
use serde_json::{Value, json};

use crate::error::EvaluationError;

/// The part of a task's `meta` that says which of the data's choices is shown at each place.
pub const PERMUTATION: &str = "permutation";

/// The choices of a task as `{"letter", "text"}`, in the order in which they are shown; empty where it has none.
pub(crate) fn choices_of(task: &Task) -> Vec<Value> {
    let truth = task.verifiers.first().map_or(&Value::Null, |verifier| &verifier.ground_truth);
    let Some(letters) = truth.get("letters").and_then(Value::as_array) else { return Vec::new() };
    let texts = options_of(task).unwrap_or_default();
    let text = |place: usize| texts.get(place).cloned().unwrap_or_default();
    let choice = |(place, letter): (usize, &Value)| json!({"letter": letter, "text": text(place)});
    letters.iter().enumerate().map(choice).collect()
}

/// The texts of the choices: of the key, or else of the task's `meta`.
fn options_of(task: &Task) -> Option<Vec<Value>> {
    let texts = task.verifiers.first().and_then(|verifier| verifier.ground_truth.get("texts"));
    let options = task.meta.as_ref().and_then(|meta| meta.get("options"));
    texts.or(options)?.as_array().cloned()
}

/// The place of the right choice among those that are shown.
pub(crate) fn right_choice(task: &Task) -> Option<usize> {
    let truth = &task.verifiers.first()?.ground_truth;
    let (answer, letters) = (truth.get("answer")?, truth.get("letters")?.as_array()?);
    letters.iter().position(|letter| letter == answer)
}

/// An order of `num_choices` choices that a seed and a task's id decide: the choice that is shown at each place.
pub(crate) fn permutation(seed: u64, task_id: &str, num_choices: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..num_choices).collect();
    KeyedRng::new(&[seed.into(), "choices".into(), task_id.into()]).shuffle(&mut order);
    order
}

/// Shows a task's choices in the order `permutation`. The key goes with its choice, and the order is kept in `meta`.
///
/// # Errors
/// The task has no choices, another number of them, or a key beyond them.
pub(crate) fn show_in_order(suite: &str, task: &mut Task, permutation: &[usize]) -> Result<(), EvaluationError> {
    let id = task.id.clone();
    let fail = |problem: &str| EvaluationError::tasks(suite, format!("task {id}: {problem}"));
    let right = right_choice(task).ok_or_else(|| fail("its key is the letter of none of its choices"))?;
    let place = permutation.iter().position(|shown| *shown == right);
    let verifier = task.verifiers.first_mut().ok_or_else(|| fail("it has no verifier"))?;
    let truth = &mut verifier.ground_truth;
    let letter = place.and_then(|place| truth["letters"].get(place).cloned());
    let num_letters = truth["letters"].as_array().map_or(0, Vec::len);
    let letter = letter.filter(|_| num_letters == permutation.len());
    truth["answer"] = letter.ok_or_else(|| fail("its choices are not as many as the order has"))?;
    let shown = |list: &mut Value| {
        if let Some(items) = list.as_array().filter(|items| items.len() == permutation.len()) {
            *list = permutation.iter().map(|place| items[*place].clone()).collect();
        }
    };
    truth.get_mut("texts").map(shown);
    let meta = task.meta.get_or_insert_with(|| json!({}));
    meta.get_mut("options").map(shown);
    if let Some(meta) = meta.as_object_mut() {
        meta.insert(PERMUTATION.to_owned(), json!(permutation));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datasets::{Message, TaskKind, TaskVerifier};

    use super::*;

    fn task() -> Task {
        let letters = ["A", "B", "C", "D"];
        let truth = json!({"answer": "B", "letters": letters, "texts": ["a", "b", "c", "d"]});
        let messages = vec![Message::user("Which?")];
        let mut task = Task::new("rec-1", TaskKind::new("choice"), messages, TaskVerifier::new("choice", truth));
        task.meta = Some(json!({"options": ["a", "b", "c", "d"], "letters": letters}));
        task
    }

    #[test]
    fn the_key_goes_with_its_choice() {
        let mut task = task();
        show_in_order("gpqa", &mut task, &[2, 0, 1, 3]).unwrap();
        assert_eq!(task.verifiers[0].ground_truth["answer"], "C");
        let shown: Vec<String> =
            choices_of(&task).iter().map(|c| format!("{} {}", c["letter"], c["text"]).replace('"', "")).collect();
        assert_eq!(shown, ["A c", "B a", "C b", "D d"]);
        let meta = task.meta.as_ref().unwrap();
        assert_eq!((&meta["permutation"], &meta["options"]), (&json!([2, 0, 1, 3]), &json!(["c", "a", "b", "d"])));
        assert_eq!(right_choice(&task), Some(2));
    }

    #[test]
    fn an_order_is_the_seeds_and_the_tasks() {
        assert_eq!(permutation(1, "rec-1", 4), permutation(1, "rec-1", 4));
        let orders: std::collections::HashSet<_> = (0..200).map(|id| permutation(1, &format!("{id}"), 4)).collect();
        assert_eq!(orders.len(), 24);
        assert!((0..20_u64).any(|seed| permutation(seed, "rec-1", 4) != permutation(0, "rec-1", 4)));
    }

    #[test]
    fn a_key_beyond_the_choices_is_named() {
        let mut task = task();
        task.verifiers[0].ground_truth["answer"] = "F".into();
        let text = show_in_order("gpqa", &mut task, &[0, 1, 2, 3]).unwrap_err().to_string();
        assert!(text.contains("rec-1"), "{text}");
        assert!(show_in_order("gpqa", &mut super::tests::task(), &[1, 0]).is_err());
    }
}
