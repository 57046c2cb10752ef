//! A model's `config.json`, as Hugging Face publishes it: parsed, then checked against what this decoder computes.
//!
//! A field that changes the mathematics is honoured or refused, never ignored; an unclassified field is refused too.
//! The layouts of transformers 4 (`rope_theta`, `rope_scaling`) and 5 (`rope_parameters`) are both read.

mod architecture;
mod json;
mod model;
mod neutral;
mod rope;
mod write;

pub use self::architecture::Architecture;
pub(crate) use self::json::token_ids;
pub use self::model::ModelConfig;
pub use self::rope::RopeScaling;
pub(crate) use self::write::ModelClass;
