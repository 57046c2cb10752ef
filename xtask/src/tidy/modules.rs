//! The modules of a crate as their files declare them: children, imports, paths in code, and types.
//!
//! Knows no rule.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::scan::{Token, tokens, without_tests};
use super::source_tree::SourceFile;

/// A module's path within its crate: none for `lib.rs`.
pub(super) type ModulePath = Vec<String>;

/// The modules of a crate by their paths.
pub(super) type Modules = BTreeMap<ModulePath, Module>;

/// A file of a crate.
pub(super) struct Module {
    pub file: String,
    pub children: BTreeSet<String>,
    /// Modules that are written out in the file.
    pub inline: BTreeSet<String>,
    /// Names bound by `use`, with the paths they stand for.
    pub bindings: BTreeMap<String, Vec<String>>,
    /// Paths that the file uses other than to re-export them.
    pub used: Vec<UsedPath>,
    /// Types that the file defines outside of functions and traits, with their lines.
    pub types: Vec<(String, usize)>,
}

/// A path in a file.
pub(super) struct UsedPath {
    pub words: Vec<String>,
    /// True where the path is called, so that its last word is a function also where a module has that name.
    pub is_call: bool,
}

impl Module {
    fn new(file: String) -> Self {
        let (children, inline, bindings) = Default::default();
        Self { file, children, inline, bindings, used: Vec::new(), types: Vec::new() }
    }

    fn extend(&mut self, other: Self) {
        self.children.extend(other.children);
        self.inline.extend(other.inline);
        self.bindings.extend(other.bindings);
        self.used.extend(other.used);
        self.types.extend(other.types);
    }
}

/// The modules of the crate in `folder` (`policy/src`), without those that are compiled for tests alone.
pub(super) fn read(folder: &str, files: &[SourceFile]) -> Modules {
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
    module.types = types(tokens);
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

/// Types that are defined outside of any braces.
fn types(tokens: &[Token]) -> Vec<(String, usize)> {
    let (mut types, mut depth) = (Vec::new(), 0_usize);
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "struct" | "enum" | "trait" | "type" if depth == 0 => types.push((pair[1].text.clone(), pair[1].line)),
            _ => {}
        }
    }
    types
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
