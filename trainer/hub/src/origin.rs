//! The repository and commit of a path, from where it lies in the cache: `…/models--org--name/snapshots/COMMIT/…`. Must
//! not look at the disk.

use std::fmt;
use std::path::Path;

use crate::name::{Kind, is_commit, is_part};

/// Repository, commit, and the path within.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// What the repository holds.
    pub kind: Kind,
    /// `org/name`.
    pub id: String,
    /// Full hash of the commit.
    pub commit: String,
    /// Folder or file within the repository; empty for the whole of it.
    pub inner: String,
}

impl Origin {
    /// The origin of a path of a cache; none for any other path.
    pub fn of_path(path: &Path) -> Option<Self> {
        let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        let snapshots = parts.iter().rposition(|part| *part == "snapshots")?;
        let commit = parts.get(snapshots + 1).filter(|commit| is_commit(commit))?;
        let folder = parts.get(snapshots.checked_sub(1)?)?;
        let (kind, name) = match (folder.strip_prefix("models--"), folder.strip_prefix("datasets--")) {
            (Some(name), _) => (Kind::Model, name),
            (_, Some(name)) => (Kind::Data, name),
            _ => return None,
        };
        let (owner, name) = name.split_once("--")?;
        let is_name = is_part(owner) && is_part(name);
        let inner = parts[snapshots + 2..].join("/");
        is_name.then(|| Self { kind, id: format!("{owner}/{name}"), commit: (*commit).to_owned(), inner })
    }

    /// The repository's name without its owner's.
    pub fn repository(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// The name by which exactly these files are had again.
impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, commit, inner, .. } = self;
        match (self.kind, inner.is_empty()) {
            (Kind::Model, _) | (Kind::Data, true) => write!(formatter, "{id}@{commit}"),
            (Kind::Data, false) => write!(formatter, "datasets/{id}/{inner}@{commit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_path_of_a_cache_says_its_commit() {
        let path = format!("/home/me/.cache/hub/models--Qwen--Qwen2.5-0.5B/snapshots/{COMMIT}");
        let origin = Origin::of_path(Path::new(&path)).unwrap();
        assert_eq!(origin.to_string(), format!("Qwen/Qwen2.5-0.5B@{COMMIT}"));
        let path = format!("cache/datasets--openai--gsm8k/snapshots/{COMMIT}/main/train.parquet");
        let origin = Origin::of_path(Path::new(&path)).unwrap();
        assert_eq!((origin.kind, origin.repository()), (Kind::Data, "gsm8k"));
        assert_eq!(origin.to_string(), format!("datasets/openai/gsm8k/main/train.parquet@{COMMIT}"));
    }

    #[test]
    fn other_paths_have_none() {
        for path in [
            format!("/models--a--b/{COMMIT}"),
            "/models--a--b/snapshots/main".to_owned(),
            format!("/a--b/snapshots/{COMMIT}"),
            format!("snapshots/{COMMIT}"),
            format!("/models--gpt2/snapshots/{COMMIT}"),
        ] {
            assert_eq!(Origin::of_path(Path::new(&path)), None, "{path}");
        }
    }
}
