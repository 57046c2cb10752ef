//! The language model's head in chunks of tokens: `[tokens, vocab]` is never whole in memory.
//!
//! [`head_forward`] gives logprobs and entropies without a graph. A loss is then a function of the logprobs alone, and
//! [`head_backward`] carries its gradient on: it recomputes a chunk's logits, and takes the gradient of
//! `log softmax(h Wᵀ / temperature)` at the sampled tokens. Everything after the product of `h` and `Wᵀ` is float32.

use tch::{Kind, Tensor};

use crate::decoder::Decoder;

/// Options of a pass through the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadOptions {
    /// Divisor of the logits, above 0; 1 leaves the model's own distribution.
    pub temperature: f64,
    /// Tokens whose logits are in memory at a time, at least 1.
    pub chunk: i64,
}

/// Logprobs and entropies of some tokens; both `[tokens]`, float32.
#[derive(Debug)]
pub struct HeadOutput {
    /// Log-probability of each target under `softmax(logits / temperature)`.
    pub logprobs: Tensor,
    /// Entropy of that distribution, in nats.
    pub entropy: Tensor,
}

/// Logprobs of `targets` `[tokens]` int64, the token that each place should predict, from the hidden states after the
/// final norm, `hidden` `[tokens, hidden]`. No graph is kept.
pub fn head_forward(decoder: &Decoder, hidden: &Tensor, targets: &Tensor, options: HeadOptions) -> HeadOutput {
    tch::no_grad(|| {
        let (mut logprobs, mut entropy) = (Vec::new(), Vec::new());
        for (hidden, targets) in hidden.split(options.chunk, 0).iter().zip(targets.split(options.chunk, 0)) {
            let log_softmax = log_softmax(&decoder.logits(hidden), options.temperature); // [chunk, vocab]
            logprobs.push(logprobs_of(&log_softmax, &targets));
            entropy.push(entropy_of(&log_softmax));
        }
        HeadOutput { logprobs: Tensor::cat(&logprobs, 0), entropy: Tensor::cat(&entropy, 0) }
    })
}

/// The gradient of a loss with respect to `hidden` `[tokens, hidden]`, from its gradient with respect to the logprobs
/// of [`head_forward`], `logprobs_gradient` `[tokens]`. The gradient of the head's weight is added to that weight's
/// `grad`.
pub fn head_backward(
    decoder: &Decoder,
    hidden: &Tensor,
    targets: &Tensor,
    options: HeadOptions,
    logprobs_gradient: &Tensor,
) -> Tensor {
    let HeadOptions { temperature, chunk } = options;
    let chunks = hidden.split(chunk, 0);
    let targets = targets.split(chunk, 0);
    let gradients = logprobs_gradient.split(chunk, 0);
    let hidden_gradients: Vec<Tensor> = chunks
        .iter()
        .zip(&targets)
        .zip(&gradients)
        .map(|((hidden, targets), gradient)| {
            let hidden = hidden.detach().set_requires_grad(true);
            let logprobs = logprobs_of(&log_softmax(&decoder.logits(&hidden), temperature), targets);
            (logprobs * gradient).sum(Kind::Float).backward();
            hidden.grad()
        })
        .collect();
    Tensor::cat(&hidden_gradients, 0)
}

/// `logits` `[tokens, vocab]` -> `[tokens, vocab]`, float32.
fn log_softmax(logits: &Tensor, temperature: f64) -> Tensor {
    let scaled = if temperature == 1.0 { logits.shallow_clone() } else { logits / temperature };
    scaled.log_softmax(-1, Kind::Float)
}

/// `[tokens, vocab]` and the targets `[tokens]` -> `[tokens]`.
fn logprobs_of(log_softmax: &Tensor, targets: &Tensor) -> Tensor {
    log_softmax.gather(1, &targets.unsqueeze(1), false).squeeze_dim(1)
}

/// `[tokens, vocab]` -> `[tokens]`, in nats.
fn entropy_of(log_softmax: &Tensor) -> Tensor {
    (log_softmax.exp() * log_softmax).sum_dim_intlist(-1, false, Kind::Float).neg()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn logprobs_and_entropies_equal_their_golden_values_and_gradients() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/entropy.safetensors");
        let golden: HashMap<String, Tensor> = Tensor::read_safetensors(path).unwrap().into_iter().collect();
        for (name, temperature) in [("t1", 1.0), ("t0.6", 0.6)] {
            for what in ["logprobs", "entropy"] {
                let logits = golden["logits"].detach().set_requires_grad(true);
                let log_softmax = log_softmax(&logits, temperature);
                let values = match what {
                    "logprobs" => logprobs_of(&log_softmax, &golden["ids"]),
                    _ => entropy_of(&log_softmax),
                };
                values.mean(Kind::Float).backward();
                let case = format!("{name}.{what}");
                assert!(values.allclose(&golden[&case], 1e-6, 1e-5, false), "{case}");
                let gradient = &golden[&format!("{case}.gradient_of_mean")];
                assert!(logits.grad().allclose(gradient, 0.0, 2e-7, false), "{case}: gradient");
            }
        }
    }
}
