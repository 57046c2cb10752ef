//! Whether a launcher has started this process as one of several ranks.

use anyhow::Result;
use policy::dist::Environment;

use crate::failure::Usage;

/// What a launcher told this process; `None` where it runs by itself.
///
/// # Errors
/// A usage error: a variable is missing or contradicts another.
pub(crate) fn environment() -> Result<Option<Environment>> {
    let environment = Environment::of_process().map_err(|error| Usage::error(error.to_string()))?;
    Ok(environment.filter(|environment| environment.world_size > 1))
}

/// Refuses to run on several ranks what does not share its work.
///
/// # Errors
/// A usage error where a launcher started this process as one of several.
pub(crate) fn refuse_ranks(command: &str) -> Result<()> {
    match environment()? {
        None => Ok(()),
        Some(environment) => Err(Usage::error(format!(
            "`trainer {command}` runs in one process, and a launcher started {} (WORLD_SIZE); start it by itself",
            environment.world_size
        ))),
    }
}
