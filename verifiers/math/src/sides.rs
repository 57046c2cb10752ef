//! The two sides of a comparison: the gold's answer and the completion's.

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Gold,
    Completion,
}

/// A value of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides<T> {
    pub(crate) gold: T,
    pub(crate) completion: T,
}

impl<T> Sides<T> {
    pub(crate) fn map<U>(self, function: impl Fn(T) -> U) -> Sides<U> {
        Sides { gold: function(self.gold), completion: function(self.completion) }
    }

    pub(crate) fn as_ref(&self) -> Sides<&T> {
        Sides { gold: &self.gold, completion: &self.completion }
    }

    /// Pairs the values of each side.
    pub(crate) fn zip<U>(self, other: Sides<U>) -> Sides<(T, U)> {
        Sides { gold: (self.gold, other.gold), completion: (self.completion, other.completion) }
    }

    /// The value that a function makes of both sides.
    pub(crate) fn join<U>(self, function: impl Fn(T, T) -> U) -> U {
        function(self.gold, self.completion)
    }

    /// True where the condition holds on both sides.
    pub(crate) fn both(self, condition: impl Fn(T) -> bool) -> bool {
        condition(self.gold) && condition(self.completion)
    }
}
