//! How elements of several ranks become one, and in which kind of number that is computed. Tensors in, tensors out: no
//! group is known here.

use tch::{Kind, Tensor};

use crate::ffi::RawReduction;

/// How elements of several ranks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum. Integers wrap around; booleans have none.
    Sum,
    /// The largest; of booleans: is any true?
    Max,
    /// The smallest; of booleans: are all true?
    Min,
    /// Sum over number of ranks, of floating-point numbers alone.
    Avg,
}

impl Reduction {
    /// The part of it that is done on the way.
    pub(crate) fn raw(self) -> RawReduction {
        match self {
            Self::Sum | Self::Avg => RawReduction::Sum,
            Self::Max => RawReduction::Max,
            Self::Min => RawReduction::Min,
        }
    }

    /// The kind in which elements of `kind` are reduced: float32 for the 16-bit ones, whose sums would lose what is
    /// small; bytes for booleans.
    ///
    /// # Errors
    /// The reduction has no meaning for the kind, in words that say what to do.
    pub(crate) fn computed_in(self, kind: Kind) -> Result<Kind, String> {
        match (kind, self) {
            (Kind::Float | Kind::Double, _) => Ok(kind),
            (Kind::BFloat16 | Kind::Half, _) => Ok(Kind::Float),
            (Kind::Bool, Self::Max | Self::Min) => Ok(Kind::Uint8),
            (Kind::Bool, _) => {
                Err("booleans have a maximum (any) and a minimum (all); to count them, reduce int64".into())
            }
            (Kind::Int8 | Kind::Uint8 | Kind::Int | Kind::Int64, Self::Avg) => {
                Err(format!("{kind:?} has no average; reduce the sum and divide, or reduce float32"))
            }
            (Kind::Int8 | Kind::Uint8 | Kind::Int | Kind::Int64, _) => Ok(kind),
            _ => Err(format!("{kind:?} cannot be reduced; convert it to float32, float64, int64 or uint8")),
        }
    }
}

/// Reduces the first dimension of `parts`, `[ranks, ...]`, to `[...]` in the same kind, adding in the order of the
/// ranks.
pub(crate) fn reduced(parts: &Tensor, reduction: Reduction) -> Result<Tensor, String> {
    let torch = |error: tch::TchError| error.to_string();
    let kind = parts.kind();
    let computed = reduction.computed_in(kind)?;
    let num_parts = parts.size()[0];
    let part = |index: i64| parts.f_get(index).and_then(|part| part.f_to_kind(computed)).map_err(torch);
    let mut sum = part(0)?.copy();
    for index in 1..num_parts {
        let part = part(index)?;
        sum = match reduction {
            Reduction::Sum | Reduction::Avg => sum.f_add_(&part).map_err(torch)?,
            Reduction::Max => sum.f_maximum(&part).map_err(torch)?,
            Reduction::Min => sum.f_minimum(&part).map_err(torch)?,
        };
    }
    if reduction == Reduction::Avg {
        sum = sum.f_div_scalar_(num_parts).map_err(torch)?;
    }
    sum.f_to_kind(kind).map_err(torch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_sums_keep_what_is_small() {
        // 256 + 1 is 256 in bfloat16, so that a sum in it would lose every 1.
        let parts = Tensor::from_slice(&[256.0f32, 1.0, 1.0, 1.0, 1.0]).to_kind(Kind::BFloat16);
        let sum = reduced(&parts, Reduction::Sum).unwrap();
        assert_eq!((sum.kind(), sum.double_value(&[])), (Kind::BFloat16, 260.0));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(Reduction::Sum.computed_in(Kind::Bool).unwrap_err().contains("reduce int64"));
        assert!(Reduction::Avg.computed_in(Kind::Int64).unwrap_err().contains("no average"));
        assert!(Reduction::Sum.computed_in(Kind::ComplexFloat).is_err());
    }
}
