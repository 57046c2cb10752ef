//! Imports among the files of a crate, and the circles that they close.
//!
//! A name is followed through `use` declarations to the file that defines it: a `mod.rs` that only declares and
//! re-exports stands in no circle. Method calls are not followed, as their paths do not stand in the source.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{ModulePath, Modules};

/// Longest chain of re-exports that is followed.
const MOST_REEXPORTS: usize = 8;

/// Files of a crate that import each other, in the order of their paths, for each circle.
pub(super) fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let edges = edges(modules);
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        edges.keys().map(|file| (file, reachable(file, &edges))).collect();
    let mut circles = BTreeSet::new();
    for (file, those) in &reached {
        let circle: Vec<String> = those
            .iter()
            .filter(|other| reached.get(**other).is_some_and(|back| back.contains(*file)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reachable<'a>(from: &'a String, edges: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        for next in edges.get(file).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

/// For each file those that it imports from.
fn edges(modules: &Modules) -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, module) in modules {
        let definers = module.used.iter().filter_map(|used| definer(modules, path, &used.words, used.is_call, 0));
        let files = definers.map(|definer| modules[&definer].file.clone());
        edges.entry(module.file.clone()).or_default().extend(files.filter(|file| *file != module.file));
    }
    edges
}

/// The module that defines what `path` names in the module `from`; `None` for another crate's and for a module itself.
fn definer(
    modules: &Modules,
    from: &[String],
    path: &[String],
    is_call: bool,
    num_reexports: usize,
) -> Option<ModulePath> {
    let first = path.first()?;
    let (mut at, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (from.to_vec(), &path[1..]),
        "super" => (from[..from.len().checked_sub(1)?].to_vec(), &path[1..]),
        name if modules[from].children.contains(name) => (from.to_vec(), path),
        name if modules[from].inline.contains(name) => return Some(from.to_vec()),
        name => {
            let bound = modules[from].bindings.get(name).filter(|bound| bound.first() != Some(first))?;
            let whole = [bound.as_slice(), &path[1..]].concat();
            return (num_reexports < MOST_REEXPORTS)
                .then(|| definer(modules, from, &whole, is_call, num_reexports + 1))
                .flatten();
        }
    };
    while let Some(next) = rest.first() {
        if next == "super" {
            at.pop()?;
        } else if modules.get(&at)?.children.contains(next) && !(is_call && rest.len() == 1) {
            at.push(next.clone());
        } else {
            let module = modules.get(&at)?;
            let reexported = module.bindings.get(next).filter(|bound| bound.first() != Some(next));
            return match reexported {
                Some(bound) if num_reexports < MOST_REEXPORTS => {
                    let bound = bound.clone();
                    definer(modules, &at, &bound, is_call, num_reexports + 1)
                }
                _ => Some(at),
            };
        }
        rest = &rest[1..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::modules::read;
    use crate::tidy::source_tree::SourceFile;

    fn found(texts: &[(&str, &str)]) -> Vec<Vec<String>> {
        let file = |(path, text): &(&str, &str)| SourceFile { path: format!("a/src/{path}"), text: (*text).to_owned() };
        circles(&read("a/src", &texts.iter().map(file).collect::<Vec<_>>()))
    }

    #[test]
    fn a_circle_is_found_through_reexports_and_paths_in_code() {
        let found = found(&[
            ("lib.rs", "mod pool; mod grade; pub use grade::Report;"),
            ("pool/mod.rs", "mod thread; mod ticket; pub(crate) use ticket::Ticket as Entry;"),
            ("pool/thread.rs", "use super::Entry; fn serve() {}"),
            ("pool/ticket.rs", "pub struct Ticket; fn f() { crate::grade::grade() }"),
            ("grade.rs", "use crate::pool; pub struct Report; pub fn grade() { pool::thread::serve() }"),
        ]);
        assert_eq!(found, [["a/src/grade.rs", "a/src/pool/thread.rs", "a/src/pool/ticket.rs"]]);
    }

    #[test]
    fn declarations_reexports_and_tests_close_no_circle() {
        let found = found(&[
            ("lib.rs", "mod a; mod b; pub use b::B; pub use a::A; #[cfg(test)] mod tests;"),
            ("a.rs", "use crate::B; pub struct A; #[cfg(test)] mod tests { use crate::tests::T; }"),
            ("b.rs", "use std::fmt; pub struct B; #[cfg(test)] use crate::A;"),
            ("tests.rs", "use crate::{A, B};"),
        ]);
        assert_eq!(found, Vec::<Vec<String>>::new());
    }

    #[test]
    fn an_item_of_the_folder_s_own_file_closes_a_circle_with_its_user() {
        let found = found(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; fn shared() {} fn f() { b::g() }"),
            ("a/b.rs", "use super::shared; pub fn g() {}"),
        ]);
        assert_eq!(found, [["a/src/a/b.rs", "a/src/a/mod.rs"]]);
    }

    #[test]
    fn a_function_called_as_a_module_and_a_module_written_out_close_circles_too() {
        let found = found(&[
            ("main.rs", "mod run; mod host; fn shared() {} fn main() { run::run() }"),
            ("lib.rs", "mod other; fn f() -> impl Sized + use<'_> { crate::other::g() }"),
            ("other.rs", "pub fn g() {}"),
            ("run/mod.rs", "mod run; pub fn run() { crate::host::Python }"),
            ("run/run.rs", "fn f() { super::run() }"),
            ("host.rs", "mod bind { pub struct Python; } pub use bind::Python; fn f() { crate::run::run() }"),
        ]);
        assert_eq!(found, [["a/src/host.rs", "a/src/run/mod.rs"]]);
    }
}
