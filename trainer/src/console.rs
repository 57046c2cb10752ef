//! The console line of a step.

use record::metrics::Metrics;
use record::names;

/// The line: reward, accuracies, entropy, length and time of a step, as far as they were measured.
pub(crate) fn update_line(metrics: &Metrics) -> String {
    let mut shown: Vec<(&str, String, usize)> = vec![("reward", names::REWARD_MEAN.into(), 3)];
    let kinds = metrics.iter().filter_map(|(name, _)| names::ACCURACY.part_of(name));
    shown.extend(kinds.map(|kind| {
        let label = if kind == "instruction_following" { "instruction" } else { kind };
        (label, names::ACCURACY.of(kind), 2)
    }));
    shown.extend([
        ("entropy", names::POLICY_ENTROPY.into(), 2),
        ("tokens", names::COMPLETION_TOKENS_MEAN.into(), 0),
        ("seconds", names::TIME_STEP.into(), 1),
    ]);
    let parts = shown.iter().filter_map(|(label, name, digits)| {
        metrics.get(name).map(|value| format!("{label} {value:.digits$}", digits = *digits))
    });
    parts.collect::<Vec<_>>().join("  ")
}
