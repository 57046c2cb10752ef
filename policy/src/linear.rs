//! The two small maps of the decoder: a root-mean-square norm, and a product that ends in float32.

use tch::{Device, Kind, Tensor};

/// `y = x / sqrt(mean(x²) + eps) · weight` over the last dimension: `[.., size]` -> `[.., size]`.
pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
    x.rms_norm(weight.size(), Some(weight), eps)
}

/// `a b` in float32, `[n, k]` and `[k, m]` -> `[n, m]`, whatever the two are: neither the product nor its sum is
/// rounded to a shorter type.
pub(crate) fn float_product(a: &Tensor, b: &Tensor) -> Tensor {
    match (a.kind(), a.device()) {
        (Kind::Float, _) if b.kind() == Kind::Float => a.mm(b),
        (kind, Device::Cuda(_)) if kind == b.kind() => a.mm_dtype(b, Kind::Float),
        _ => a.to_kind(Kind::Float).mm(&b.to_kind(Kind::Float)),
    }
}
