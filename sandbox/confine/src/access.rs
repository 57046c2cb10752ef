//! What copies may open, connect to and signal.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Errno as Cause, LandlockStatus, PathBeneath, PathFd,
    RestrictSelf, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use nix::errno::Errno;

/// Where copies write.
const BOX: &str = "/box";

/// The kernel's Landlock ABI, 0 where there is none.
#[must_use]
pub fn landlock_abi() -> u32 {
    // Nothing is asked for, so this process is as it was.
    let status = RestrictSelf::default().no_new_privs(false).apply();
    match status.map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
            kernel_abi.unwrap_or(effective_abi as i32).unsigned_abs()
        }
        _ => 0,
    }
}

/// Makes the ruleset: read and execute everywhere, write in the scratch. Without a root of its own a program has no scratch,
/// and then this keeps it from writing, from signals to others and from what `/proc` shows of them.
pub(crate) fn ruleset(has_root: bool) -> Result<RulesetCreated, RulesetError> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir;
    let scratch = has_root.then_some((BOX, AccessFs::from_all(abi)));
    for (path, access) in [("/", read), ("/dev", device)].into_iter().chain(scratch) {
        if let Ok(file) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(file, access))?;
        }
    }
    Ok(ruleset)
}

/// Puts this process under a ruleset.
pub(crate) fn restrict(ruleset: RulesetCreated) -> nix::Result<()> {
    match ruleset.restrict_self() {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => Err(Errno::ENOSYS),
        Ok(_) => Ok(()),
        Err(error) => Err(Errno::from_raw(*Cause::from(error))),
    }
}
