//! The vocabulary of metrics: each name that a run records, with its unit, its chart in the report, and its meaning.
//! docs/metrics.md is written from this table; how a metric is measured or drawn must not be known here.

/// A metric, or a family of metrics where the name has a part in braces that stands for any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricName {
    /// Name in `metrics.jsonl`, as `group/name`; at most one part stands in braces, as in `accuracy/{kind}`.
    pub name: &'static str,
    /// Unit of the value, in words.
    pub unit: &'static str,
    /// Title of the chart that shows it in the report.
    pub panel: &'static str,
    /// Meaning, in a sentence.
    pub meaning: &'static str,
}

/// Panel of metrics that have no chart of their own: they stand together by the text before the first `/`.
pub const OTHER: &str = "Other metrics";

impl MetricName {
    /// The name of a member of the family: `part` in the place of the braces.
    pub fn of(&self, part: &str) -> String {
        match self.ends() {
            Some((start, end)) => format!("{start}{part}{end}"),
            None => self.name.to_owned(),
        }
    }

    /// The text in the place of the braces; `None` for the name of another metric, and for a metric without braces.
    pub fn part_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let (start, end) = self.ends()?;
        name.strip_prefix(start)?.strip_suffix(end)
    }

    /// The text before and after the braces.
    fn ends(&self) -> Option<(&'static str, &'static str)> {
        let (start, rest) = self.name.split_once('{')?;
        Some((start, rest.split_once('}')?.1))
    }
}

impl From<MetricName> for String {
    fn from(metric: MetricName) -> Self {
        metric.name.to_owned()
    }
}

/// The entry of a recorded name; a name that stands there whole goes before a family.
pub fn find(name: &str) -> Option<&'static MetricName> {
    let whole = METRICS.iter().find(|metric| metric.name == name);
    whole.or_else(|| METRICS.iter().find(|metric| metric.part_of(name).is_some()))
}

/// A constant for each line `CONSTANT = name, unit, panel, meaning;`, and the table of all.
macro_rules! vocabulary {
    ($($constant:ident = $name:literal, $unit:literal, $panel:expr, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: MetricName =
                MetricName { name: $name, unit: $unit, panel: $panel, meaning: $meaning };
        )*

        /// Every metric that the trainer records.
        pub const METRICS: &[MetricName] = &[$($constant),*];
    };
}

vocabulary! {
    REWARD_MEAN = "reward/mean", "reward", "Reward",
        "Mean over the rollouts of the step that have a reward, those of left-out groups too.";
    ACCURACY = "accuracy/{kind}", "share", "Accuracy by kind of task",
        "Share of the verdicts on tasks of one kind that pass.";
    EVAL_PASS_AT_1 = "eval/{dataset}/pass@1", "share", "Held-out pass@1",
        "Share of correct samples, averaged over the tasks of a held-out dataset.";
    EVAL_SCORE = "eval/{dataset}/score", "score", "Held-out score",
        "Mean score of the verdicts on a held-out dataset.";
    PREFERENCE_ACCURACY = "preference/accuracy", "share", "Accuracy",
        "Share of the pairs of the batch whose chosen answer scores higher.";
    EVAL_PREFERENCE_ACCURACY = "eval/preferences/accuracy", "share", "Accuracy",
        "Share of the held-out pairs whose chosen answer scores higher.";
    REWARD_STD = "reward/std", "reward", "Reward in parts",
        "Standard deviation of the rewards behind `reward/mean`.";
    REWARD_PART = "reward/{part}", "reward", "Reward in parts",
        "Mean of one part of the reward, over the rollouts whose reward has that part.";
    GROUPS_KEPT = "groups/kept", "groups", "Groups",
        "Groups that the policy learns from.";
    GROUPS_FLAT = "groups/flat", "groups", "Groups",
        "Groups left out because their rewards are equal.";
    GROUPS_BROKEN = "groups/broken", "groups", "Groups",
        "Groups left out because a rollout has no reward, or none of their rollouts is left.";
    GROUPS_DRAWN = "groups/drawn", "groups", "Groups",
        "Groups sampled in the step, flat and broken ones too.";
    VERIFIER_ERRORS = "verifier/errors", "rollouts", "Verifier errors",
        "Rollouts whose verifier broke.";
    EVAL_VERIFIER_ERRORS = "eval/{dataset}/verifier_errors", "samples", "Verifier errors",
        "Samples of a held-out dataset whose verifier broke.";
    VERIFY_MASKED = "verify/masked", "rollouts", "Masked completions",
        "Rollouts that the reward section leaves out of their groups.";
    VERIFY = "verify/{verdict}", "rollouts", "Verdicts",
        "Rollouts on which a verifier came to this verdict, as `NAME/KIND`: by the kind, and by the verifier's own \
         word for it where it has one.";
    COMPLETION_TOKENS_MEAN = "completion/tokens_mean", "tokens", "Completion length, tokens",
        "Mean length of the completions of the step.";
    COMPLETION_TOKENS_MAX = "completion/tokens_max", "tokens", "Completion length, tokens",
        "Length of the longest completion of the step.";
    COMPLETION_TRUNCATED = "completion/truncated", "share", "Truncated completions",
        "Share of the completions that the length limit ended.";
    EVAL_COMPLETION_TOKENS = "eval/{dataset}/completion_tokens", "tokens", "Held-out length, tokens",
        "Mean length of the completions on a held-out dataset.";
    EVAL_TRUNCATED = "eval/{dataset}/truncated", "share", "Held-out truncated",
        "Share of the completions on a held-out dataset that the length limit ended.";
    POLICY_ENTROPY = "policy/entropy", "nats", "Entropy",
        "Mean entropy of the policy's distribution at the tokens that are learned from.";
    POLICY_KL_OLD = "policy/kl_old", "nats", "KL",
        "Mean k3 estimate of the KL divergence between the policy before the step's updates and the policy in them.";
    POLICY_KL_REFERENCE = "policy/kl_reference", "nats", "KL",
        "Mean estimate of the KL divergence to the reference.";
    POLICY_CLIP_FRACTION = "policy/clip_fraction", "share", "Clip fraction",
        "Share of the tokens whose ratio of new to old probability was cut by the clip.";
    POLICY_RATIO_MAX = "policy/ratio_max", "ratio", "Largest ratio",
        "Largest ratio of new to old probability.";
    MISMATCH_KL = "mismatch/kl", "nats", "Rollout against training",
        "Mean k3 estimate of the KL divergence between sampling and training.";
    MISMATCH_MEAN_ABS = "mismatch/mean_abs", "probability", "Rollout against training",
        "Mean absolute difference of the sampled token's probability between sampling and training.";
    MISMATCH_MAX_ABS = "mismatch/max_abs", "probability", "Rollout against training",
        "Largest absolute difference of the sampled token's probability between sampling and training.";
    MISMATCH_MAX_LOGPROB = "mismatch/max_logprob", "nats", "Rollout against training",
        "Largest absolute difference of the sampled token's logprob between sampling and training; 0 where exact.";
    MISMATCH_OUTSIDE_FRACTION = "mismatch/outside_fraction", "share", "Rollout against training",
        "Share of the tokens whose ratio of training to sampling probability is below 0.5 or above 2.";
    MISMATCH_CORRECTION_CUT_FRACTION = "mismatch/correction_cut_fraction", "share", "Rollout against training",
        "Share of the tokens whose rollout correction was capped or dropped.";
    POLICY_LOSS = "policy/loss", "loss", "Loss",
        "Loss of the policy, averaged over the updates of the step.";
    PREFERENCE_LOSS = "preference/loss", "nats", "Loss",
        "Bradley-Terry loss of the batch, its centering term included.";
    POLICY_GRADIENT_NORM = "policy/gradient_norm", "norm", "Gradient norm",
        "Norm of the gradient over all parameters before it is clipped, averaged over the updates of the step.";
    POLICY_LR = "policy/lr", "rate", "Learning rate",
        "Learning rate of the last update of the step.";
    CRITIC_LOSS = "critic/loss", "loss", "Loss",
        "Mean value loss of the critic's own updates, in squares of reward.";
    CRITIC_EXPLAINED_VARIANCE = "critic/explained_variance", "share", "Explained variance",
        "Share of the returns' variance that the critic's values explained before the updates; 1 at most.";
    CRITIC_VALUE_MEAN = "critic/value_mean", "reward", "Values and returns",
        "Mean value of the sampled tokens before the updates.";
    CRITIC_RETURN_MEAN = "critic/return_mean", "reward", "Values and returns",
        "Mean return of the sampled tokens.";
    CRITIC_CLIP_FRACTION = "critic/clip_fraction", "share", "Clip fraction",
        "Share of sampled tokens whose value loss was clipped.";
    CRITIC_GRADIENT_NORM = "critic/gradient_norm", "norm", "Gradient norm",
        "Norm of the critic's gradient before clipping, mean over its updates.";
    CRITIC_LR = "critic/lr", "rate", "Learning rate",
        "Learning rate of the critic's last update of the step.";
    POLICY_VERSION = "policy/version", "updates", "Updates",
        "Updates of the policy since the run began, skipped ones left out.";
    POLICY_SKIPPED_UPDATES = "policy/skipped_updates", "updates", "Updates",
        "Updates of the step that were skipped because the gradient was not finite.";
    BATCH_TOKENS = "batch/tokens", "tokens", "Batch",
        "Tokens of the traces of the batch, prompts too.";
    BATCH_TARGETS = "batch/targets", "tokens", "Batch",
        "Tokens of the batch that are learned from.";
    TRACES_DROPPED = "traces/dropped", "traces", OTHER,
        "Traces of the cold start that are longer than `traces.max_tokens`, and never learned.";
    PROMPTS_DROPPED = "prompts/dropped", "tasks", OTHER,
        "Tasks of the run that `prompt.overlong` drops: their prompts leave no room for a completion.";
    TIME_STEP = "time/step", "seconds", "Step time",
        "Wall-clock time of the whole step.";
    TIME_ROLLOUT = "time/rollout", "seconds", "Step time by part",
        "Time in which completions were generated.";
    TIME_VERIFY = "time/verify", "seconds", "Step time by part",
        "Time in which verdicts were waited for after the last completion.";
    TIME_REWARD_MODEL = "time/reward_model", "seconds", "Step time by part",
        "Time in which the reward model scored.";
    TIME_UPDATE = "time/update", "seconds", "Step time by part",
        "Time of the update.";
    TIME_EVAL = "time/eval", "seconds", "Step time by part",
        "Time of the evaluation.";
    ROLLOUT_ROWS_IN_FLIGHT = "rollout/rows_in_flight", "sequences", "Rows in flight",
        "Mean number of sequences that decoded together.";
    ROLLOUT_TOKENS_PER_SECOND = "throughput/rollout_tokens_per_second", "tokens/s", "Tokens per second",
        "Completion tokens by the time in which they were generated.";
    TRAIN_TOKENS_PER_SECOND = "throughput/train_tokens_per_second", "tokens/s", "Tokens per second",
        "Tokens of the batch by the time of the update.";
    DIST_WORLD_SIZE = "dist/world_size", "ranks", OTHER,
        "Ranks of the job; absent in a process by itself, as all of `dist`.";
    DIST_BYTES_GATHERED = "dist/bytes_gathered", "bytes", "Bytes between ranks",
        "Bytes that all-gathers gave a rank in the step, of the rank that got most.";
    DIST_BYTES_REDUCED = "dist/bytes_reduced", "bytes", "Bytes between ranks",
        "Bytes of the tensors that a rank gave to all-reduces and reduce-scatters, of the rank that gave most.";
    DIST_BYTES_EXCHANGED = "dist/bytes_exchanged", "bytes", "Bytes between ranks",
        "Bytes of a rank's other exchanges: orders, requests, completions; of the rank that had most.";
    DIST_SECONDS_WAITED = "dist/seconds_waited", "seconds", "Waiting for ranks",
        "Time in which a rank did nothing but wait for an exchange, the mean over the ranks.";
    DIST_SECONDS_WAITED_MAX = "dist/seconds_waited_max", "seconds", "Waiting for ranks",
        "The same of the rank that waited longest.";
    DIST_SLOWEST_RANK = "dist/slowest_rank", "rank", OTHER,
        "The rank that waited least, for which the others did.";
    DIST_GATHER_SECONDS = "dist/gather_seconds", "seconds", "Waiting for ranks",
        "Time from the start of each gather of weights to its end, the mean over the ranks; not measured on GPUs.";
    DIST_GATHER_SECONDS_WAITED = "dist/gather_seconds_waited", "seconds", "Waiting for ranks",
        "What of it was waited for; the rest was covered by computing.";
    DIST_RESHARD_SECONDS = "dist/reshard_seconds", "seconds", "Waiting for ranks",
        "Time in which weights were moved from where they are trained to where they are sampled from.";
    DIST_RESHARD_BYTES = "dist/reshard_bytes", "bytes", "Bytes between ranks",
        "Bytes of the weights that were moved so, on each rank.";
    MEMORY_PEAK_MIB = "memory/peak_mib", "MiB", "Memory",
        "Largest resident size of the process so far.";
    MEMORY_GPU_ALLOCATED_MIB = "memory/gpu_allocated_mib", "MiB", "Memory",
        "Bytes of the tensors on the GPU at the step's end, of the GPU that has most; absent on CPUs, as all of `gpu`.";
    MEMORY_GPU_ALLOCATED_PEAK_MIB = "memory/gpu_allocated_peak_mib", "MiB", "Memory",
        "Most bytes of tensors on the GPU in the step: what a plan predicts, its slack apart.";
    MEMORY_GPU_RESERVED_PEAK_MIB = "memory/gpu_reserved_peak_mib", "MiB", "Memory",
        "Most bytes that libtorch's allocator held on the GPU in the step, for tensors and between them.";
    MEMORY_GPU_USED_MIB = "memory/gpu_used_mib", "MiB", "Memory",
        "Bytes of the GPU that are not free at the step's end, those of CUDA, NCCL and other processes too.";
    PREFERENCE_SCORE_GAP = "preference/score_gap", "score", OTHER,
        "Mean of the chosen answer's score less the rejected one's.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_found_by_its_members() {
        assert_eq!(ACCURACY.of("math"), "accuracy/math");
        assert_eq!(ACCURACY.part_of("accuracy/math"), Some("math"));
        assert_eq!(EVAL_PASS_AT_1.part_of("eval/held/out/pass@1"), Some("held/out"));
        assert_eq!(find("eval/maths/pass@1"), Some(&EVAL_PASS_AT_1));
        assert_eq!(find("reward/mean"), Some(&REWARD_MEAN));
        assert_eq!(find("reward/gate"), Some(&REWARD_PART));
        for unknown in ["reward", "eval/pass@1", "policy/kl", "step"] {
            assert_eq!(find(unknown), None);
        }
        assert_eq!(REWARD_MEAN.of("x"), "reward/mean");
        assert_eq!(REWARD_MEAN.part_of("reward/mean"), None);
    }

    #[test]
    fn every_name_stands_once_and_is_said() {
        for (index, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..index].iter().all(|other| other.name != metric.name), "{}", metric.name);
            let [unit, panel, meaning] = [metric.unit, metric.panel, metric.meaning].map(str::is_empty);
            assert!(!unit && !panel && !meaning && metric.meaning.ends_with('.'), "{}", metric.name);
        }
    }
}
