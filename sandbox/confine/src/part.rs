//! The part that a copy plays, as the server asks for it.

use crate::ProcessLimits;

const CANDIDATE: u8 = b'C';
const JUDGE: u8 = b'J';
/// Bytes of a request, at most.
pub(crate) const MOST_BYTES: usize = 1 + ProcessLimits::BYTES;

/// The part that a copy plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The copy runs a program. Its limits are known before the program is.
    Candidate(ProcessLimits),
    /// The copy runs tests against a program. Its limits come with the tests.
    Judge,
}

impl Part {
    /// The request's bytes: a letter for the part, then a candidate's limits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Candidate(limits) => [&[CANDIDATE][..], &limits.to_bytes()].concat(),
            Self::Judge => vec![JUDGE],
        }
    }

    /// The part that [`Self::to_bytes`] wrote; `None` for bytes that it never writes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [CANDIDATE, limits @ ..] => {
                limits.try_into().ok().map(|limits| Self::Candidate(ProcessLimits::from_bytes(limits)))
            }
            [JUDGE] => Some(Self::Judge),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_comes_through_as_it_was() {
        let limits = ProcessLimits { cpu_seconds: 1, processes: 2, file_bytes: 3, address_space: None };
        for part in [Part::Candidate(limits), Part::Judge] {
            let bytes = part.to_bytes();
            assert!(bytes.len() <= MOST_BYTES);
            assert_eq!(Part::from_bytes(&bytes), Some(part));
        }
        assert_eq!(Part::from_bytes(b"Cx"), None);
    }
}
