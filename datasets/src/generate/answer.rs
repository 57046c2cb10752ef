//! The text of an answer to an instruction prompt, with the rules that it keeps.

use super::rule::Rule;

/// The parts from which an answer is put together.
pub(super) struct Answer<'a> {
    pub(super) topic: &'a str,
    pub(super) items: &'a [&'a str],
    pub(super) courtesy: &'a str,
}

impl Answer<'_> {
    /// The answer that keeps `rules`, put together from top to bottom; quotes and letter case come last.
    pub(super) fn text(&self, rules: &[Rule]) -> String {
        let has = |rule| rules.contains(&rule);
        let short = rules.iter().any(|it| matches!(it, Rule::LessThanWords(_)));
        let bullets = rules.iter().any(|it| matches!(it, Rule::Bullets(_)));

        let mut text = String::new();
        if has(Rule::Title) {
            text += &format!("<<{}>>\n", capitalised(self.topic));
        }
        if short {
            text += &capitalised(&self.list(rules));
            text += ".";
        } else {
            text += &self.opening(rules);
            if bullets {
                for item in self.items {
                    text += &format!("\n* {item}");
                }
                text += "\n";
            } else {
                text += &format!(" {}.", self.list(rules));
            }
        }
        for sentence in self.closing(rules) {
            if !text.ends_with('\n') {
                text += " ";
            }
            text += &sentence;
        }
        let mut text = text.trim_end().to_owned();
        if has(Rule::Postscript) {
            text += "\nP.S. Have fun.";
        }
        if has(Rule::Quotes) {
            text = format!("\"{text}\"");
        }
        if has(Rule::Lowercase) {
            text = text.to_lowercase();
        }
        if has(Rule::Capitals) {
            text = text.to_uppercase();
        }
        text
    }

    fn opening(&self, rules: &[Rule]) -> String {
        let number = number_word(self.items.len());
        let topic = self.topic;
        if rules.contains(&Rule::NoCommas) || rules.contains(&Rule::Forbidden("sure")) {
            format!("Here are {number} {topic}:")
        } else if rules.contains(&Rule::Forbidden("here")) {
            format!("Sure, {number} {topic}:")
        } else {
            format!("Sure, here are {number} {topic}:")
        }
    }

    fn list(&self, rules: &[Rule]) -> String {
        if rules.contains(&Rule::NoCommas) {
            return self.items.join(" and ");
        }
        if rules.contains(&Rule::Forbidden("and")) {
            return self.items.join(", ");
        }
        match self.items {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            items => items.concat(),
        }
    }

    /// The sentences after the list: keywords and length, the courtesy unless it is empty, and the endings.
    fn closing(&self, rules: &[Rule]) -> Vec<String> {
        let mut before = Vec::new();
        let mut after = Vec::new();
        for rule in rules {
            match rule {
                Rule::Keyword(word) => before.push(format!("They are {word}.")),
                Rule::AtLeastWords(_) => {
                    before.push("All of them are very easy to find.".to_owned());
                }
                Rule::Ending(phrase) => after.push((*phrase).to_owned()),
                _ => {}
            }
        }
        if !self.courtesy.is_empty() {
            before.push(self.courtesy.to_owned());
        }
        before.extend(after);
        before
    }
}

pub(super) fn number_word(number: usize) -> &'static str {
    match number {
        2 => "two",
        _ => "three",
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
