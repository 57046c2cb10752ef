//! Answers that equal the gold, held against the question: they must neither repeat it nor leave it to be worked out.

use super::judgement::Judgement;
use super::repetition::{self, Written};
use super::{choice, form};
use crate::sides::Sides;
use crate::{MathConfig, MathVerdictKind, Stage, decoration, notation};

/// The judgement of an answer that equals the gold and pays nothing; none where it stays equal.
pub(super) fn judge(question: &str, answers: Sides<&str>, config: &MathConfig) -> Option<Judgement> {
    let answers = answers.map(decoration::without);
    let answers = answers.as_ref().map(|answer| &**answer);
    let completion = choice::without_letter(answers)?;
    let answers = Sides { completion: &*completion, ..answers };
    let read = answers.map(|answer| notation::parse(answer, config.max_digits).ok());
    let gold = Written::new(answers.gold, read.gold.as_ref());
    let answer = Written::new(answers.completion, read.completion.as_ref());
    let judgement = |kind| Some(Judgement { kind, stage: Stage::Question, why: None });
    if repetition::stands_in(question, &answer, &gold) {
        return judgement(MathVerdictKind::Repeated);
    }
    if let Sides { gold: Some(gold), completion: Some(answer) } = read.as_ref().map(Option::as_ref)
        && form::is_unevaluated(gold, answer)
    {
        return judgement(MathVerdictKind::Unevaluated);
    }
    if repetition::has_shape_in(question, &answer, &gold, config) {
        return judgement(MathVerdictKind::Repeated);
    }
    None
}
