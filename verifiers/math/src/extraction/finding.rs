//! The result of one rule.

use std::borrow::Cow;

/// Answer that a rule finds in a stretch of text, none, or (`Err`) the reason that the search ends: the text is broken
/// off.
pub(super) type Finding<'a> = Result<Option<Cow<'a, str>>, &'static str>;
