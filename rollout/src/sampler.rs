//! From logits to tokens with tensors, where the logits are on a device or split over ranks: temperature, top-k, top-p
//! and min-p, then the inverse of the cumulative distribution. On the CPU the crate `sampling` draws the same tokens.
//!
//! The filters and their order are those of transformers' `generate`; each sees the tokens that the ones before it
//! left. Top-p keeps the smallest set of likeliest tokens whose mass reaches p (Holtzman et al., arXiv 1904.09751);
//! min-p keeps tokens at least p times as likely as the likeliest (arXiv 2407.01082). Softmax is float32, the
//! cumulative sum float64. This file must not know where the uniform numbers come from, nor which row belongs to which
//! task.

use sampling::{SampledToken, TokenLogprob};
use tch::{Kind, Tensor};

use crate::sampling_params::SamplingParams;

/// Draws one token for each row of logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    pub(crate) temperature: f64,
    top_k: i64,
    top_p: f64,
    min_p: f64,
    top_logprobs: i64,
    wants_kept: bool,
}

/// Logits to draw from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrawnFrom<'a> {
    /// The model's, `[rows, vocab]` float32.
    pub(crate) raw: &'a Tensor,
    /// The same after biases, penalties and bans; `None` where there are none.
    pub(crate) adjusted: Option<&'a Tensor>,
}

impl DrawnFrom<'_> {
    pub(crate) fn adjusted(&self) -> &Tensor {
        self.adjusted.unwrap_or(self.raw)
    }
}

impl Sampler {
    /// A sampler with these parameters, which the caller has validated.
    pub fn new(params: &SamplingParams) -> Self {
        Self {
            temperature: params.temperature,
            top_k: i64::try_from(params.top_k).unwrap_or(i64::MAX),
            top_p: params.top_p,
            min_p: params.min_p,
            top_logprobs: params.top_logprobs as i64,
            wants_kept: params.kept_ids,
        }
    }

    /// Draws from `logits` `[rows, vocab]` float32 with `uniforms` `[rows]` float64, a number in `[0, 1)` for each row.
    ///
    /// Logits that are not numbers give tokens whose `raw_logprob` is not finite.
    pub fn sample(&self, logits: &Tensor, uniforms: &Tensor) -> Vec<SampledToken> {
        self.sample_adjusted(DrawnFrom { raw: logits, adjusted: None }, uniforms)
    }

    /// The same from logits that may be adjusted.
    pub(crate) fn sample_adjusted(&self, logits: DrawnFrom<'_>, uniforms: &Tensor) -> Vec<SampledToken> {
        let mut tokens = tokens_of_rows(&self.draw(logits, uniforms));
        self.add_details(&mut tokens, logits);
        tokens
    }

    /// Id, rollout logprob, raw logprob and entropy in one tensor `[rows, 4]` float64: one transfer to the host.
    pub(crate) fn draw(&self, logits: DrawnFrom<'_>, uniforms: &Tensor) -> Tensor {
        let raw = logits.raw.log_softmax(-1, Kind::Float); // [rows, vocab]
        let adjusted = match logits.adjusted {
            Some(adjusted) => adjusted.log_softmax(-1, Kind::Float),
            None => raw.shallow_clone(),
        };
        let logits = logits.adjusted();
        if self.temperature == 0.0 {
            let ids = logits.argmax(-1, true); // [rows, 1]
            let raw_logprobs = raw.gather(1, &ids, false);
            let entropy = entropy(&adjusted, &adjusted.exp());
            return Tensor::cat(&[ids, raw_logprobs.zeros_like(), raw_logprobs, entropy], 1).to_kind(Kind::Double);
        }
        let scaled =
            if self.temperature == 1.0 { adjusted } else { (logits / self.temperature).log_softmax(-1, Kind::Float) };
        let scaled_probs = scaled.exp();
        let entropy = entropy(&scaled, &scaled_probs);
        let (kept, kept_probs) = if self.has_filter() {
            let kept = self.filter(logits).log_softmax(-1, Kind::Float);
            let kept_probs = kept.exp();
            (kept, kept_probs)
        } else {
            (scaled, scaled_probs)
        };
        let ids = inverse_cumulative(&kept_probs, uniforms); // [rows, 1]
        let rollout_logprobs = kept.gather(1, &ids, false).to_kind(Kind::Double);
        let raw_logprobs = raw.gather(1, &ids, false).to_kind(Kind::Double);
        Tensor::cat(&[ids.to_kind(Kind::Double), rollout_logprobs, raw_logprobs, entropy.to_kind(Kind::Double)], 1)
    }

    /// Puts the likeliest tokens and the kept sets to tokens that were drawn from these logits, where they are wanted.
    pub(crate) fn add_details(&self, tokens: &mut [SampledToken], logits: DrawnFrom<'_>) {
        if self.top_logprobs > 0 {
            let (logprobs, ids) = logits.raw.log_softmax(-1, Kind::Float).topk(self.top_logprobs, -1, true, true);
            let logprobs = Vec::<f32>::try_from(logprobs.view(-1)).expect("a contiguous float32 tensor");
            let ids = Vec::<i64>::try_from(ids.view(-1)).expect("a contiguous int64 tensor");
            let told = ids.iter().zip(logprobs).map(|(&id, logprob)| TokenLogprob { id: id as u32, logprob });
            let told: Vec<TokenLogprob> = told.collect();
            for (token, told) in tokens.iter_mut().zip(told.chunks(self.top_logprobs as usize)) {
                token.top_logprobs = told.to_vec();
            }
        }
        if self.wants_kept && self.temperature == 0.0 {
            tokens.iter_mut().for_each(|token| token.kept_ids = vec![token.id]);
        } else if self.wants_kept {
            let kept = self.filter(logits.adjusted()).softmax(-1, Kind::Float).gt(0.0).nonzero(); // [kept, 2]
            let kept = Vec::<i64>::try_from(kept.contiguous().view(-1)).expect("a contiguous int64 tensor");
            kept.chunks_exact(2).for_each(|place| tokens[place[0] as usize].kept_ids.push(place[1] as u32));
        }
    }

    /// True where some tokens may be dropped.
    pub(crate) fn has_filter(&self) -> bool {
        self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0
    }

    /// True where more than the token and its numbers is told.
    pub(crate) fn has_details(&self) -> bool {
        self.top_logprobs > 0 || self.wants_kept
    }

    /// `logits` `[rows, vocab]` over the temperature, with -inf for every token that a filter drops. Greedy parameters
    /// leave the temperature out.
    pub fn filter(&self, logits: &Tensor) -> Tensor {
        let vocab = logits.size()[1];
        let mut kept = match self.temperature {
            0.0 | 1.0 => logits.shallow_clone(),
            temperature => logits / temperature,
        };
        if self.top_k > 0 && self.top_k < vocab {
            let smallest = kept.topk(self.top_k, -1, true, true).0.narrow(1, self.top_k - 1, 1);
            kept = kept.masked_fill(&kept.lt_tensor(&smallest), f64::NEG_INFINITY);
        }
        if self.top_p < 1.0 {
            let (sorted, order) = kept.sort_stable(true, -1, true);
            let probs = sorted.softmax(-1, Kind::Float);
            let mass_before = probs.cumsum(-1, Kind::Double) - &probs; // [rows, vocab], of the likelier tokens
            let dropped_in_order = mass_before.ge(self.top_p);
            let dropped = dropped_in_order.zeros_like().scatter(1, &order, &dropped_in_order);
            kept = kept.masked_fill(&dropped, f64::NEG_INFINITY);
        }
        if self.min_p > 0.0 {
            let probs = kept.softmax(-1, Kind::Float);
            let bound = probs.amax([-1], true) * self.min_p;
            kept = kept.masked_fill(&probs.lt_tensor(&bound), f64::NEG_INFINITY);
        }
        kept
    }
}

/// Tokens from rows of id, rollout logprob, raw logprob and entropy, `[rows, 4]` float64.
pub(crate) fn tokens_of_rows(rows: &Tensor) -> Vec<SampledToken> {
    let rows = Vec::<f64>::try_from(rows.contiguous().view(-1)).expect("a contiguous float64 tensor");
    let token = |row: &[f64]| SampledToken {
        id: row[0] as u32,
        rollout_logprob: row[1] as f32,
        raw_logprob: row[2] as f32,
        entropy: row[3] as f32,
        top_logprobs: Vec::new(),
        kept_ids: Vec::new(),
    };
    rows.chunks_exact(4).map(token).collect()
}

/// Entropy of each row in nats, `[rows, 1]`, from logprobs and probabilities `[rows, vocab]`.
fn entropy(logprobs: &Tensor, probs: &Tensor) -> Tensor {
    // What is ruled out has no part in it, where 0 times negative infinity would be no number.
    (probs * logprobs.clamp_min(f64::from(f32::MIN))).sum_dim_intlist([-1].as_slice(), true, Kind::Float).neg()
}

/// The first token of each row whose cumulative probability exceeds `uniforms` times the row's total: `[rows, 1]`
/// int64.
fn inverse_cumulative(probs: &Tensor, uniforms: &Tensor) -> Tensor {
    let cumulative = probs.cumsum(-1, Kind::Double); // [rows, vocab]
    let last = cumulative.size()[1] - 1;
    let targets = cumulative.narrow(1, last, 1) * uniforms.unsqueeze(1);
    // The search goes past the last token only where a sum is not a number.
    targets.searchsorted(&cumulative, false, true, "right", None::<&Tensor>).clamp_max(last)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use sampling::{Row, Threads, draw_rows};
    use tch::Device;

    use super::*;

    fn params() -> SamplingParams {
        SamplingParams::default()
    }

    fn goldens() -> HashMap<String, Tensor> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/sampling/sampling.safetensors");
        Tensor::read_safetensors(path).expect("the golden file").into_iter().collect()
    }

    /// The same tokens kept, and probabilities to 1e-6, the goldens' tolerance: with tensors, and row by row.
    fn assert_distribution(params: &SamplingParams, logits: &Tensor, expected: &Tensor, name: &str) {
        let probs = Sampler::new(params).filter(logits).softmax(-1, Kind::Float);
        assert_eq!(probs.gt(0.0), expected.gt(0.0), "{name} keeps other tokens");
        let distance = (probs - expected).abs().max().double_value(&[]);
        assert!(distance <= 1e-6, "{name}: {distance}");
        for row in 0..logits.size()[0] {
            let numbers = |tensor: &Tensor| Vec::<f32>::try_from(tensor.get(row).contiguous()).expect("a row");
            let (logits, expected) = (numbers(logits), numbers(expected));
            let kept: Vec<u32> = (0..).zip(&expected).filter(|(_, prob)| **prob > 0.0).map(|(id, _)| id).collect();
            for uniform in [0.001, 0.1, 0.4, 0.7, 0.9, 0.999] {
                let row = Row {
                    logits: &logits,
                    distribution: params.distribution(),
                    adjustments: &[],
                    uniform,
                    top_logprobs: 0,
                    wants_kept: true,
                };
                let token = draw_rows(&[row], &Threads::new(1)).remove(0);
                assert_eq!(token.kept_ids, kept, "{name} keeps other tokens");
                let distance = (token.rollout_logprob.exp() - expected[token.id as usize]).abs();
                assert!(distance <= 1e-6, "{name}: {distance}");
            }
        }
    }

    #[test]
    fn each_filter_alone_is_transformers() {
        let goldens = goldens();
        let cases = [
            ("unfiltered", params()),
            ("temperature", SamplingParams { temperature: 0.7, ..params() }),
            ("top_k", SamplingParams { top_k: 20, ..params() }),
            ("top_p", SamplingParams { top_p: 0.9, ..params() }),
            ("min_p", SamplingParams { min_p: 0.05, ..params() }),
        ];
        for (name, params) in cases {
            assert_distribution(&params, &goldens["logits"], &goldens[name], name);
        }
    }

    /// The golden chain begins with a repetition penalty; its logprobs after that step are our logits.
    #[test]
    fn filters_together_are_transformers() {
        let goldens = goldens();
        let logits = goldens["combined.after_repetition_penalty"].log();
        let mut params = SamplingParams { temperature: 0.7, ..params() };
        let mut check = |name: &str, set: fn(&mut SamplingParams)| {
            set(&mut params);
            assert_distribution(&params, &logits, &goldens[name], name);
        };
        check("combined.after_temperature", |_| {});
        check("combined.after_top_k", |params| params.top_k = 20);
        check("combined.after_top_p", |params| params.top_p = 0.9);
        check("combined.after_min_p", |params| params.min_p = 0.05);
        check("combined", |_| {});
    }

    #[test]
    fn logprobs_are_those_of_the_two_distributions() {
        let logits = goldens().remove("logits").expect("logits");
        let sampler = Sampler::new(&SamplingParams { temperature: 0.7, top_k: 20, top_p: 0.9, ..params() });
        let uniforms = Tensor::from_slice(&[0.1f64, 0.5, 0.9, 0.99]);
        let (raw, kept) = (logits.log_softmax(-1, Kind::Float), sampler.filter(&logits).log_softmax(-1, Kind::Float));
        let scaled = (&logits / 0.7).log_softmax(-1, Kind::Double);
        for (row, token) in sampler.sample(&logits, &uniforms).into_iter().enumerate() {
            let at = [row as i64, i64::from(token.id)];
            assert!((kept.double_value(&at) - f64::from(token.rollout_logprob)).abs() < 1e-6);
            assert!((raw.double_value(&at) - f64::from(token.raw_logprob)).abs() < 1e-6);
            let row = scaled.get(row as i64);
            let entropy = -(row.exp() * row).sum(Kind::Double).double_value(&[]);
            assert!((entropy - f64::from(token.entropy)).abs() < 1e-5);
        }
    }

    #[test]
    fn draws_follow_the_distribution_and_never_a_dropped_token() {
        const NUM: i64 = 20_000;
        let probs = [0.05f64, 0.0, 0.45, 0.3, 0.2];
        let logits = Tensor::from_slice(&probs).log().to_kind(Kind::Float).expand([NUM, 5], false);
        let uniforms = Tensor::arange(NUM, (Kind::Double, Device::Cpu)) / NUM as f64;
        let mut counts = [0.0; 5];
        for token in Sampler::new(&params()).sample(&logits, &uniforms) {
            counts[token.id as usize] += 1.0 / NUM as f64;
        }
        assert_eq!(counts[1], 0.0);
        for (count, prob) in counts.iter().zip(probs) {
            assert!((count - prob).abs() < 2.0 / NUM as f64, "{counts:?}");
        }
    }

    #[test]
    fn greedy_takes_the_likeliest_with_logprob_0() {
        let logits = Tensor::from_slice2(&[[0.0f32, 2.0, 1.0], [3.0, 2.0, 1.0]]);
        let sampler = Sampler::new(&SamplingParams { temperature: 0.0, ..params() });
        let tokens = sampler.sample(&logits, &Tensor::from_slice(&[0.9f64, 0.9]));
        assert_eq!(
            tokens.iter().map(|token| (token.id, token.rollout_logprob)).collect::<Vec<_>>(),
            [(1, 0.0), (0, 0.0)]
        );
        assert!((f64::from(tokens[0].raw_logprob) + 0.407_605_96).abs() < 1e-6);
    }

    #[test]
    fn logits_that_are_no_numbers_show() {
        let logits = Tensor::from_slice2(&[[0.0f32, f32::NAN, 1.0]]);
        for temperature in [0.0, 1.0] {
            let sampler = Sampler::new(&SamplingParams { temperature, ..params() });
            assert!(!sampler.sample(&logits, &Tensor::from_slice(&[0.5f64]))[0].raw_logprob.is_finite());
        }
    }
}
