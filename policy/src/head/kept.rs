//! The softmax over the ids that a target was drawn among: those that the sampling's filters kept.
//!
//! Where top-k, top-p or min-p left tokens out, the sampled distribution is the softmax over the others, and a
//! likelihood ratio compares policies over the same ids only ("keep sampling mask", DeepSeek-V3.2, arXiv 2512.02556).
//! With `z` the logits over the temperature and `K` the kept ids: `logprob = z_t - log Σ_K exp z`, the entropy is that
//! of these probabilities, and every other id has probability 0, so that no gradient reaches its logit.

use tch::{Kind, Tensor};

use crate::tensor_parallel::TensorParallel;

/// The target's logit, logsumexp and entropy of targets `[targets, 1 + kept]` int64, beside each the ids that it was
/// drawn among, padded with -1, with these logits, `[targets, vocab]` float32, which become probabilities. Of a
/// vocabulary that is split over ranks each has its stretch of the logits, and all have the output.
pub(super) fn softmax(
    logits: &mut Tensor,
    targets: &Tensor,
    temperature: f64,
    tensor: Option<&TensorParallel>,
) -> [Tensor; 3] {
    let target = targets.narrow(1, 0, 1); // [targets, 1]
    let kept = targets.narrow(1, 1, targets.size()[1] - 1); // [targets, kept]
    let is_padding = kept.lt(0);
    let ids = kept.clamp_min(0);
    let (ids, is_own) = match tensor {
        None => (ids, is_padding.logical_not()),
        Some(tensor) => tensor.own_ids(&ids),
    };
    let own = logits.gather(1, &ids, false) * &is_own;
    let all = tensor.map_or_else(|| own.shallow_clone(), |tensor| tensor.summed(&own));
    let scaled = (all / temperature).masked_fill(&is_padding, f64::NEG_INFINITY);
    let logsumexp = scaled.logsumexp([-1], false); // [targets]
    let log_probabilities = &scaled - logsumexp.unsqueeze(1);
    let probabilities = log_probabilities.exp(); // [targets, kept]
    let products = (&probabilities * log_probabilities).masked_fill(&is_padding, 0.0);
    let _ = logits.zero_();
    let _ = logits.scatter_add_(1, &ids, &(probabilities * is_own));
    let target_logit = scaled.masked_fill(&kept.ne_tensor(&target), 0.0);
    let target_logit = target_logit.sum_dim_intlist(-1, false, Kind::Float);
    [target_logit, logsumexp, -products.sum_dim_intlist(-1, false, Kind::Float)]
}
