//! The arguments of one instruction, read with errors that name the key.
//!
//! Published data sets write absent arguments as null, and some write whole numbers as floats.

use std::cell::RefCell;

use serde_json::Value;

/// Why an instruction could not be judged: a fault of the task, never of the completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unjudged {
    /// An argument is missing, of the wrong type, or none of the instruction's.
    Argument(String),
    /// No check knows what the instruction asks for.
    Unsupported(String),
}

/// The comparison of a count with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    LessThan,
    AtLeast,
}

impl Relation {
    pub(super) fn holds(self, count: usize, threshold: usize) -> bool {
        match self {
            Self::LessThan => count < threshold,
            Self::AtLeast => count >= threshold,
        }
    }
}

/// One entry of the ground truth's `kwargs`.
pub(super) struct Arguments<'a> {
    kwargs: &'a Value,
    /// The keys that a check has asked for.
    read: RefCell<Vec<&'static str>>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(kwargs: &'a Value) -> Self {
        Self { kwargs, read: RefCell::default() }
    }

    fn value(&self, key: &'static str) -> Result<&'a Value, Unjudged> {
        self.read.borrow_mut().push(key);
        self.kwargs
            .get(key)
            .filter(|value| !value.is_null())
            .ok_or_else(|| Unjudged::Argument(format!("`kwargs` lacks `{key}`")))
    }

    /// A text that is not empty, without the white space around it.
    pub(super) fn text(&self, key: &'static str) -> Result<&'a str, Unjudged> {
        self.value(key)?
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Unjudged::Argument(format!("`{key}` must be text, and not empty")))
    }

    /// A list of texts, none of them empty, that has at least one.
    pub(super) fn texts(&self, key: &'static str) -> Result<Vec<&'a str>, Unjudged> {
        let wrong = || Unjudged::Argument(format!("`{key}` must be a list of texts, and not empty"));
        let texts = self.value(key)?.as_array().ok_or_else(wrong)?;
        let texts: Option<Vec<_>> =
            texts.iter().map(|text| text.as_str().map(str::trim).filter(|text| !text.is_empty())).collect();
        texts.filter(|texts| !texts.is_empty()).ok_or_else(wrong)
    }

    /// A count of zero or more.
    pub(super) fn count(&self, key: &'static str) -> Result<usize, Unjudged> {
        let value = self.value(key)?;
        value
            .as_u64()
            .or_else(|| {
                let float = value.as_f64()?;
                (float >= 0.0 && float.fract() == 0.0 && float < 1e15).then_some(float as u64)
            })
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| Unjudged::Argument(format!("`{key}` must be a whole number of 0 or more, not {value}")))
    }

    /// `less than` or `at least`.
    pub(super) fn relation(&self, key: &'static str) -> Result<Relation, Unjudged> {
        match self.text(key)? {
            "less than" => Ok(Relation::LessThan),
            "at least" => Ok(Relation::AtLeast),
            other => {
                let problem = format!("`{key}` must be `less than` or `at least`, not `{other}`");
                Err(Unjudged::Argument(problem))
            }
        }
    }

    /// Finds the arguments that no check has asked for: a misspelt or misplaced one would else be dropped in silence.
    pub(super) fn finish(&self) -> Result<(), Unjudged> {
        let given = match self.kwargs {
            Value::Null => return Ok(()),
            Value::Object(given) => given,
            other => return Err(Unjudged::Argument(format!("its entry of `kwargs` must be an object, not {other}"))),
        };
        let read = self.read.borrow();
        match given.iter().find(|(key, value)| !value.is_null() && !read.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) if read.is_empty() => Err(Unjudged::Argument(format!("takes no arguments, not `{key}`"))),
            Some((key, _)) => {
                Err(Unjudged::Argument(format!("`{key}` is not an argument; it takes `{}`", read.join("`, `"))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_may_be_written_as_floats() {
        let kwargs = json!({"n": 300.0, "half": 0.5, "negative": -1, "null": null, "text": "3"});
        let arguments = Arguments::new(&kwargs);
        assert_eq!(arguments.count("n"), Ok(300));
        for key in ["half", "negative", "null", "text", "absent"] {
            assert!(arguments.count(key).is_err(), "{key}");
        }
    }

    #[test]
    fn relations_are_the_two_of_the_paper() {
        let kwargs = json!({"relation": "at most"});
        assert!(Arguments::new(&kwargs).relation("relation").is_err());
        assert!(Relation::AtLeast.holds(3, 3) && !Relation::LessThan.holds(3, 3));
    }

    #[test]
    fn what_nobody_asked_for_is_named() {
        let kwargs = json!({"n": 3, "m": null, "nn": 4});
        let arguments = Arguments::new(&kwargs);
        arguments.count("n").unwrap();
        let problem = arguments.finish().unwrap_err();
        assert!(matches!(&problem, Unjudged::Argument(told) if told.contains("`nn`")), "{problem:?}");
        assert_eq!(Arguments::new(&Value::Null).finish(), Ok(()));
        assert!(Arguments::new(&json!([])).finish().is_err());
    }
}
