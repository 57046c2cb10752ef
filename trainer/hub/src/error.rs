//! What can go wrong between a name and its files. No message holds a token.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::HubName;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Nothing says where the cache is.
    #[error("there is no folder for the files of the hub: set HF_HOME, for HOME is not set either")]
    NoHome,
    /// hf-hub's own address of the hub is not what it was.
    #[error("the address of the hub is not known ({0}): set HF_ENDPOINT")]
    Endpoint(String),
    /// A file of certificates that cannot be used.
    #[error("{} ({variable}) {problem}: name a file of certificates, or unset the variable", path.display())]
    Certificates {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// The repository gives its files only to those who accepted its conditions.
    #[error(
        "{name} is gated: accept its conditions at {url}, {}",
        if_token(.has_token, "as the account whose token is used here", "and give that account's token in HF_TOKEN")
    )]
    Gated {
        /// Name as it was given.
        name: Box<HubName>,
        /// Page of the repository.
        url: String,
        /// True where a token was sent.
        has_token: bool,
    },
    /// The hub wants to know who asks: the repository is private, or it is not there.
    #[error(
        "{name}: {endpoint} says nothing of such a {} to those without a token: check the name, or give the token of \
         an account that may read it in HF_TOKEN",
        .name.kind.word()
    )]
    NoToken {
        /// Name as it was given.
        name: Box<HubName>,
        /// Address of the hub.
        endpoint: String,
    },
    /// There is no such repository, or the account may not see it.
    #[error(
        "{name}: {endpoint} has no such {}{}: check the name",
        .name.kind.word(),
        if_token(.has_token, ", or it is private and not for the account whose token is used here", "")
    )]
    Missing {
        /// Name as it was given.
        name: Box<HubName>,
        /// Address of the hub.
        endpoint: String,
        /// True where a token was sent.
        has_token: bool,
    },
    /// The token is not known to the hub.
    #[error("{name}: {endpoint} does not accept the token (HF_TOKEN, or the file `token` of HF_HOME): renew it")]
    BadToken {
        /// Name as it was given.
        name: Box<HubName>,
        /// Address of the hub.
        endpoint: String,
    },
    /// There is no such branch, tag or commit.
    #[error("{name}: there is no revision `{}`: name a branch, a tag or the full hash of a commit", .name.revision())]
    NoRevision {
        /// Name as it was given.
        name: Box<HubName>,
    },
    /// The hub wants fewer requests.
    #[error(
        "{name}: {endpoint} answers that there were too many requests{}; try again later{}",
        in_seconds(.after),
        if_token(.has_token, "", ", or give a token in HF_TOKEN: known accounts may ask more often")
    )]
    TooMany {
        /// Name as it was given.
        name: Box<HubName>,
        /// Address of the hub.
        endpoint: String,
        /// When the hub wants to be asked again.
        after: Option<Duration>,
        /// True where a token was sent.
        has_token: bool,
    },
    /// The hub does not answer, or not in a way that can be used.
    #[error("{name}: {what} of {endpoint}: {problem}; with HF_HUB_OFFLINE=1 the files of the cache are used alone")]
    Away {
        /// Name as it was given.
        name: Box<HubName>,
        /// Address of the hub.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// What went wrong.
        problem: String,
    },
    /// A file came otherwise than the hub says it is.
    #[error("{name}: {file} {problem}; nothing of it is kept in use")]
    Broken {
        /// Name as it was given.
        name: Box<HubName>,
        /// Path within the repository.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The repository, or what is here of it, lacks files.
    #[error("{name}: {problem}")]
    Files {
        /// Name as it was given.
        name: Box<HubName>,
        /// What is wrong.
        problem: String,
    },
    /// The network must not be asked, and the cache has no such name.
    #[error(
        "{name}: the hub is not asked (HF_HUB_OFFLINE), and {} has no `{}` of it: download it once without that \
         variable",
        .folder.display(), .name.revision()
    )]
    Offline {
        /// Name as it was given.
        name: Box<HubName>,
        /// Folder of the repository in the cache.
        folder: PathBuf,
    },
    /// The network must not be asked, and the cache has not all files that are wanted.
    #[error(
        "{name}: the hub is not asked (HF_HUB_OFFLINE), and the cache has no {file} of it: download it once without \
         that variable"
    )]
    NotCached {
        /// Name as it was given.
        name: Box<HubName>,
        /// Path within the repository.
        file: String,
    },
    /// A file or folder of the cache cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

fn if_token(has_token: &bool, with: &'static str, without: &'static str) -> &'static str {
    if *has_token { with } else { without }
}

fn in_seconds(after: &Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(", and is to be asked again in {} s", after.as_secs()))
}

impl HubError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn files(name: &HubName, problem: impl Into<String>) -> Self {
        Self::Files { name: Box::new(name.clone()), problem: problem.into() }
    }

    pub(crate) fn broken(name: &HubName, file: &str, problem: impl Into<String>) -> Self {
        Self::Broken { name: Box::new(name.clone()), file: file.to_owned(), problem: problem.into() }
    }

    /// True where the name itself is at fault, or who asks: nothing that waiting would mend.
    pub fn is_of_name(&self) -> bool {
        !matches!(self, Self::TooMany { .. } | Self::Away { .. } | Self::Broken { .. } | Self::Io { .. })
    }
}
