//! What a process does that was started by one of the tests.

use crate::ranks::ROLE;
use crate::{sharded, tensor_parallel};

/// Name of the test that a started process runs.
pub(crate) const ENTRY: &str = "role::a_process_plays_the_role_it_is_given";

/// The entry of a started process; among the other tests, where no role is given, there is nothing to play.
#[test]
fn a_process_plays_the_role_it_is_given() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.split_once(' ') {
        Some(("sharded", layout)) => sharded::play(layout),
        Some(("tensor", layout)) => tensor_parallel::play(layout),
        _ if role == "a rank leaves" => sharded::play_departure(),
        _ if role == "a tensor rank leaves" => tensor_parallel::play_departure(),
        _ if role == "a context rank leaves" => tensor_parallel::play_departure_of_a_stretch(),
        _ => panic!("no role `{role}`"),
    }
}
