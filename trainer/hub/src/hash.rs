//! The two hashes by which the hub names contents: SHA-256 of large files, and Git's of small ones (SHA-1 over
//! `blob SIZE`, a zero byte and the content: git-hash-object(1)).

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Hash of a content. It is also the content's name in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentHash {
    Sha256(String),
    Git(String),
}

/// A hash in the making.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Git(Sha1),
}

impl ContentHash {
    /// Reads an etag or an id; none where it is no hash.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches("W/").trim_matches('"');
        let text = text.strip_prefix("sha256:").unwrap_or(text).to_lowercase();
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            64 if is_hex => Some(Self::Sha256(text)),
            40 if is_hex => Some(Self::Git(text)),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::Git(text) => text,
        }
    }

    /// A hash of this kind, of a content of `size` bytes.
    pub(crate) fn hasher(&self, size: u64) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::Git(_) => Hasher::Git(Sha1::new().chain_update(format!("blob {size}\0"))),
        }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(text) => write!(formatter, "SHA-256 {text}"),
            Self::Git(text) => write!(formatter, "Git's hash {text}"),
        }
    }
}

impl Hasher {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Git(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> ContentHash {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(hasher) => ContentHash::Sha256(hex(&hasher.finalize())),
            Self::Git(hasher) => ContentHash::Git(hex(&hasher.finalize())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_git_and_of_large_files() {
        // `printf 'hello\n' | git hash-object --stdin`, and `printf 'hello\n' | sha256sum`.
        for expected in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ] {
            let expected = ContentHash::parse(&format!("W/\"{expected}\"")).unwrap();
            let mut hasher = expected.hasher(6);
            hasher.add(b"hel");
            hasher.add(b"lo\n");
            assert_eq!(hasher.finish(), expected);
        }
        for text in ["", "abc", "../../../../../../../../../../etc/passwd.", "zz013625030ba8dba906f756967f9e9ca394464a"]
        {
            assert_eq!(ContentHash::parse(text), None, "{text}");
        }
    }
}
