//! A name in, the folder of its files out.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crate::cached_repo::CachedRepo;
use crate::client::Client;
use crate::download::Download;
use crate::error::HubError;
use crate::event::Event;
use crate::listing::{ListedFile, Listing};
use crate::model_files::{INDEX, ModelFiles, SINGLE, is_text, shards};
use crate::name::HubName;
use crate::settings::HubSettings;

/// The hub, with the cache of its files.
#[derive(Debug)]
pub struct Hub {
    client: Client,
    is_of_terms: fn(&str) -> bool,
}

/// Which paths of a repository are wanted, of all that there are; or in words why none can be.
pub type FileChoice<'a> = dyn Fn(&[String]) -> Result<Vec<String>, String> + 'a;

/// Files of a repository at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Folder of the files; what was chosen of data lies in it beside what was chosen before.
    pub folder: PathBuf,
    /// Full hash of the commit.
    pub commit: String,
}

/// A repository whose commit is known, and what of it there is.
enum Opened {
    /// At the hub.
    Listed(Listing),
    /// In the cache alone: the commit, and the paths of the files that are here.
    Cached(String, Vec<String>),
}

impl Hub {
    /// A hub by its settings; of a model come, beside its own files, those of its terms, whose names `is_of_terms`
    /// knows.
    /// Nothing is asked yet.
    pub fn new(settings: HubSettings, is_of_terms: fn(&str) -> bool) -> Self {
        Self { client: Client::new(settings), is_of_terms }
    }

    /// Address of the hub.
    pub fn endpoint(&self) -> &str {
        &self.client.settings().endpoint
    }

    /// The folder of a model, with every file that its index names.
    ///
    /// # Errors
    /// The hub refuses or is away; a file is not there or not what the hub says; the cache lacks a file and the network
    /// must not be asked; the cache cannot be written.
    pub fn model(
        &self,
        name: &HubName,
        wanted: ModelFiles,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Snapshot, HubError> {
        let repo = self.repo(name);
        match self.open(name, &repo, on_event)? {
            Opened::Cached(commit, paths) => {
                let folder = repo.snapshot(&commit);
                if wanted == ModelFiles::All {
                    let read = || fs::read(folder.join(INDEX)).map_err(HubError::io(folder.join(INDEX)));
                    weights(name, &paths, read, "the cache")?;
                } else if !paths.iter().any(|path| path == "config.json") {
                    return Err(lacking(name, "config.json", "the cache"));
                }
                Ok(Snapshot { folder, commit })
            }
            Opened::Listed(listing) => {
                let mut paths: BTreeSet<String> =
                    listing.paths().into_iter().filter(|path| is_text(path, self.is_of_terms)).collect();
                if wanted == ModelFiles::All {
                    let known = listing.paths();
                    let mut ask = || self.index(name, &repo, &listing, on_event);
                    paths.extend(weights(name, &known, &mut ask, self.endpoint())?);
                }
                self.bring(name, &repo, &listing, &paths, on_event)
            }
        }
    }

    /// The folder of data, with the files that `choose` takes of the paths that there are: those of the repository, or
    /// offline those of the cache where it does not have the repository's list.
    ///
    /// # Errors
    /// As for [`Hub::model`], or `choose` finds nothing, which it says in words.
    pub fn data(
        &self,
        name: &HubName,
        choose: &FileChoice<'_>,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Snapshot, HubError> {
        let repo = self.repo(name);
        let chosen = |paths: &[String]| match choose(paths) {
            Ok(chosen) if chosen.is_empty() => Err(HubError::files(name, "holds no file of data")),
            Ok(chosen) => Ok(chosen),
            Err(problem) => Err(HubError::files(name, problem)),
        };
        match self.open(name, &repo, on_event)? {
            Opened::Cached(commit, paths) => {
                // A data set that was brought in part is not taken for the whole.
                let chosen = chosen(&repo.listed(&commit).unwrap_or_else(|| paths.clone()))?;
                match chosen.iter().find(|path| !paths.contains(path)) {
                    Some(path) => Err(HubError::NotCached { name: Box::new(name.clone()), file: path.clone() }),
                    None => Ok(Snapshot { folder: repo.snapshot(&commit), commit }),
                }
            }
            Opened::Listed(listing) => {
                let listed = listing.paths();
                let paths = chosen(&listed)?.into_iter().collect();
                match repo.set_listed(&listing.commit, &listed) {
                    // A cache that is only read serves all the same, where it has the files.
                    Err(HubError::Io { source, .. }) if is_of_rights(&source) => {}
                    kept => kept?,
                }
                self.bring(name, &repo, &listing, &paths, on_event)
            }
        }
    }

    fn repo(&self, name: &HubName) -> CachedRepo {
        CachedRepo::new(&self.client.settings().cache, name)
    }

    /// Looks up the commit: at the hub, or where the network must not be asked in the cache.
    fn open(&self, name: &HubName, repo: &CachedRepo, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Opened, HubError> {
        if !self.client.settings().is_offline {
            return Listing::ask(&self.client, name, on_event).map(Opened::Listed);
        }
        let commit = repo.commit().filter(|commit| repo.snapshot(commit).is_dir());
        let offline = || HubError::Offline { name: Box::new(name.clone()), folder: repo.folder().to_owned() };
        let commit = commit.ok_or_else(offline)?;
        let paths = repo.paths(&commit)?;
        Ok(Opened::Cached(commit, paths))
    }

    /// The index of a model's shards, which comes before all else.
    fn index(
        &self,
        name: &HubName,
        repo: &CachedRepo,
        listing: &Listing,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<u8>, HubError> {
        let file = listing.find(INDEX).ok_or_else(|| lacking(name, INDEX, self.endpoint()))?;
        self.download(name, repo, listing, file.size.unwrap_or(0)).fetch(file, on_event)?;
        let path = repo.snapshot(&listing.commit).join(INDEX);
        fs::read(&path).map_err(HubError::io(path))
    }

    fn download<'a>(
        &'a self,
        name: &'a HubName,
        repo: &'a CachedRepo,
        listing: &'a Listing,
        total: u64,
    ) -> Download<'a> {
        let (client, commit) = (&self.client, listing.commit.as_str());
        Download { client, name, repo, commit, total, received: 0, last_event: Instant::now() }
    }

    /// Brings the files of these paths, the small ones first, and keeps the commit once all are there.
    fn bring(
        &self,
        name: &HubName,
        repo: &CachedRepo,
        listing: &Listing,
        paths: &BTreeSet<String>,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Snapshot, HubError> {
        let mut files: Vec<&ListedFile> = listing.files.iter().filter(|file| paths.contains(&file.path)).collect();
        files.sort_by_key(|file| file.size);
        let is_missing = |file: &&ListedFile| match (&file.hash, file.size) {
            (Some(hash), Some(size)) => !repo.holds(hash, size),
            _ => true,
        };
        let missing: Vec<&ListedFile> = files.iter().copied().filter(is_missing).collect();
        let total = missing.iter().filter_map(|file| file.size).sum();
        let begun = |file: &&ListedFile| file.hash.as_ref().map_or(0, |hash| repo.num_bytes_of(hash));
        let received = missing.iter().map(begun).sum();
        let commit = listing.commit.as_str();
        if !missing.is_empty() {
            on_event(Event::Begin { name, commit, num_files: missing.len(), total, received });
        }
        let mut download = Download { received, ..self.download(name, repo, listing, total) };
        for file in files {
            download.fetch(file, on_event)?;
        }
        if !missing.is_empty() {
            on_event(Event::End { total });
        }
        repo.set_commit(commit)?;
        Ok(Snapshot { folder: repo.snapshot(commit), commit: commit.to_owned() })
    }
}

/// True for the error of a place that may not be written.
fn is_of_rights(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// The files of a model's weights among the paths that there are: one, or the index with all that it names.
fn weights(
    name: &HubName,
    paths: &[String],
    index: impl FnOnce() -> Result<Vec<u8>, HubError>,
    place: &str,
) -> Result<Vec<String>, HubError> {
    let holds = |wanted: &str| paths.iter().any(|path| path == wanted);
    if !holds("config.json") {
        return Err(lacking(name, "config.json", place));
    }
    if holds(SINGLE) {
        return Ok(vec![SINGLE.to_owned()]);
    }
    if !holds(INDEX) {
        let problem = format!("{place} has neither {SINGLE} nor {INDEX} of it: weights in other formats are not read");
        return Err(HubError::files(name, problem));
    }
    let shards = shards(&index()?).map_err(|problem| HubError::files(name, problem))?;
    match shards.iter().find(|shard| !holds(shard)) {
        Some(shard) => Err(HubError::files(name, format!("{INDEX} names {shard}, and {place} has no such file of it"))),
        None => Ok(shards.into_iter().chain([INDEX.to_owned()]).collect()),
    }
}

fn lacking(name: &HubName, file: &str, place: &str) -> HubError {
    HubError::files(name, format!("{place} has no {file} of it: is it a model that transformers reads?"))
}
