//! The bodies that are posted to a service and read from it, in each layout. It must not know how they travel.
//!
//! Sources: OpenRLHF's `openrlhf/utils/remote_rm_utils.py` and its documentation of remote reward models; slime's
//! `remote_rm` in `slime/rollout/rm_hub/__init__.py`.

use serde::Serialize;
use serde_json::{Value, json};

use super::HttpLayout;
use crate::plugin_answer::PluginAnswer;
use crate::{Judged, VerdictKind};

/// Separates the parts of a question; JSON without spaces has no such byte.
const SEPARATOR: u8 = b'\n';

impl HttpLayout {
    /// A completion's part in a body.
    ///
    /// # Errors
    /// A value cannot be written as JSON.
    pub(super) fn question(self, judged: &Judged) -> Result<Vec<u8>, serde_json::Error> {
        let prompt = || prompt(judged);
        match self {
            Self::Ponder => serde_json::to_vec(judged),
            Self::OpenRlhf => {
                let query = format!("{}{}", prompt(), judged.completion);
                let parts = [json(&query)?, json(&prompt())?, json(judged.ground_truth())?];
                Ok(parts.join(&SEPARATOR))
            }
            Self::Slime => serde_json::to_vec(&json!({
                "prompt": prompt(), "response": &*judged.completion, "label": judged.ground_truth(),
            })),
        }
    }

    /// The body of a request; the layout of slime takes one question.
    pub(super) fn body<'a>(self, questions: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Ponder => list(questions),
            Self::Slime => questions.collect::<Vec<_>>().concat(),
            Self::OpenRlhf => {
                let mut columns = [Vec::new(), Vec::new(), Vec::new()];
                for question in questions {
                    let parts = question.split(|byte| *byte == SEPARATOR);
                    columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part));
                }
                let [query, prompts, labels] = columns.map(|column| list(column.into_iter()));
                [&b"{\"query\":"[..], &query, b",\"prompts\":", &prompts, b",\"labels\":", &labels, b"}"].concat()
            }
        }
    }

    /// The answers in a body, one for each of `num_asked` completions; each may be malformed by itself.
    ///
    /// # Errors
    /// The body is no JSON of this layout, or has another number of answers.
    pub(super) fn answers(self, body: &[u8], num_asked: usize) -> Result<Vec<Result<PluginAnswer, String>>, String> {
        let read: Value = serde_json::from_slice(body).map_err(|error| format!("its answer is no JSON: {error}"))?;
        let answers = match (self, read) {
            (Self::Slime, one) => vec![one],
            (Self::Ponder, Value::Array(answers)) => answers,
            (Self::Ponder, _) => return Err("its answer is no list".to_owned()),
            (Self::OpenRlhf, mut object) => {
                let key = if object.get("rewards").is_some() { "rewards" } else { "scores" };
                match object.get_mut(key).map(Value::take) {
                    Some(Value::Array(answers)) => answers,
                    _ => return Err("its answer has no list `rewards`".to_owned()),
                }
            }
        };
        if answers.len() != num_asked {
            return Err(format!("it gave {} answers for {num_asked} completions", answers.len()));
        }
        Ok(answers.into_iter().map(answer).collect())
    }
}

/// One answer: a score, an object, or null where the service does not apply.
fn answer(value: Value) -> Result<PluginAnswer, String> {
    match value {
        Value::Null => Ok(PluginAnswer { kind: Some(VerdictKind::NotApplicable), ..PluginAnswer::default() }),
        Value::Number(score) => {
            Ok(PluginAnswer { score: score.as_f64().map(|score| score as f32), ..PluginAnswer::default() })
        }
        Value::Object(mut object) => {
            if let Some(reward) = object.remove("reward") {
                object.entry("score").or_insert(reward);
            }
            PluginAnswer::read(&Value::Object(object).to_string())
        }
        other => Err(format!("its answer is no score: {other}")),
    }
}

/// The conversation as one text: a single turn as it is, several with their roles before them.
fn prompt(judged: &Judged) -> String {
    match &judged.conversation[..] {
        [only] => only.content.clone(),
        several => {
            let turns: Vec<_> = several.iter().map(|turn| format!("{}: {}\n\n", turn.role, turn.content)).collect();
            turns.concat()
        }
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

fn list<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut written = vec![b'['];
    for (index, element) in elements.enumerate() {
        if index > 0 {
            written.push(b',');
        }
        written.extend_from_slice(element);
    }
    written.push(b']');
    written
}

#[cfg(test)]
mod tests {
    use datasets::{Message, Task, TaskKind, TaskVerifier};

    use super::*;

    fn judged(completion: &str) -> Judged {
        let messages = vec![Message::user("What is\n2 + 2?")];
        Judged::new(Task::new("t", TaskKind::MATH, messages, TaskVerifier::new("judge", "4")), completion)
    }

    fn body(layout: HttpLayout, completions: &[&str]) -> Value {
        let questions: Vec<_> = completions.iter().map(|text| layout.question(&judged(text)).unwrap()).collect();
        serde_json::from_slice(&layout.body(questions.iter().map(Vec::as_slice))).unwrap()
    }

    #[test]
    fn each_layout_has_its_body() {
        let ours = body(HttpLayout::Ponder, &["4", "5"]);
        assert_eq!(ours[1]["answer"], "5");
        assert_eq!(ours[0]["ground_truth"], "4");
        let expected = json!({
            "query": ["What is\n2 + 2?4", "What is\n2 + 2?\"5\"\n"],
            "prompts": ["What is\n2 + 2?", "What is\n2 + 2?"],
            "labels": ["4", "4"],
        });
        assert_eq!(body(HttpLayout::OpenRlhf, &["4", "\"5\"\n"]), expected);
        let expected = json!({"prompt": "What is\n2 + 2?", "response": "4", "label": "4"});
        assert_eq!(body(HttpLayout::Slime, &["4"]), expected);
    }

    #[test]
    fn each_layout_has_its_answers() {
        let scores = |layout: HttpLayout, text: &str, num_asked| {
            let answers = layout.answers(text.as_bytes(), num_asked).unwrap();
            answers.into_iter().map(|answer| answer.unwrap().score).collect::<Vec<_>>()
        };
        let ours = r#"[1, {"score": 0.5, "reason": "half"}, null]"#;
        assert_eq!(scores(HttpLayout::Ponder, ours, 3), [Some(1.0), Some(0.5), None]);
        assert_eq!(scores(HttpLayout::OpenRlhf, r#"{"rewards": [0, 1], "extra_logs": {}}"#, 2), [Some(0.0), Some(1.0)]);
        assert_eq!(scores(HttpLayout::OpenRlhf, r#"{"scores": [0.5]}"#, 1), [Some(0.5)]);
        for text in ["0.25", r#"{"score": 0.25}"#, r#"{"reward": 0.25}"#] {
            assert_eq!(scores(HttpLayout::Slime, text, 1), [Some(0.25)]);
        }
    }

    #[test]
    fn answers_that_are_none_are_told() {
        for (layout, text) in [
            (HttpLayout::Ponder, "[NaN]"),
            (HttpLayout::Ponder, "[1, 1]"),
            (HttpLayout::Ponder, "1"),
            (HttpLayout::OpenRlhf, "[1]"),
            (HttpLayout::OpenRlhf, r#"{"rewards": 1}"#),
            (HttpLayout::Slime, "fine"),
        ] {
            assert!(layout.answers(text.as_bytes(), 1).is_err(), "{text}");
        }
        for text in [r#"["high"]"#, "[[1]]", "[true]", r#"[{"score": "1"}]"#] {
            assert!(HttpLayout::Ponder.answers(text.as_bytes(), 1).unwrap()[0].is_err(), "{text}");
        }
    }
}
