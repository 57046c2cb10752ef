//! The name of a suite with what may follow it: `NAME[@VERSION][:FROM..TO]`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;

/// A suite as it is asked for, as in `livecodebench@v5:2024-08-01..2025-01-31`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteName {
    /// The suite's name.
    pub name: String,
    /// The version, where one is named.
    pub version: Option<String>,
    /// The window by date, where one is named.
    pub window: Option<Window>,
}

/// Tasks from one day to another, both of them in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    from: String,
    to: String,
}

impl Window {
    /// Reads `2024-08-01..2025-01-31`.
    fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").ok_or("a window is written as 2024-08-01..2025-01-31")?;
        for day in [from, to] {
            if !is_day(day) {
                return Err(format!("`{day}` is no day: write it as 2024-08-01"));
            }
        }
        if from > to {
            return Err(format!("the window {text} ends before it begins"));
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned() })
    }

    /// True for a day of the window; `date` may go on with a time, as in `2024-08-03T00:00:00`.
    ///
    /// # Errors
    /// The date is none; it is named.
    pub fn contains(&self, date: &str) -> Result<bool, String> {
        let day = date.get(..10).filter(|day| is_day(day));
        let day = day.ok_or_else(|| format!("`{date}` is no date such as 2024-08-03"))?;
        Ok(self.from.as_str() <= day && day <= self.to.as_str())
    }
}

/// True for a day written as in ISO 8601, such as 2024-08-03.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    bytes.len() == 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && number(0, 4).is_some()
        && number(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && number(8, 10).is_some_and(|day| (1..=31).contains(&day))
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.from, self.to)
    }
}

impl SuiteName {
    /// Reads a name with its version and window.
    ///
    /// # Errors
    /// The window is none, or a part is empty.
    pub fn parse(text: &str) -> Result<Self, EvaluationError> {
        let fail = |problem: String| EvaluationError::Version { name: text.to_owned(), problem };
        let (rest, window) = match text.split_once(':') {
            Some((rest, window)) => (rest, Some(Window::parse(window).map_err(fail)?)),
            None => (text, None),
        };
        let (name, version) = match rest.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (rest, None),
        };
        if name.is_empty() || version.as_ref().is_some_and(String::is_empty) {
            return Err(fail("a suite is written as NAME or NAME@VERSION".to_owned()));
        }
        Ok(Self { name: name.to_owned(), version, window })
    }
}

impl fmt::Display for SuiteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(version) = &self.version {
            write!(formatter, "@{version}")?;
        }
        match &self.window {
            Some(window) => write!(formatter, ":{window}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_version_and_a_window() {
        let text = "livecodebench@v5:2024-08-01..2025-01-31";
        let name = SuiteName::parse(text).unwrap();
        assert_eq!((name.name.as_str(), name.version.as_deref()), ("livecodebench", Some("v5")));
        assert_eq!(name.to_string(), text);
        assert_eq!(SuiteName::parse("humaneval+").unwrap().name, "humaneval+");
        for wrong in ["a@", "@v1", "a:2024-08-01", "a:2024-08-01..2024-07-01", "a:2024-8-1..2024-09-01"] {
            assert!(SuiteName::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_ends_are_in_the_window() {
        let window = Window::parse("2024-08-01..2025-01-31").unwrap();
        let is_in = |date: &str| window.contains(date).unwrap();
        assert!(is_in("2024-08-01T00:00:00") && is_in("2025-01-31T23:59:59") && is_in("2024-12-31"));
        assert!(!is_in("2024-07-31T23:59:59") && !is_in("2025-02-01T00:00:00"));
        assert!(window.contains("August 2024").is_err());
    }
}
