//! Choices by log-likelihood: the continuation whose tokens have the largest sum of logprobs is the answer, beside it
//! the one whose sum by the characters of the choice is largest (EleutherAI/lm-evaluation-harness, `acc`, `acc_norm`).

use record::samples::{MeasureRow, SampleRow, SampleVerdict};

use crate::choices::{choices_of, right_choice};
use crate::error::EvaluationError;
use crate::suite::Suite;
use crate::suite_tasks::SuiteTask;

impl SuiteTask {
    /// The row of the record for a task whose continuations were given logprobs: a sum each, in nats, over the tokens
    /// of the continuation alone. Of equal ones the first is taken.
    ///
    /// # Errors
    /// The sums are not as many as the choices, one is no number, or the key is none of the choices.
    pub fn likeliest(&self, suite: &Suite, logprobs: &[f64]) -> Result<SampleRow, EvaluationError> {
        let fail = |problem: &str| EvaluationError::tasks(&suite.name, format!("task {}: {problem}", self.task.id));
        let choices = choices_of(&self.task);
        if logprobs.len() != choices.len() || logprobs.iter().any(|sum| sum.is_nan()) {
            return Err(fail("each choice needs one sum of logprobs, a number"));
        }
        let right = right_choice(&self.task).ok_or_else(|| fail("its key is the letter of none of its choices"))?;
        let template = suite.protocol.continuation.as_deref().unwrap_or_default();
        let scored = if template.contains("text") { "text" } else { "letter" };
        let lengths = choices.iter().map(|choice| choice[scored].as_str().unwrap_or_default().chars().count().max(1));
        let by_length: Vec<f64> = logprobs.iter().zip(lengths).map(|(sum, length)| sum / length as f64).collect();
        let (plain, normalised) = (largest(logprobs), largest(&by_length));
        let chosen = if suite.protocol.normalised { normalised } else { plain };
        let letter = |place: usize| choices[place]["letter"].as_str().unwrap_or_default().to_owned();
        let measure = |name: &str, place| MeasureRow {
            name: name.to_owned(),
            value: f64::from(u8::from(place == right)),
            of: 1.0,
        };
        let mut measures = vec![measure("likeliest", plain)];
        if scored == "text" {
            measures.push(measure("likeliest_by_length", normalised));
        }
        let sums: Vec<String> =
            logprobs.iter().enumerate().map(|(place, sum)| format!("{} {sum:.3}", letter(place))).collect();
        let is_right = chosen == right;
        Ok(SampleRow {
            suite: suite.name.clone(),
            task_id: self.task.id.clone(),
            task_kind: self.task.kind.to_string(),
            category: self.category.clone(),
            completion: self.continuations.get(chosen).cloned().unwrap_or_default(),
            finish_reason: "scored".to_owned(),
            verdict: SampleVerdict {
                kind: if is_right { "passed" } else { "failed" }.to_owned(),
                score: Some(f32::from(u8::from(is_right))),
                answer: Some(letter(chosen)),
                reason: format!("{}; the key is {}", sums.join(", "), letter(right)),
                measures,
                ..SampleVerdict::default()
            },
            ..SampleRow::default()
        })
    }
}

/// The place of the first largest number.
fn largest(numbers: &[f64]) -> usize {
    let mut best = 0;
    for (place, number) in numbers.iter().enumerate() {
        if *number > numbers[best] {
            best = place;
        }
    }
    best
}
