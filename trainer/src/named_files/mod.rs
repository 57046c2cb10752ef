//! Names of the hub where a folder or a file may stand: `org/name[@revision]`. What lies at the path wins; where
//! nothing does and the text can be a name, its files are brought, and their folder takes the name's place. Must not
//! know what is read from it.

mod data_files;
mod shown;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use evaluation::select;
use hub::{Event, Hub, HubError, HubName, HubSettings, Kind, ModelFiles, Origin, Snapshot};

use self::data_files::choose;
pub(crate) use self::data_files::splits_of;
use self::shown::Shown;
use crate::failure::Usage;
use crate::interrupt::Interrupt;

/// Puts folders in the place of names.
#[derive(Debug)]
pub(crate) struct NamedFiles {
    interrupt: Interrupt,
}

impl NamedFiles {
    pub(crate) fn new(interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone() }
    }

    /// Puts a model's folder in the place of its name. `key` is where the name stands.
    ///
    /// # Errors
    /// There is neither such a folder nor such a model, the hub refuses or is away, or the user interrupts.
    pub(crate) async fn model(&self, key: &str, path: &mut PathBuf, wanted: ModelFiles) -> Result<()> {
        let Some(name) = name_of(path, Kind::Model) else { return Ok(()) };
        let snapshot = self.snapshot(key, name, move |hub, name, on_event| hub.model(name, wanted, on_event));
        *path = snapshot.await?.folder;
        Ok(())
    }

    /// Puts the folder of data, or the file within that is named, in the place of the name. Of the files those of the
    /// `splits` come; without any, all.
    ///
    /// # Errors
    /// As for [`NamedFiles::model`], or the data have no such folder or file.
    pub(crate) async fn data(&self, key: &str, path: &mut PathBuf, splits: &[String]) -> Result<()> {
        let Some(name) = name_of(path, Kind::Data) else { return Ok(()) };
        let (inner, splits) = (name.inner.clone(), splits.to_vec());
        let snapshot = self.snapshot(key, name, move |hub, name, on_event| {
            hub.data(name, &|paths| choose(paths, name.inner.as_deref(), &splits), on_event)
        });
        let folder = snapshot.await?.folder;
        *path = inner.map_or(folder.clone(), |inner| folder.join(inner));
        Ok(())
    }

    /// The same for the data of suites, each `SUITE=FILE`, or `FILE` alone for the suite that is asked. A suite's own
    /// splits come, with those of its solved examples.
    ///
    /// # Errors
    /// As for [`NamedFiles::data`].
    pub(crate) async fn suites(
        &self,
        key: &str,
        suites: &[String],
        split: Option<&String>,
        data: &mut [String],
    ) -> Result<()> {
        for given in data {
            let (suite, path) = match given.split_once('=') {
                Some((suite, path)) if !Path::new(given.as_str()).exists() => (Some(suite), path),
                _ => (None, given.as_str()),
            };
            let asked = match (suite, suites) {
                (None, [only]) => Some(only.as_str()),
                // The version that is asked may have other data.
                (Some(suite), _) => suites.iter().map(String::as_str).find(|name| is_of(name, suite)).or(Some(suite)),
                (None, _) => None,
            };
            let selected = asked.and_then(|asked| select(asked).ok()).map(|selection| selection.suites);
            let splits = match selected.unwrap_or_default().as_slice() {
                [suite] => splits_of(suite, split),
                _ => split.iter().map(|split| (*split).clone()).collect(),
            };
            let mut place = PathBuf::from(path);
            self.data(key, &mut place, &splits).await?;
            let place = place.display();
            *given = suite.map_or_else(|| place.to_string(), |suite| format!("{suite}={place}"));
        }
        Ok(())
    }

    async fn snapshot(
        &self,
        key: &str,
        name: HubName,
        bring: impl FnOnce(&Hub, &HubName, &mut dyn FnMut(Event<'_>)) -> Result<Snapshot, HubError> + Send + 'static,
    ) -> Result<Snapshot> {
        let mut shown = Shown::default();
        let asked = name.clone();
        let work = tokio::task::spawn_blocking(move || {
            let hub = Hub::new(HubSettings::of_process()?, policy::is_of_terms);
            bring(&hub, &asked, &mut |event| shown.show(event))
        });
        let brought = self.interrupt.race(work).await?.map_err(|error| anyhow!("{key}: {error}"))?;
        brought.map_err(|error| refused(key, &name, &error))
    }
}

/// True for a suite's name with or without a version.
fn is_of(asked: &str, suite: &str) -> bool {
    asked.strip_prefix(suite).is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', ':']))
}

/// The name that stands for a path; none where something lies there, or the text is no name.
pub(crate) fn name_of(path: &Path, kind: Kind) -> Option<HubName> {
    let is_there = path.symlink_metadata().is_ok();
    if is_there { None } else { HubName::parse(path.to_str()?, kind) }
}

/// The error of a text that was read both ways.
fn refused(key: &str, name: &HubName, error: &HubError) -> anyhow::Error {
    let place = if name.kind == Kind::Model { "folder" } else { "file or folder" };
    let text = format!(
        "{key}: there is no {place} {name} here, and as the name of a {} of the hub it cannot be used: {error}",
        name.kind.word()
    );
    if error.is_of_name() { Usage::error(text) } else { anyhow!(text) }
}

/// The name of data without what their path has besides: that of the repository, where it is one of the hub.
pub(crate) fn repository_name(path: &Path) -> Option<String> {
    if let Some(origin) = Origin::of_path(path) {
        let is_file = path.extension().is_some() && !path.is_dir();
        return (!is_file).then(|| origin.repository().to_owned());
    }
    let name = name_of(path, Kind::Data)?;
    let is_file = name.inner.as_ref().is_some_and(|inner| Path::new(inner).extension().is_some());
    (!is_file && !path.exists()).then(|| name.repository().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_at_a_path_wins() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("model");
        std::fs::create_dir(&there).unwrap();
        assert_eq!(name_of(&there, Kind::Model), None);
        assert!(name_of(Path::new("no-such-owner/no-such-model"), Kind::Model).is_some());
        // The tests run in the crate's folder.
        assert!(Path::new("src/config").is_dir());
        assert_eq!(name_of(Path::new("src/config"), Kind::Model), None);
    }

    #[test]
    fn data_are_called_as_their_repository() {
        let named = |path: &str| repository_name(Path::new(path));
        assert_eq!(named("openai/gsm8k@v1.0").as_deref(), Some("gsm8k"));
        assert_eq!(named("datasets/openai/gsm8k/main").as_deref(), Some("gsm8k"));
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let snapshot = format!("/c/datasets--openai--gsm8k/snapshots/{commit}");
        assert_eq!(named(&snapshot).as_deref(), Some("gsm8k"));
        assert_eq!(named(&format!("{snapshot}/main/train.parquet")), None);
        assert_eq!(named("data/tasks.jsonl"), None);
    }

    #[test]
    fn both_readings_are_said() {
        let name = HubName::parse("org/name", Kind::Model).unwrap();
        let error = HubError::Missing { name: Box::new(name.clone()), endpoint: "http://hub".into(), has_token: false };
        let error = refused("model.path", &name, &error);
        assert_eq!(crate::failure::exit_code(&error), 2);
        let said = error.to_string();
        assert!(said.contains("model.path: there is no folder org/name here"), "{said}");
        assert!(said.contains("name of a model of the hub") && said.contains("has no such model"), "{said}");
    }
}
