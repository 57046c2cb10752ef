//! What `tch` does not bind of libtorch, for loops that are not libtorch's: the numbers of its tensors, and nodes of
//! its graph with what such loops computed, through a shim over its autograd. All `unsafe` of such calls is here.
#![allow(unsafe_code)]

mod graph;
mod numbers;

pub use self::graph::{GradientMap, in_graph};
pub use self::numbers::{floats, floats_mut};
