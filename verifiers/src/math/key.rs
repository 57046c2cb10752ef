//! The right answer of a maths task: one, one of several, or several at once, and how it is held against an answer. It
//! must not know where the answer stands in a completion.

use std::borrow::Cow;

use math_verifier::MathConfig;
use serde::Deserialize;
use serde_json::{Number, Value};

/// What a task's answer must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// The answers of which one is asked for; never empty.
    pub(super) golds: Vec<String>,
    /// How far a number may be off.
    pub(super) tolerance: Option<f64>,
    units_kept: bool,
    ordered: bool,
}

/// A final answer as ground truths write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Text(String),
    Number(Number),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFields {
    answer: Option<Answer>,
    any_of: Option<Vec<Answer>>,
    all_of: Option<Vec<Answer>>,
    form: Option<Form>,
    tolerance: Option<Answer>,
    units: Option<Units>,
    ordered: Option<bool>,
}

/// The kind of number that every right answer of a set is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// A whole number.
    Integer,
    /// A whole number from 0 to 999.
    Aime,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Units {
    /// A unit beside the answer counts: 5 is not 5 cm.
    Kept,
    /// The verifier's policy says what a unit counts for.
    Optional,
}

impl Answer {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Key {
    fn of(golds: Vec<String>) -> Self {
        Self { golds, tolerance: None, units_kept: false, ordered: false }
    }

    /// Reads a ground truth: text, a number, or an object.
    ///
    /// # Errors
    /// The field and what it must be.
    pub(super) fn read(ground_truth: &Value) -> Result<Self, String> {
        match ground_truth {
            Value::String(gold) => Ok(Self::of(vec![gold.clone()])),
            Value::Number(gold) => Ok(Self::of(vec![gold.to_string()])),
            Value::Object(_) => {
                Self::of_fields(KeyFields::deserialize(ground_truth).map_err(|error| error.to_string())?)
            }
            other => Err(format!("the final answer must be text, a number or an object, not {other}")),
        }
    }

    fn of_fields(fields: KeyFields) -> Result<Self, String> {
        let KeyFields { answer, any_of, all_of, form, tolerance, units, ordered } = fields;
        let (answers, is_all) = match (answer, any_of, all_of) {
            (Some(answer), None, None) => (vec![answer], false),
            (None, Some(answers), None) => (answers, false),
            (None, None, Some(answers)) => (answers, true),
            _ => return Err("it must have one of `answer`, `any_of` and `all_of`".to_owned()),
        };
        if answers.is_empty() {
            return Err("`any_of` and `all_of` must name an answer".to_owned());
        }
        if ordered.is_some() && !is_all {
            return Err("`ordered` belongs to `all_of`".to_owned());
        }
        let mut golds = answers.into_iter().map(Answer::text).collect::<Vec<_>>();
        if let Some(form) = form {
            golds = golds.iter().map(|gold| integer(gold, form)).collect::<Result<_, _>>()?;
        }
        if is_all {
            let members: Vec<&str> = golds.iter().map(|gold| undelimited(gold)).collect();
            golds = vec![members.join(", ")];
        }
        let tolerance = tolerance.map(Answer::text).map(|text| read_tolerance(&text)).transpose()?;
        let (units_kept, ordered) = (units == Some(Units::Kept), ordered == Some(true));
        Ok(Self { golds, tolerance, units_kept, ordered })
    }

    /// The verifier's settings with what the task asks for.
    pub(super) fn settings<'c>(&self, config: &'c MathConfig) -> Cow<'c, MathConfig> {
        if !self.units_kept && !self.ordered {
            return Cow::Borrowed(config);
        }
        let mut config = config.clone();
        config.policy.units_optional &= !self.units_kept;
        config.policy.lists_unordered &= !self.ordered;
        Cow::Owned(config)
    }
}

/// The whole number that a key stands for: `033`, `27.0`, `1,450,000`, `336^\circ`.
fn integer(gold: &str, form: Form) -> Result<String, String> {
    let not = |what: &str| Err(format!("the final answer `{gold}` is no {what}"));
    let text = undelimited(gold);
    let text = ["^\\circ", "^{\\circ}", "\u{b0}"].iter().find_map(|sign| text.strip_suffix(sign)).unwrap_or(text);
    let text = text.replace(',', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !fraction.bytes().all(|byte| byte == b'0') {
        return not("whole number");
    }
    let whole = whole.trim_start_matches('0');
    let number = if whole.is_empty() { "0".to_owned() } else { format!("{sign}{whole}") };
    match form {
        Form::Aime if number.len() > 3 || number.starts_with('-') => not("whole number from 0 to 999"),
        _ => Ok(number),
    }
}

/// A key without the delimiters of a formula and the space around it.
fn undelimited(gold: &str) -> &str {
    let gold = gold.trim();
    match gold.strip_prefix('$').and_then(|inner| inner.strip_suffix('$')) {
        Some(inner) if !inner.contains('$') => inner.trim(),
        _ => gold,
    }
}

fn read_tolerance(text: &str) -> Result<f64, String> {
    let tolerance = text.trim().parse::<f64>().ok().filter(|tolerance| tolerance.is_finite() && *tolerance >= 0.0);
    tolerance.ok_or_else(|| format!("`tolerance` must be a number from 0, as in 1e-1, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn golds(ground_truth: Value) -> Vec<String> {
        Key::read(&ground_truth).unwrap().golds
    }

    #[test]
    fn integers_are_read_however_they_are_written() {
        for (key, gold) in [
            (json!("033"), "33"),
            (json!("000"), "0"),
            (json!("336^\\circ"), "336"),
            (json!("$336^{\\circ}$"), "336"),
            (json!("27.0"), "27"),
            (json!(-1), "-1"),
            (json!("-1.0"), "-1"),
            (json!("1,450,000"), "1450000"),
        ] {
            assert_eq!(golds(json!({"answer": key, "form": "integer"})), [gold]);
        }
        assert_eq!(golds(json!({"answer": "025", "form": "aime"})), ["25"]);
        for (key, form) in [("2.5", "integer"), ("x", "integer"), ("", "integer"), ("1000", "aime"), ("-1", "aime")] {
            let problem = Key::read(&json!({"answer": key, "form": form})).unwrap_err();
            assert!(problem.contains(&format!("`{key}`")), "{problem}");
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        for (ground_truth, told) in [
            (json!(null), "must be text"),
            (json!(["1"]), "must be text"),
            (json!({}), "one of `answer`"),
            (json!({"answer": "1", "any_of": ["2"]}), "one of `answer`"),
            (json!({"any_of": []}), "must name an answer"),
            (json!({"answer": "1", "forms": "integer"}), "`forms`"),
            (json!({"answer": "1", "form": "float"}), "`float`"),
            (json!({"answer": "1", "tolerance": "a little"}), "`tolerance`"),
            (json!({"answer": "1", "ordered": true}), "`ordered`"),
            (json!({"answer": [1]}), "did not match"),
        ] {
            let problem = Key::read(&ground_truth).unwrap_err();
            assert!(problem.contains(told), "{ground_truth}: {problem}");
        }
    }

    #[test]
    fn options_that_are_null_are_absent() {
        let with_nulls = json!({"answer": "1", "tolerance": null, "form": null, "units": null, "any_of": null});
        assert_eq!(Key::read(&with_nulls), Key::read(&json!("1")));
        assert_eq!(Key::read(&json!({"answer": "1", "tolerance": "1e-1"})).unwrap().tolerance, Some(0.1));
    }
}
