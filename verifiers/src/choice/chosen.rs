//! A rule's finding.

/// What a rule finds; where it finds nothing, the next rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// The option at this place among the letters.
    Option(usize),
    /// Several options are named, or what is no option: no rule looks further.
    Unclear,
}
