//! From a task to the conversation that is asked: the protocol's template over the parts that the layout named.
//!
//! Templates are Jinja's. They see the parts of the task's `meta` by name, `question`, `choices` (each with `letter`
//! and `text`), `letters`, and `shots`, which are the same of solved examples, with `answer`.

use datasets::{Message, Task};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value, json};

use crate::choices::choices_of;
use crate::error::EvaluationError;
use crate::suite::Suite;

/// A suite's templates, ready to be filled in.
pub(crate) struct PromptMaker<'a> {
    suite: &'a Suite,
    environment: Environment<'a>,
}

impl<'a> PromptMaker<'a> {
    /// Reads the suite's templates.
    ///
    /// # Errors
    /// A template is none; its line is named.
    pub(crate) fn new(suite: &'a Suite) -> Result<Self, EvaluationError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_keep_trailing_newline(true);
        let templates = [("prompt", &suite.protocol.prompt), ("continuation", &suite.protocol.continuation)];
        for (name, template) in templates {
            let Some(template) = template else { continue };
            environment.add_template(name, template).map_err(|error| EvaluationError::Protocol {
                suite: suite.name.clone(),
                problem: format!("its {name} is no template: {error:#}"),
            })?;
        }
        Ok(Self { suite, environment })
    }

    /// The conversation that is asked. `is_complete` leaves it as the data have it.
    ///
    /// # Errors
    /// The template needs a part that the task has not.
    pub(crate) fn conversation(
        &self,
        task: &Task,
        shots: &[&Task],
        is_complete: bool,
    ) -> Result<Vec<Message>, EvaluationError> {
        if is_complete {
            return Ok(task.messages.clone());
        }
        let mut conversation = Vec::new();
        if let Some(system) = &self.suite.protocol.system
            && task.messages.first().is_none_or(|first| first.role != "system")
        {
            conversation.push(Message::new("system", system.clone()));
        }
        if self.suite.protocol.prompt.is_none() {
            conversation.extend(task.messages.iter().cloned());
            return Ok(conversation);
        }
        let mut parts = parts_of(task);
        let shots: Vec<Value> = shots.iter().map(|shot| Value::Object(solved_parts_of(shot))).collect();
        parts.insert("shots".to_owned(), shots.into());
        let text = self.fill("prompt", task, &Value::Object(parts))?;
        conversation.push(Message::user(text));
        Ok(conversation)
    }

    /// The continuation of each choice, whose logprobs are summed.
    ///
    /// # Errors
    /// The template needs a part that a choice has not.
    pub(crate) fn continuations(&self, task: &Task) -> Result<Vec<String>, EvaluationError> {
        let choices = choices_of(task);
        choices.iter().map(|choice| self.fill("continuation", task, choice)).collect()
    }

    fn fill(&self, name: &str, task: &Task, parts: &Value) -> Result<String, EvaluationError> {
        let template = self.environment.get_template(name);
        template.and_then(|template| template.render(parts)).map_err(|error| EvaluationError::Prompt {
            suite: self.suite.name.clone(),
            task: task.id.clone(),
            problem: format!("{error:#}"),
        })
    }
}

/// The parts of a task that a template sees.
fn parts_of(task: &Task) -> Map<String, Value> {
    let mut parts = match &task.meta {
        Some(Value::Object(meta)) => meta.clone(),
        _ => Map::new(),
    };
    if !parts.contains_key("question") {
        let question = task.messages.iter().rev().find(|message| message.role == "user");
        parts.insert("question".to_owned(), question.map_or("", |message| message.content.as_str()).into());
    }
    let choices = choices_of(task);
    if !choices.is_empty() {
        let letters: Vec<Value> = choices.iter().map(|choice| choice["letter"].clone()).collect();
        parts.insert("letters".to_owned(), letters.into());
        parts.insert("choices".to_owned(), choices.into());
    }
    parts
}

/// The parts of a solved example: with its `answer`.
fn solved_parts_of(task: &Task) -> Map<String, Value> {
    let mut parts = parts_of(task);
    let truth = task.verifiers.first().map_or(&Value::Null, |verifier| &verifier.ground_truth);
    let answer = truth.get("answer").unwrap_or(truth);
    parts.entry("answer").or_insert_with(|| if answer.is_object() { json!(null) } else { answer.clone() });
    parts
}
