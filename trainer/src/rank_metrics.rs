//! The metrics of the exchanges between ranks.

use anyhow::{Result, bail};
use record::metrics::Metrics;
use record::names;

use crate::worker::{ModelCommand, ModelEvent, ModelWorker, RankTraffic};

/// Bytes, waiting and the slowest rank since the last call; nothing in a process by itself.
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
    let mut metrics = Metrics::new();
    let waited = |rank: &RankTraffic| rank.all.waited.as_secs_f64();
    // Whoever is late for every exchange waits for nobody.
    let Some((slowest, _)) = ranks.iter().enumerate().min_by(|a, b| waited(a.1).total_cmp(&waited(b.1))) else {
        return metrics;
    };
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
        assert_eq!(metrics_of(&[]), Metrics::new());
    }
}
