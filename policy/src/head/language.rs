//! The language model's head: of each target its logit, the log-sum-exp of all logits, and the entropy.
//!
//! With `z = h Wᵀ / temperature` the logits, `p = softmax(z)` and `t` the target: `logprob = z_t - logsumexp(z)` and
//! `entropy = logsumexp(z) - Σ p z`. A loss with gradients `g` in the logprob and `e` in the entropy has the gradient
//! `g (onehot_t - p) - e p (log p + entropy)` in `z`. Everything from the product on is float32. Where a target comes
//! with the ids that it was drawn among, `p` is the softmax over these (`kept.rs`).

use std::ops::Range;
use std::sync::Arc;

use kernels::ChainMatrix;
use tch::{Device, Kind, Tensor};

use super::{Head, kept, split_vocabulary};
use crate::decoder::Decoder;
use crate::exact::Exact;
use crate::linear::float_product;
use crate::store::WeightStore;
use crate::tensor_parallel::TensorParallel;

/// Number of logits that are made probabilities at a time on a CPU, in whole rows: as many as stay in its cache from
/// one operation to the next.
const STRETCH: i64 = 1 << 18;

/// Options of a pass through the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadOptions {
    /// Divisor of the logits, above 0; 1 leaves the model's own distribution.
    pub temperature: f64,
    /// Tokens whose logits are in memory at a time, at least 1.
    pub chunk: i64,
}

/// Numbers of each target, all `[targets]` float32.
#[derive(Debug)]
pub struct LanguageOutput {
    /// Log-probability of the target under `softmax(logits / temperature)`.
    pub logprob: Tensor,
    /// Logit of the target, over the temperature.
    pub target_logit: Tensor,
    /// Log of the sum of the exponentials of all logits, over the temperature; of those of the kept ids, where there
    /// are any.
    pub logsumexp: Tensor,
    /// Entropy of that softmax, in nats.
    pub entropy: Tensor,
}

impl LanguageOutput {
    /// Log-probability of each target under `softmax(logits / temperature)`, `[targets]` float32.
    pub fn logprobs(&self) -> Tensor {
        self.logprob.shallow_clone()
    }

    fn of([target_logit, logsumexp, entropy]: [Tensor; 3]) -> Self {
        Self { logprob: &target_logit - &logsumexp, target_logit, logsumexp, entropy }
    }
}

/// Gradient of a loss in a target's logprob and entropy, each `[targets]` float32.
#[derive(Debug)]
pub struct LanguageGradient {
    /// Gradient in the logprob.
    pub logprob: Tensor,
    /// Gradient in the entropy; absent where the loss does not depend on it.
    pub entropy: Option<Tensor>,
}

/// The head of one pass over a decoder.
#[derive(Debug)]
pub struct LanguageHead {
    options: HeadOptions,
    /// `[vocab, hidden]`, in the type of the product; where the vocabulary is split over ranks, the rows that are here.
    weight: Tensor,
    /// Sum of the weight's gradient, of its shape, float32.
    gradient: Option<Tensor>,
    /// The ranks that have the other rows.
    tensor: Option<TensorParallel>,
    /// Operators that compute it exactly, with the weight as they read it, where the decoder has them.
    exact: Option<(Arc<Exact>, ChainMatrix)>,
}

impl LanguageHead {
    /// The head of a decoder.
    pub fn new(decoder: &Decoder, options: HeadOptions) -> Self {
        let store = decoder.store();
        let weight = store.head();
        store.release(store.head_part()); // the head's own reference keeps it
        // A CPU has no product of short types that ends in float32.
        let weight = if weight.device() == Device::Cpu { weight.to_kind(Kind::Float) } else { weight };
        let exact = decoder.exact().map(|exact| (exact.clone(), exact.pack(&weight)));
        Self { options, weight, gradient: None, tensor: store.tensor().cloned(), exact }
    }

    /// The sum of what each rank has of a float32 tensor.
    fn over_ranks(&self, own: Tensor) -> Tensor {
        match &self.tensor {
            None => own,
            Some(tensor) => tensor.summed(&own),
        }
    }
}

/// The output of targets `[targets]` with these logits, `[targets, vocab]` float32, which become probabilities.
///
/// With `m` the largest logit of a row, `Z = Σ exp(z - m)` and `p = exp(z - m) / Z`: `logsumexp = m + log Z` and
/// `entropy = log Z - Σ p (z - m)`.
fn softmax(logits: &mut Tensor, targets: &Tensor, temperature: f64) -> LanguageOutput {
    if temperature != 1.0 {
        let _ = logits.g_div_scalar_(temperature);
    }
    let target_logit = logits.gather(1, &targets.unsqueeze(1), false).squeeze_dim(1);
    let largest = logits.amax([-1], true); // [targets, 1]
    let _ = logits.g_sub_(&largest);
    let exponentials = logits.exp(); // [targets, vocab]
    let sum = exponentials.sum_dim_intlist(-1, true, Kind::Float); // [targets, 1]
    let mean = Tensor::linalg_vecdot(&exponentials, logits, -1) / sum.squeeze_dim(1);
    let _ = exponentials.div_out(logits, &sum);
    let log_sum = sum.log().squeeze_dim(1);
    LanguageOutput::of([target_logit, largest.squeeze_dim(1) + &log_sum, log_sum - mean])
}

impl Head for LanguageHead {
    type Output = LanguageOutput;
    type Gradient = LanguageGradient;
    /// Probabilities, `[targets, vocab]` float32 (of the ids that are here), in the memory of the logits.
    type Saved = Tensor;

    fn chunk(&self) -> i64 {
        self.options.chunk
    }

    fn forward(&self, hidden: &Tensor, targets: &Tensor) -> (LanguageOutput, Self::Saved) {
        let hidden = hidden.to_kind(self.weight.kind());
        let mut logits = match &self.exact {
            None => float_product(&hidden, &self.weight.tr()),
            Some((exact, chains)) => exact.multiply(chains, &hidden, None),
        }; // [targets, vocab]
        let temperature = self.options.temperature;
        let numbers = match &self.tensor {
            tensor if targets.dim() > 1 => Some(kept::softmax(&mut logits, targets, temperature, tensor.as_ref())),
            Some(tensor) => Some(split_vocabulary::softmax(&mut logits, targets, temperature, tensor)),
            None => None,
        };
        if let Some(numbers) = numbers {
            return (LanguageOutput::of(numbers), logits);
        }
        if let Some((exact, _)) = &self.exact {
            let [logprob, target_logit, logsumexp, entropy] = exact.targets(&mut logits, targets, temperature);
            return (LanguageOutput { logprob, target_logit, logsumexp, entropy }, logits);
        }
        let stretch = match logits.device() {
            Device::Cpu => (STRETCH / logits.size()[1]).max(1),
            _ => self.options.chunk,
        };
        let outputs = super::chunks(logits.size()[0], stretch)
            .map(|range| softmax(&mut super::rows(&logits, &range), &super::rows(targets, &range), temperature));
        let output = Self::concatenated(outputs.collect());
        (output, logits)
    }

    fn backward(
        &mut self,
        mut probabilities: Tensor,
        hidden: &Tensor,
        targets: &Tensor,
        gradient: &LanguageGradient,
    ) -> Tensor {
        // Of the logits before they were divided by the temperature.
        let by_logprob = (&gradient.logprob / self.options.temperature).unsqueeze(1); // [targets, 1]
        let mut by_logits = match &gradient.entropy {
            None => probabilities.g_mul_(&by_logprob.neg()),
            Some(by_entropy) => {
                let by_entropy = (by_entropy / self.options.temperature).unsqueeze(1);
                // p log p is 0 where p is.
                let log_probabilities = probabilities.clamp_min(f64::from(f32::MIN_POSITIVE)).log();
                let entropy = (&probabilities * &log_probabilities).sum_dim_intlist(-1, true, Kind::Float).neg();
                let entropy = self.over_ranks(entropy);
                let slope = (log_probabilities + entropy) * by_entropy + &by_logprob;
                probabilities * slope.neg()
            }
        };
        let targets = targets.view([targets.size()[0], -1]).narrow(1, 0, 1); // [targets, 1]
        let (targets, by_logprob) = match &self.tensor {
            None => (targets, by_logprob),
            Some(tensor) => {
                let (own, is_own) = tensor.own_ids(&targets);
                (own, by_logprob * is_own)
            }
        };
        let _ = by_logits.scatter_add_(1, &targets, &by_logprob);
        let by_logits = by_logits.to_kind(self.weight.kind()); // [targets, vocab]
        let hidden = hidden.to_kind(self.weight.kind());
        match &mut self.gradient {
            Some(sum) if self.weight.kind() == Kind::Float => {
                let _ = sum.addmm_(&by_logits.tr(), &hidden);
            }
            Some(sum) => *sum += float_product(&by_logits.tr(), &hidden),
            None => self.gradient = Some(float_product(&by_logits.tr(), &hidden)),
        }
        let by_hidden = float_product(&by_logits, &self.weight);
        self.over_ranks(by_hidden)
    }

    fn concatenated(outputs: Vec<LanguageOutput>) -> LanguageOutput {
        let cat = |of: fn(&LanguageOutput) -> &Tensor| Tensor::cat(&outputs.iter().map(of).collect::<Vec<_>>(), 0);
        LanguageOutput {
            logprob: cat(|output| &output.logprob),
            target_logit: cat(|output| &output.target_logit),
            logsumexp: cat(|output| &output.logsumexp),
            entropy: cat(|output| &output.entropy),
        }
    }

    fn mapped(output: &LanguageOutput, map: &dyn Fn(&Tensor) -> Tensor) -> LanguageOutput {
        LanguageOutput {
            logprob: map(&output.logprob),
            target_logit: map(&output.target_logit),
            logsumexp: map(&output.logsumexp),
            entropy: map(&output.entropy),
        }
    }

    fn part(gradient: &LanguageGradient, range: Range<i64>) -> LanguageGradient {
        let part = |tensor: &Tensor| super::rows(tensor, &range);
        LanguageGradient { logprob: part(&gradient.logprob), entropy: gradient.entropy.as_ref().map(part) }
    }

    fn begin(&mut self, store: &mut dyn WeightStore) {
        self.gradient = store.take_gradient(store.head_part());
    }

    fn end(&mut self, store: &mut dyn WeightStore) {
        if let Some(gradient) = self.gradient.take() {
            store.put_gradient(store.head_part(), gradient);
        }
    }
}
