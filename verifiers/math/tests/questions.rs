//! The questions of MATH: the first formula of a question pays nowhere but where it is the gold answer as written, and
//! holding answers against their question costs no gold answer.

use math_verifier::{MathConfig, MathTask, MathVerdictKind, verify};

use super::shared::{lines, text};

/// A question and its gold answer.
type Pair = (String, String);

fn training_tasks() -> Option<Vec<Pair>> {
    let tasks = lines("pack/math_train.jsonl")?;
    let pair = |task: &serde_json::Value| {
        let messages = task["messages"].as_array().expect("a task has messages");
        let question = messages.last().map(|last| text(last, "content")).unwrap_or_default();
        (question.to_owned(), text(task, "ground_truth").to_owned())
    };
    Some(tasks.iter().map(pair).collect())
}

fn test_tasks() -> Option<Vec<Pair>> {
    let tasks = lines("math/math500.jsonl")?;
    Some(tasks.iter().map(|task| (text(task, "problem").to_owned(), text(task, "answer").to_owned())).collect())
}

/// The text between the first two delimiters of a question.
fn first_formula(question: &str) -> Option<&str> {
    let openings = [("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$")];
    let first = openings.iter().filter_map(|(open, close)| Some((question.find(open)?, *open, *close)));
    let (at, open, close) = first.min_by_key(|(at, open, _)| (*at, std::cmp::Reverse(open.len())))?;
    let content = &question[at + open.len()..];
    Some(content[..content.find(close)?].trim())
}

/// The text without spaces, and without the spellings of commands that mean the same.
fn squeezed(text: &str) -> String {
    let text = text.replace("dfrac", "frac").replace("tfrac", "frac").replace("\\left", "").replace("\\right", "");
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '{' | '}' | '$' | '\\' | '!')).collect()
}

fn judge((question, gold): &Pair, answer: &str) -> (MathVerdictKind, MathVerdictKind) {
    let completion = format!("The answer is $\\boxed{{{answer}}}$.");
    let config = MathConfig::default();
    let asked = MathTask { gold, question: Some(question) }.verify(&completion, &config);
    (verify(gold, &completion, &config).kind, asked.kind)
}

fn assert_nothing_is_paid_for_the_question(pairs: &[Pair]) {
    let mut paid = Vec::new();
    let (mut num_equal, mut num_paid, mut num_formulas) = (0, 0, 0);
    for pair in pairs {
        let Some(formula) = first_formula(&pair.0) else { continue };
        num_formulas += 1;
        let (without, with) = judge(pair, formula);
        num_equal += usize::from(without == MathVerdictKind::Equal);
        num_paid += usize::from(with == MathVerdictKind::Equal);
        if with == MathVerdictKind::Equal && squeezed(formula) != squeezed(&pair.1) {
            paid.push(format!("{formula} for {} in: {}", pair.1, pair.0));
        }
    }
    println!("{num_formulas} questions with a formula: {num_equal} are equal without the question, {num_paid} with it");
    assert!(paid.is_empty(), "{} are paid:\n{}", paid.len(), paid.join("\n"));
}

fn assert_no_gold_is_lost(pairs: &[Pair]) {
    let mut lost = Vec::new();
    for pair in pairs {
        let (without, with) = judge(pair, &pair.1);
        if without != MathVerdictKind::Equal || with != MathVerdictKind::Equal {
            lost.push(format!("{without:?}, {with:?}: {}", pair.1));
        }
    }
    assert!(lost.is_empty(), "{} of {} are lost:\n{}", lost.len(), pairs.len(), lost.join("\n"));
}

#[test]
fn the_first_formula_of_a_training_question_pays_only_as_the_gold() {
    let Some(pairs) = training_tasks() else { return };
    assert_nothing_is_paid_for_the_question(&pairs);
    assert_no_gold_is_lost(&pairs);
}

#[test]
fn the_first_formula_of_a_test_question_pays_only_as_the_gold() {
    let Some(pairs) = test_tasks() else { return };
    assert_nothing_is_paid_for_the_question(&pairs);
    assert_no_gold_is_lost(&pairs);
}
