//! The two readings of `±`.

/// Reading of `±`: plus, with `∓` as minus, or the other way around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Upper,
    Lower,
}
