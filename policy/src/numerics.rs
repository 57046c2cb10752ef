//! Which of a decoder's numbers are the same bits wherever they are computed.

use serde::{Deserialize, Serialize};

/// How a decoder rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numerics {
    /// By libtorch's operators, the fastest for each shape: two passes over the same tokens may differ in last bits.
    #[default]
    Fast,
    /// By operators of our own, whose sums have one order: a token's numbers depend on the tokens before it and the
    /// weights alone, so that sampling and training have the same bits. In float32, on the CPU, in one process.
    Exact,
}
