//! What holds for every copy that an interpreter makes, as one number: the interpreter hands it on as it is.

/// How copies are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a copy ends where a layer cannot be put up.
    pub is_strict: bool,
    /// Whether the interpreter has a root of its own, in which copies have a place to write.
    pub has_root: bool,
    /// Whether each candidate has a network namespace of its own.
    pub net_each_run: bool,
    /// Whether the kernel is to end candidates first when memory runs out.
    pub goes_first: bool,
}

impl Options {
    /// As one number.
    #[must_use]
    pub fn bits(self) -> u32 {
        let flags = [self.is_strict, self.has_root, self.net_each_run, self.goes_first];
        flags.iter().enumerate().map(|(bit, is_set)| u32::from(*is_set) << bit).sum()
    }

    /// What [`Self::bits`] gave.
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
