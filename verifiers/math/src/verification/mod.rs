//! The verdict: extraction, text, then what the answers mean.

mod asked;
mod choice;
mod equation;
mod form;
mod judgement;
mod meaning;
mod repetition;
mod shape;
mod wording;

use self::judgement::Judgement;
use super::sides::Sides;
use super::{
    Extraction, MathConfig, MathVerdict, MathVerdictKind, Stage, comparison, decoration, extract, extract_gold,
    notation, text,
};

/// Longest answer that a reason quotes, in characters.
const QUOTED: usize = 80;

/// The texts of a task that a completion is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MathTask<'a> {
    /// The right final answer, as text or LaTeX.
    pub gold: &'a str,
    /// The question, where it is at hand: an answer that is equal only because it says the question again, or leaves
    /// an operation to do, is then [`Repeated`](MathVerdictKind::Repeated) or
    /// [`Unevaluated`](MathVerdictKind::Unevaluated).
    pub question: Option<&'a str>,
}

impl MathTask<'_> {
    /// Judges `completion`, whole, thinking included.
    pub fn verify(&self, completion: &str, config: &MathConfig) -> MathVerdict {
        use MathVerdictKind::*;

        let verdict = |kind, stage, reason: String| MathVerdict { kind, stage, reason, answer: None };
        let gold = match extract_gold(self.gold) {
            Ok(gold) => gold,
            Err(why) => {
                let reason = format!("the final answer {} {why}", quote(self.gold));
                return verdict(GoldUnparsed, Stage::Gold, reason);
            }
        };
        let gold = &*gold;
        if gold.trim().is_empty() {
            return verdict(GoldUnparsed, Stage::Gold, "the final answer is empty".into());
        }
        if gold.len() > config.max_answer_bytes {
            let reason = format!("the final answer {} is longer than max_answer_bytes", quote(gold));
            return verdict(GoldUnparsed, Stage::Gold, reason);
        }
        let (rule, answer) = match extract(completion, &config.extraction) {
            Extraction::Found { rule, answer } => (rule, answer),
            Extraction::Missing(why) => return verdict(NoAnswer, Stage::Extraction, why.into()),
        };
        let verdict = |kind, stage, reason: String, answer| MathVerdict {
            answer,
            ..verdict(kind, stage, format!("{reason} ({})", rule.as_str()))
        };
        if answer.trim().is_empty() {
            return verdict(NoAnswer, Stage::Extraction, "the answer is empty".into(), None);
        }
        if answer.len() > config.max_answer_bytes {
            let reason = format!("the answer {} is longer than max_answer_bytes", quote(&answer));
            return verdict(BudgetExceeded, Stage::Extraction, reason, None);
        }
        let answers = Sides { gold, completion: &*answer };
        let mut judgement = judge(answers, config);
        if let Some(question) = self.question.filter(|_| judgement.is_equal()) {
            judgement = asked::judge(question, answers, config).unwrap_or(judgement);
        }
        let Judgement { kind, stage, why } = judgement;
        let found = answer.trim().to_owned();
        let (gold, answer) = (quote(gold), quote(&answer));
        let reason = match (kind, why) {
            (Equal, _) => format!("{answer} is {gold}"),
            (NotEqual, None) => format!("{answer} is not {gold}"),
            (Repeated, _) => format!("{answer} stands in the question; expected {gold}"),
            (Unevaluated, _) => format!("{answer} leaves an operation to do; expected {gold}"),
            (GoldUnparsed, why) => format!("the final answer {gold} {}", why.unwrap_or("could not be read")),
            (_, why) => format!("the answer {answer} {}; expected {gold}", why.unwrap_or("could not be read")),
        };
        verdict(kind, stage, reason, Some(found))
    }
}

/// Judges `completion` (whole, thinking included) against `gold`, the final answer as text or LaTeX, without the
/// question: what is equal is equal, however it is written.
pub fn verify(gold: &str, completion: &str, config: &MathConfig) -> MathVerdict {
    MathTask { gold, question: None }.verify(completion, config)
}

/// True where two final answers, as they were extracted, are the same: by value, whichever of them is taken as right.
pub fn same_answer(a: &str, b: &str, config: &MathConfig) -> bool {
    let is_short = |answer: &str| answer.len() <= config.max_answer_bytes;
    let equal = |gold, completion| judge(Sides { gold, completion }, config).is_equal();
    a.trim() == b.trim() || is_short(a) && is_short(b) && (equal(a, b) || equal(b, a))
}

/// True where both final answers are numbers, or lists of numbers, that differ by at most `tolerance`. Units and words
/// beside a number are passed over.
pub fn is_within(gold: &str, answer: &str, tolerance: f64, config: &MathConfig) -> bool {
    let Ok(gold) = extract_gold(gold) else { return false };
    if gold.len().max(answer.len()) > config.max_answer_bytes {
        return false;
    }
    let answers = Sides { gold: &*gold, completion: answer }.map(decoration::without);
    let read = answers.as_ref().map(|answer| notation::parse(text::without_range(answer), config.max_digits).ok());
    match read.as_ref().map(Option::as_ref) {
        Sides { gold: Some(gold), completion: Some(completion) } => {
            comparison::is_within(Sides { gold, completion }, tolerance)
        }
        _ => false,
    }
}

/// Judges two final answers: by their text where that decides, by the letters of choices, else by their meaning.
fn judge(answers: Sides<&str>, config: &MathConfig) -> Judgement {
    let answers = answers.map(decoration::without);
    let answers = answers.as_ref().map(|answer| &**answer);
    let texts = answers.map(text::canonical);
    let texts = texts.as_ref().map(String::as_str);
    if texts.gold == texts.completion && !texts.gold.is_empty() {
        return Judgement::decided(true, Stage::Text);
    }
    if let Sides { gold: Some(gold), completion: Some(completion) } = texts.map(text::letter) {
        return Judgement::decided(gold == completion, Stage::Text);
    }
    let of_texts = |answers: Sides<&str>| {
        let texts = answers.map(text::canonical);
        judge_values(answers, texts.as_ref().map(String::as_str), config)
    };
    choice::judge(answers, of_texts).unwrap_or_else(|| judge_values(answers, texts, config))
}

/// Judges answers that are no choices.
fn judge_values(answers: Sides<&str>, texts: Sides<&str>, config: &MathConfig) -> Judgement {
    if texts.gold == texts.completion && !texts.gold.is_empty() {
        return Judgement::decided(true, Stage::Text);
    }
    let words = texts.map(text::words);
    let words = words.as_ref().map(Option::as_deref);
    if let Some(judgement) = wording::judge(texts, words) {
        return judgement;
    }
    let judgement = meaning::judge(answers, words, config);
    if judgement.is_equal() {
        return judgement;
    }
    meaning::judge_decimal_comma(texts, config).unwrap_or(judgement)
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests;
