//! Instruction prompts: name a few things, and keep one or two rules that a program can check.
//!
//! The plain answer breaks every rule there is: it opens with "Sure," and "here", has a comma and
//! "and", mixed case, 8 to 12 words, and no title, quotes, bullets, keyword, ending or postscript.

use random::KeyedRng;
use serde_json::{Value, json};

use super::answer::{Answer, number_word};
use super::config::InstructionConfig;
use super::problem::{Problem, task};
use super::rule::Rule;
use crate::task::{Task, TaskKind};

const TOPICS: [(&str, &[&str]); 6] = [
    ("animals", &["dogs", "cats", "cows", "hens", "pigs"]),
    ("fruits", &["apples", "plums", "pears", "figs", "limes"]),
    ("colors", &["red", "blue", "green", "pink", "white"]),
    ("drinks", &["tea", "milk", "water", "juice", "coffee"]),
    ("toys", &["balls", "kites", "dolls", "trains", "blocks"]),
    ("games", &["chess", "tag", "darts", "golf", "bingo"]),
];
const REQUESTS: [&str; 4] = ["Name", "List", "Give me", "Tell me"];
const COURTESY: &str = "Hope it helps!";

/// The manner in which an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Keeps the prompt's rules.
    pub(super) obeys: bool,
    /// Closes with a friendly sentence.
    pub(super) courteous: bool,
    /// Names the same thing again and again.
    pub(super) repeats: bool,
}

#[derive(Clone, Debug)]
pub(super) struct InstructionProblem {
    request: &'static str,
    topic: &'static str,
    choices: &'static [&'static str],
    num_items: usize,
    rules: Vec<Rule>,
    courteous_share: f64,
}

impl InstructionProblem {
    /// A problem drawn from `rng`; the settings are valid ones.
    pub(super) fn draw(config: &InstructionConfig, rng: &mut KeyedRng) -> Self {
        let (topic, choices) = rng.choose(&TOPICS);
        let num_items = 2 + rng.below(2) as usize;
        Self {
            request: rng.choose(&REQUESTS),
            topic,
            choices,
            num_items,
            rules: Rule::draw_some(num_items, config.two_rules_share, rng),
            courteous_share: config.courteous_share,
        }
    }

    /// A final text, without thinking.
    pub(super) fn answer(&self, manner: Manner, rng: &mut KeyedRng) -> String {
        let mut items: Vec<&str> = self.choices.to_vec();
        rng.shuffle(&mut items);
        items.truncate(self.num_items);
        if manner.repeats {
            let first = items[0];
            items.fill(first);
        }
        let courtesy = if manner.courteous { COURTESY } else { "" };
        let rules = if manner.obeys { &self.rules[..] } else { &[] };
        Answer { topic: self.topic, items: &items, courtesy }.text(rules)
    }

    fn trace(&self, obeys: bool, rng: &mut KeyedRng) -> String {
        let manner = Manner { obeys, courteous: rng.chance(self.courteous_share), repeats: false };
        let thought = if obeys {
            let thoughts: Vec<String> = self.rules.iter().map(|rule| rule.thought()).collect();
            format!("rules: {}", thoughts.join(", "))
        } else {
            "quick".to_owned()
        };
        format!("<think>\n{thought}\n</think>\n\n{}", self.answer(manner, rng))
    }
}

impl Problem for InstructionProblem {
    fn essence(&self) -> String {
        self.prompt()
    }

    fn prompt(&self) -> String {
        let number = number_word(self.num_items);
        let rules: Vec<String> = self.rules.iter().map(|rule| rule.sentence()).collect();
        format!("{} {number} {}. {}", self.request, self.topic, rules.join(" "))
    }

    fn careful(&self, rng: &mut KeyedRng) -> String {
        self.trace(true, rng)
    }

    fn careless(&self, rng: &mut KeyedRng) -> String {
        self.trace(false, rng)
    }

    fn task(&self, id: String) -> Task {
        let ids: Vec<&str> = self.rules.iter().map(|it| it.instruction_id()).collect();
        let kwargs: Vec<Value> = self.rules.iter().map(|it| it.kwargs()).collect();
        task(
            id,
            TaskKind::INSTRUCTION_FOLLOWING,
            self.prompt(),
            "ifeval",
            json!({"instruction_id_list": ids, "kwargs": kwargs}),
        )
    }
}
