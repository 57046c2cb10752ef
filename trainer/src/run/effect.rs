//! Which keys of a run's configuration are mathematics, and which change nothing that is trained.
//!
//! A key is mathematics when another value can change a bit of the weights, of the optimizer's state or of a rollout:
//! rounding counts, so that sizes of batches and chunks are mathematics too. A key that stands in no table below is
//! mathematics, for a key that is added later must not change a run unseen. The keys without effect are:
//!
//! | key | why it changes nothing |
//! | --- | --- |
//! | `run.dir` | the folder is where the run is, not what it does |
//! | `run.device`, `run.num_threads` | what they resolve to is compared instead: `device`, `threads` |
//! | paths of data, models and plug-ins | their content is compared instead |
//! | `checkpoint.*` | when the run is saved, and how many checkpoints stay |
//! | `optimizer.state`, `critic.optimizer.state` | where the state lies; what is computed with it is the same |
//! | `parallel.*` | a job must go on with the ranks that there are; sums are rounded otherwise then |
//! | `eval.*`, `update.eval_every`, `preferences.eval` | evaluations train nothing, with random numbers of their own |
//! | `verifiers.max_steps_unavailable`, `verifiers.pause_minutes` | when a run gives up |
//! | `verifiers.*.*.workers`, `verifiers.*.*.batch` of plug-ins | how calls are spread over processes |
//! | `verifiers.http.*.url`, `attempts`, `attempt_seconds`, `token_env` | where the service is, and how it is called |
//! | `sandbox.url`, `sandbox.token_file`, `sandbox.client.*` | where the server is, and how it is called |
//! | `sandbox.server.*`, but for what decides a verdict | how the server spreads, admits and shields its work |
//! | of a cold start: `verifiers.*`, `sandbox.*` | verdicts only evaluate it |
//! | `update.steps` where `schedule.decay` and a critic's are `constant` | no rate follows the length of the run |
//!
//! Of `sandbox.server` these decide a verdict: `python`, `packages`, `commands`, `component`, `max_limits`,
//! `default_engine`, `body_bytes`, `code_bytes`. Deadlines and timeouts of verifiers are mathematics: they decide which
//! verdicts there are.

/// Patterns of keys without effect; `*` stands for one part of a key, and a pattern covers what lies below it.
const WITHOUT_EFFECT: &[&str] = &[
    "run.dir",
    "run.device",
    "run.num_threads",
    "checkpoint",
    "optimizer.state",
    "critic.optimizer.state",
    "parallel",
    "eval",
    "update.eval_every",
    "preferences.eval",
    "verifiers.max_steps_unavailable",
    "verifiers.pause_minutes",
    "verifiers.command.*.workers",
    "verifiers.command.*.batch",
    "verifiers.python.*.workers",
    "verifiers.python.*.batch",
    "verifiers.http.*.workers",
    "verifiers.http.*.batch",
    "verifiers.http.*.url",
    "verifiers.http.*.attempts",
    "verifiers.http.*.attempt_seconds",
    "verifiers.http.*.token_env",
    "sandbox.url",
    "sandbox.token_file",
    "sandbox.client",
    "sandbox.server.listen",
    "sandbox.server.token_file",
    "sandbox.server.allow_no_token",
    "sandbox.server.workers",
    "sandbox.server.queue",
    "sandbox.server.batch",
    "sandbox.server.remembered",
    "sandbox.server.read_seconds",
    "sandbox.server.drain_seconds",
    "sandbox.server.worker",
    "sandbox.server.minimum_isolation",
    "sandbox.server.net_each_run",
    "sandbox.server.cgroup",
];

/// Patterns of further keys without effect in a cold start.
const WITHOUT_EFFECT_ON_A_COLD_START: &[&str] = &["verifiers", "sandbox"];

/// True where another value of the key can change what is trained, in a run of this kind. `rates_are_constant` says
/// that no learning rate follows the length of the run.
pub(super) fn is_mathematics(kind: &str, key: &str, rates_are_constant: bool) -> bool {
    let covered = |patterns: &[&str]| patterns.iter().any(|pattern| covers(pattern, key));
    let is_length = key == "update.steps" && rates_are_constant;
    !(covered(WITHOUT_EFFECT) || is_length || (kind == "cold-start" && covered(WITHOUT_EFFECT_ON_A_COLD_START)))
}

fn covers(pattern: &str, key: &str) -> bool {
    let mut parts = key.split('.');
    pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_lies_below_it_and_no_more() {
        assert!(covers("eval", "eval.datasets.0.path") && covers("eval", "eval"));
        assert!(!covers("eval", "evaluation.every") && !covers("run.dir", "run"));
        assert!(covers("verifiers.http.*.url", "verifiers.http.judge.url.0"));
        assert!(!covers("verifiers.http.*.url", "verifiers.http.judge.layout"));
    }

    #[test]
    fn an_unknown_key_is_mathematics() {
        assert!(is_mathematics("stage-1", "critic.learning_rate", false));
    }

    #[test]
    fn the_place_of_an_optimizers_state_is_none_and_its_numbers_are() {
        for optimizer in ["optimizer", "critic.optimizer"] {
            assert!(!is_mathematics("stage-1", &format!("{optimizer}.state"), false));
            assert!(is_mathematics("stage-1", &format!("{optimizer}.beta1"), false));
        }
    }

    #[test]
    fn the_length_counts_where_the_rate_follows_it() {
        assert!(!is_mathematics("stage-1", "update.steps", true));
        assert!(is_mathematics("stage-1", "update.steps", false));
    }

    #[test]
    fn verdicts_only_evaluate_a_cold_start() {
        let key = "verifiers.math.max_digits";
        assert!(is_mathematics("stage-1", key, false) && !is_mathematics("cold-start", key, false));
    }
}
