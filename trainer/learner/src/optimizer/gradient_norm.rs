//! The norm of all gradients together, and scaling them down to a largest norm.
//!
//! `norm = sqrt(sum over all tensors of their squares)`; where it exceeds `max_norm`, every gradient is multiplied by
//! `min(1, max_norm / (norm + 1e-6))` (Pascanu et al., arXiv 1211.5063; the 1e-6 as in PyTorch).

use tch::{Kind, Tensor, no_grad};

/// Number added to the norm, which keeps the scale finite; as in PyTorch.
const NORM_EPS: f64 = 1e-6;

/// Norm over all `gradients`, in float32; 0 where there are none, not finite where a gradient is not.
pub fn global_norm(gradients: &[Tensor]) -> f64 {
    norms(gradients).map_or(0.0, |norms| norm(&norms).double_value(&[]))
}

/// Sum over tensors of their squares times a weight each: norms in float32, their squares in float64. The host waits
/// for the device once, however many tensors there are.
pub(crate) fn weighted_squares(tensors: &[Tensor], weights: &[f64]) -> f64 {
    norms(tensors).map_or(0.0, |norms| {
        let weights = Tensor::from_slice(weights).to_device(norms.device());
        (norms.to_kind(Kind::Double).square() * weights).sum(Kind::Double).double_value(&[])
    })
}

/// Multiplies `gradients`, whose norm with all others is `norm`, in place by `min(1, max_norm / (norm + 1e-6))`; leaves
/// them where `norm` is not finite: the caller skips the update and counts it.
pub fn scale_to_norm(gradients: &mut [Tensor], norm: f64, max_norm: f64) {
    let scale = max_norm / (norm + NORM_EPS);
    if !norm.is_finite() || scale >= 1.0 {
        return;
    }
    no_grad(|| {
        for gradient in gradients {
            let _ = gradient.g_mul_scalar_(scale);
        }
    });
}

/// Norm of each tensor, `[tensors]` float32; none of no tensors.
fn norms(tensors: &[Tensor]) -> Option<Tensor> {
    let device = tensors.first()?.device();
    let norms: Vec<Tensor> = tensors.iter().map(|tensor| norm(tensor).to_device(device)).collect();
    Some(Tensor::stack(&norms, 0))
}

fn norm(tensor: &Tensor) -> Tensor {
    tensor.detach().norm_scalaropt_dtype(2.0, Kind::Float)
}
