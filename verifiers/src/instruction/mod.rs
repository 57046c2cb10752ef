//! IFEval's 25 instruction types (arXiv 2311.07911), checked by rule.
//!
//! One file for each family; each check is made of its arguments, then reads the answer, thinking removed, and knows
//! nothing of the others. Strict by default, as the benchmark's headline figure; an empty answer follows nothing.
//! Where the published checker departs from what its own instruction says, the instruction holds: `docs/ifeval.md` of
//! the repository lists the cases.

mod arguments;
mod case;
mod catalogue;
mod check;
mod combination;
mod config;
mod content;
mod emphasis;
mod format;
mod keywords;
mod language;
mod length;
mod loose;
mod marks;
mod paragraphs;
mod punctuation;
mod sentences;
mod start_end;
mod words;

use datasets::Task;
use serde::Deserialize;
use serde_json::Value;

use self::arguments::Unjudged;
pub use self::catalogue::INSTRUCTION_IDS;
use self::catalogue::check_of;
use self::check::Check;
pub use self::config::InstructionConfig;
pub(crate) use self::language::detect as detect_language;
use crate::{Judged, Measure, Verdict, VerdictFuture, Verifier, VerifierError};

const NAME: &str = "ifeval";

/// The ground truth: two lists in parallel, as IFEval publishes them.
#[derive(Deserialize)]
struct Instructions {
    instruction_id_list: Vec<String>,
    kwargs: Vec<Value>,
}

/// `ifeval`: the ground truth is `{"instruction_id_list": [id, …], "kwargs": [{…}, …]}`. A verdict has IFEval's four
/// figures as its measures, `prompt_strict`, `instruction_strict`, `prompt_loose` and `instruction_loose`, whatever the
/// settings make of its score.
pub struct InstructionVerifier {
    config: InstructionConfig,
}

impl InstructionVerifier {
    /// A verifier with these settings.
    pub fn new(config: InstructionConfig) -> Self {
        Self { config }
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let checks = checks(&judged.task, judged.ground_truth())?;
        let mut answer = judged.answer().replace("\r\n", "\n");
        if judged.thinking().is_some() {
            // The line break behind `</think>` belongs to the tag: it is no first line that the loose variants drop.
            answer = answer.trim_start_matches('\n').to_owned();
        }
        let followed = Followed::of(&checks, &answer);
        let counts = if self.config.loose { &followed.loose } else { &followed.strict };
        let missed: Vec<&str> =
            checks.iter().zip(counts).filter(|(_, follows)| !**follows).map(|((id, _), _)| id.as_str()).collect();
        let reason = if missed.is_empty() {
            format!("all {} instructions followed", checks.len())
        } else {
            format!("not followed: {}", missed.join(", "))
        };
        let num_followed = checks.len() - missed.len();
        let verdict = Verdict::of_checks(num_followed, checks.len(), self.config.partial_credit, reason);
        Ok(verdict.with_measures(followed.measures()))
    }
}

/// Which instructions an answer follows, strictly and loosely: what is followed strictly is followed loosely too.
struct Followed {
    strict: Vec<bool>,
    loose: Vec<bool>,
}

impl Followed {
    fn of(checks: &[(String, Check)], answer: &str) -> Self {
        let follows = |check: &Check, answer: &str| !answer.trim().is_empty() && check(answer);
        let strict: Vec<bool> = checks.iter().map(|(_, check)| follows(check, answer)).collect();
        // The answer itself is the first of its variants; the others are looked at only where it does not do.
        let variants = if strict.contains(&false) { loose::variants(answer) } else { Vec::new() };
        let loosely = |check: &Check| variants.iter().skip(1).any(|variant| follows(check, variant));
        let loose = checks.iter().zip(&strict).map(|((_, check), strict)| *strict || loosely(check)).collect();
        Self { strict, loose }
    }

    /// IFEval's four figures.
    fn measures(&self) -> Vec<Measure> {
        let prompt = |follows: &[bool]| follows.iter().all(|follows| *follows);
        let count = |follows: &[bool]| follows.iter().filter(|follows| **follows).count();
        let num_checks = self.strict.len();
        vec![
            Measure::of_flag("prompt_strict", prompt(&self.strict)),
            Measure::of_count("instruction_strict", count(&self.strict), num_checks),
            Measure::of_flag("prompt_loose", prompt(&self.loose)),
            Measure::of_count("instruction_loose", count(&self.loose), num_checks),
        ]
    }
}

/// The checks that the task's ground truth asks for, each with its type.
fn checks(task: &Task, ground_truth: &Value) -> Result<Vec<(String, Check)>, VerifierError> {
    let broken = |problem: String| VerifierError::ground_truth(task, NAME, problem);
    let Instructions { instruction_id_list: ids, kwargs } =
        Instructions::deserialize(ground_truth).map_err(|error| broken(error.to_string()))?;
    if ids.is_empty() || ids.len() != kwargs.len() {
        let problem = format!(
            "`instruction_id_list` has {} entries and `kwargs` {}; they must be equal and not 0",
            ids.len(),
            kwargs.len()
        );
        return Err(broken(problem));
    }
    let unsupported = |what| VerifierError::Unsupported { task: task.id.clone(), verifier: NAME.to_owned(), what };
    let check = |(id, kwargs): (String, &Value)| match check_of(&id, kwargs) {
        Ok(check) => Ok((id, check)),
        Err(Unjudged::Argument(problem)) => Err(broken(format!("`{id}`: {problem}"))),
        Err(Unjudged::Unsupported(what)) => Err(unsupported(what)),
    };
    ids.into_iter().zip(&kwargs).map(check).collect()
}

impl Verifier for InstructionVerifier {
    fn name(&self) -> &str {
        NAME
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        checks(task, ground_truth).map(drop)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

#[cfg(test)]
mod tests {
    use datasets::{TaskKind, TaskVerifier};
    use serde_json::json;

    use super::*;

    fn task(ground_truth: Value) -> Task {
        Task::new("t", TaskKind::INSTRUCTION_FOLLOWING, Vec::new(), TaskVerifier::new(NAME, ground_truth))
    }

    fn check(ground_truth: Value) -> Result<(), VerifierError> {
        let task = task(ground_truth);
        InstructionVerifier::new(InstructionConfig::default()).check(&task, &task.verifiers[0].ground_truth)
    }

    fn judge(config: InstructionConfig, ground_truth: Value, completion: &str) -> Result<Verdict, VerifierError> {
        InstructionVerifier::new(config).judge(&Judged::new(task(ground_truth), completion))
    }

    fn two() -> Value {
        json!({
            "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
            "kwargs": [{}, {"relation": "at least", "num_words": 3}],
        })
    }

    #[test]
    fn all_instructions_must_be_followed() {
        let strict = InstructionConfig::default;
        assert!(judge(strict(), two(), "<think>a, b</think>one two three").unwrap().passed());
        let verdict = judge(strict(), two(), "one, two").unwrap();
        assert_eq!(verdict.score, 0.0);
        assert!(verdict.reason.contains("no_comma") && verdict.reason.contains("number_words"));
    }

    #[test]
    fn a_fraction_where_it_is_asked_for() {
        let partial = InstructionConfig { partial_credit: true, ..InstructionConfig::default() };
        let verdict = judge(partial, two(), "one two").unwrap();
        assert_eq!((verdict.score, verdict.passed()), (0.5, false));
    }

    /// The four figures, as what is followed and of how much.
    fn figures(verdict: &Verdict) -> Vec<(&str, f64, f64)> {
        verdict.measures.iter().map(|measure| (&*measure.name, measure.value, measure.of)).collect()
    }

    #[test]
    fn a_verdict_has_the_four_figures() {
        for config in [InstructionConfig::default(), InstructionConfig { loose: true, partial_credit: true }] {
            let verdict = judge(config, two(), "Sure, here:\nthree words stand").unwrap();
            let [strict, loose] = [0.0, 1.0];
            let expected = [
                ("prompt_strict", strict, 1.0),
                ("instruction_strict", 1.0, 2.0),
                ("prompt_loose", loose, 1.0),
                ("instruction_loose", 2.0, 2.0),
            ];
            assert_eq!(figures(&verdict), expected);
        }
        let empty = judge(InstructionConfig::default(), two(), "<think>three words, cut").unwrap();
        assert!(empty.measures.iter().all(|measure| measure.value == 0.0), "{empty:?}");
    }

    #[test]
    fn null_arguments_are_absent() {
        let with_nulls = json!({
            "instruction_id_list": ["punctuation:no_comma"],
            "kwargs": [{"num_words": null, "relation": null, "keywords": null}],
        });
        assert!(judge(InstructionConfig::default(), with_nulls, "no comma").unwrap().passed());
    }

    proptest::proptest! {
        #[test]
        fn loose_is_never_less_than_strict(answer in r"(\*|,|one |two |\n|\PC){0,20}") {
            let verdict = judge(InstructionConfig::default(), two(), &answer).unwrap();
            let [strict, instruction_strict, loose, instruction_loose] = &verdict.measures[..] else { panic!() };
            proptest::prop_assert!(loose.value >= strict.value);
            proptest::prop_assert!(instruction_loose.value >= instruction_strict.value);
        }
    }

    #[test]
    fn an_empty_answer_follows_nothing() {
        let ground_truth = json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
        for empty in ["", "  \n", "<think>words", "<think>words</think>\n"] {
            assert!(!judge(InstructionConfig::default(), ground_truth.clone(), empty).unwrap().passed());
        }
    }

    #[test]
    fn loose_forgives_an_introduction() {
        let completion = "Sure, here it is:\nno punctuation at all";
        let ground_truth = json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
        let loose = InstructionConfig { loose: true, ..InstructionConfig::default() };
        assert!(!judge(InstructionConfig::default(), ground_truth.clone(), completion).unwrap().passed());
        assert!(judge(loose, ground_truth, completion).unwrap().passed());
    }

    #[test]
    fn the_line_break_behind_the_thinking_is_no_first_line() {
        let ground_truth = json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
        let loose = InstructionConfig { loose: true, ..InstructionConfig::default() };
        assert!(judge(loose, ground_truth, "<think>a, b</think>\n\nSure, here:\nno commas").unwrap().passed());
    }

    #[test]
    fn two_of_one_type_are_both_checked() {
        let words = |num_words| json!({"relation": "at least", "num_words": num_words});
        let ground_truth = |first, second| {
            let ids = ["length_constraints:number_words"; 2];
            json!({"instruction_id_list": ids, "kwargs": [words(first), words(second)]})
        };
        assert!(
            judge(InstructionConfig::default(), ground_truth(2, 5), "only five words stand here").unwrap().passed()
        );
        for (first, second) in [(20, 2), (2, 20)] {
            let verdict =
                judge(InstructionConfig::default(), ground_truth(first, second), "only five words stand here");
            assert!(!verdict.unwrap().passed());
        }
    }

    #[test]
    fn broken_instructions_are_errors() {
        let one = |id: &str, kwargs: Value| json!({"instruction_id_list": [id], "kwargs": [kwargs]});
        let first_word = json!({"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "ice"});
        let cases = [
            (one("keywords:rhyme", json!({})), "keywords:rhyme"),
            (one("keywords:existence", json!({})), "`keywords`"),
            (one("keywords:existence", json!({"keywords": ["a"], "word": "b"})), "`word`"),
            (one("keywords:existence", json!({"keywords": "a"})), "`keywords`"),
            (one("punctuation:no_comma", json!({"commas": 0})), "`commas`"),
            (one("punctuation:no_comma", json!("none")), "`punctuation:no_comma`"),
            (one("length_constraints:number_words", json!({"relation": "at least", "num_words": "9"})), "`num_words`"),
            (one("length_constraints:number_words", json!({"relation": "over", "num_words": 9})), "`relation`"),
            (one("length_constraints:nth_paragraph_first_word", first_word), "`nth_paragraph`"),
            (
                one(
                    "keywords:letter_frequency",
                    json!({"letter": "ab", "let_relation": "at least", "let_frequency": 1}),
                ),
                "`letter`",
            ),
            (one("language:response_language", json!({"language": "tlh"})), "`tlh`"),
            (json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}), "kwargs"),
            (json!({"instruction_id_list": [], "kwargs": []}), "instruction_id_list"),
            (json!("no comma"), "ground truth"),
        ];
        for (ground_truth, told) in cases {
            let error = judge(InstructionConfig::default(), ground_truth.clone(), "").unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
            let error = check(ground_truth).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("`t`"), "{error}");
        }
        assert!(check(two()).is_ok());
    }
}
