//! What an archive holds: each path in it, and where its bytes come from.
//!
//! The paths stand in the order of their bytes, folders before what is in them, so that two archives of the same files
//! are the same bytes. Knows nothing of tar, nor of what the files are for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Names that a folder on this machine holds and that belong to nobody else: caches, locks, and code that was compiled
/// for its processor.
const LEFT_OUT: [&str; 4] = ["__pycache__", ".lock", "incoming", "outgoing"];
/// Ends of such names.
const LEFT_OUT_ENDS: [&str; 4] = [".cwasm", ".image", ".lock", ".pyc"];

/// Bytes of one path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A file of this machine; executable where it is executable here.
    File(PathBuf),
    /// A text that was made for the archive.
    Text(String),
    /// A folder.
    Folder,
}

/// The paths of an archive, without its first folder.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    entries: BTreeMap<String, Source>,
}

impl Contents {
    /// Adds one path, and the folders that it is in.
    ///
    /// # Errors
    /// Another file has the path, or it has a character that lists of paths do not carry.
    pub(crate) fn add(&mut self, path: &str, source: Source) -> Result<()> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        ensure!(!path.is_empty() && path.bytes().all(is_plain), "{path:?} cannot be a path of an archive");
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Source::Folder);
        }
        let before = self.entries.insert(path.to_owned(), source.clone());
        ensure!(
            before.as_ref().is_none_or(|before| *before == source),
            "{path} would be in the archive twice: {before:?} and {source:?}"
        );
        Ok(())
    }

    /// Adds every file below `folder` under `path`, but for what belongs to this machine alone. Links are followed.
    ///
    /// # Errors
    /// The folder cannot be read, or as [`Contents::add`].
    pub(crate) fn add_folder(&mut self, path: &str, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| anyhow::anyhow!("{} holds {name:?}, no text", folder.display()))?;
            if is_left_out(&name) {
                continue;
            }
            let inner = format!("{path}/{name}");
            if entry.path().is_dir() {
                self.add_folder(&inner, &entry.path())?;
            } else {
                self.add(&inner, Source::File(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Takes one path out; one that is not there is fine.
    pub(crate) fn remove(&mut self, path: &str) {
        self.entries.remove(path);
    }

    /// Names of what stands directly in a folder.
    pub(crate) fn children(&self, folder: &str) -> Vec<String> {
        let inner = |path: &String| Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        self.entries.keys().filter_map(inner).filter(|name| !name.contains('/')).collect()
    }

    /// The paths in their order, folders among them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The paths of files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.entries.iter().filter(|(_, source)| **source != Source::Folder);
        files.map(|(path, _)| path.as_str())
    }

    /// Writes one path below `folder`, with the rights that it has for everybody.
    ///
    /// # Errors
    /// The source cannot be read, or the file cannot be written.
    pub(crate) fn write(&self, path: &str, folder: &Path) -> Result<()> {
        let place = folder.join(path);
        let mode = match &self.entries[path] {
            Source::Folder => fs::create_dir_all(&place).map(|()| 0o755),
            Source::Text(text) => fs::write(&place, text).map(|()| 0o644),
            Source::File(file) => fs::copy(file, &place)
                .and_then(|_| fs::metadata(&place))
                .map(|metadata| if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 }),
        };
        let mode = mode.with_context(|| format!("cannot write {}", place.display()))?;
        let rights = fs::Permissions::from_mode(mode);
        fs::set_permissions(&place, rights).with_context(|| format!("cannot write {}", place.display()))
    }

    /// Writes all paths below `folder`.
    ///
    /// # Errors
    /// As [`Contents::write`].
    pub(crate) fn write_all(&self, folder: &Path) -> Result<()> {
        self.paths().try_for_each(|path| self.write(path, folder))
    }
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name) || LEFT_OUT_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Source {
        Source::Text(text.to_owned())
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_the_order_is_that_of_bytes() {
        let mut contents = Contents::default();
        for path in ["b/c/d", "b-1", "a", "B"] {
            contents.add(path, text(path)).unwrap();
        }
        assert_eq!(contents.paths().collect::<Vec<_>>(), ["B", "a", "b", "b-1", "b/c", "b/c/d"]);
        assert_eq!(contents.files().collect::<Vec<_>>(), ["B", "a", "b-1", "b/c/d"]);
        assert_eq!((contents.children("b"), contents.children("b/c/d")), (vec!["c".to_owned()], vec![]));
        contents.remove("b-1");
        assert_eq!(contents.files().collect::<Vec<_>>(), ["B", "a", "b/c/d"]);
    }

    #[test]
    fn a_path_that_comes_twice_and_one_that_lists_do_not_carry_are_refused() {
        let mut contents = Contents::default();
        contents.add("a/b", text("x")).unwrap();
        contents.add("a/b", text("x")).unwrap();
        assert!(contents.add("a/b", text("y")).unwrap_err().to_string().contains("a/b would be in the archive twice"));
        for path in ["", "a b", "a\nb", "ä", "a\\b"] {
            assert!(contents.add(path, text("x")).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_folder_comes_without_what_belongs_to_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["run", "a/python.wasm", "a/python.0123.cwasm", "a/.lock", "__pycache__/x.pyc"] {
            let place = folder.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, path).unwrap();
        }
        fs::set_permissions(folder.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        let mut contents = Contents::default();
        contents.add_folder("all", folder.path()).unwrap();
        assert_eq!(contents.files().collect::<Vec<_>>(), ["all/a/python.wasm", "all/run"]);

        let written = tempfile::tempdir().unwrap();
        contents.write_all(written.path()).unwrap();
        let mode = |path: &str| fs::metadata(written.path().join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!([mode("all"), mode("all/run"), mode("all/a/python.wasm")], [0o755, 0o755, 0o644]);
    }
}
