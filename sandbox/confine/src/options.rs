//! The options that hold for every copy of an interpreter, as one number, which the interpreter passes on unread.

/// The options by which copies are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// True if a copy ends when one of its layers cannot be put up.
    pub is_strict: bool,
    /// True if the interpreter has a root of its own, in which copies have a place to write.
    pub has_root: bool,
    /// True if each candidate has a network namespace of its own.
    pub net_each_run: bool,
    /// True if the kernel is to end candidates first when memory runs out.
    pub goes_first: bool,
}

impl Options {
    /// The options as one number, a bit each.
    #[must_use]
    pub fn bits(self) -> u32 {
        let flags = [self.is_strict, self.has_root, self.net_each_run, self.goes_first];
        flags.iter().enumerate().map(|(bit, is_set)| u32::from(*is_set) << bit).sum()
    }

    /// Options from the number that [`Self::bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        let [is_strict, has_root, net_each_run, goes_first] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
        Self { is_strict, has_root, net_each_run, goes_first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_through_as_they_were() {
        assert!((0..16).all(|bits| Options::from_bits(bits).bits() == bits));
    }
}
