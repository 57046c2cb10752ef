//! The check of one instruction.

/// Says whether an answer follows the instruction. The arguments are read, and found right, before it is made.
pub(super) type Check = Box<dyn Fn(&str) -> bool + Send + Sync>;
