//! What a process does that was started by one of the tests.

use crate::ranks::ROLE;
use crate::shares;

/// Name of the test that a started process runs.
pub(crate) const ENTRY: &str = "role::a_process_plays_the_role_it_is_given";

/// The entry of a started process; among the other tests, where no role is given, there is nothing to play.
#[test]
fn a_process_plays_the_role_it_is_given() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "completions qwen2" => shares::play("qwen2"),
        "completions qwen3" => shares::play("qwen3"),
        "a rank leaves" => shares::play_departure(),
        _ => panic!("no role `{role}`"),
    }
}
