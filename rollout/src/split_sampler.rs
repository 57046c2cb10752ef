//! Tokens from logits whose vocabulary is split over ranks: each rank has those of its stretch, and all get the same.
//!
//! Without a filter nothing of the vocabulary's length is sent. The stretches stand side by side as the vocabulary
//! does: each rank adds up its mass, and the one in whose stretch a row's uniform number falls finds the token there,
//! so that a number means the token that it means to one process, but for rounding at a token's edge. Greedy takes the
//! likeliest of the ranks' likeliest. A filter looks at all tokens together, so for one the logits are gathered, and
//! likewise where the likeliest tokens or kept sets are to be told. What the first rank draws is then every rank's,
//! whatever their rounding.

use policy::TensorParallel;
use policy::dist::Reduction;
use sampling::SampledToken;
use tch::{Kind, Tensor};

use crate::sampler::{DrawnFrom, Sampler, tokens_of_rows};

impl Sampler {
    /// As [`Sampler::sample_adjusted`], with logits `[rows, stretch]` of this rank's stretch, on all ranks at once and
    /// with the same `uniforms`. Where an operation between ranks fails, the tokens are of no use; the group remembers.
    pub(crate) fn sample_split(
        &self,
        logits: DrawnFrom<'_>,
        uniforms: &Tensor,
        tensor: &TensorParallel,
    ) -> Vec<SampledToken> {
        let of_first = |drawn: &Tensor| tokens_of_rows(&tensor.group().broadcast(drawn, 0));
        if !(self.temperature > 0.0 && self.has_filter() || self.has_details()) {
            return of_first(&self.draw_split(logits, uniforms, tensor));
        }
        let raw = tensor.whole_vocabulary(logits.raw);
        let adjusted = logits.adjusted.map(|adjusted| tensor.whole_vocabulary(adjusted));
        let whole = DrawnFrom { raw: &raw, adjusted: adjusted.as_ref() };
        let mut tokens = of_first(&self.draw(whole, uniforms));
        self.add_details(&mut tokens, whole);
        tokens
    }

    /// As [`Sampler::draw`]: `[rows, 4]` float64.
    fn draw_split(&self, logits: DrawnFrom<'_>, uniforms: &Tensor, tensor: &TensorParallel) -> Tensor {
        let raw = log_softmax(logits.raw, tensor);
        let scaled = match (self.temperature, logits.adjusted) {
            (0.0 | 1.0, None) => raw.shallow_clone(),
            (0.0 | 1.0, Some(adjusted)) => log_softmax(adjusted, tensor),
            (temperature, _) => log_softmax(&(logits.adjusted() / temperature), tensor),
        };
        let probs = scaled.exp();
        let entropy =
            (&probs * scaled.clamp_min(f64::from(f32::MIN))).sum_dim_intlist([-1].as_slice(), true, Kind::Double).neg();
        let entropy = tensor.group().reduced(&entropy, Reduction::Sum); // [rows, 1]
        let (chosen, ids) = if self.temperature == 0.0 {
            let (largest, ids) = scaled.max_dim(-1, true); // [rows, 1] each
            let largest = tensor.group().gathered(&largest); // [ranks, rows, 1]
            (largest.argmax(0, false), ids)
        } else {
            inverse_cumulative(&probs, uniforms, tensor)
        };
        let of_id = |logprobs: &Tensor| logprobs.gather(1, &ids, false).to_kind(Kind::Double);
        let rollout_logprobs = if self.temperature == 0.0 { entropy.zeros_like() } else { of_id(&scaled) };
        let whole_ids = (&ids + tensor.share().vocabulary().start).to_kind(Kind::Double);
        let own = Tensor::cat(&[whole_ids, rollout_logprobs, of_id(&raw)], 1);
        let candidates = tensor.group().gathered(&own); // [ranks, rows, 3]
        let chosen = chosen.unsqueeze(0).expand([1, -1, 3], false);
        Tensor::cat(&[candidates.gather(0, &chosen, false).squeeze_dim(0), entropy], 1)
    }
}

/// Logprobs of this rank's tokens under the softmax over those of all ranks, `[rows, stretch]` float32.
fn log_softmax(logits: &Tensor, tensor: &TensorParallel) -> Tensor {
    let largest = tensor.group().reduced(&logits.amax([-1], true), Reduction::Max); // [rows, 1]
    let shifted = logits - largest;
    let sum = shifted.exp().sum_dim_intlist([-1].as_slice(), true, Kind::Float);
    shifted - tensor.group().reduced(&sum, Reduction::Sum).log()
}

/// Of each row the rank in whose stretch its number falls, and the place that this rank's stretch has for it, which
/// means something on that rank alone: `[rows, 1]` int64 each. `probs` `[rows, stretch]`, `uniforms` `[rows]`.
fn inverse_cumulative(probs: &Tensor, uniforms: &Tensor, tensor: &TensorParallel) -> (Tensor, Tensor) {
    let (rank, size) = (tensor.group().rank() as i64, tensor.group().size() as i64);
    let cumulative = probs.cumsum(-1, Kind::Double); // [rows, stretch]
    let last = cumulative.size()[1] - 1;
    let masses = tensor.group().gathered(&cumulative.narrow(1, last, 1)); // [ranks, rows, 1]
    let ends = masses.squeeze_dim(2).cumsum(0, Kind::Double).tr().contiguous(); // [rows, ranks]
    let targets = ends.narrow(1, size - 1, 1) * uniforms.unsqueeze(1); // [rows, 1]
    // A search goes past the end only where a sum is not a number, or by rounding.
    let search = |ends: &Tensor, targets: &Tensor| {
        targets.searchsorted(ends, false, true, "right", None::<&Tensor>).clamp_max(ends.size()[1] - 1)
    };
    let own_targets = match rank {
        0 => targets.shallow_clone(),
        rank => &targets - ends.narrow(1, rank - 1, 1),
    };
    (search(&ends, &targets), search(&cumulative, &own_targets))
}
