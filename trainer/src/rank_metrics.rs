//! The metrics of the exchanges between ranks, and of their GPUs' memory.

use anyhow::{Result, bail};
use policy::dist::cuda::GpuMemory;
use record::metrics::Metrics;
use record::names::{self, MetricName};

use crate::worker::{ModelCommand, ModelEvent, ModelWorker, RankTraffic};

/// Bytes, waiting, the slowest rank and the GPUs' memory since the last call; of a process by itself its GPU's alone.
///
/// # Errors
/// The model's thread is gone.
pub(crate) async fn rank_metrics(worker: &ModelWorker) -> Result<Metrics> {
    let ModelEvent::Traffic(ranks) = worker.ask(ModelCommand::TakeTraffic).await? else {
        bail!("the model's thread has no counts of the exchanges between ranks");
    };
    Ok(metrics_of(&ranks))
}

fn metrics_of(ranks: &[RankTraffic]) -> Metrics {
    let mut metrics = memory_of(ranks);
    let waited = |rank: &RankTraffic| rank.all.waited.as_secs_f64();
    // Whoever is late for every exchange waits for nobody.
    let slowest = ranks.iter().enumerate().min_by(|a, b| waited(a.1).total_cmp(&waited(b.1)));
    let Some((slowest, _)) = slowest.filter(|_| ranks.len() > 1) else { return metrics };
    let most = |of: &dyn Fn(&RankTraffic) -> f64| ranks.iter().map(of).fold(0.0, f64::max);
    metrics.set(names::DIST_WORLD_SIZE, ranks.len() as f64);
    metrics.set(names::DIST_BYTES_GATHERED, most(&|rank| rank.all.gathered as f64));
    metrics.set(names::DIST_BYTES_REDUCED, most(&|rank| rank.all.reduced as f64));
    metrics.set(names::DIST_BYTES_EXCHANGED, most(&|rank| rank.all.exchanged as f64));
    let mean = |of: &dyn Fn(&RankTraffic) -> f64| ranks.iter().map(of).sum::<f64>() / ranks.len() as f64;
    metrics.set(names::DIST_SECONDS_WAITED, mean(&waited));
    metrics.set(names::DIST_SECONDS_WAITED_MAX, most(&waited));
    metrics.set(names::DIST_SLOWEST_RANK, slowest as f64);
    metrics.set(names::DIST_GATHER_SECONDS, mean(&|rank| rank.gather_seconds));
    metrics.set(names::DIST_GATHER_SECONDS_WAITED, mean(&|rank| rank.gather_seconds_waited));
    metrics.set(names::DIST_RESHARD_SECONDS, most(&|rank| rank.reshard_seconds));
    metrics.set(names::DIST_RESHARD_BYTES, most(&|rank| rank.reshard_bytes as f64));
    metrics
}

/// Reads one figure of a GPU's memory, in bytes.
type Figure = fn(&GpuMemory) -> u64;

/// Memory of the GPU that has most; nothing on CPUs.
fn memory_of(ranks: &[RankTraffic]) -> Metrics {
    let mut metrics = Metrics::new();
    let figures: [(MetricName, Figure); 4] = [
        (names::MEMORY_GPU_ALLOCATED_MIB, |gpu| gpu.allocated),
        (names::MEMORY_GPU_ALLOCATED_PEAK_MIB, |gpu| gpu.peak_allocated),
        (names::MEMORY_GPU_RESERVED_PEAK_MIB, |gpu| gpu.peak_reserved),
        (names::MEMORY_GPU_USED_MIB, |gpu| gpu.total.saturating_sub(gpu.free)),
    ];
    for (name, figure) in figures {
        if let Some(most) = ranks.iter().filter_map(|rank| rank.gpu.as_ref()).map(figure).max() {
            metrics.set(name, most as f64 / f64::from(1 << 20));
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use policy::dist::Traffic;

    use super::*;

    #[test]
    fn the_slowest_rank_waits_least_and_a_process_by_itself_has_nothing_to_say() {
        let rank = |waited, gathered| RankTraffic {
            all: Traffic { gathered, waited: Duration::from_secs(waited), ..Traffic::default() },
            gather_seconds: gathered as f64,
            ..RankTraffic::default()
        };
        let metrics = metrics_of(&[rank(5, 10), rank(1, 30), rank(6, 20)]);
        let of = |name: record::names::MetricName| metrics.get(name.name).unwrap();
        assert_eq!((of(names::DIST_SLOWEST_RANK), of(names::DIST_WORLD_SIZE)), (1.0, 3.0));
        assert_eq!((of(names::DIST_SECONDS_WAITED), of(names::DIST_SECONDS_WAITED_MAX)), (4.0, 6.0));
        assert_eq!((of(names::DIST_BYTES_GATHERED), of(names::DIST_GATHER_SECONDS)), (30.0, 20.0));
        assert_eq!(metrics_of(&[rank(5, 10)]), Metrics::new());
    }

    #[test]
    fn the_fullest_gpu_counts_of_a_process_by_itself_too() {
        let rank = |allocated: u64, free: u64| {
            let gpu = GpuMemory { allocated: allocated << 20, free: free << 20, total: 80 << 20, ..Default::default() };
            RankTraffic { gpu: Some(gpu), ..RankTraffic::default() }
        };
        let of = |ranks: &[RankTraffic], name: MetricName| metrics_of(ranks).get(name.name);
        let ranks = [rank(10, 60), rank(30, 70)];
        assert_eq!(of(&ranks, names::MEMORY_GPU_ALLOCATED_MIB), Some(30.0));
        assert_eq!(of(&ranks, names::MEMORY_GPU_USED_MIB), Some(20.0));
        assert_eq!(of(&ranks[..1], names::MEMORY_GPU_USED_MIB), Some(20.0));
        assert_eq!(of(&ranks[..1], names::DIST_WORLD_SIZE), None);
    }
}
