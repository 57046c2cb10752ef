//! Word problems: a running total over a few one-digit additions and subtractions.
//!
//! The careful completion writes each step with its running total, so that each line needs only
//! the line before and one number of the prompt; the careless one guesses near the answer.

use random::KeyedRng;
use serde_json::json;

use super::config::MathsConfig;
use super::problem::{Problem, task};
use super::step::Step;
use crate::task::{Task, TaskKind};

const PEOPLE: [(&str, &str); 12] = [
    ("Tom", "He"),
    ("Anna", "She"),
    ("Ben", "He"),
    ("Eva", "She"),
    ("Max", "He"),
    ("Mia", "She"),
    ("Sam", "He"),
    ("Lily", "She"),
    ("Leo", "He"),
    ("Nora", "She"),
    ("Paul", "He"),
    ("Rosa", "She"),
];
const THINGS: [&str; 10] = ["pens", "books", "cards", "coins", "cups", "hats", "keys", "maps", "nuts", "shells"];
const GAINS: [&str; 3] = ["finds", "buys", "gets"];
const LOSSES: [&str; 3] = ["loses", "sells", "drops"];

#[derive(Clone, Debug)]
pub(super) struct MathsProblem {
    name: &'static str,
    pronoun: &'static str,
    thing: &'static str,
    start: u32,
    steps: Vec<Step>,
    /// The verb that tells each step.
    verbs: Vec<&'static str>,
    /// The total after each step.
    totals: Vec<u32>,
    guess_range: u32,
}

impl MathsProblem {
    /// A problem drawn from `rng`; the settings are valid ones.
    pub(super) fn draw(config: &MathsConfig, rng: &mut KeyedRng) -> Self {
        let (name, pronoun) = rng.choose(&PEOPLE);
        let thing = rng.choose(&THINGS);
        let num_steps = rng.below((config.max_steps - config.min_steps + 1) as u64) as usize;
        let start = one_digit(rng);
        let (mut steps, mut verbs, mut totals) = (Vec::new(), Vec::new(), Vec::new());
        let mut total = start;
        while steps.len() < config.min_steps + num_steps {
            let is_gain = rng.chance(0.5);
            let verb = rng.choose(if is_gain { &GAINS } else { &LOSSES });
            let step = Step { is_gain, amount: one_digit(rng) };
            if let Some(next) = step.apply(total, config.max_total) {
                total = next;
                steps.push(step);
                verbs.push(verb);
                totals.push(total);
            }
        }
        Self { name, pronoun, thing, start, steps, verbs, totals, guess_range: config.guess_range }
    }

    fn answer(&self) -> u32 {
        self.totals.last().copied().unwrap_or(self.start)
    }

    fn guess(&self, rng: &mut KeyedRng) -> u32 {
        let answer = i64::from(self.answer());
        let range = i64::from(self.guess_range);
        let offset = rng.below(2 * self.guess_range as u64 + 1) as i64 - range;
        (answer + offset).unsigned_abs() as u32
    }
}

impl Problem for MathsProblem {
    fn essence(&self) -> String {
        let steps = self.steps.iter();
        steps.fold(self.start.to_string(), |chain, step| chain + &step.term())
    }

    fn prompt(&self) -> String {
        let Self { name, pronoun, thing, start, .. } = self;
        let mut text = format!("{name} has {start} {thing}.");
        for (verb, step) in self.verbs.iter().zip(&self.steps) {
            text += &format!(" {pronoun} {verb} {}.", step.amount);
        }
        text + &format!(" How many {thing} now?")
    }

    fn careful(&self, _rng: &mut KeyedRng) -> String {
        let mut text = "<think>\n".to_owned();
        let mut total = self.start;
        for (step, next) in self.steps.iter().zip(&self.totals) {
            text += &format!("{total}{}={next}\n", step.term());
            total = *next;
        }
        text + &format!("</think>\n\nThe answer is \\boxed{{{total}}}.")
    }

    fn careless(&self, rng: &mut KeyedRng) -> String {
        format!("<think>\nquick\n</think>\n\nThe answer is \\boxed{{{}}}.", self.guess(rng))
    }

    fn task(&self, id: String) -> Task {
        Task {
            meta: Some(json!({"num_steps": self.steps.len()})),
            ..task(id, TaskKind::MATH, self.prompt(), "math", json!(self.answer().to_string()))
        }
    }
}

fn one_digit(rng: &mut KeyedRng) -> u32 {
    1 + rng.below(9) as u32
}
