//! Imports among the files of a crate, and the circles that they close.
//!
//! A name is followed through `use` declarations to the file that defines it: a `mod.rs` that only declares and
//! re-exports stands in no circle. Method calls are not followed, as their paths do not stand in the source.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::scan::{Token, tokens, without_tests};
use super::source_tree::SourceFile;

/// Longest chain of re-exports that is followed.
const MOST_REEXPORTS: usize = 8;

/// A module's path within its crate: none for `lib.rs`.
type ModulePath = Vec<String>;

/// A file of a crate.
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// Modules that are written out in the file.
    inline: BTreeSet<String>,
    /// Names bound by `use`, with the paths they stand for.
    bindings: BTreeMap<String, Vec<String>>,
    /// Paths that the file uses other than to re-export them.
    used: Vec<UsedPath>,
}

/// A path in a file.
struct UsedPath {
    words: Vec<String>,
    /// True where the path is called, so that its last word is a function also where a module has that name.
    is_call: bool,
}

/// Files that import each other, in the order of their paths, for each circle of the crate in `folder` (`policy/src`).
pub(super) fn circles(folder: &str, files: &[SourceFile]) -> Vec<Vec<String>> {
    let edges = edges(&modules(folder, files));
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
fn edges(modules: &BTreeMap<ModulePath, Module>) -> BTreeMap<String, BTreeSet<String>> {
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
    modules: &BTreeMap<ModulePath, Module>,
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

impl Module {
    fn new(file: String) -> Self {
        let (children, inline, bindings) = Default::default();
        Self { file, children, inline, bindings, used: Vec::new() }
    }

    fn extend(&mut self, other: Self) {
        self.children.extend(other.children);
        self.inline.extend(other.inline);
        self.bindings.extend(other.bindings);
        self.used.extend(other.used);
    }
}

fn modules(folder: &str, files: &[SourceFile]) -> BTreeMap<ModulePath, Module> {
    let mut modules = BTreeMap::new();
    let mut tests: Vec<ModulePath> = Vec::new();
    for file in files {
        let Some(path) = module_path(folder, &file.path) else { continue };
        let (tokens, test_modules) = without_tests(&tokens(&file.text));
        tests.extend(test_modules.into_iter().map(|name| [path.clone(), vec![name]].concat()));
        let module = module(file.path.clone(), &tokens);
        // A crate with both `lib.rs` and `main.rs` has two roots at one path.
        match modules.entry(path) {
            Entry::Vacant(entry) => drop(entry.insert(module)),
            Entry::Occupied(mut entry) => entry.get_mut().extend(module),
        }
    }
    modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
    modules
}

/// `policy/src/config/rope.rs` in `policy/src` is `[config, rope]`; `None` for what is in another folder.
fn module_path(folder: &str, file: &str) -> Option<ModulePath> {
    let inner = file.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    let is_root = parts.len() == 1 && ["lib", "main"].contains(&parts[0].as_str());
    if is_root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some(parts)
}

fn module(file: String, tokens: &[Token]) -> Module {
    let mut module = Module::new(file);
    let mut reexports = Vec::new();
    let (mut at, mut code) = (0, Vec::new());
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "mod" if tokens.get(at + 2).is_some_and(|token| token.text == ";") => {
                module.children.insert(tokens[at + 1].text.clone());
                at += 3;
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token.text == "{") => {
                module.inline.insert(tokens[at + 1].text.clone());
                at += 3;
            }
            // `use<'a>` in a type is no import.
            "use" if tokens.get(at + 1).is_none_or(|token| token.text != "<") => {
                let is_reexport = at > 0 && ["pub", ")"].contains(&tokens[at - 1].text.as_str());
                let end = at + tokens[at..].iter().position(|token| token.text == ";").unwrap_or(tokens.len() - at);
                for (name, path) in use_tree(&tokens[at + 1..end]) {
                    if is_reexport {
                        reexports.push((name.clone(), path.clone()));
                    } else {
                        module.used.push(UsedPath { words: path.clone(), is_call: false });
                    }
                    module.bindings.insert(name, path);
                }
                at = end + 1;
            }
            _ => {
                code.push(tokens[at].text.as_str());
                at += 1;
            }
        }
    }
    // A re-exported name that the file's own code uses is an import like any other.
    let words: BTreeSet<&str> = code.iter().copied().collect();
    let used = reexports.into_iter().filter(|(name, _)| words.contains(name.as_str()));
    module.used.extend(used.map(|(_, words)| UsedPath { words, is_call: false }));
    module.used.extend(paths(&code));
    module
}

/// The paths of at least two words in code.
fn paths(code: &[&str]) -> Vec<UsedPath> {
    let is_word = |text: &str| text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let (mut paths, mut at) = (Vec::new(), 0);
    while at < code.len() {
        let mut path = Vec::new();
        while at < code.len() && is_word(code[at]) {
            path.push(code[at].to_owned());
            if code.get(at + 1) != Some(&"::") || !code.get(at + 2).is_some_and(|next| is_word(next)) {
                break;
            }
            at += 2;
        }
        at += 1;
        if path.len() > 1 {
            paths.push(UsedPath { words: path, is_call: code.get(at) == Some(&"(") });
        }
    }
    paths
}

/// The names that a `use` declaration binds, with their paths. A glob binds nothing; its path ends in `*`.
fn use_tree(tokens: &[Token]) -> Vec<(String, Vec<String>)> {
    let mut bound = Vec::new();
    let mut prefixes: Vec<Vec<String>> = vec![Vec::new()];
    let mut path: Vec<String> = Vec::new();
    let mut alias = None;
    let mut finish = |path: &mut Vec<String>, alias: &mut Option<String>| {
        // `use a::b::{self}` binds `b`.
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(last) = path.last().cloned() {
            bound.push((alias.take().unwrap_or(last), std::mem::take(path)));
        }
    };
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "::" => {}
            "{" => {
                prefixes.push(path.clone());
            }
            "," | "}" => {
                if path.len() > prefixes.last().map_or(0, Vec::len) {
                    finish(&mut path, &mut alias);
                }
                if tokens[at].text == "}" {
                    prefixes.pop();
                }
                path = prefixes.last().cloned().unwrap_or_default();
            }
            "as" => {
                at += 1;
                alias = tokens.get(at).map(|token| token.text.clone());
            }
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if !path.is_empty() {
        finish(&mut path, &mut alias);
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
        texts
            .iter()
            .map(|(path, text)| SourceFile { path: format!("a/src/{path}"), text: (*text).to_owned() })
            .collect()
    }

    #[test]
    fn a_circle_is_found_through_reexports_and_paths_in_code() {
        let found = circles(
            "a/src",
            &files(&[
                ("lib.rs", "mod pool; mod grade; pub use grade::Report;"),
                ("pool/mod.rs", "mod thread; mod ticket; pub(crate) use ticket::Ticket as Entry;"),
                ("pool/thread.rs", "use super::Entry; fn serve() {}"),
                ("pool/ticket.rs", "pub struct Ticket; fn f() { crate::grade::grade() }"),
                ("grade.rs", "use crate::pool; pub struct Report; pub fn grade() { pool::thread::serve() }"),
            ]),
        );
        assert_eq!(found, [["a/src/grade.rs", "a/src/pool/thread.rs", "a/src/pool/ticket.rs"]]);
    }

    #[test]
    fn declarations_reexports_and_tests_close_no_circle() {
        let found = circles(
            "a/src",
            &files(&[
                ("lib.rs", "mod a; mod b; pub use b::B; pub use a::A; #[cfg(test)] mod tests;"),
                ("a.rs", "use crate::B; pub struct A; #[cfg(test)] mod tests { use crate::tests::T; }"),
                ("b.rs", "use std::fmt; pub struct B; #[cfg(test)] use crate::A;"),
                ("tests.rs", "use crate::{A, B};"),
            ]),
        );
        assert_eq!(found, Vec::<Vec<String>>::new());
    }

    #[test]
    fn an_item_of_the_folder_s_own_file_closes_a_circle_with_its_user() {
        let found = circles(
            "a/src",
            &files(&[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; fn shared() {} fn f() { b::g() }"),
                ("a/b.rs", "use super::shared; pub fn g() {}"),
            ]),
        );
        assert_eq!(found, [["a/src/a/b.rs", "a/src/a/mod.rs"]]);
    }

    #[test]
    fn a_function_called_as_a_module_and_a_module_written_out_close_circles_too() {
        let found = circles(
            "a/src",
            &files(&[
                ("main.rs", "mod run; mod host; fn shared() {} fn main() { run::run() }"),
                ("lib.rs", "mod other; fn f() -> impl Sized + use<'_> { crate::other::g() }"),
                ("other.rs", "pub fn g() {}"),
                ("run/mod.rs", "mod run; pub fn run() { crate::host::Python }"),
                ("run/run.rs", "fn f() { super::run() }"),
                ("host.rs", "mod bind { pub struct Python; } pub use bind::Python; fn f() { crate::run::run() }"),
            ]),
        );
        assert_eq!(found, [["a/src/host.rs", "a/src/run/mod.rs"]]);
    }

    #[test]
    fn a_use_tree_is_read_whole() {
        let read = |text: &str| {
            let bound = use_tree(&tokens(text));
            bound.into_iter().map(|(name, path)| format!("{name}={}", path.join("."))).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("a::{b, c::{self, d as e}, f}"), "b=a.b c=a.c e=a.c.d f=a.f");
        assert_eq!(read("crate::x"), "x=crate.x");
        assert_eq!(read("super::*"), "*=super.*");
    }
}
