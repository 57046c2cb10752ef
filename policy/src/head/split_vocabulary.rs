//! The softmax of logits whose vocabulary is split over ranks: each has those of its stretch, and all have the result.
//!
//! Beside the logits, `[targets]` numbers are exchanged: the largest of each row, then three sums.

use dist::Reduction;
use tch::{Kind, Tensor};

use crate::tensor_parallel::TensorParallel;

/// Logit, log-sum-exp and entropy of targets `[targets]` with these logits, `[targets, stretch]` float32, which become
/// probabilities of the whole vocabulary's distribution. The formulas are those of one process (`language.rs`).
pub(super) fn softmax(logits: &mut Tensor, targets: &Tensor, temperature: f64, tensor: &TensorParallel) -> [Tensor; 3] {
    if temperature != 1.0 {
        let _ = logits.g_div_scalar_(temperature);
    }
    let largest = tensor.group().reduced(&logits.amax([-1], true), Reduction::Max); // [targets, 1]
    let _ = logits.g_sub_(&largest);
    let (ids, is_own) = tensor.own_ids(&targets.unsqueeze(1));
    let target = (logits.gather(1, &ids, false) * is_own).squeeze_dim(1);
    let exponentials = logits.exp(); // [targets, stretch]
    let own_sum = exponentials.sum_dim_intlist(-1, false, Kind::Float);
    let own_mean = Tensor::linalg_vecdot(&exponentials, logits, -1);
    let sums = tensor.summed(&Tensor::stack(&[own_sum, own_mean, target], 0)); // [3, targets]
    let (sum, mean, target) = (sums.get(0), sums.get(1) / sums.get(0), sums.get(2));
    let _ = exponentials.div_out(logits, &sum.unsqueeze(1));
    let (largest, log_sum) = (largest.squeeze_dim(1), sum.log());
    [target + &largest, largest + &log_sum, log_sum - mean]
}
