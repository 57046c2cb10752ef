//! What a process does that was started by one of the tests.

use std::sync::Arc;
use std::time::Duration;

use dist::{Axis, Backend, Environment, Fingerprint, GraphGroup, Job, Layout, ProcessGroup, Shape};
use policy::{ContextParallel, Decoder, ShardGroups, Sharded, TensorCut, TensorParallel};

use super::ranks::ROLE;
use super::{loaded_memory, objectives_over_ranks, other_layouts, over_ranks, planned_memory, rank_goldens};
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
    if let Some(rank) = role.strip_prefix("loading ") {
        return loaded_memory::play(rank);
    }
    let (play, layout) = role.split_once(' ').expect("a role has a layout");
    let lengths: Vec<i64> = layout.split('x').map(|length| length.parse().unwrap()).collect();
    let [replica, shard, context, tensor] = lengths[..] else { panic!("a layout is REPLICAxSHARDxCONTEXTxTENSOR") };
    let environment = Environment::of_process().unwrap().unwrap();
    let job = Job::start(&environment, &Fingerprint::default().with("version", "1"), TIMEOUT).unwrap();
    let seat = Seat::new(Arc::new(job), "all", Layout { replica, shard, context, tensor });
    match play {
        "updates" => over_ranks::play(&seat),
        "objectives" => objectives_over_ranks::play(&seat),
        "layouts" => other_layouts::play(&seat),
        "goldens" => rank_goldens::play(&seat),
        _ => panic!("no role `{role}`"),
    }
    seat.job.finish(TIMEOUT);
}

/// A process in a job, of whose first ranks as many as a layout has stand in it.
pub(super) struct Seat {
    job: Arc<Job>,
    /// Tells its groups from those of other seats in the job.
    name: String,
    pub(super) layout: Layout,
    /// Ranks that have the other shares of the models.
    shares: Option<Arc<GraphGroup>>,
}

impl Seat {
    fn new(job: Arc<Job>, name: &str, layout: Layout) -> Self {
        let mut seat = Self { job, name: name.to_owned(), layout, shares: None };
        seat.shares = (layout.tensor > 1).then(|| GraphGroup::new(seat.group("tensor", &[Axis::Tensor])));
        seat
    }

    /// This process's seat in a layout of fewer ranks, under a name that no other has; `None` where it has none.
    pub(super) fn within(&self, name: &str, layout: Layout) -> Option<Self> {
        let num_ranks = layout.replica * layout.shard * layout.context * layout.tensor;
        (self.job.rank() < num_ranks as usize).then(|| Self::new(self.job.clone(), name, layout))
    }

    fn shape(&self) -> Shape {
        let Layout { replica, shard, context, tensor } = self.layout;
        self.layout.resolve((replica * shard * context * tensor) as usize).unwrap()
    }

    /// Place among the ranks with different trajectories.
    pub(super) fn rank(&self) -> usize {
        self.job.rank() / (self.layout.context * self.layout.tensor) as usize
    }

    /// Number of ranks with different trajectories.
    pub(super) fn num_ranks(&self) -> usize {
        (self.layout.replica * self.layout.shard) as usize
    }

    fn group(&self, name: &str, axes: &[Axis]) -> ProcessGroup {
        let peers = self.shape().peers(self.job.rank(), axes);
        self.job.group(&format!("{} {name}", self.name), peers, Backend::Gloo, TIMEOUT).unwrap()
    }

    /// The ranks of an update.
    pub(super) fn ranks(&self) -> Ranks {
        let ranks = Ranks::new(self.group("data", &[Axis::Replica, Axis::Shard]));
        let ranks = match &self.shares {
            None => ranks,
            Some(shares) => ranks.with_tensor(shares),
        };
        if self.layout.context == 1 {
            return ranks;
        }
        let stretches = ContextParallel::new(&GraphGroup::new(self.group("context", &[Axis::Context])));
        ranks.with_context(stretches)
    }

    /// Asserts that what several shares of a model hold is the same on all, bit for bit.
    pub(super) fn assert_copies_alike(&self, what: &str, decoder: &Decoder) {
        // Pieces may end elsewhere on another share.
        let Some(shares) = self.shares.as_ref().filter(|_| self.layout.shard == 1) else { return };
        let parameters = decoder.parameters();
        for held in parameters.iter().flat_map(|parameter| parameter.held(&parameter.tensor)) {
            let copies = held.copies.unwrap_or(shares.size());
            let of_ranks = if copies > 1 { shares.gathered(&held.tensor) } else { continue };
            let first_holder = (shares.rank() / copies * copies) as i64;
            assert!(of_ranks.get(first_holder).equal(&held.tensor), "{what}: {} differs", held.name);
        }
    }

    /// All ranks, for what else they do together.
    pub(super) fn everyone(&self) -> ProcessGroup {
        self.group("everyone", &Axis::ALL)
    }

    /// Place of this rank among those that hold a piece each, and number of these; `None` where another rank holds what
    /// this one does, and comes first.
    pub(super) fn writes(&self) -> Option<(usize, usize)> {
        let shape = self.shape();
        let [replica, shard, context, tensor] = shape.coordinates(self.job.rank());
        let (shards, shares) = (shape.length(Axis::Shard), shape.length(Axis::Tensor));
        (replica == 0 && context == 0).then_some((shard * shares + tensor, shards * shares))
    }

    /// The decoder with its weights cut over the ranks.
    pub(super) fn cut(&self, whole: &Decoder) -> Decoder {
        let groups = || ShardGroups {
            replica: (self.layout.replica * self.layout.context > 1)
                .then(|| self.group("replica", &[Axis::Replica, Axis::Context])),
            shard: self.group("shard", &[Axis::Shard]),
        };
        let Some(shares) = &self.shares else {
            let ShardGroups { shard, replica } = groups();
            return Decoder::with_store(whole.config(), Box::new(Sharded::cut(whole, shard, replica)));
        };
        let tensor = TensorParallel::new(whole.config(), shares).unwrap();
        let store = TensorCut::cut(whole, tensor, (self.num_ranks() * self.layout.context as usize > 1).then(groups));
        Decoder::with_store(whole.config(), Box::new(store))
    }
}
