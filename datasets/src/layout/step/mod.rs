//! The steps of expressions: what stands behind a `|`.
//!
//! A step takes a value and gives another; it knows nothing of columns and layouts.

mod arguments;
mod boxed;
mod choices;
mod code_tests;
mod decoding;
mod kind;
mod lists;
mod numbers;
mod objects;
mod registry;
mod texts;
mod tools;

pub(crate) use self::arguments::{Arguments, Context};
pub(crate) use self::kind::ExpressionStep;
pub(crate) use self::registry::{find, names};
