//! A repository in the cache, in the layout of `huggingface_hub`: contents by their hashes in `blobs`, links to them by
//! commit and path in `snapshots`, commits of branches and tags in `refs`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo};

use crate::error::HubError;
use crate::hash::ContentHash;
use crate::name::{HubName, is_commit};

/// Folder, in the repository's own, of the paths that commits have.
const LISTINGS: &str = ".listings";

/// A repository in the cache.
#[derive(Debug)]
pub(crate) struct CachedRepo {
    cache: PathBuf,
    folder: PathBuf,
    folder_name: String,
    repo: CacheRepo,
    revision: String,
}

/// A lock on a content, which lasts as long as the value.
pub(crate) struct ContentLock(#[expect(dead_code, reason = "the lock ends with the file")] fs::File);

impl CachedRepo {
    pub(crate) fn new(cache: &Path, name: &HubName) -> Self {
        let repo = Repo::with_revision(name.id.clone(), name.kind.repo_type(), name.revision().to_owned());
        let folder_name = repo.folder_name();
        let folder = cache.join(&folder_name);
        let (cache, revision) = (cache.to_owned(), name.revision().to_owned());
        let repo = Cache::new(cache.clone()).repo(repo);
        Self { cache, folder, folder_name, repo, revision }
    }

    /// Folder of the repository.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of a commit's files.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    /// The commit that the revision had when it was last looked up.
    pub(crate) fn commit(&self) -> Option<String> {
        if is_commit(&self.revision) {
            let commit = self.revision.to_lowercase();
            return self.snapshot(&commit).is_dir().then_some(commit);
        }
        let text = fs::read_to_string(self.folder.join("refs").join(&self.revision)).ok()?;
        let commit = text.trim().to_lowercase();
        is_commit(&commit).then_some(commit)
    }

    /// Keeps the commit of the revision.
    pub(crate) fn set_commit(&self, commit: &str) -> Result<(), HubError> {
        if is_commit(&self.revision) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        self.repo.create_ref(commit).map_err(HubError::io(self.folder.join("refs").join(&self.revision)))
    }

    /// Place of a content.
    pub(crate) fn blob(&self, hash: &ContentHash) -> PathBuf {
        self.repo.blob_path(hash.text())
    }

    /// True where a content is here, by its size: it got its name once its hash was right.
    pub(crate) fn holds(&self, hash: &ContentHash, size: u64) -> bool {
        fs::metadata(self.blob(hash)).is_ok_and(|blob| blob.len() == size)
    }

    /// Number of bytes that are here of a content that is not whole yet.
    pub(crate) fn num_bytes_of(&self, hash: &ContentHash) -> u64 {
        fs::metadata(self.incomplete(hash)).map_or(0, |file| file.len())
    }

    /// Place of a content that is not whole yet.
    pub(crate) fn incomplete(&self, hash: &ContentHash) -> PathBuf {
        self.blob(hash).with_extension("incomplete")
    }

    /// Locks a content against other processes, by the file that `huggingface_hub` locks too; `wait` is called before
    /// another is waited for.
    pub(crate) fn lock(&self, hash: &ContentHash, wait: impl FnOnce()) -> Result<ContentLock, HubError> {
        let path = self.cache.join(".locks").join(&self.folder_name).join(format!("{}.lock", hash.text()));
        create_parent(&path)?;
        let file = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(HubError::io(&path))?;
        match file.try_lock() {
            Ok(()) => return Ok(ContentLock(file)),
            Err(fs::TryLockError::WouldBlock) => wait(),
            Err(fs::TryLockError::Error(source)) => return Err(HubError::Io { path, source }),
        }
        file.lock().map_err(HubError::io(&path))?;
        Ok(ContentLock(file))
    }

    /// Puts a content into a commit's folder, as a link to it.
    pub(crate) fn link(&self, commit: &str, path: &str, hash: &ContentHash) -> Result<(), HubError> {
        let link = self.snapshot(commit).join(path);
        let above: PathBuf = path.split('/').map(|_| "..").collect();
        // From the file's folder up to the commit's, from there to the repository's.
        let target = above.join("..").join("blobs").join(hash.text());
        if fs::read_link(&link).is_ok_and(|there| there == target) {
            return Ok(());
        }
        create_parent(&link)?;
        // Under another name first: a reader never sees the link missing.
        let new = link.with_file_name(format!(".{}.{}", hash.text(), std::process::id()));
        let made = std::os::unix::fs::symlink(&target, &new);
        made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
            .and_then(|()| fs::rename(&new, &link))
            .map_err(HubError::io(link))
    }

    /// Keeps the paths of all files that a commit has, so that offline too a choice is made among all of them.
    pub(crate) fn set_listed(&self, commit: &str, paths: &[String]) -> Result<(), HubError> {
        if self.listed(commit).as_deref() == Some(paths) {
            return Ok(());
        }
        let path = self.listing(commit);
        create_parent(&path)?;
        // Under another name first: a reader sees all of it or nothing.
        let new = path.with_extension(std::process::id().to_string());
        fs::write(&new, serde_json::json!(paths).to_string())
            .and_then(|()| fs::rename(&new, &path))
            .map_err(HubError::io(path))
    }

    /// Paths of all files that a commit has, where they were kept.
    pub(crate) fn listed(&self, commit: &str) -> Option<Vec<String>> {
        serde_json::from_slice(&fs::read(self.listing(commit)).ok()?).ok()
    }

    /// Place of a commit's paths: beside the folders that `huggingface_hub` reads.
    fn listing(&self, commit: &str) -> PathBuf {
        self.folder.join(LISTINGS).join(format!("{commit}.json"))
    }

    /// Paths of the files that are here of a commit, with `/` between their parts.
    pub(crate) fn paths(&self, commit: &str) -> Result<Vec<String>, HubError> {
        let mut paths = Vec::new();
        add_paths(&self.snapshot(commit), "", &mut paths)?;
        paths.sort();
        Ok(paths)
    }
}

/// Makes the folder that a file is in.
pub(crate) fn create_parent(path: &Path) -> Result<(), HubError> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(HubError::io(parent)),
        None => Ok(()),
    }
}

fn add_paths(folder: &Path, below: &str, paths: &mut Vec<String>) -> Result<(), HubError> {
    for entry in fs::read_dir(folder).map_err(HubError::io(folder))? {
        let entry = entry.map_err(HubError::io(folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        // A link to a content that is gone counts as no file.
        match entry.path().metadata() {
            Ok(metadata) if metadata.is_dir() => add_paths(&entry.path(), &path, paths)?,
            Ok(_) => paths.push(path),
            Err(_) => {}
        }
    }
    Ok(())
}
