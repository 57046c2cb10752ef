//! A walk over traces or pairs of several sources, by their weights. A batch is a function of the seed and the step.
//!
//! Each epoch of a source is a permutation keyed by the seed and, where there are several, the source's name. The next
//! item is taken from the source that lags its share the most, as in a walk over tasks (`datasets::TaskCursor`).

use random::Key;

/// A source with its share of what is taken.
#[derive(Debug)]
pub(crate) struct WalkSource<T> {
    pub name: String,
    pub weight: f64,
    pub items: Vec<T>,
}

/// A walk over the items of some sources.
#[derive(Debug)]
pub(crate) struct Walk<T> {
    sources: Vec<WalkSource<T>>,
    seed: u64,
    /// Word that tells this walk's permutations from others.
    noun: &'static str,
    /// Number of items taken of each source.
    taken: Vec<u64>,
}

impl<T> Walk<T> {
    /// A walk from the beginning. No source is empty, and one has a weight above 0.
    pub(crate) fn new(sources: Vec<WalkSource<T>>, seed: u64, noun: &'static str) -> Self {
        let taken = vec![0; sources.len()];
        Self { sources, seed, noun, taken }
    }

    /// The items of a step, which counts from 0.
    pub(crate) fn batch(&mut self, step: u64, per_step: usize) -> Vec<&T> {
        let start = step * per_step as u64;
        if self.taken.iter().sum::<u64>() != start {
            self.taken.fill(0);
            (0..start).for_each(|_| self.take());
        }
        let before = self.taken.clone();
        let order: Vec<usize> = (0..per_step).map(|_| self.next_source()).collect();
        let walk = &*self;
        let mut places: Vec<_> = (0..walk.sources.len())
            .map(|source| walk.places(source, before[source]..walk.taken[source]).into_iter())
            .collect();
        let place = |source: usize| places[source].next().map(|place| &walk.sources[source].items[place]);
        order.into_iter().filter_map(place).collect()
    }

    fn take(&mut self) {
        self.next_source();
    }

    /// The source of the next item, which counts as taken.
    fn next_source(&mut self) -> usize {
        let total: f64 = self.sources.iter().map(|source| source.weight).sum();
        let next = self.taken.iter().sum::<u64>() as f64 + 1.0;
        let lag = |i: usize| self.sources[i].weight / total * next - self.taken[i] as f64;
        let mut most = 0;
        for i in 1..self.sources.len() {
            if lag(i) > lag(most) {
                most = i;
            }
        }
        self.taken[most] += 1;
        most
    }

    /// Places in a source's items, by the order of its epochs.
    fn places(&self, source: usize, range: std::ops::Range<u64>) -> Vec<usize> {
        let WalkSource { name, items, .. } = &self.sources[source];
        let mut key: Vec<Key<'_>> = vec![self.seed.into(), self.noun.into()];
        if self.sources.len() > 1 {
            key.push(name.as_str().into());
        }
        random::shuffled_places(items.len(), &key, range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(weights: &[f64]) -> Walk<(usize, usize)> {
        let source = |(i, weight): (usize, &f64)| WalkSource {
            name: format!("source {i}"),
            weight: *weight,
            items: (0..5).map(|item| (i, item)).collect(),
        };
        Walk::new(weights.iter().enumerate().map(source).collect(), 3, "traces")
    }

    #[test]
    fn shares_hold_and_a_resumed_walk_is_the_same() {
        let mut whole = walk(&[3.0, 1.0]);
        let batches: Vec<Vec<_>> = (0..6).map(|step| whole.batch(step, 4).into_iter().copied().collect()).collect();
        for batch in &batches {
            assert_eq!(batch.iter().filter(|(source, _)| *source == 0).count(), 3, "{batch:?}");
        }
        let first: Vec<usize> = batches.iter().flatten().filter(|(i, _)| *i == 0).map(|(_, item)| *item).collect();
        let mut epoch = first[..5].to_vec();
        epoch.sort_unstable();
        assert_eq!(epoch, [0, 1, 2, 3, 4], "each item comes once an epoch");
        let again: Vec<_> = walk(&[3.0, 1.0]).batch(4, 4).into_iter().copied().collect();
        assert_eq!(again, batches[4]);
    }

    #[test]
    fn one_source_is_walked_by_its_own_order() {
        let places = random::shuffled_places(5, &[3u64.into(), "traces".into()], 4..8);
        let batch: Vec<usize> = walk(&[1.0]).batch(1, 4).into_iter().map(|(_, item)| *item).collect();
        assert_eq!(batch, places);
    }
}
