//! What a process does that was started by one of the tests.

use crate::ranks::ROLE;
use crate::sharded;

/// Name of the test that a started process runs.
pub(crate) const ENTRY: &str = "role::a_process_plays_the_role_it_is_given";

/// The entry of a started process; among the other tests, where no role is given, there is nothing to play.
#[test]
fn a_process_plays_the_role_it_is_given() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.strip_prefix("sharded ") {
        Some(layout) => sharded::play(layout),
        None if role == "a rank leaves" => sharded::play_departure(),
        None => panic!("no role `{role}`"),
    }
}
