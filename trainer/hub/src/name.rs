//! The name of a model or of data: `org/name[@revision]`, and `datasets/org/name[/folder][@revision]`. Must not know
//! what is at a path.

use std::fmt;

use hf_hub::RepoType;

/// What stands before the name of data where nothing else says that data are meant.
const DATASETS: &str = "datasets/";
/// Endings of data files: a path with one of them is no name.
const FILES: [&str; 11] = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "feather", "ipc", "gz", "zst"];
/// Longest name of a repository, with that of its owner.
const LONGEST: usize = 96;

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Weights, with configuration and tokenizer.
    Model,
    /// Files of rows.
    Data,
}

/// A name as it was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HubName {
    /// What is meant.
    pub kind: Kind,
    /// `org/name`.
    pub id: String,
    /// Folder or file within the repository, with `/` between its parts.
    pub inner: Option<String>,
    /// Branch, tag or commit; the main branch where absent.
    pub revision: Option<String>,
}

impl Kind {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data set",
        }
    }

    pub(crate) fn repo_type(self) -> RepoType {
        match self {
            Self::Model => RepoType::Model,
            Self::Data => RepoType::Dataset,
        }
    }
}

impl HubName {
    /// Reads a name where a `kind` is wanted; none where the text can only be a path. A folder or file within a
    /// repository is named behind `datasets/org/name`, of data alone.
    pub fn parse(text: &str, kind: Kind) -> Option<Self> {
        let (place, revision) = match text.split_once('@') {
            Some((place, revision)) => (place, Some(revision)),
            None => (text, None),
        };
        let (place, is_said) = match (place.strip_prefix(DATASETS), kind) {
            // `datasets/name` alone is an owner called so.
            (Some(rest), Kind::Data) if rest.contains('/') => (rest, true),
            _ => (place, false),
        };
        let mut parts = place.splitn(3, '/');
        let (owner, name, inner) = (parts.next()?, parts.next()?, parts.next());
        let is_file = FILES.iter().any(|ending| name.ends_with(&format!(".{ending}")));
        let is_fine = is_part(owner)
            && is_part(name)
            && owner.len() + name.len() < LONGEST
            && revision.is_none_or(is_revision)
            && inner.is_none_or(|inner| is_said && is_inner(inner))
            && (is_said || !is_file);
        is_fine.then(|| Self {
            kind,
            id: format!("{owner}/{name}"),
            inner: inner.map(str::to_owned),
            revision: revision.map(str::to_owned),
        })
    }

    /// The repository's name without its owner's.
    pub fn repository(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }

    /// True where the full hash of a commit is named, so that the files are always the same.
    pub fn is_pinned(&self) -> bool {
        self.revision.as_deref().is_some_and(is_commit)
    }

    /// Branch, tag or commit.
    pub(crate) fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inner.is_some() {
            formatter.write_str(DATASETS)?;
        }
        formatter.write_str(&self.id)?;
        if let Some(inner) = &self.inner {
            write!(formatter, "/{inner}")?;
        }
        match &self.revision {
            Some(revision) => write!(formatter, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// True for a name of an owner or a repository, by the hub's rules.
pub(crate) fn is_part(text: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_edge = |letter: char| "-.".contains(letter);
    !text.is_empty()
        && text.chars().all(is_allowed)
        && !text.starts_with(is_edge)
        && !text.ends_with(is_edge)
        && !text.contains("--")
        && !text.contains("..")
}

fn is_revision(text: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_./+".contains(letter);
    !text.is_empty() && text.chars().all(is_allowed) && is_inner(text)
}

/// True for a path that stays within the folder it is joined to.
pub(crate) fn is_inner(path: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    path.split('/').all(is_name)
}

/// True for the full hash of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Option<HubName> {
        HubName::parse(text, Kind::Model)
    }

    #[test]
    fn a_name_has_a_revision() {
        let name = model("Qwen/Qwen2.5-0.5B@refs/pr/1").unwrap();
        assert_eq!((name.id.as_str(), name.revision()), ("Qwen/Qwen2.5-0.5B", "refs/pr/1"));
        assert_eq!((name.repository(), name.to_string().as_str()), ("Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B@refs/pr/1"));
        assert_eq!(model("org/name").unwrap().revision(), "main");
    }

    #[test]
    fn data_have_folders_behind_their_word() {
        let name = HubName::parse("datasets/openai/gsm8k/main@v1", Kind::Data).unwrap();
        assert_eq!((name.id.as_str(), name.inner.as_deref()), ("openai/gsm8k", Some("main")));
        assert_eq!(name.to_string(), "datasets/openai/gsm8k/main@v1");
        assert_eq!(HubName::parse("datasets/openai/gsm8k", Kind::Data).unwrap().to_string(), "openai/gsm8k");
        assert_eq!(HubName::parse("openai/gsm8k", Kind::Data).unwrap().id, "openai/gsm8k");
        let file = HubName::parse("datasets/org/name/train.jsonl", Kind::Data).unwrap();
        assert_eq!(file.inner.as_deref(), Some("train.jsonl"));
    }

    #[test]
    fn paths_are_no_names() {
        for path in [
            "name",
            "a/b/c",
            "/a/b",
            "./a",
            "../a",
            "a/",
            "a/..",
            "a/b@",
            "a/b@../c",
            "a b/c",
            "-a/b",
            "a--b/c",
            "",
            "datasets/org/name",
            "~/model",
        ] {
            assert_eq!(model(path), None, "{path}");
        }
        for path in ["data/tasks.jsonl", "data/tasks.jsonl.gz", "a/b/c", "datasets/a/b/../c", "datasets/a/b/"] {
            assert_eq!(HubName::parse(path, Kind::Data), None, "{path}");
        }
    }
}
