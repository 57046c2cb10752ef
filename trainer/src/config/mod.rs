//! Run configurations: TOML, one struct per section, defaults < file < `--set section.key=value`.

mod file;
mod preference;
mod recipe;
mod reinforce;
mod renamed;
mod sandbox;
mod sections;
mod supervised;

pub(crate) use file::{Source, load};
pub(crate) use preference::RewardModelRun;
pub(crate) use recipe::{RecipeConfig, SummaryColumns};
pub(crate) use reinforce::{ReinforceRun, UpdateSection};
pub(crate) use sections::{EvalDataset, EvalSection, PromptSection, RunSection};
pub(crate) use supervised::SupervisedRun;

pub(crate) use self::sandbox::SandboxSection;
