//! Texts that a set holds more than once, in linear time.

use std::collections::HashMap;

use super::words::Words;

/// Texts of the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateGroup {
    /// The first of the texts, as it stands.
    pub text: String,
    /// The ids of all of them, two or more, in the set's order.
    pub ids: Vec<String>,
}

/// The texts that come more than once, by their ids, in the order of their first.
///
/// Texts are compared by their words ([module](super)); those without any word are left out.
pub fn duplicates(texts: impl IntoIterator<Item = (String, String)>) -> Vec<DuplicateGroup> {
    let mut groups: Vec<DuplicateGroup> = Vec::new();
    let mut group_of_key = HashMap::new();
    for (id, text) in texts {
        let words = Words::of(&text);
        if words.len() == 0 {
            continue;
        }
        let group = *group_of_key.entry(words.key()).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.ids.push(id),
            None => groups.push(DuplicateGroup { text, ids: vec![id] }),
        }
    }
    groups.retain(|group| group.ids.len() > 1);
    groups
}
