//! What a process does that was started by one of the tests.

use std::time::Duration;

use dist::{Axis, Backend, Environment, Fingerprint, Job, Layout, ProcessGroup};
use policy::{Decoder, Sharded};

use super::ranks::ROLE;
use super::{objectives_over_ranks, over_ranks, planned_memory, rank_goldens};
use crate::ranks::Ranks;

/// Name of the test that a started process runs.
pub(crate) const ENTRY: &str = "tests::role::a_process_plays_the_role_it_is_given";

const TIMEOUT: Duration = Duration::from_secs(30);

/// The entry of a started process; among the other tests, where no role is given, there is nothing to play.
#[test]
fn a_process_plays_the_role_it_is_given() {
    let Ok(role) = std::env::var(ROLE) else { return };
    if let Some(rank) = role.strip_prefix("memory ") {
        return planned_memory::play(rank);
    }
    let (play, layout) = role.split_once(' ').expect("a role has a layout");
    let (replica, shard) = layout.split_once('x').expect("a layout is REPLICAxSHARD");
    let environment = Environment::of_process().unwrap().unwrap();
    let job = Job::start(&environment, &Fingerprint::default().with("version", "1"), TIMEOUT).unwrap();
    let seat = Seat { job, replica: replica.parse().unwrap(), shard: shard.parse().unwrap() };
    match play {
        "updates" => over_ranks::play(&seat),
        "objectives" => objectives_over_ranks::play(&seat),
        "goldens" => rank_goldens::play(&seat),
        _ => panic!("no role `{role}`"),
    }
    seat.job.finish(TIMEOUT);
}

/// A process in a job with a layout.
pub(super) struct Seat {
    job: Job,
    replica: i64,
    pub(super) shard: i64,
}

impl Seat {
    pub(super) fn rank(&self) -> usize {
        self.job.rank()
    }

    pub(super) fn num_ranks(&self) -> usize {
        self.job.world_size()
    }

    fn group(&self, name: &str, axes: &[Axis]) -> ProcessGroup {
        let layout = Layout { replica: self.replica, shard: self.shard, context: 1, tensor: 1 };
        let peers = layout.resolve(self.num_ranks()).unwrap().peers(self.rank(), axes);
        self.job.group(name, peers, Backend::Gloo, TIMEOUT).unwrap()
    }

    /// The ranks of an update.
    pub(super) fn ranks(&self) -> Ranks {
        Ranks::new(self.group("data", &[Axis::Replica, Axis::Shard]))
    }

    /// The decoder with its weights cut over the ranks.
    pub(super) fn cut(&self, whole: &Decoder) -> Decoder {
        let replica = (self.replica > 1).then(|| self.group("replica", &[Axis::Replica]));
        let store = Sharded::cut(whole, self.group("shard", &[Axis::Shard]), replica);
        Decoder::with_store(whole.config(), Box::new(store))
    }
}
