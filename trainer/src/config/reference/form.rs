//! A type in TOML's words: text, list of numbers, table, one of these words. A type, or one of serde's attributes, that
//! nothing is known of fails, and so does a word without a doc comment.

use toml::{Table, Value};

use super::place::below;
use super::sources::{Definition, Part, Shape, Sources, Told, TypeName};

/// Types that are no table and no enum of words: what they are in TOML, and a value that one can be read from.
const FORMS: [(&[&str], &str, &str); 13] = [
    (&["String", "SocketAddr"], "text", "'x'"),
    (&["PathBuf"], "path", "'x'"),
    (&["bool"], "true or false", "true"),
    (&["usize", "u64", "u32", "i64", "i32"], "integer", "1"),
    (&["f64", "f32"], "number", "1.0"),
    (&["Table"], "table of any keys", "{}"),
    (&["Value"], "value of any type", "1"),
    // Texts with a type of their own.
    (&["TaskKind", "Secret", "Reading"], "text", "'verdict'"),
    // These are read from one of several forms.
    (&["Paths"], "path, or list of paths", "'x'"),
    (&["ShortSource"], "path, list of paths, or table with the keys of [`[[data.source]]`](#datasource)", "'x'"),
    (&["CacheTokens"], "integer, or `\"auto\"`", "16"),
    (&["RowCounts"], "integer, or list of integers", "1"),
    // Its fields are the numbers of a list.
    (&["ScoreRange"], "list of two numbers", "[0, 1]"),
];

/// Fields with a reader of their own: those that take one address or several, and an engine or none.
pub(super) const READERS: [(&str, &str, &str); 3] = [
    ("SandboxSection", "url", "text, or list of texts"),
    ("HttpConfig", "url", "text, or list of texts"),
    ("ServerConfig", "default_engine", "`\"auto\"`, `\"wasm\"` or `\"process\"`"),
];

/// Types with a reader of their own and with the keys that their fields are, of which none is required: `[[data]]` is
/// read as `[[data.source]]`, and the keys of `[loss]` by its kind.
pub(super) const AS_FIELDS: [&str; 3] = ["DataSection", "PolicyLossConfig", "PolicyLossKind"];

/// What serde may be told of a type.
const OF_TYPES: [&str; 3] = ["default", "deny_unknown_fields", "rename_all"];

/// A word that a key may be, its meaning, and the section with the keys that it brings.
pub(super) type Word = (String, String, Option<usize>);

/// A type as a value of TOML.
pub(super) struct Form<'a> {
    /// Empty where the words that it may be say all.
    pub words: String,
    /// A value that can be read.
    pub example: Value,
    pub alternatives: Vec<Word>,
    /// The table that it is, and the place of that below the key.
    pub table: Option<(&'a Definition, String)>,
    pub is_optional: bool,
}

impl<'a> Form<'a> {
    pub(super) fn new(words: &str, example: &str) -> Self {
        let example = format!("x = {example}").parse::<Table>().unwrap().remove("x").unwrap();
        Self { words: words.to_owned(), example, alternatives: Vec::new(), table: None, is_optional: false }
    }

    /// The form of a type that `user` has at a place in the sources.
    pub(super) fn of(of: &TypeName, user: &'a Definition, sources: &'a Sources, at: &str) -> Self {
        let inner = || Self::of(of.arguments.last().expect("a type of types"), user, sources, at);
        match of.name.as_str() {
            "Option" => return Self { is_optional: true, ..inner() },
            "Vec" | "[]" => return inner().within("list of", "[]", Value::Array(Vec::new())),
            "BTreeMap" => return inner().within("table by name, of", "NAME", Value::Table(Table::new())),
            _ => {}
        }
        let definition = sources.named(&of.name, user);
        if let Some((_, words, example)) = FORMS.iter().find(|(names, _, _)| names.contains(&of.name.as_str())) {
            // The doc comment of a variant may begin with the word: `field:PATH`.
            let variants = definition.map_or(&[][..], |definition| &definition.parts).iter();
            let said = variants.filter_map(|variant| variant.told.doc.strip_prefix('`')?.split_once("`: "));
            let alternatives = said.map(|(word, meaning)| (word.to_owned(), meaning.to_owned(), None)).collect();
            return Self { alternatives, ..Self::new(words, example) };
        }
        let definition = definition.unwrap_or_else(|| panic!("{at}: nothing is known of the type {}", of.name));
        if let Shape::Alias(of) = &definition.shape {
            return Self::of(of, definition, sources, at);
        }
        let has_reader = definition.told.serde.keys().any(|word| !OF_TYPES.contains(&word.as_str()));
        let is_known = AS_FIELDS.contains(&of.name.as_str()) || (definition.told.is_derived && !has_reader);
        assert!(is_known, "{at}: nothing is known of how {} is read", of.name);
        let is_struct = matches!(definition.shape, Shape::Struct);
        if is_struct || definition.parts.iter().any(|part| part.of.is_some() || !part.parts.is_empty()) {
            let words = if is_struct { "table" } else { "word, or table" };
            return Self { table: Some((definition, String::new())), ..Self::new(words, "{}") };
        }
        let alternative = |part: &Part| (word(part, definition), documented(part, definition), None);
        let alternatives: Vec<Word> = definition.parts.iter().map(alternative).collect();
        Self { example: Value::String(alternatives[0].0.clone()), alternatives, ..Self::new("", "{}") }
    }

    /// A list of such values, or a table of them.
    fn within(mut self, words: &str, step: &str, example: Value) -> Self {
        if let Some((_, steps)) = &mut self.table {
            *steps = below(step, steps);
        }
        let (first, rest) = self.words.split_at(self.words.find([' ', ',']).unwrap_or(self.words.len()));
        let several = if first.is_empty() { String::new() } else { format!(" {first}s{rest}") };
        Self { words: format!("{words}{several}"), example, ..self }
    }

    /// What a key of this form may be.
    pub(super) fn in_words(&self) -> String {
        let quoted: Vec<String> = self.alternatives.iter().map(|(word, ..)| format!("`\"{word}\"`")).collect();
        match quoted.split_last() {
            Some((last, others)) if self.words.is_empty() || self.words.ends_with("of") => {
                format!("{} {} or {last}", self.words, others.join(", ")).trim_start().to_owned()
            }
            _ => self.words.clone(),
        }
    }
}

/// The word of a variant in a file.
pub(super) fn word(variant: &Part, of: &Definition) -> String {
    if let Some(word) = variant.told.serde.get("rename") {
        return word.clone();
    }
    let between = match of.told.serde.get("rename_all").map(String::as_str) {
        None => return variant.name.clone(),
        Some("snake_case") => "_",
        Some("lowercase") => "",
        Some(case) => panic!("{}: nothing is known of the words of {} in {case}", of.file, of.name),
    };
    let mut word = String::new();
    for letter in variant.name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word += between;
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

/// The doc comment of a key or a word of a type.
pub(super) fn documented(part: &Part, of: &Definition) -> String {
    let at = format!("{}: {}.{}", of.file, of.name, part.name);
    assert!(!part.told.doc.is_empty(), "{at} stands in configurations and has no doc comment");
    without_place(&part.told)
}

/// A doc comment without the heading of its own table, as in "`[a.b]`: text".
pub(super) fn without_place(told: &Told) -> String {
    let doc = &told.doc;
    let Some((_, text)) = doc.strip_prefix("`[").and_then(|rest| rest.split_once("]`")) else { return doc.clone() };
    let mut letters = text.trim_start_matches([':', '.', ' ']).chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
