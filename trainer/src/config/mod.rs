//! Run configurations: TOML, one struct per section, defaults < file < `--set section.key=value`.

mod file;
mod preference;
mod recipe;
mod reinforce;
mod sandbox;
mod sections;
mod supervised;

pub use file::{Source, load};
pub use preference::RewardModelRun;
pub use recipe::{RecipeConfig, SummaryColumns};
pub use reinforce::{ReinforceRun, UpdateSection};
pub use sections::{EvalDataset, EvalSection, PromptSection, RunSection};
pub use supervised::SupervisedRun;

pub use self::sandbox::SandboxSection;
