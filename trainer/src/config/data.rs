//! `[[data.source]]`: files of tasks, traces or pairs, in whatever layout they are published. How they are read is
//! `datasets`' business.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Usage;
use crate::named_files::repository_name;

/// Endings of compressed files, behind the ending of what they hold.
const COMPRESSED: [&str; 2] = ["gz", "zst"];

/// A file or a folder, or a list of them; one alone is written as a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Paths(pub Vec<PathBuf>);

/// Files of tasks, traces or pairs, and their share of what is trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceSection {
    /// A file or a folder with splits and shards, the name of a data set of the hub, or a list of them.
    pub path: Paths,
    /// Name in metrics and records; the first file's stem, or the data set's, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Layout of the rows: the name of one that is shipped, or a TOML file; recognised by the columns where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<PathBuf>,
    /// Assignments `key=value` over the layout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// Split of a folder, or of files that hold several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Condition that a row must meet, beside the layout's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Most records, drawn by their ids; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Share of what is drawn, relative to the other sources'.
    #[serde(default = "one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

/// `[data]`: what is trained on. `[[data]]` is a short form of `[[data.source]]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct DataSection {
    /// The sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<SourceSection>,
}

/// The section as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTable {
    #[serde(default)]
    source: Vec<SourceSection>,
}

/// A source that stands behind a key of its own: a path, a list of paths, or a table with the keys of a
/// `[[data.source]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ShortSource(pub SourceSection);

impl Paths {
    /// The paths as a text for people.
    pub(crate) fn shown(&self) -> String {
        let paths: Vec<String> = self.0.iter().map(|path| path.display().to_string()).collect();
        paths.join(", ")
    }

    /// True where no path is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|path| path.as_os_str().is_empty())
    }
}

impl From<&Path> for Paths {
    fn from(path: &Path) -> Self {
        Self(vec![path.to_owned()])
    }
}

impl SourceSection {
    /// The source of some paths, with nothing else said of it.
    pub(crate) fn of(path: Paths) -> Self {
        Self { path, weight: one(), ..Self::default() }
    }

    /// The name, or the first file's stem.
    pub(crate) fn name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut path = self.path.0.first().cloned().unwrap_or_default();
        if let Some(name) = repository_name(&path) {
            return name;
        }
        if path.extension().is_some_and(|ending| COMPRESSED.iter().any(|known| ending == *known)) {
            path.set_extension("");
        }
        path.file_stem().map_or("tasks".into(), |stem| stem.to_string_lossy().into_owned())
    }

    /// Checks the values; `key` is where the source stands.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self, key: &str) -> Result<()> {
        if self.path.is_empty() {
            return Err(Usage::error(format!("{key}.path: name a file or a folder")));
        }
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(Usage::error(format!("{key}.weight: is {}; give a number of at least 0", self.weight)));
        }
        if self.limit == Some(0) {
            return Err(Usage::error(format!("{key}.limit: is 0; leave it out to take all")));
        }
        Ok(())
    }
}

impl DataSection {
    /// True without a source.
    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// Checks the sources.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        self.source.iter().enumerate().try_for_each(|(i, source)| source.validate(&format!("data.source.{i}")))?;
        if !self.source.is_empty() && self.source.iter().all(|source| source.weight == 0.0) {
            return Err(Usage::error("data.source: no source has a weight above 0"));
        }
        Ok(())
    }

    /// The sources, or the one behind the short key where that is given instead.
    ///
    /// # Errors
    /// A usage error: neither or both are given, or a value cannot be used.
    pub(crate) fn or_short(&self, short: &SourceSection, key: &str) -> Result<Vec<SourceSection>> {
        self.validate()?;
        match (self.source.is_empty(), short.path.is_empty()) {
            (false, true) => Ok(self.source.clone()),
            (true, false) => {
                short.validate(key.trim_end_matches(".path"))?;
                Ok(vec![short.clone()])
            }
            (true, true) => Err(Usage::error(format!("{key}: name a file, or files as [[data.source]] path = \"…\""))),
            (false, false) => Err(Usage::error(format!("{key} and [[data.source]]: give one of them, not both"))),
        }
    }
}

impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => serializer.serialize_str(""),
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Paths;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path or a list of paths")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Paths, E> {
                Ok(Path::new(text).into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Paths, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Paths)
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl<'de> Deserialize<'de> for DataSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrTable;
        impl<'de> Visitor<'de> for ListOrTable {
            type Value = DataSection;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of sources, or a table with `source`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<DataSection, A::Error> {
                Ok(DataSection { source: Vec::deserialize(SeqAccessDeserializer::new(items))? })
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<DataSection, A::Error> {
                let DataTable { source } = DataTable::deserialize(MapAccessDeserializer::new(entries))?;
                Ok(DataSection { source })
            }
        }
        deserializer.deserialize_any(ListOrTable)
    }
}

impl ShortSource {
    /// True where nothing but paths is given.
    pub(crate) fn is_short(&self) -> bool {
        self.0 == SourceSection { weight: self.0.weight, ..SourceSection::of(self.0.path.clone()) }
    }
}

impl Serialize for ShortSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_short() { self.0.path.serialize(serializer) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for ShortSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrTable;
        impl<'de> Visitor<'de> for PathOrTable {
            type Value = ShortSource;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path, a list of paths, or a table with `path`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ShortSource, E> {
                Ok(ShortSource(SourceSection::of(Path::new(text).into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ShortSource, A::Error> {
                let paths = Vec::deserialize(SeqAccessDeserializer::new(items))?;
                Ok(ShortSource(SourceSection::of(Paths(paths))))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<ShortSource, A::Error> {
                SourceSection::deserialize(MapAccessDeserializer::new(entries)).map(ShortSource)
            }
        }
        deserializer.deserialize_any(PathOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Config {
        #[serde(default)]
        data: DataSection,
        #[serde(default)]
        held_out: ShortSource,
    }

    fn parsed(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_short_forms_are_the_long_ones() {
        let long = parsed("held_out = { path = 'h.jsonl' }\n[[data.source]]\npath = 'a.jsonl'\nweight = 2.0\n");
        let short = parsed("held_out = 'h.jsonl'\n[[data]]\npath = ['a.jsonl']\nweight = 2.0\n");
        assert_eq!(long.data, short.data);
        assert_eq!((short.held_out.0.weight, long.held_out.0.path.clone()), (1.0, short.held_out.0.path.clone()));
        let again: Config = toml::from_str(&toml::to_string(&short).unwrap()).unwrap();
        assert_eq!(again, short);
        assert!(toml::to_string(&long).unwrap().contains("held_out = \"h.jsonl\""));
        let several = parsed("held_out = { path = ['a', 'b'], split = 'test' }");
        assert_eq!(several.held_out.0.split.as_deref(), Some("test"));
        let again: Config = toml::from_str(&toml::to_string(&several).unwrap()).unwrap();
        assert_eq!(again, several);
    }

    #[test]
    fn an_unknown_key_is_named() {
        for text in ["[[data]]\npath = 'a'\nweigth = 2.0\n", "[data]\nsorce = []\n", "held_out = { paht = 'x' }"] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
        assert!(toml::from_str::<Config>("data = 3").unwrap_err().to_string().contains("a list of sources"));
    }

    #[test]
    fn one_of_two_ways_is_given() {
        let data = parsed("[[data]]\npath = 'a'\n").data;
        let (none, short) = (SourceSection::default(), SourceSection::of(Path::new("b").into()));
        assert_eq!(data.or_short(&none, "traces.path").unwrap().len(), 1);
        assert_eq!(DataSection::default().or_short(&short, "traces.path").unwrap()[0].name(), "b");
        for (data, short) in [(&data, &short), (&DataSection::default(), &none)] {
            assert!(data.or_short(short, "traces.path").unwrap_err().to_string().contains("traces.path"));
        }
        let named = SourceSection::of(Path::new("folder/train.jsonl.gz").into());
        assert_eq!(named.name(), "train");
    }
}
