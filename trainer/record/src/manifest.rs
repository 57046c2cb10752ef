//! The manifest of a checkpoint, `trainer/manifest.json` in it: its components, the size and checksum of every file,
//! and the run that wrote it. It is written last, so that a checkpoint is whole when its manifest is there and holds
//! true.
//! Must not know what the files contain, nor what a run is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use progress::{Progress, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::atomic::write_error;
use crate::checksum;
use crate::error::RecordError;

/// Folder within a checkpoint of everything but the model, which other tools do not look at.
pub const INNER: &str = "trainer";
/// Path of the manifest within a checkpoint.
pub const MANIFEST: &str = "trainer/manifest.json";
/// Version of the manifest's layout, and of that of the files it names.
pub const SCHEMA: u64 = 1;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointManifest {
    /// Version of the layout: [`SCHEMA`].
    pub schema: u64,
    /// Step after which the checkpoint was written.
    pub step: u64,
    /// Components by name.
    pub components: BTreeMap<String, ComponentRecord>,
    /// The run that wrote it, in the words of whoever runs it.
    pub run: Value,
}

/// A component: a part of a checkpoint that is loaded by itself, such as the policy or its optimizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// Folder of the component within the checkpoint, with `/` between its parts; empty for the checkpoint's own.
    pub folder: String,
    /// The files that the component wrote.
    pub files: Vec<FileRecord>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path within the checkpoint, with `/` between its parts.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Checksum of the content, as [`checksum::of_file`] gives it.
    pub checksum: String,
}

/// A manifest in the making: takes down the files of each component once they are written.
#[derive(Debug)]
pub struct ManifestBuilder<'a> {
    checkpoint: &'a Path,
    components: BTreeMap<String, ComponentRecord>,
}

impl<'a> ManifestBuilder<'a> {
    /// The manifest of an empty folder, which becomes a checkpoint.
    pub fn new(checkpoint: &'a Path) -> Self {
        Self { checkpoint, components: BTreeMap::new() }
    }

    /// Takes down the files of the component `name`, given by their paths within the checkpoint; `folder` is where the
    /// component is read from, a path within the checkpoint too.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn component(&mut self, name: &str, folder: &str, paths: &[String]) -> Result<(), RecordError> {
        let mut files = Vec::with_capacity(paths.len());
        let progress = Progress::aside(format!("checksums of {name}"), Unit::Bytes, None);
        for path in paths {
            let full = self.checkpoint.join(path);
            let (bytes, checksum) = checksum::of_file(&full).map_err(|error| read_error(&full, error))?;
            progress.advance(bytes);
            files.push(FileRecord { path: path.clone(), bytes, checksum });
        }
        let record = ComponentRecord { folder: folder.to_owned(), files };
        self.components.insert(name.to_owned(), record);
        Ok(())
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(self, step: u64, run: Value) -> Result<(), RecordError> {
        let manifest = CheckpointManifest { schema: SCHEMA, step, components: self.components, run };
        let mut value = serde_json::to_value(&manifest).expect("a manifest is JSON");
        let own = checksum::of_bytes(value.to_string().as_bytes());
        value["checksum"] = own.into();
        let path = self.checkpoint.join(MANIFEST);
        let parent = path.parent().unwrap_or(self.checkpoint);
        fs::create_dir_all(parent).map_err(|error| write_error(parent, error))?;
        let text = serde_json::to_vec_pretty(&value).expect("a manifest is JSON");
        fs::write(&path, text).map_err(|error| write_error(&path, error))
    }
}

/// State of a file of a checkpoint, held against the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// As it was written.
    Whole,
    /// Of another size or checksum.
    Altered,
    /// Named by the manifest, and not there.
    Missing,
    /// There, and not to be read: it cannot be told what it is.
    Unreadable,
    /// There, and not named by the manifest.
    Unlisted,
}

/// A file of a checkpoint that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifiedFile {
    /// Path within the checkpoint.
    pub path: String,
    /// Size in bytes, as it is; 0 where the file is missing.
    pub bytes: u64,
    /// State against the manifest.
    pub state: FileState,
}

/// What a checkpoint was found to be.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The manifest, where there is one that can be read.
    pub manifest: Option<CheckpointManifest>,
    /// True where the folder has no manifest at all: versions before the manifest wrote none.
    pub has_no_manifest: bool,
    /// True where it cannot be told whether the checkpoint is whole: something cannot be read, or its manifest is of a
    /// newer layout.
    pub is_unclear: bool,
    /// Files that the manifest names, then those that it does not.
    pub files: Vec<VerifiedFile>,
    /// What is wrong, in words that name the file; empty for a checkpoint that is whole.
    pub problems: Vec<String>,
}

impl Verification {
    /// Holds every file of a checkpoint against its manifest.
    pub fn of(checkpoint: &Path) -> Self {
        let mut found = Self::default();
        match read(checkpoint) {
            Ok(manifest) => {
                found.check(checkpoint, &manifest);
                found.manifest = Some(manifest);
            }
            Err(Unread { problem, is_unclear }) => {
                found.has_no_manifest = !checkpoint.join(MANIFEST).exists();
                found.is_unclear = is_unclear;
                found.problems.push(problem);
            }
        }
        found
    }

    /// True where nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn check(&mut self, checkpoint: &Path, manifest: &CheckpointManifest) {
        let named = checkpoint.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("step_"));
        if let Some(step) = named.and_then(|step| step.parse::<u64>().ok()).filter(|step| *step != manifest.step) {
            self.problems.push(format!("{MANIFEST} is of step {}, the folder's name says {step:05}", manifest.step));
        }
        let all = manifest.components.values().flat_map(|component| &component.files);
        let title = format!("checking {}", checkpoint.display());
        let progress = Progress::aside(title, Unit::Bytes, Some(all.map(|file| file.bytes).sum()));
        let mut listed = BTreeSet::from([MANIFEST.to_owned()]);
        for file in manifest.components.values().flat_map(|component| &component.files) {
            listed.insert(file.path.clone());
            let (bytes, state) = match checksum::of_file(&checkpoint.join(&file.path)) {
                Ok((bytes, _)) if bytes != file.bytes => {
                    self.problems.push(format!("{} has {bytes} bytes, was written with {}", file.path, file.bytes));
                    (bytes, FileState::Altered)
                }
                Ok((bytes, checksum)) if checksum != file.checksum => {
                    self.problems.push(format!("{} has another checksum than when it was written", file.path));
                    (bytes, FileState::Altered)
                }
                Ok((bytes, _)) => (bytes, FileState::Whole),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.problems.push(format!("{} is missing", file.path));
                    (0, FileState::Missing)
                }
                Err(error) => {
                    self.problems.push(format!("{} cannot be read: {error}", file.path));
                    self.is_unclear = true;
                    (0, FileState::Unreadable)
                }
            };
            self.files.push(VerifiedFile { path: file.path.clone(), bytes, state });
            progress.advance(bytes);
        }
        match files_of(checkpoint) {
            Ok(all) => {
                for path in all.into_iter().filter(|path| !listed.contains(path)) {
                    if is_read_with_a_model(&path) {
                        self.problems.push(format!("{path} was not written with the checkpoint, and would be loaded"));
                    }
                    let bytes = fs::metadata(checkpoint.join(&path)).map_or(0, |metadata| metadata.len());
                    self.files.push(VerifiedFile { path, bytes, state: FileState::Unlisted });
                }
            }
            Err(error) => {
                self.is_unclear = true;
                self.problems.push(error.to_string());
            }
        }
    }
}

/// Why a manifest was not read.
struct Unread {
    /// In words that name the file.
    problem: String,
    /// It may be sound all the same.
    is_unclear: bool,
}

impl From<String> for Unread {
    fn from(problem: String) -> Self {
        Self { problem, is_unclear: false }
    }
}

/// True for a file whose presence changes what is loaded from a folder: weights, their index, texts of the tokenizer.
fn is_read_with_a_model(path: &str) -> bool {
    [".safetensors", ".json", ".jinja"].iter().any(|ending| path.ends_with(ending))
}

fn read(checkpoint: &Path) -> Result<CheckpointManifest, Unread> {
    let path = checkpoint.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{MANIFEST} is missing").into(),
        _ => Unread { problem: format!("{MANIFEST} cannot be read: {error}"), is_unclear: true },
    })?;
    let mut value: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("{MANIFEST} is not JSON: {error}"))?;
    let schema = value["schema"].as_u64().ok_or_else(|| format!("{MANIFEST} has no `schema`"))?;
    if schema > SCHEMA {
        let problem = format!(
            "{MANIFEST} has schema {schema}, this version reads up to {SCHEMA}: use the version that wrote it, or a \
             newer one"
        );
        return Err(Unread { problem, is_unclear: true });
    }
    let own = value.as_object_mut().and_then(|object| object.shift_remove("checksum"));
    if own != Some(Value::from(checksum::of_bytes(value.to_string().as_bytes()))) {
        return Err(format!("{MANIFEST} has another checksum than when it was written").into());
    }
    serde_json::from_value(value).map_err(|error| format!("{MANIFEST}: {error}").into())
}

/// Paths of all files below a folder, relative to it, in order.
fn files_of(folder: &Path) -> Result<Vec<String>, RecordError> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let path = folder.join(&inner);
        let fail = |source| RecordError::List { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let relative = inner.join(entry.file_name());
            if entry.file_type().map_err(fail)?.is_dir() {
                folders.push(relative);
            } else {
                files.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_error(path: &Path, error: io::Error) -> RecordError {
    RecordError::Read { path: path.to_owned(), source: error.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A checkpoint of a policy and its optimizer.
    fn checkpoint(parent: &Path) -> PathBuf {
        let folder = parent.join("step_00002");
        fs::create_dir_all(folder.join("trainer")).unwrap();
        let mut manifest = ManifestBuilder::new(&folder);
        fs::write(folder.join("model.safetensors"), b"weights").unwrap();
        fs::write(folder.join("config.json"), b"{}").unwrap();
        let files = ["config.json", "model.safetensors"].map(str::to_owned);
        manifest.component("policy", "", &files).unwrap();
        fs::write(folder.join("trainer/optimizer.safetensors"), b"moments").unwrap();
        manifest.component("optimizer", "trainer", &["trainer/optimizer.safetensors".to_owned()]).unwrap();
        manifest.write(2, json!({"rate": 1e-3, "seed": 7})).unwrap();
        folder
    }

    #[test]
    fn a_manifest_lists_the_files_of_each_component() {
        let parent = tempfile::tempdir().unwrap();
        let found = Verification::of(&checkpoint(parent.path()));
        assert!(found.is_whole(), "{:?}", found.problems);
        let manifest = found.manifest.unwrap();
        let paths = |name: &str| -> Vec<&str> {
            manifest.components[name].files.iter().map(|file| file.path.as_str()).collect()
        };
        assert_eq!(paths("policy"), ["config.json", "model.safetensors"]);
        assert_eq!(paths("optimizer"), ["trainer/optimizer.safetensors"]);
        assert_eq!((manifest.step, manifest.run), (2, json!({"rate": 1e-3, "seed": 7})));
    }

    /// The only problem of a checkpoint after a change.
    fn problem(change: impl FnOnce(&Path)) -> String {
        let parent = tempfile::tempdir().unwrap();
        let folder = checkpoint(parent.path());
        change(&folder);
        let problems = Verification::of(&folder).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    }

    #[test]
    fn every_fault_is_named_with_its_file() {
        let write = |folder: &Path, name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let flipped = problem(|folder| write(folder, "trainer/optimizer.safetensors", "momentz"));
        assert!(flipped.contains("trainer/optimizer.safetensors") && flipped.contains("checksum"), "{flipped}");
        let short = problem(|folder| write(folder, "model.safetensors", "weight"));
        assert!(short.contains("model.safetensors") && short.contains("6 bytes"), "{short}");
        let missing = problem(|folder| fs::remove_file(folder.join("config.json")).unwrap());
        assert_eq!(missing, "config.json is missing");
        let torn = problem(|folder| fs::remove_file(folder.join(MANIFEST)).unwrap());
        assert_eq!(torn, "trainer/manifest.json is missing");
        let added = problem(|folder| write(folder, "model.safetensors.index.json", "{}"));
        assert!(added.contains("model.safetensors.index.json"), "{added}");
    }

    #[test]
    fn a_changed_manifest_is_no_manifest() {
        let edit = |from: &str, to: &str| {
            problem(|folder| {
                let text = fs::read_to_string(folder.join(MANIFEST)).unwrap();
                assert!(text.contains(from), "{text}");
                fs::write(folder.join(MANIFEST), text.replacen(from, to, 1)).unwrap();
            })
        };
        assert!(edit("\"seed\": 7", "\"seed\": 8").contains("another checksum"));
        assert!(edit("\"schema\": 1", "\"schema\": 2").contains("schema 2"));
        assert!(edit("{", "").contains("not JSON"));
        assert!(edit("\"schema\"", "\"scheme\"").contains("no `schema`"));
    }

    #[test]
    fn another_steps_checkpoint_under_this_name_is_found() {
        let parent = tempfile::tempdir().unwrap();
        let folder = checkpoint(parent.path());
        let moved = folder.with_file_name("step_00003");
        fs::rename(&folder, &moved).unwrap();
        let problems = Verification::of(&moved).problems;
        assert!(problems.len() == 1 && problems[0].contains("step 2") && problems[0].contains("00003"), "{problems:?}");
    }

    #[test]
    fn a_file_of_the_user_that_no_model_reads_is_listed_and_no_fault() {
        let parent = tempfile::tempdir().unwrap();
        let folder = checkpoint(parent.path());
        fs::write(folder.join("README.md"), "mine").unwrap();
        let found = Verification::of(&folder);
        assert!(found.is_whole(), "{:?}", found.problems);
        assert!(found.files.iter().any(|file| file.path == "README.md" && file.state == FileState::Unlisted));
    }
}
