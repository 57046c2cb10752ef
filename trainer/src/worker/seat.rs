//! A rank's place among those that share the work, and which of them do the same.

use policy::dist::{Axis, Layout, Shape};

/// Ranks of which each has something else to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// All.
    Ranks,
    /// Those with other sequences to learn from or to score.
    Data,
    /// Those whose engines have other requests: ranks that share matrix products sample as one.
    Engines,
}

/// A rank's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) rank: usize,
    shape: Shape,
}

impl Seat {
    pub(super) fn new(rank: usize, shape: Shape) -> Self {
        Self { rank, shape }
    }

    /// The place of a process by itself.
    pub(super) fn alone() -> Self {
        let layout = Layout { replica: 1, shard: 1, context: 1, tensor: 1 };
        Self { rank: 0, shape: layout.resolve(1).expect("one rank is one rank") }
    }

    pub(super) fn num_ranks(&self) -> usize {
        self.shape.num_ranks()
    }

    /// Number of things to do among some ranks.
    pub(super) fn count(&self, among: Among) -> usize {
        let [replicas, shards, context, _] = Axis::ALL.map(|axis| self.shape.length(axis));
        match among {
            Among::Ranks => self.num_ranks(),
            Among::Data => replicas * shards,
            Among::Engines => replicas * shards * context,
        }
    }

    /// Which of them a rank does; the first rank that does one is the lowest.
    pub(super) fn place(&self, among: Among, rank: usize) -> usize {
        let [replica, shard, context, _] = self.shape.coordinates(rank);
        let data = replica * self.shape.length(Axis::Shard) + shard;
        match among {
            Among::Ranks => rank,
            Among::Data => data,
            Among::Engines => data * self.shape.length(Axis::Context) + context,
        }
    }

    /// This rank's number among those that write what they have of the weights, and how many these are; none where a
    /// copy of it writes.
    pub(super) fn writer(&self) -> Option<(usize, usize)> {
        let [replica, shard, context, tensor] = self.shape.coordinates(self.rank);
        let [shards, shares] = [Axis::Shard, Axis::Tensor].map(|axis| self.shape.length(axis));
        (replica == 0 && context == 0).then_some((shard * shares + tensor, shards * shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_one_sequence_and_of_one_engine_do_the_same() {
        let layout = Layout { replica: 2, shard: 1, context: 2, tensor: 2 };
        let seat = |rank| Seat::new(rank, layout.resolve(8).unwrap());
        let places = |among| (0..8).map(|rank| seat(0).place(among, rank)).collect::<Vec<_>>();
        assert_eq!(places(Among::Ranks), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(places(Among::Data), [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(places(Among::Engines), [0, 0, 1, 1, 2, 2, 3, 3]);
        let counts = [Among::Ranks, Among::Data, Among::Engines].map(|among| seat(0).count(among));
        assert_eq!(counts, [8, 2, 4]);
        let writers: Vec<_> = (0..8).filter_map(|rank| seat(rank).writer()).collect();
        assert_eq!(writers, [(0, 2), (1, 2)]);
        assert_eq!((Seat::alone().num_ranks(), Seat::alone().writer()), (1, Some((0, 1))));
    }
}
