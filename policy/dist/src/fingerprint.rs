//! What all ranks of a job must agree on before it starts: named entries, compared as texts.
//!
//! Knows how two differ, not how they are exchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Named entries such as a version, or the hash of a configuration or of a data file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(BTreeMap<String, String>);

/// Name of the entry of a rank that cannot start.
const FAULT: &str = "fault";

impl Fingerprint {
    /// That of a rank that cannot start, so that all end at once instead of waiting for it.
    pub fn of_fault(reason: impl Into<String>) -> Self {
        Self::default().with(FAULT, reason)
    }

    /// Why its rank cannot start.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.0.get(FAULT).map(String::as_str)
    }

    /// The same with an entry more; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The entries that differ from `other`'s, each as `name` with both values, this one's first.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let value =
            |of: &Self, name: &String| of.0.get(name).map_or("missing".to_owned(), |value| format!("`{value}`"));
        names
            .into_iter()
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(|name| format!("`{name}` is {} and not {}", value(self, name), value(other, name)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_entry_and_both_values() {
        let own = Fingerprint::default().with("config", "a").with("version", "1");
        let other = Fingerprint::default().with("config", "b").with("version", "1").with("data", "c");
        assert_eq!(own.differences(&other), ["`config` is `a` and not `b`", "`data` is missing and not `c`"]);
        assert!(own.differences(&own).is_empty());
    }
}
