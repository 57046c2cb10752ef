//! From the type that a file is read into to its tables and keys, by the types of the fields. A key without a doc
//! comment fails, and so does one of serde's attributes that nothing is known of.

use std::collections::{BTreeMap, VecDeque};

use toml::{Table, Value};

use super::form::{AS_FIELDS, Form, READERS, Word, documented, without_place, word};
use super::place::{below, brackets};
use super::sources::{Definition, Part, Shape, Sources};

/// What serde may be told of a field.
const OF_FIELDS: [&str; 7] =
    ["default", "rename", "flatten", "skip", "skip_deserializing", "skip_serializing", "skip_serializing_if"];

/// A table of a file, or what stands at its top.
#[derive(Default)]
pub(super) struct Section {
    /// Number of the file.
    pub root: usize,
    pub place: String,
    pub title: String,
    pub about: String,
    pub keys: Vec<Key>,
    /// The section under which it stands in the page.
    pub parent: Option<usize>,
    /// Place and value that a file needs for this section, where it is one of several.
    pub choice: Option<(String, Value)>,
    /// Other places of a table with these keys.
    pub also: Vec<String>,
}

/// A key; or one of the words or tables that a value is chosen from.
pub(super) struct Key {
    pub name: String,
    /// Its type in TOML's words.
    pub value: String,
    pub need: Need,
    pub meaning: String,
    pub words: Vec<Word>,
    /// The section that it is.
    pub section: Option<usize>,
    /// A value that can be read.
    pub example: Value,
    pub default: String,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Default,
    /// No value.
    Absent,
    /// No table, of a list or of those by name.
    NoTable,
    /// It is one of several, not a key.
    Choice,
}

/// The sections that were found.
pub(super) struct Walk<'a> {
    sources: &'a Sources,
    pub sections: Vec<Section>,
    /// Sections of types, by file and name.
    seen: BTreeMap<(&'a str, &'a str), usize>,
    /// Sections whose keys are to come: of a type, or of the fields of one of its variants.
    open: VecDeque<(usize, &'a Definition, Option<&'a Part>)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, sections: Vec::new(), seen: BTreeMap::new(), open: VecDeque::new() }
    }

    /// Adds the sections of a file: breadth first, so that the keys of a table that stands in several places are shown
    /// at the shortest.
    pub(super) fn add(&mut self, top: Section, definition: &'a Definition) {
        self.section(definition, None, top);
        while let Some((number, definition, variant)) = self.open.pop_front() {
            let has_variants = variant.is_none() && matches!(definition.shape, Shape::Enum);
            for part in variant.map_or(&definition.parts, |variant| &variant.parts) {
                let told = |word: &str| part.told.serde.contains_key(word);
                let key = match part {
                    _ if told("skip") || told("skip_deserializing") => continue,
                    _ if has_variants => self.choice(number, definition, part),
                    _ if told("flatten") => self.kind(number, definition, part),
                    _ => self.key(number, definition, part),
                };
                self.sections[number].keys.push(key);
            }
        }
    }

    /// Number of the section of a type, or of a variant's fields; it is new unless the type has one.
    fn section(&mut self, of: &'a Definition, variant: Option<&'a Part>, section: Section) -> usize {
        let number = self.sections.len();
        if variant.is_none() {
            let known = *self.seen.entry((&of.file, &of.name)).or_insert(number);
            if known != number {
                let there = &mut self.sections[known];
                if there.place != section.place && !there.also.contains(&section.place) {
                    there.also.push(section.place);
                }
                return known;
            }
        }
        self.sections.push(section);
        self.open.push_back((number, of, variant));
        number
    }

    /// A section below another.
    fn below(&self, parent: usize, key: &str, about: String) -> Section {
        let (root, place) = (self.sections[parent].root, below(&self.sections[parent].place, key));
        let is_taken = self.sections.iter().any(|other| other.root != root && other.place == place);
        let of = self.sections.iter().find(|other| other.root == root).map_or("", |top| &top.title).to_lowercase();
        let title = if is_taken { format!("{} of a {of}", brackets(&place)) } else { brackets(&place) };
        Section { root, place, title, about, parent: Some(parent), ..Section::default() }
    }

    fn key(&mut self, section: usize, definition: &'a Definition, part: &'a Part) -> Key {
        let at = format!("{}: {}.{}", definition.file, definition.name, part.name);
        let meaning = documented(part, definition);
        let mut form = Form::of(part.of.as_ref().expect("a field has a type"), definition, self.sources, &at);
        let reader = READERS.iter().find(|(user, key, _)| *user == definition.name && *key == part.name);
        if let Some((_, _, words)) = reader {
            form = Form { is_optional: form.is_optional, ..Form::new(words, "'x'") };
        }
        for word in part.told.serde.keys() {
            let is_known = OF_FIELDS.contains(&word.as_str()) || (word == "deserialize_with" && reader.is_some());
            assert!(is_known, "{at}: nothing is known of serde's `{word}`");
        }
        let has_default = [&definition.told, &part.told].iter().any(|told| told.serde.contains_key("default"));
        let need = match &form.table {
            _ if form.is_optional => Need::Absent,
            _ if !has_default && !AS_FIELDS.contains(&definition.name.as_str()) => Need::Required,
            Some((_, steps)) if !steps.is_empty() => Need::NoTable,
            _ => Need::Default,
        };
        let name = part.told.serde.get("rename").unwrap_or(&part.name).clone();
        let table = form.table.take().map(|(table, steps)| {
            let own = Some(without_place(&table.told)).filter(|own| !own.is_empty());
            let child = self.below(section, &below(&name, &steps), own.unwrap_or_else(|| meaning.clone()));
            self.section(table, None, child)
        });
        Key { need, section: table, ..Key::new(name, form, meaning) }
    }

    /// The key `kind` of a loss, by whose word other keys stand beside it.
    fn kind(&mut self, section: usize, definition: &'a Definition, part: &'a Part) -> Key {
        let kinds = part.of.as_ref().and_then(|of| self.sources.named(&of.name, definition));
        let kinds = kinds.filter(|kinds| kinds.name == "PolicyLossKind");
        let kinds = kinds.unwrap_or_else(|| panic!("{}: nothing is known of what is flattened", definition.file));
        let mut form = Form::new("", "'x'");
        for kind in &kinds.parts {
            let (place, about) = (self.sections[section].place.clone(), documented(kind, kinds));
            let child = Section {
                title: format!("{} with kind = \"{}\"", brackets(&place), kind.name),
                choice: Some((below(&place, "kind"), Value::String(kind.name.clone()))),
                ..self.below(section, "", about.clone())
            };
            form.alternatives.push((kind.name.clone(), about, self.content(kinds, kind, child)));
        }
        Key::new("kind".to_owned(), form, documented(part, definition))
    }

    /// One of the words or tables that an enum is read from.
    fn choice(&mut self, section: usize, of: &'a Definition, part: &'a Part) -> Key {
        let (name, meaning) = (word(part, of), documented(part, of));
        let table = Table::from_iter([(name.clone(), Value::Table(Table::new()))]);
        let choice = Some((self.sections[section].place.clone(), Value::Table(table)));
        let child = Section { choice, ..self.below(section, &name, meaning.clone()) };
        let child = self.content(of, part, child);
        let form = Form::new(if child.is_some() { "table" } else { "the word alone" }, "{}");
        Key { need: Need::Choice, section: child, ..Key::new(name, form, meaning) }
    }

    /// Number of the section of what a variant holds; none where that has no keys.
    fn content(&mut self, of: &'a Definition, variant: &'a Part, section: Section) -> Option<usize> {
        let Some(inner) = &variant.of else {
            return (!variant.parts.is_empty()).then(|| self.section(of, Some(variant), section));
        };
        let inner = self.sources.named(&inner.name, of).expect("a variant holds a type of the workspace");
        (!inner.parts.is_empty()).then(|| self.section(inner, None, section))
    }
}

impl Key {
    fn new(name: String, form: Form<'_>, meaning: String) -> Self {
        let (value, default) = (form.in_words(), String::new());
        let Form { example, alternatives: words, .. } = form;
        Self { name, value, need: Need::Default, meaning, words, section: None, example, default }
    }
}
