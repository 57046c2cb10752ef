//! Ablations: arms and seeds in, a table of paired differences out. Must not know how a run trains: a cell is a command,
//! and what it leaves in its folder.

pub mod claims;
pub mod measured;
pub mod result;
