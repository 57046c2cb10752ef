//! Run configurations: TOML, one struct per section, defaults < file < `--set section.key=value`.

mod cores;
mod critic;
mod data;
mod file;
mod parallel;
mod preference;
mod prompt;
mod recipe;
#[cfg(test)]
mod reference;
mod reinforce;
mod renamed;
mod run_sections;
mod sandbox;
mod sections;
mod suite;
mod supervised;
mod tools;

pub(crate) use self::critic::{Algorithm, CriticStart};
pub(crate) use self::data::SourceSection;
pub(crate) use self::file::{Source, load, load_part};
pub(crate) use self::parallel::ParallelSection;
pub(crate) use self::preference::RewardModelRun;
pub(crate) use self::prompt::{Overlong, PromptSection};
pub(crate) use self::recipe::{RecipeConfig, SummaryColumns};
pub(crate) use self::reinforce::ReinforceRun;
pub(crate) use self::sandbox::SandboxSection;
pub(crate) use self::sections::{EvalSection, RunSection};
pub(crate) use self::suite::SuiteSection;
pub(crate) use self::supervised::{NewModel, SupervisedRun};
pub(crate) use self::tools::ToolsSection;
