//! The check of one instruction.

use super::arguments::{Arguments, Unjudged};

/// Says for an answer and the instruction's arguments whether the answer follows the instruction.
pub(super) type Check = fn(&str, &Arguments) -> Result<bool, Unjudged>;
