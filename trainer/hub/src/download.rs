//! One file from the hub to the cache: gone on with after a break, and whole or not there. Its size and hash are held
//! against what the hub says before anything can read it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};

use crate::cached_repo::{CachedRepo, create_parent};
use crate::client::{Answer, Attempts, Client, escaped, repository_path, text};
use crate::error::HubError;
use crate::event::Event;
use crate::hash::{ContentHash, Hasher};
use crate::listing::ListedFile;
use crate::name::HubName;

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;
/// Least time between two events of progress.
const BETWEEN: Duration = Duration::from_millis(200);

/// Files of one commit that come one after another, and how far they are.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) name: &'a HubName,
    pub(crate) repo: &'a CachedRepo,
    pub(crate) commit: &'a str,
    /// Bytes of all files that are to come.
    pub(crate) total: u64,
    /// Bytes of them that are there.
    pub(crate) received: u64,
    pub(crate) last_event: Instant,
}

/// A file whose content is known before it comes.
struct Wanted<'a> {
    /// Path within the repository.
    file: &'a str,
    size: u64,
    hash: &'a ContentHash,
}

/// A content as it comes.
struct Partial {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    /// Bytes that are there.
    length: u64,
    /// Most bytes that were there at a time: what comes once more after a new beginning is no progress.
    farthest: u64,
    /// True where some are of an earlier process.
    is_of_before: bool,
}

impl Download<'_> {
    /// Brings a file, unless its content is here, and links it into the commit's folder.
    ///
    /// # Errors
    /// The hub refuses or is away, the file is not what the hub says, or the cache cannot be written.
    pub(crate) fn fetch(&mut self, file: &ListedFile, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), HubError> {
        let (size, hash) = self.described(file, on_event)?;
        if !self.repo.holds(&hash, size) {
            let _lock = self.repo.lock(&hash, || on_event(Event::Wait { file: &file.path }))?;
            // Another process may have brought it meanwhile.
            if !self.repo.holds(&hash, size) {
                self.bring(&Wanted { file: &file.path, size, hash: &hash }, on_event)?;
            }
        }
        self.repo.link(self.commit, &file.path, &hash)
    }

    /// Size and hash of a file, of the list or else of the headers of its own address.
    fn described(
        &self,
        file: &ListedFile,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(u64, ContentHash), HubError> {
        if let (Some(size), Some(hash)) = (file.size, &file.hash) {
            return Ok((size, hash.clone()));
        }
        let answer = self.client.attempts(self.name, &file.path).open(&self.address(&file.path), 0, on_event)?;
        self.check_commit(&file.path, &answer.headers)?;
        let value = |names: [&str; 2]| names.into_iter().find_map(|name| answer.headers.get(name).and_then(text));
        let size = file.size.or_else(|| value(["x-linked-size", CONTENT_LENGTH.as_str()])?.parse().ok());
        let hash = file.hash.clone().or_else(|| ContentHash::parse(value(["x-linked-etag", ETAG.as_str()])?));
        let unknown = "comes without size and hash, so that nothing says when it is whole";
        size.zip(hash).ok_or_else(|| HubError::broken(self.name, &file.path, unknown))
    }

    /// Where a file is at the hub.
    fn address(&self, file: &str) -> String {
        format!("{}/resolve/{}/{}", repository_path(self.name), self.commit, escaped(file))
    }

    /// Holds the commit of an answer against the one that is wanted.
    fn check_commit(&self, file: &str, headers: &HeaderMap) -> Result<(), HubError> {
        match headers.get("x-repo-commit").and_then(text) {
            Some(commit) if !commit.eq_ignore_ascii_case(self.commit) => {
                let problem = format!("is of commit {commit}, and {} was asked for", self.commit);
                Err(HubError::broken(self.name, file, problem))
            }
            _ => Ok(()),
        }
    }

    /// Brings a content that is not here, and checks it.
    fn bring(&mut self, wanted: &Wanted<'_>, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), HubError> {
        let Wanted { file, size, hash } = *wanted;
        loop {
            // What is there of before has been counted by whoever began the download.
            let mut partial = Partial::open(self.repo.incomplete(hash), wanted)?;
            self.complete(wanted, &mut partial, on_event)?;
            let (found, is_of_before) = (partial.hasher.clone().finish(), partial.is_of_before);
            if found == *hash {
                let blob = self.repo.blob(hash);
                partial.file.sync_all().and_then(|()| fs::rename(&partial.path, &blob)).map_err(HubError::io(blob))?;
                on_event(Event::Progress { file, received: self.received, total: self.total });
                return Ok(());
            }
            partial.discard()?;
            self.received = self.received.saturating_sub(size);
            // What an earlier process left may have been of no use: then all of it comes anew, once.
            if !is_of_before {
                return Err(HubError::broken(self.name, file, format!("has {found}, where the hub says {hash}")));
            }
        }
    }

    /// Reads answers until all bytes are there, each from where the last one broke off.
    fn complete(
        &mut self,
        wanted: &Wanted<'_>,
        partial: &mut Partial,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), HubError> {
        let address = self.address(wanted.file);
        let mut attempts = self.client.attempts(self.name, wanted.file);
        while partial.length < wanted.size {
            let answer = attempts.open(&address, partial.length, on_event)?;
            self.check_commit(wanted.file, &answer.headers)?;
            if partial.length > 0 && !goes_on(&answer, partial.length) {
                // A server that knows no ranges begins anew.
                self.received = self.received.saturating_sub(partial.length);
                partial.restart(wanted)?;
                if answer.status != 200 {
                    attempts.broke_off("gives another part than was asked for".to_owned(), on_event)?;
                    continue;
                }
            }
            let problem = self.read(wanted, answer, partial, &mut attempts, on_event)?;
            if partial.length < wanted.size {
                attempts.broke_off(problem, on_event)?;
            }
        }
        Ok(())
    }

    /// Reads an answer to its end or its break, which is returned in words.
    fn read(
        &mut self,
        wanted: &Wanted<'_>,
        mut answer: Answer,
        partial: &mut Partial,
        attempts: &mut Attempts<'_>,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<String, HubError> {
        let Wanted { file, size, .. } = *wanted;
        let mut piece = vec![0; PIECE];
        loop {
            let count = match answer.body.read(&mut piece) {
                Ok(0) => return Ok(format!("ends after {} of {size} bytes", partial.length)),
                Ok(count) => count,
                Err(error) => return Ok(format!("breaks off after {} of {size} bytes: {error}", partial.length)),
            };
            if partial.length + count as u64 > size {
                partial.discard()?;
                return Err(HubError::broken(
                    self.name,
                    file,
                    format!("has more than the {size} bytes that the hub says"),
                ));
            }
            if partial.add(&piece[..count])? {
                attempts.has_come_on();
            }
            self.received += count as u64;
            if self.last_event.elapsed() >= BETWEEN {
                self.last_event = Instant::now();
                on_event(Event::Progress { file, received: self.received, total: self.total });
            }
        }
    }
}

/// True for an answer that begins with the byte that was asked for.
fn goes_on(answer: &Answer, from: u64) -> bool {
    let range = answer.headers.get(CONTENT_RANGE).and_then(text);
    let begins = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
    answer.status == 206 && begins == Some(from)
}

impl Partial {
    /// Opens what is there of a content, and computes the hash so far.
    fn open(path: PathBuf, wanted: &Wanted<'_>) -> Result<Self, HubError> {
        create_parent(&path)?;
        let options = || OpenOptions::new().create(true).read(true).append(true).open(&path);
        let mut file = options().map_err(HubError::io(&path))?;
        let mut hasher = wanted.hash.hasher(wanted.size);
        let (mut piece, mut length) = (vec![0; PIECE], 0);
        loop {
            let count = file.read(&mut piece).map_err(HubError::io(&path))?;
            if count == 0 {
                break;
            }
            hasher.add(&piece[..count]);
            length += count as u64;
        }
        let mut partial = Self { path, file, hasher, length, farthest: length, is_of_before: length > 0 };
        if length > wanted.size {
            partial.restart(wanted)?;
            partial.farthest = 0;
        }
        Ok(partial)
    }

    /// Adds bytes; true where some of them were never there before.
    fn add(&mut self, bytes: &[u8]) -> Result<bool, HubError> {
        self.file.write_all(bytes).map_err(HubError::io(&self.path))?;
        self.hasher.add(bytes);
        self.length += bytes.len() as u64;
        let is_new = self.length > self.farthest;
        self.farthest = self.farthest.max(self.length);
        Ok(is_new)
    }

    /// Drops all that is there, and begins anew.
    fn restart(&mut self, wanted: &Wanted<'_>) -> Result<(), HubError> {
        self.file.set_len(0).map_err(HubError::io(&self.path))?;
        self.hasher = wanted.hash.hasher(wanted.size);
        (self.length, self.is_of_before) = (0, false);
        Ok(())
    }

    /// Removes what is there.
    fn discard(&self) -> Result<(), HubError> {
        fs::remove_file(&self.path).map_err(HubError::io(&self.path))
    }
}
