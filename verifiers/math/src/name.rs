//! Names of variables, as hashes.

use crate::arithmetic::mix;

/// The hash by which an expression knows a name; spaces, braces and backslashes do not count.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().filter(|b| !matches!(b, b' ' | b'{' | b'}' | b'\\')).fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// A name that is read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renaming {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Renaming {
    pub(crate) fn apply(self, name: u64) -> u64 {
        if name == self.from { self.to } else { name }
    }
}
