//! The table of where ranks stand.

use std::time::Duration;

use dist::{Beat, IssuedOperation, Place, Sighting, standing_table};

fn place(step: u64, phase: &str, operation: Option<(&str, &str, u64, bool)>) -> Place {
    let issued = |(group, name, number, is_done): (&str, &str, u64, bool)| IssuedOperation {
        group: group.into(),
        first_rank: 0,
        name: name.into(),
        number,
        is_done,
    };
    Place { step, phase: phase.into(), operation: operation.map(issued) }
}

fn heard(rank: usize, place: Place) -> Sighting {
    Sighting { rank, beat: Some(Beat { count: 9, place }), silent_for: None }
}

const IN_41: Option<(&str, &str, u64, bool)> = Some(("shard", "all_gather", 41, false));

#[test]
fn ranks_that_stand_together_have_no_remark() {
    insta::assert_snapshot!(standing_table(&[
        heard(0, place(12, "update", IN_41)),
        heard(1, place(12, "update", IN_41)),
    ]));
}

#[test]
fn each_way_of_being_missed_is_told_apart() {
    let silent = Sighting { silent_for: Some(Duration::from_millis(12_340)), ..heard(5, place(12, "update", IN_41)) };
    insta::assert_snapshot!(standing_table(&[
        heard(0, place(12, "update", IN_41)),
        heard(1, place(12, "update", IN_41)),
        heard(2, place(11, "collect", None)),
        heard(3, place(12, "update", Some(("shard", "reduce_scatter", 40, true)))),
        heard(4, place(12, "judging", Some(("world", "barrier", 3, true)))),
        silent,
        Sighting { rank: 6, beat: None, silent_for: Some(Duration::from_secs(2)) },
    ]));
}

#[test]
fn groups_of_one_name_are_not_behind_each_other() {
    let other = |number, first_rank| {
        let mut place = place(12, "update", Some(("shard", "all_gather", number, false)));
        place.operation.as_mut().unwrap().first_rank = first_rank;
        place
    };
    let table = standing_table(&[heard(0, other(41, 0)), heard(1, other(40, 1)), heard(2, other(39, 0))]);
    assert!(table.starts_with("behind: rank 2\n"), "{table}");
}

#[test]
fn before_the_first_beat_nobody_is_heard_of() {
    let unheard = |rank| Sighting { rank, beat: None, silent_for: Some(Duration::from_secs(2)) };
    insta::assert_snapshot!(standing_table(&[unheard(0), unheard(1)]));
}
