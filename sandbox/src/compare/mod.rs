//! Compares what a program printed or returned with the expected value. Knows nothing of how the program ran.

mod decimal;
mod printed;
mod returned;

pub(crate) use self::printed::printed;
pub(crate) use self::returned::{plain, returned};

/// Characters of a value that a reason shows.
const SHOWN: usize = 80;
