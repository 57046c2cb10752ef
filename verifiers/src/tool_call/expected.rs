//! A call that the ground truth expects.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A call with the allowed values of each of its parameters.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ExpectedCall {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
}
