//! Access of copies to files, network and other processes' signals, by Landlock (landlock(7)).

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Errno as Cause, LandlockStatus, PathBeneath, PathFd,
    RestrictSelf, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use nix::errno::Errno;

/// The folder that copies may write to.
const BOX: &str = "/box";

/// Version of the kernel's Landlock ABI; 0 if the kernel has no Landlock.
#[must_use]
pub fn landlock_abi() -> u32 {
    // Without a rule asked for, this changes nothing in this process.
    let status = RestrictSelf::default().no_new_privs(false).apply();
    match status.map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
            kernel_abi.unwrap_or(effective_abi as i32).unsigned_abs()
        }
        _ => 0,
    }
}

/// The ruleset: read and execute everywhere, write in the scratch folder alone. Without a root of its own a program has
/// no scratch folder, and then the ruleset keeps it from writing, from signals to other processes, and from what
/// `/proc` shows of them.
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
