//! The crate as its callers use it.

mod comparison;
mod completions;
mod figures;
mod record;
mod source;
mod suites;
mod support;
