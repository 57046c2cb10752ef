//! The demo's data: word problems, small programs, instruction prompts and preference pairs that
//! a model of a few million parameters can learn from nothing within minutes.
//!
//! The traces mix careful completions with careless ones on purpose: the cold start then learns
//! both ways, and reinforcement learning has a choice to make. All that is random is looked up by
//! the key (seed, stream, index). A hash of a problem's essence (its chain of numbers, whatever the
//! names) decides whether it is held out, so that no training data of any seed holds it.

mod answer;
mod code;
mod config;
mod data;
mod generator;
mod instruction;
mod maths;
mod preference;
mod problem;
mod rule;
mod step;
mod sums;

use std::path::Path;

pub use self::config::{CodeConfig, DemoDataConfig, InstructionConfig, MathsConfig, PreferenceConfig, SumsConfig};
pub use self::data::{
    CODE_EVAL, CODE_TRAIN, DemoData, DemoTasks, INSTRUCTION_EVAL, INSTRUCTION_TRAIN, MATH_EVAL, MATH_TRAIN,
    PREFERENCES_EVAL, PREFERENCES_TRAIN, TRACES,
};
use self::generator::Generator;
use crate::error::DatasetError;

/// Generates the demo's data and writes it into a folder.
///
/// # Errors
/// Those of [`generate_demo`] and [`DemoData::write`].
pub fn write_demo(folder: &Path, config: &DemoDataConfig) -> Result<DemoData, DatasetError> {
    let data = generate_demo(config)?;
    data.write(folder)?;
    Ok(data)
}

/// Generates the demo's data; the same settings give the same data, byte for byte.
///
/// # Errors
/// A setting is out of its range, or there are fewer distinct problems than asked for.
pub fn generate_demo(config: &DemoDataConfig) -> Result<DemoData, DatasetError> {
    config.validate()?;
    Generator { config }.data()
}
