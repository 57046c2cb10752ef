//! A matrix in the order that one kind of product reads, with that product.

use std::sync::Arc;

use kernels::Panels;
use tch::Tensor;

use crate::exact::Exact;

/// A packed matrix. It does not follow a change of what it was made of.
#[derive(Debug)]
pub enum PackedMatrix {
    /// As libtorch's products read it.
    Library(operators::PackedMatrix),
    /// As the exact ones do.
    Exact(Panels, ExactProducts),
}

/// Whoever computes exact products.
#[derive(Clone, Debug)]
pub struct ExactProducts(Arc<Exact>);

impl PackedMatrix {
    /// Packs `weight` `[out, in]` for exact products where `exact` is given, else for libtorch's; `None` where that has
    /// none of such weights.
    pub(crate) fn new(weight: &Tensor, exact: Option<&Arc<Exact>>) -> Option<Self> {
        match exact {
            None => operators::PackedMatrix::new(weight).map(Self::Library),
            Some(exact) => Some(Self::Exact(exact.pack(weight), ExactProducts(exact.clone()))),
        }
    }

    /// Rows and columns of the matrix, `[out, in]`.
    pub fn size(&self) -> [i64; 2] {
        match self {
            Self::Library(matrix) => matrix.size(),
            Self::Exact(panels, _) => panels.size().map(|number| number as i64),
        }
    }

    /// `x W^T + b`: `[rows, in]` -> `[rows, out]`, without a gradient.
    ///
    /// # Panics
    /// The shapes or types do not go together.
    pub fn product(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        match self {
            Self::Library(matrix) => matrix.product(x, bias),
            Self::Exact(panels, ExactProducts(exact)) => exact.multiply(panels, x, bias),
        }
    }
}
