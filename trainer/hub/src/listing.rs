//! What a repository holds at a commit: its files with sizes and hashes.

use serde::Deserialize;

use crate::client::{Client, escaped};
use crate::error::HubError;
use crate::event::Event;
use crate::hash::ContentHash;
use crate::name::{HubName, is_commit, is_inner};

/// Files of a repository at one commit.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// Full hash of the commit.
    pub(crate) commit: String,
    pub(crate) files: Vec<ListedFile>,
}

/// A file as the hub describes it.
#[derive(Clone, Debug)]
pub(crate) struct ListedFile {
    /// Path within the repository.
    pub(crate) path: String,
    /// Bytes; some mirrors do not say.
    pub(crate) size: Option<u64>,
    pub(crate) hash: Option<ContentHash>,
}

#[derive(Deserialize)]
struct Page {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

/// A file that stands outside of Git.
#[derive(Deserialize)]
struct LargeFile {
    #[serde(alias = "oid")]
    sha256: String,
    size: Option<u64>,
}

impl Listing {
    /// Resolves the revision to its commit, with all files of that commit: one answer, so that both are of one time.
    ///
    /// # Errors
    /// The hub refuses, does not answer, or describes what cannot be.
    pub(crate) fn ask(client: &Client, name: &HubName, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Self, HubError> {
        let revision = name.revision().to_owned();
        let repo = hf_hub::Repo::with_revision(name.id.clone(), name.kind.repo_type(), escaped(&revision));
        let text = client.text(name, &format!("api/{}?blobs=true", repo.api_url()), on_event)?;
        let odd = |problem: String| HubError::Away {
            name: Box::new(name.clone()),
            endpoint: client.settings().endpoint.clone(),
            what: "the list of files".to_owned(),
            problem,
        };
        let Page { sha, siblings } = serde_json::from_slice(&text).map_err(|error| odd(error.to_string()))?;
        if !is_commit(&sha) || (is_commit(&revision) && !sha.eq_ignore_ascii_case(&revision)) {
            return Err(odd(format!("names the commit `{sha}`")));
        }
        let mut files = Vec::with_capacity(siblings.len());
        for Sibling { rfilename, size, blob_id, lfs } in siblings {
            if !is_inner(&rfilename) {
                return Err(HubError::broken(name, &rfilename, "lies outside of the repository"));
            }
            let (size, hash) = match lfs {
                Some(LargeFile { sha256, size: large }) => (large.or(size), ContentHash::parse(&sha256)),
                None => (size, blob_id.and_then(|id| ContentHash::parse(&id))),
            };
            files.push(ListedFile { path: rfilename, size, hash });
        }
        Ok(Self { commit: sha.to_lowercase(), files })
    }

    pub(crate) fn find(&self, path: &str) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }
}
