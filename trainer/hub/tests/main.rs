//! The hub against servers on this machine.

mod downloads;
mod refusals;
mod support;
