//! `choice`: the letter of a multiple-choice question, found by named rules and never guessed.
//!
//! The letters are those of the task's own options: with options up to `J` no `K` is an answer, and where the labels
//! are `1` to `4`, digits are. Thinking does not count. The rules, in this order:
//!
//! 1. *Claims*: a box, `"answer": "C"` in JSON, `Answer: C`, "the answer is C", "the correct option is (C)", "option C
//!    is correct". Of all claims in the completion the last one counts.
//! 2. *Closing line*: the last line is a letter and nothing else (`C`, `(C)`, `**C.**`, `\text{C}`), or a letter with
//!    its mark and what follows (`C) because ..`), or the whole text of an option.
//! 3. *Bold*: a letter alone between asterisks, or with its option's text; all that are there must be the same.
//! 4. *Opening line*: the completion begins with a letter and its mark, and no other line begins with another letter's.
//!
//! A claim that names several letters ("A or B"), and one on the last line that names none of them ("ANSWER: None of
//! the above"), is no answer, and no weaker rule looks further. `A` and `I` are words as well as letters: where they
//! stand bare, what follows decides ("the answer is A because" is a claim, "the answer is a matter of" is none). Where
//! a task has the options' texts, a box or a claim may give the whole text of one instead of its letter.
//!
//! Departures from the public judges: MMLU-Pro's last lone letter is no claim, and its random letter for a completion
//! without one is a guess; both are no answer here.

mod chosen;
mod claims;
mod lines;
mod options;

use datasets::Task;
use serde_json::Value;

use self::chosen::Chosen;
use self::claims::last_claim;
use self::lines::{bold, closing_line, opening_line};
use self::options::Options;
use crate::{Judged, Verdict, VerdictFuture, Verifier, VerifierError};

/// `choice`: the ground truth is `{"answer": "B", "letters": ["A", ..], "texts": [".."]}`.
pub struct ChoiceVerifier;

/// A rule: what it finds in an answer.
type Rule = fn(&str, &Options) -> Option<Chosen>;

/// What a completion chooses: the option's place and the rule by which it was found.
fn choose(answer: &str, options: &Options) -> Option<(usize, &'static str)> {
    let rules: [(_, Rule); 4] =
        [("claim", last_claim), ("closing_line", closing_line), ("bold", bold), ("opening_line", opening_line)];
    for (name, rule) in rules {
        match rule(answer, options) {
            Some(Chosen::Option(index)) => return Some((index, name)),
            Some(Chosen::Unclear) => return None,
            None => {}
        }
    }
    None
}

impl ChoiceVerifier {
    fn read(&self, task: &Task, ground_truth: &Value) -> Result<Options, VerifierError> {
        Options::read(ground_truth).map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let options = self.read(&judged.task, judged.ground_truth())?;
        let Some((index, rule)) = choose(judged.answer(), &options) else {
            return Ok(Verdict::no_answer("no option is chosen"));
        };
        let (letter, right) = (options.letter(index), options.letter(options.right));
        let verdict = if index == options.right {
            Verdict::pass(format!("{letter} ({rule})"))
        } else {
            Verdict::fail(format!("{letter}, expected {right} ({rule})"))
        };
        Ok(verdict.with_answer(letter))
    }
}

impl Verifier for ChoiceVerifier {
    fn name(&self) -> &str {
        "choice"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.read(task, ground_truth).map(drop)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn options(last: char, texts: Option<&[&str]>) -> Options {
        let letters: Vec<String> = ('A'..=last).map(String::from).collect();
        Options::read(&json!({"answer": "A", "letters": letters, "texts": texts})).unwrap()
    }

    fn assert_chosen(options: &Options, cases: &[(&str, Option<&str>)]) {
        for (completion, letter) in cases {
            let chosen = choose(completion, options);
            assert_eq!(chosen.map(|(index, _)| options.letter(index)), *letter, "{completion} {chosen:?}");
        }
    }

    #[test]
    fn a_claim_is_read_and_stray_letters_are_not() {
        assert_chosen(
            &options('J', None),
            &[
                ("The answer is B. Note that A distracts.", Some("B")),
                ("The answer is C because I computed it.", Some("C")),
                ("ANSWER: None of the above", None),
                ("I don't know", None),
                ("It could be H, I, or K", None),
                ("", None),
                ("A good question. I cannot tell.", None),
                ("I think this is a matter of taste.", None),
                ("The answer is a matter of taste.", None),
                ("The answer is I believe not there.", None),
                ("The answer is A because it is.", Some("A")),
                ("The answer is A.", Some("A")),
                ("The answer is I", Some("I")),
                ("the correct answer is (D)", Some("D")),
                ("The correct option is D, as shown.", Some("D")),
                ("the best choice would be **E**.", Some("E")),
                ("The answer is not B.", None),
                ("Option B is correct.", Some("B")),
                ("B is the correct answer.", Some("B")),
                ("Option B is not correct.", None),
                ("Neither A nor B is correct.", None),
                ("If the answer is B, then x is 3.", None),
                ("The answer is (C), for \\boxed{12} is the sum.", Some("C")),
                ("The answer is K.", None),
                ("The answer is clearly option F.", Some("F")),
            ],
        );
    }

    #[test]
    fn every_notation_of_a_letter_is_read() {
        assert_chosen(
            &options('D', None),
            &[
                ("\\boxed{C}", Some("C")),
                ("so \\[ \\boxed{\\text{C}} \\]", Some("C")),
                ("\\boxed{(C)}", Some("C")),
                ("\\boxed{c}", Some("C")),
                ("\\boxed{\\textbf{(C)}}", Some("C")),
                ("\\boxed{C. 7}", Some("C")),
                ("\\boxed{C) \\text{seven}}", Some("C")),
                ("Therefore:\nAnswer: C", Some("C")),
                ("**Answer:** C", Some("C")),
                ("**Answer: C**", Some("C")),
                ("Answer: **(C)**", Some("C")),
                ("### Final Answer\n\nC", Some("C")),
                ("answer: c", Some("C")),
                ("Answer: $C$", Some("C")),
                ("Answer: \\(\\text{C}\\)", Some("C")),
                ("Answer: $\\boxed{C}$", Some("C")),
                ("```json\n{\"answer\": \"C\"}\n```", Some("C")),
                ("{\"answer\":\"C\"}", Some("C")),
                ("{\"reason\": \"A is wrong\", \"answer\": \"c\"}", Some("C")),
                ("C", Some("C")),
                ("(C)", Some("C")),
                ("I work it out.\n\nC.", Some("C")),
                ("I work it out.\n\n**C**", Some("C")),
                ("**C) seven** it is, for all I see", Some("C")),
                ("C. Because it is.\nMore words.", Some("C")),
                ("C) seven", Some("C")),
                ("A. no\nB. no\nC. no\nD. no", None),
                ("It is **A** or **B**", None),
            ],
        );
    }

    #[test]
    fn the_last_claim_counts_and_one_of_several_letters_is_none() {
        assert_chosen(
            &options('D', None),
            &[
                ("The answer is A. Wait, no. The answer is B.", Some("B")),
                ("\\boxed{A}\nI made an error.\nAnswer: B", Some("B")),
                ("Answer: B, so \\boxed{A}", Some("A")),
                ("The answer is A or B.", None),
                ("The answer is A. No: the answer is either A or B.", None),
                ("Answer: A, B", None),
                ("Answer: A and C", None),
                ("\\boxed{A, B}", None),
                ("**B** looks right.\nAnswer: none of them", None),
                ("<b>The answer is B and A distracts.", Some("B")),
            ],
        );
    }

    #[test]
    fn an_options_whole_text_stands_for_its_letter() {
        let options = options('D', Some(&["4", "The red fox", "none of the above", "$x^2$"]));
        assert_chosen(
            &options,
            &[
                ("The answer is 4.", Some("A")),
                ("The red fox", Some("B")),
                ("It runs.\n\nthe red  fox.", Some("B")),
                ("ANSWER: None of the above", Some("C")),
                ("\\boxed{x^2}", Some("D")),
                ("\\boxed{4}", Some("A")),
                ("\\boxed{\\text{The red fox}}", Some("B")),
                ("The red fox runs over the hill.", None),
                ("The answer is 44.", None),
                ("{\"answer\": \"The red fox\"}", Some("B")),
                ("B) The red fox", Some("B")),
            ],
        );
    }

    #[test]
    fn labels_may_be_digits() {
        let options = Options::read(&json!({"answer": "3", "letters": ["1", "2", "3", "4"]})).unwrap();
        let cases = [("The answer is 3.", Some("3")), ("(2)", Some("2")), ("Answer: 5", None), ("Answer: 3.5", None)];
        assert_chosen(&options, &cases);
    }

    #[test]
    fn what_is_no_question_is_an_error() {
        for (ground_truth, told) in [
            (json!("B"), "invalid type"),
            (json!({"answer": "E", "letters": ["A", "B"]}), "`E`"),
            (json!({"answer": "A", "letters": []}), "`letters`"),
            (json!({"answer": "A", "letters": ["A", "A"]}), "twice"),
            (json!({"answer": "A", "letters": ["A", "B."]}), "`B.`"),
            (json!({"answer": "A", "letters": ["A", "B"], "texts": ["one"]}), "`texts`"),
            (json!({"answer": "A", "letters": ["A", "B"], "text": ["one"]}), "`text`"),
        ] {
            let problem = Options::read(&ground_truth).err().unwrap();
            assert!(problem.contains(told), "{ground_truth}: {problem}");
        }
    }

    #[test]
    fn verdicts_tell_the_letter() {
        use datasets::{TaskKind, TaskVerifier};

        let ground_truth = json!({"answer": "B", "letters": ["A", "B"]});
        let task = Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("choice", ground_truth));
        let judge = |completion: &str| ChoiceVerifier.judge(&Judged::new(task.clone(), completion)).unwrap();
        let verdict = judge("<think>A?</think>Answer: B");
        assert_eq!((verdict.passed(), verdict.answer.as_deref()), (true, Some("B")));
        let verdict = judge("Answer: A");
        assert_eq!((verdict.passed(), verdict.answer.as_deref()), (false, Some("A")));
        assert_eq!(judge("<think>Answer: B").kind, crate::VerdictKind::NoAnswer);
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"(A|B|\\boxed\{|\}|answer|is|:|"|\*\*|\(|\)|\n|\\text\{| |\PC){0,40}"#) {
            choose(&text, &options('D', Some(&["a", "b c", "B", ""])));
        }
    }
}
