//! What a sweep compares, and how, in short texts by their keys: so that the folder can say what of it was changed
//! after cells had run. What is fixed beforehand alone bears a claim.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::file::SweepFile;

/// Keys whose values are names in a list, of which the order says nothing.
const LISTS: [&str; 2] = ["arms", "seeds"];
/// What stands for a value that is not there.
const NOTHING: &str = "nothing";

/// A change after cells had run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignChange {
    /// What was changed: `primary figure`, `figure NAME`, `claims.KEY`, `arms` or `seeds`.
    pub key: String,
    /// What it was; none where it was not there.
    pub from: Option<String>,
    /// What it became.
    pub to: Option<String>,
    /// Cells that were done by then.
    pub num_done: usize,
    /// Cells that there were.
    pub num_cells: usize,
}

impl fmt::Display for DesignChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, to, num_done, num_cells } = self;
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| NOTHING.to_owned());
        write!(f, "{key} from {} to {}, when {num_done} of {num_cells} cells were done", word(from), word(to))
    }
}

/// What a file compares over arms of these names.
pub(crate) fn design_of<'a>(file: &SweepFile, arms: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut design = BTreeMap::new();
    for figure in &file.figure {
        if figure.primary {
            design.insert("primary figure".to_owned(), figure.name.clone());
        }
        design.insert(format!("figure {}", figure.name), figure.in_words());
    }
    // A table of plain values always becomes TOML.
    let claims = toml::Table::try_from(&file.claims).unwrap_or_default();
    design.extend(claims.into_iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (format!("claims.{key}"), text)
    }));
    let seeds: Vec<String> = file.seeds.iter().map(u64::to_string).collect();
    design.insert("seeds".to_owned(), seeds.join(", "));
    design.insert("arms".to_owned(), arms.collect::<Vec<_>>().join(", "));
    design
}

/// True where two values of a key say the same.
fn are_alike(key: &str, old: Option<&String>, new: Option<&String>) -> bool {
    let names = |value: &String| value.split(", ").map(str::to_owned).collect::<BTreeSet<String>>();
    old == new || (LISTS.contains(&key) && old.map(names) == new.map(names))
}

/// The keys in which two designs differ, with both values.
pub(crate) fn changes_of(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    num_done: usize,
    num_cells: usize,
) -> Vec<DesignChange> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = keys.into_iter().filter(|key| !are_alike(key, old.get(*key), new.get(*key)));
    let change = |key: &String| {
        let (from, to) = (old.get(key).cloned(), new.get(key).cloned());
        DesignChange { key: key.clone(), from, to, num_done, num_cells }
    };
    differ.map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(more: &str) -> BTreeMap<String, String> {
        let figure = "[[figure]]\nname = 'maths'\nmetric = 'eval/maths/pass@1'\n";
        let text = format!("name = 'n'\ndir = 'd'\nseeds = [1, 2]\n[base]\n{more}\n{figure}");
        design_of(&toml::from_str(&text).unwrap(), ["base", "clip"].into_iter())
    }

    #[test]
    fn a_design_names_figures_claims_arms_and_seeds() {
        let old = design("[claims]\nalpha = 0.1");
        assert_eq!(old["figure maths"], "eval/maths/pass@1 at the last step");
        assert_eq!((old["arms"].as_str(), old["seeds"].as_str()), ("base, clip", "1, 2"));
        let new = design("[claims]\nalpha = 0.1\nconfirm = 'fresh'\ntasks = 'like_these'");
        let said: Vec<String> = changes_of(&old, &new, 3, 4).iter().map(ToString::to_string).collect();
        let expected = [
            "claims.confirm from nothing to fresh, when 3 of 4 cells were done",
            "claims.tasks from these to like_these, when 3 of 4 cells were done",
        ];
        assert_eq!(said, expected);
        assert!(changes_of(&old, &old, 3, 4).is_empty());
    }

    #[test]
    fn arms_in_another_order_are_the_same_arms() {
        let (old, mut new) = (design(""), design(""));
        new.insert("arms".to_owned(), "clip, base".to_owned());
        new.insert("seeds".to_owned(), "2, 1".to_owned());
        assert!(changes_of(&old, &new, 1, 4).is_empty());
        new.insert("arms".to_owned(), "clip, base, late".to_owned());
        assert_eq!(changes_of(&old, &new, 1, 4).len(), 1);
    }
}
