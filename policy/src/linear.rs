//! The two small layers of every block: a linear map and a root-mean-square norm.

use tch::Tensor;

use crate::placement::Placement;

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[out, in]`
    pub(crate) weight: Tensor,
    /// `[out]`
    pub(crate) bias: Option<Tensor>,
}

impl Linear {
    /// A map to zero, to be filled.
    pub(crate) fn empty(out: i64, input: i64, bias: bool, placement: Placement) -> Self {
        let options = placement.options();
        Self { weight: Tensor::zeros([out, input], options), bias: bias.then(|| Tensor::zeros([out], options)) }
    }

    /// `[tokens, in]` -> `[tokens, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, self.bias.as_ref())
    }
}

/// `y = x / sqrt(mean(x²) + eps) · weight` over the last dimension.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    /// `[size]`
    pub(crate) weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// A norm with all weights 1.
    pub(crate) fn new(size: i64, eps: f64, placement: Placement) -> Self {
        Self { weight: Tensor::ones([size], placement.options()), eps }
    }

    /// `[.., size]` -> `[.., size]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.rms_norm(self.weight.size(), Some(&self.weight), self.eps)
    }
}
