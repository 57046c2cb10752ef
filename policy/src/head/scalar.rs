//! A scalar head: one number of each target, `h · w`. The value of a critic at every target, the score of a reward
//! model at a sequence's last token. Float32 whatever the decoder is.

use std::ops::Range;
use std::path::Path;

use tch::{Device, Kind, Tensor, no_grad};

use super::Head;
use crate::error::PolicyError;
use crate::parameters::{Parameter, SCORE};
use crate::weights::read_tensors;

/// Number of targets whose hidden states are in float32 at a time.
const CHUNK: i64 = 1024;

/// Gradient of a loss in each target's number, `[targets]` float32.
pub type ScalarGradient = Tensor;

/// A head with one row of weights and no bias.
#[derive(Debug)]
pub struct ScalarHead {
    /// `[1, hidden]` float32
    weight: Tensor,
    /// Sum of the weight's gradient, `[1, hidden]` float32.
    gradient: Option<Tensor>,
}

impl ScalarHead {
    /// A head of zeros: every number is 0 until it is trained.
    pub fn zeros(hidden_size: i64, device: Device) -> Self {
        Self { weight: Tensor::zeros([1, hidden_size], (Kind::Float, device)), gradient: None }
    }

    /// Replaces the weight by the one of a safetensors file that holds it alone.
    ///
    /// # Errors
    /// The file holds no weight of this shape.
    pub fn load(&mut self, path: &Path) -> Result<(), PolicyError> {
        let tensors = read_tensors(path, self.weight.device())?;
        match tensors.as_slice() {
            [(name, tensor)] if name == SCORE && tensor.size() == self.weight.size() => {
                no_grad(|| self.weight.copy_(tensor));
                Ok(())
            }
            _ => {
                let shape = self.weight.size();
                Err(PolicyError::malformed(path, format!("does not hold `{SCORE}` of shape {shape:?} alone")))
            }
        }
    }

    /// The tensor that training updates; it shares the head's memory.
    pub fn parameter(&self) -> Parameter {
        Parameter::whole(SCORE, &self.weight)
    }

    /// The gradient gathered so far, `[1, hidden]` float32, sharing the head's memory.
    pub fn gradient(&self) -> Option<Tensor> {
        self.gradient.as_ref().map(Tensor::shallow_clone)
    }

    /// Drops the gradient.
    pub fn clear_gradient(&mut self) {
        self.gradient = None;
    }

    /// One number for each row of `hidden` `[rows, hidden]` -> `[rows]` float32.
    pub fn values(&self, hidden: &Tensor) -> Tensor {
        hidden.to_kind(Kind::Float).mm(&self.weight.tr()).squeeze_dim(1)
    }
}

impl Head for ScalarHead {
    /// `[targets]` float32
    type Output = Tensor;
    type Gradient = ScalarGradient;
    type Saved = ();

    fn chunk(&self) -> i64 {
        CHUNK
    }

    fn forward(&self, hidden: &Tensor, _targets: &Tensor) -> (Tensor, ()) {
        (self.values(hidden), ())
    }

    fn backward(&mut self, (): (), hidden: &Tensor, _targets: &Tensor, gradient: &Tensor) -> Tensor {
        let by_value = gradient.unsqueeze(0); // [1, targets]
        let by_weight = by_value.mm(&hidden.to_kind(Kind::Float));
        match &mut self.gradient {
            Some(sum) => *sum += by_weight,
            None => self.gradient = Some(by_weight),
        }
        by_value.tr().mm(&self.weight)
    }

    fn concatenated(outputs: Vec<Tensor>) -> Tensor {
        Tensor::cat(&outputs, 0)
    }

    fn mapped(output: &Tensor, map: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        map(output)
    }

    fn part(gradient: &Tensor, range: Range<i64>) -> Tensor {
        super::rows(gradient, &range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::head_outputs;

    #[test]
    fn no_more_than_a_chunk_of_hidden_states_is_float32_at_a_time() {
        const TARGETS: i64 = 2 * CHUNK + 3;
        /// Refuses more targets than a chunk.
        struct Bounded(ScalarHead);

        impl Head for Bounded {
            type Output = Tensor;
            type Gradient = Tensor;
            type Saved = ();

            fn chunk(&self) -> i64 {
                self.0.chunk()
            }

            fn forward(&self, hidden: &Tensor, targets: &Tensor) -> (Tensor, ()) {
                assert!(hidden.size()[0] <= CHUNK, "{:?}", hidden.size());
                self.0.forward(hidden, targets)
            }

            fn backward(&mut self, (): (), hidden: &Tensor, targets: &Tensor, gradient: &Tensor) -> Tensor {
                assert!(hidden.size()[0] <= CHUNK, "{:?}", hidden.size());
                self.0.backward((), hidden, targets, gradient)
            }

            fn concatenated(outputs: Vec<Tensor>) -> Tensor {
                ScalarHead::concatenated(outputs)
            }

            fn mapped(output: &Tensor, map: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
                ScalarHead::mapped(output, map)
            }

            fn part(gradient: &Tensor, range: Range<i64>) -> Tensor {
                ScalarHead::part(gradient, range)
            }
        }

        let head = ScalarHead::zeros(8, Device::Cpu);
        let weight = Tensor::arange(8, (Kind::Float, Device::Cpu)).sin().view([1, 8]);
        no_grad(|| head.weight.shallow_clone().copy_(&weight));
        let hidden = Tensor::arange(TARGETS * 8, (Kind::Float, Device::Cpu)).cos().view([TARGETS, 8]);
        let whole = head.values(&hidden);
        let chunked = head_outputs(&Bounded(head), &hidden, &Tensor::zeros([TARGETS], (Kind::Int64, Device::Cpu)));
        assert!((chunked - whole).abs().max().double_value(&[]) < 1e-6);
    }
}
