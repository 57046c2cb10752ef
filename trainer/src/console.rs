//! The console line of a step.

use datasets::TaskKind;
use record::metrics::Metrics;
use record::names;

/// The line: reward, accuracies, entropy, length and time of a step, as far as they were measured.
pub(crate) fn update_line(metrics: &Metrics) -> String {
    let accuracy = |kind: TaskKind| names::ACCURACY.of(kind.as_str());
    let shown: [(&str, String, usize); 7] = [
        ("reward", names::REWARD_MEAN.into(), 3),
        ("math", accuracy(TaskKind::Math), 2),
        ("code", accuracy(TaskKind::Code), 2),
        ("instruction", accuracy(TaskKind::InstructionFollowing), 2),
        ("entropy", names::POLICY_ENTROPY.into(), 2),
        ("tokens", names::COMPLETION_TOKENS_MEAN.into(), 0),
        ("seconds", names::TIME_STEP.into(), 1),
    ];
    let parts = shown.iter().filter_map(|(label, name, digits)| {
        metrics.get(name).map(|value| format!("{label} {value:.digits$}", digits = *digits))
    });
    parts.collect::<Vec<_>>().join("  ")
}
