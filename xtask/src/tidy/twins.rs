//! Types of one name in several files of a crate: a name stands for one thing.

use std::collections::BTreeMap;

use super::modules::Modules;

/// Types that stand for several things, a sentence each. Those of tests and of traits do not count.
pub(super) fn twins(modules: &Modules) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for module in modules.values() {
        for (name, line) in &module.types {
            places.entry(name).or_default().push(format!("{}:{line}", module.file));
        }
    }
    let twins = places.into_iter().filter(|(_, places)| places.len() > 1);
    twins.map(|(name, places)| format!("{}: the type {name} stands for several things", places.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::modules::read;
    use crate::tidy::source_tree::SourceFile;

    #[test]
    fn twins_are_found_and_traits_own_types_are_not() {
        let file = |path: &str, text: &str| SourceFile { path: format!("a/src/{path}"), text: text.to_owned() };
        let files = [
            file("b.rs", "struct Row; trait T { type Report; } #[cfg(test)] mod tests { struct Item; }"),
            file("c.rs", "enum Row { A } struct Report; struct Item; #[cfg(test)] mod d;"),
            file("c/d.rs", "struct Report;"),
        ];
        let found = twins(&read("a/src", &files));
        assert_eq!(found, ["a/src/b.rs:1, a/src/c.rs:1: the type Row stands for several things"]);
    }
}
