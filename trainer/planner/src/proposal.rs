//! Layouts that fit a cluster: the fastest one, and what would make a layout fit that does not.

use crate::axes::Axes;
use crate::bytes::bytes_words;
use crate::memory::{Memory, memory};
use crate::model::ModelSizes;
use crate::rates::Rates;
use crate::seconds::step_seconds;
use crate::work::Work;

/// The GPUs that a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Number of GPUs.
    pub gpus: u64,
    /// Bytes of memory of each.
    pub gpu_memory: u64,
    /// GPUs of each host.
    pub per_host: u64,
}

/// Most GPUs that are looked at for a cluster on which a run fits.
const MOST_GPUS: u64 = 4096;

impl Cluster {
    /// True where this fits one of the GPUs.
    pub fn holds(&self, memory: &Memory) -> bool {
        memory.largest <= self.gpu_memory
    }

    /// Every layout of the GPUs that models and work allow: tensor within a host, context and tensor powers of two.
    fn layouts(&self, model: &ModelSizes, work: &Work) -> Vec<Axes> {
        let powers = |most: u64| (0..).map(|power| 1 << power).take_while(move |length| *length <= most);
        let mut layouts = Vec::new();
        let fits_tensor =
            |tensor: &u64| [Some(*model), work.reward_model].iter().flatten().all(|it| it.fits_tensor(*tensor));
        for tensor in powers(self.per_host).filter(fits_tensor) {
            for context in powers(work.largest_context).filter(|context| model.fits_context(tensor, *context)) {
                let inner = tensor * context;
                if !self.gpus.is_multiple_of(inner) {
                    continue;
                }
                let data = self.gpus / inner;
                for replicate in powers(data).filter(|replicate| data.is_multiple_of(*replicate)) {
                    layouts.push(Axes { replicate, shard: data / replicate, context, tensor });
                }
            }
        }
        layouts
    }
}

/// The layout of the cluster that fits and whose step takes least time; none where none fits.
pub fn propose(model: &ModelSizes, work: &Work, cluster: &Cluster, rates: &Rates) -> Option<Axes> {
    let fitting = cluster.layouts(model, work).into_iter().filter(|axes| cluster.holds(&memory(model, axes, work)));
    let seconds = |axes: &Axes| step_seconds(model, axes, work, rates, cluster.per_host).total;
    fitting.map(|axes| (seconds(&axes), axes)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, axes)| axes)
}

/// What would make a run fit that does not with `axes`: a phrase each, the smallest change first; none where nothing
/// would.
pub fn remedies(model: &ModelSizes, axes: &Axes, work: &Work, cluster: &Cluster, rates: &Rates) -> Vec<String> {
    let mut remedies = Vec::new();
    let holds = |axes: &Axes, work: &Work| cluster.holds(&memory(model, axes, work));
    // One other axis at a time, the GPUs left to the shards.
    let others = cluster.layouts(model, work).into_iter().filter(|other| other.replicate == axes.replicate);
    let mut others: Vec<Axes> = others.filter(|other| holds(other, work)).collect();
    others.sort_by_key(|other| (other.context != axes.context, other.context, other.tensor));
    if let Some(other) = others.iter().find(|other| other.context == axes.context) {
        remedies.push(format!("with tensor = {} ({other})", other.tensor));
    } else if let Some(other) = others.iter().find(|other| other.tensor == axes.tensor) {
        remedies.push(format!("with context = {} ({other})", other.context));
    } else if let Some(other) = propose(model, work, cluster, rates) {
        remedies.push(format!("with {other}"));
    }
    if !work.recomputes && holds(axes, &Work { recomputes: true, ..*work }) {
        remedies.push("with update.recompute = \"blocks\"".into());
    }
    if let Some(completions) = work.completions {
        let with = |completions| Work { completions: Some(completions), ..*work };
        let fewer = |max_sequences| with(crate::work::Completions { max_sequences, ..completions });
        let halves = (1..).map(|power| completions.max_sequences >> power).take_while(|sequences| *sequences > 0);
        if let Some(sequences) = halves.into_iter().find(|sequences| holds(axes, &fewer(*sequences))) {
            remedies.push(format!("with rollout.engine.max_sequences = {sequences}"));
        }
        let smaller = |tokens| with(crate::work::Completions { cache_tokens: Some(tokens), ..completions });
        let longest = work.longest.max(completions.longest_evaluated);
        let halves = completions.cache_tokens.into_iter().flat_map(|tokens| (1..32).map(move |power| tokens >> power));
        let mut halves = halves.take_while(|tokens| *tokens >= longest.next_multiple_of(16));
        if let Some(tokens) = halves.find(|tokens| holds(axes, &smaller(*tokens))) {
            remedies.push(format!("with rollout.engine.cache_tokens = {tokens}"));
        }
    }
    let halves = (1..8).map(|power| work.micro_batch_tokens >> power).take_while(|tokens| *tokens >= work.longest);
    if let Some(tokens) = halves.into_iter().find(|tokens| holds(axes, &Work { micro_batch_tokens: *tokens, ..*work }))
    {
        remedies.push(format!("with update.micro_batch_tokens = {tokens}"));
    }
    let larger = std::iter::successors(Some(cluster.gpus.next_power_of_two().max(2)), |gpus| Some(gpus * 2));
    let larger = larger.take_while(|gpus| *gpus <= MOST_GPUS).filter(|gpus| *gpus > cluster.gpus);
    let more = |gpus: u64| propose(model, work, &Cluster { gpus, ..*cluster }, rates).map(|axes| (gpus, axes));
    if let Some((gpus, axes)) = larger.into_iter().find_map(more) {
        remedies.push(format!("from {gpus} GPUs on ({axes})"));
    }
    if !work.state_on_host {
        let away = Work { state_on_host: true, ..*work };
        let needed = memory(model, axes, &away);
        if cluster.holds(&needed) && needed.on_host > 0 {
            let taken = bytes_words(needed.on_host);
            remedies.push(format!("with optimizer.state = \"host\", {taken} of the host's memory a GPU"));
        }
    }
    remedies
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bytes::GIB;
    use crate::model::tests::QWEN_32B;

    fn cluster(gpus: u64) -> Cluster {
        Cluster { gpus, gpu_memory: 80 * GIB, per_host: 8 }
    }

    #[test]
    fn what_is_proposed_fits_and_what_cannot_fit_is_told_from_where_on() {
        let (work, rates) = (Work::update_of(8192), Rates::default());
        let axes = propose(&QWEN_32B, &work, &cluster(16), &rates).unwrap();
        assert!(axes.num_ranks() == 16 && cluster(16).holds(&memory(&QWEN_32B, &axes, &work)));
        assert_eq!(propose(&QWEN_32B, &work, &cluster(2), &rates), None);
        let remedies = remedies(&QWEN_32B, &Axes { shard: 2, ..Axes::ONE }, &work, &cluster(2), &rates);
        assert!(remedies.iter().any(|remedy| remedy.starts_with("from 16 GPUs on")), "{remedies:?}");
    }

    #[test]
    fn a_small_change_comes_first() {
        let (work, rates) = (Work { recomputes: false, ..Work::update_of(16_384) }, Rates::default());
        let axes = Axes { shard: 64, ..Axes::ONE };
        let remedies = remedies(&QWEN_32B, &axes, &work, &cluster(64), &rates);
        assert!(remedies.iter().any(|remedy| remedy.contains("recompute")), "{remedies:?}");
    }

    #[test]
    fn layouts_are_those_that_models_and_work_allow() {
        let work = Work::update_of(8192);
        let lengths = |work: &Work| {
            let layouts = cluster(64).layouts(&QWEN_32B, work).into_iter();
            let mut lengths: Vec<(u64, u64)> = layouts.map(|axes| (axes.tensor, axes.context)).collect();
            lengths.dedup();
            lengths
        };
        let with_context = [(1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (2, 2), (2, 4), (4, 1), (4, 2), (8, 1)];
        assert_eq!(lengths(&work), with_context);
        assert_eq!(lengths(&Work { largest_context: 1, ..work }), [(1, 1), (2, 1), (4, 1), (8, 1)]);
        let other = ModelSizes { heads: 12, kv_heads: 2, ..QWEN_32B };
        assert!(!lengths(&Work { reward_model: Some(other), ..work }).contains(&(8, 1)));
    }

    proptest! {
        #[test]
        fn a_proposal_is_of_the_cluster_and_within_a_host(gpus in 1u64..300, tokens in 1u64..30_000) {
            let work = Work::update_of(tokens);
            if let Some(axes) = propose(&QWEN_32B, &work, &cluster(gpus), &Rates::default()) {
                prop_assert_eq!(axes.num_ranks(), gpus);
                prop_assert!(axes.tensor <= 8);
                prop_assert!(cluster(gpus).holds(&memory(&QWEN_32B, &axes, &work)));
            }
        }
    }
}
