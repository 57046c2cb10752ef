//! A step's logits to its tokens, each row by its own request's parameters.
//!
//! On the CPU each row is read where it lies (crate `sampling`), and rows of different parameters share the call at no
//! cost. On a device, and where the vocabulary is split over ranks, the rows of each plan are sampled together with
//! tensors; where all rows have one plan, as in training, nothing is sorted or copied.

use std::sync::Arc;

use policy::TensorParallel;
use sampling::{Adjustment, Row, SampledToken, Threads};
use tch::{Device, Kind, Tensor};

use crate::rows::row_values;
use crate::sampler::{DrawnFrom, Sampler};
use crate::sampling_plan::SamplingPlan;

/// What decides a sequence's next token, but for its logits.
#[derive(Debug)]
pub(crate) struct TokenDraw<'a> {
    /// How the request is sampled.
    pub(crate) plan: &'a Arc<SamplingPlan>,
    /// Biases, penalties and bans, at most one for each token.
    pub(crate) adjustments: Vec<Adjustment>,
    /// In `[0, 1)`: decides the token.
    pub(crate) uniform: f64,
}

/// Draws a token for each row of `logits` `[rows, vocab]` float32. Where the vocabulary is split over ranks, the logits
/// are those of this rank's stretch. `threads` share the rows on the CPU.
pub(crate) fn draw_tokens(
    draws: &[TokenDraw<'_>],
    logits: &Tensor,
    tensor: Option<&TensorParallel>,
    threads: &Threads,
) -> Vec<SampledToken> {
    if tensor.is_none()
        && logits.device() == Device::Cpu
        && let contiguous = logits.contiguous()
        && let Some(values) = row_values(&contiguous)
    {
        return draw_rows(draws, values, threads);
    }
    draw_with_tensors(draws, logits, tensor)
}

/// The same of logits in this memory, row after row.
pub(crate) fn draw_rows(draws: &[TokenDraw<'_>], logits: &[f32], threads: &Threads) -> Vec<SampledToken> {
    let rows = logits.chunks_exact(logits.len() / draws.len().max(1)).zip(draws);
    let rows: Vec<Row<'_>> = rows.map(|(logits, draw)| draw.row(logits)).collect();
    sampling::draw_rows(&rows, threads)
}

impl TokenDraw<'_> {
    fn row<'a>(&'a self, logits: &'a [f32]) -> Row<'a> {
        Row {
            logits,
            distribution: self.plan.distribution,
            adjustments: &self.adjustments,
            uniform: self.uniform,
            top_logprobs: self.plan.params.top_logprobs,
            wants_kept: self.plan.params.kept_ids,
        }
    }
}

/// As [`draw_tokens`], with tensors on the logits' device.
fn draw_with_tensors(draws: &[TokenDraw<'_>], logits: &Tensor, tensor: Option<&TensorParallel>) -> Vec<SampledToken> {
    let sample = |sampler: &Sampler, logits: DrawnFrom<'_>, uniforms: &Tensor| match tensor {
        None => sampler.sample_adjusted(logits, uniforms),
        Some(tensor) => sampler.sample_split(logits, uniforms, tensor),
    };
    let uniforms: Vec<f64> = draws.iter().map(|draw| draw.uniform).collect();
    let uniforms = Tensor::from_slice(&uniforms).to_device(logits.device());
    let first_id = tensor.map_or(0, |tensor| tensor.share().vocabulary().start);
    let adjusted = adjusted(draws, logits, first_id);
    let Some(first) = draws.first() else { return Vec::new() };
    if draws.iter().all(|draw| Arc::ptr_eq(draw.plan, first.plan)) {
        return sample(&first.plan.sampler, DrawnFrom { raw: logits, adjusted: adjusted.as_ref() }, &uniforms);
    }
    let mut tokens: Vec<Option<SampledToken>> = vec![None; draws.len()];
    while let Some(next) = tokens.iter().position(Option::is_none) {
        let has_plan = |row: &usize| Arc::ptr_eq(draws[*row].plan, draws[next].plan);
        let rows: Vec<usize> = (next..draws.len()).filter(has_plan).collect();
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index = Tensor::from_slice(&index).to_device(logits.device());
        let raw = logits.index_select(0, &index);
        let adjusted = adjusted.as_ref().map(|adjusted| adjusted.index_select(0, &index));
        let of_plan = DrawnFrom { raw: &raw, adjusted: adjusted.as_ref() };
        let sampled = sample(&draws[next].plan.sampler, of_plan, &uniforms.index_select(0, &index));
        for (row, token) in rows.into_iter().zip(sampled) {
            tokens[row] = Some(token);
        }
    }
    tokens.into_iter().flatten().collect()
}

/// The logits, whose first column is the token `first_id`, after the draws' adjustments; `None` where there are none.
fn adjusted(draws: &[TokenDraw<'_>], logits: &Tensor, first_id: i64) -> Option<Tensor> {
    if draws.iter().all(|draw| draw.adjustments.is_empty()) {
        return None;
    }
    let width = logits.size()[1];
    let (mut places, mut numbers) = (Vec::<i64>::new(), Vec::<f32>::new());
    for (row, draw) in (0..).zip(draws) {
        for &Adjustment { id, bias, repetition, penalty, is_banned } in &draw.adjustments {
            let column = i64::from(id) - first_id;
            if (0..width).contains(&column) {
                places.push(row * width + column);
                numbers.extend([bias, repetition, penalty, f32::from(u8::from(is_banned))]);
            }
        }
    }
    let places = Tensor::from_slice(&places).to_device(logits.device());
    let numbers = Tensor::from_slice(&numbers).to_device(logits.device()).view([-1, 4]);
    let [bias, repetition, penalty, is_banned] = [0, 1, 2, 3].map(|column| numbers.select(1, column));
    let flat = logits.to_kind(Kind::Float).reshape(-1);
    let biased = flat.index_select(0, &places) + bias;
    let repeated = (&biased * &repetition).where_self(&biased.lt(0.0), &(&biased / &repetition));
    let changed = (repeated - penalty).masked_fill(&is_banned.gt(0.0), f64::NEG_INFINITY);
    Some(flat.index_copy(0, &places, &changed).view_as(logits))
}

#[cfg(test)]
mod tests {
    use random::SampleAddress;

    use super::*;
    use crate::sampling_params::SamplingParams;
    use crate::sampling_plan::SamplingPlans;

    const ROWS: u64 = 24;

    /// Logits of which some are likely, another row for each address.
    fn logits(vocab: u64) -> Tensor {
        let row = |draw: u64| {
            let numbers = SampleAddress { seed: 1, draw, sample: 0 }.numbers();
            (0..vocab).map(move |at| (-2.5 * (1.0 - numbers.at(at)).ln()) as f32)
        };
        let numbers: Vec<f32> = (0..ROWS).flat_map(row).collect();
        Tensor::from_slice(&numbers).view([ROWS as i64, vocab as i64])
    }

    fn tokenizer() -> policy::Tokenizer {
        let json = policy::train_tokenizer(["one two three"].into_iter(), 261).expect("a tokenizer");
        policy::Tokenizer::from_bytes(&json, "tokenizer.json".as_ref()).expect("a tokenizer")
    }

    fn uniform(row: u64) -> f64 {
        SampleAddress { seed: 2, draw: row, sample: 0 }.numbers().at(0)
    }

    /// A bias, penalties and a ban of tokens that are likely in one row or another.
    fn adjustments() -> Vec<Adjustment> {
        let adjustment = |id| match id % 3 {
            0 => Adjustment { bias: 1.5, repetition: 1.3, ..Adjustment::none(id) },
            1 => Adjustment { bias: -2.5, repetition: 1.3, penalty: 0.25, ..Adjustment::none(id) },
            _ => Adjustment { is_banned: true, ..Adjustment::none(id) },
        };
        (0..60).map(adjustment).collect()
    }

    fn assert_alike(left: &[SampledToken], right: &[SampledToken], name: &str) {
        assert_eq!(left.len(), right.len());
        for (left, right) in left.iter().zip(right) {
            assert_eq!((left.id, &left.kept_ids), (right.id, &right.kept_ids), "{name}");
            assert_eq!(left.top_logprobs.len(), right.top_logprobs.len(), "{name}");
            for (left, right) in left.top_logprobs.iter().zip(&right.top_logprobs) {
                assert_eq!(left.id, right.id, "{name}");
                assert!((left.logprob - right.logprob).abs() <= 1e-6 * left.logprob.abs().max(2.0), "{name}");
            }
            let pairs = [
                (left.rollout_logprob, right.rollout_logprob),
                (left.raw_logprob, right.raw_logprob),
                (left.entropy, right.entropy),
            ];
            // Tensors round a logprob in float32 three times.
            for (left, right) in pairs {
                assert!((left - right).abs() <= 1e-6 * left.abs().max(2.0), "{name}: {left} {right}");
            }
        }
    }

    #[test]
    fn rows_and_tensors_draw_the_same_tokens() {
        let kinds = [
            SamplingParams::default(),
            SamplingParams { temperature: 0.0, ..SamplingParams::default() },
            SamplingParams { temperature: 0.7, ..SamplingParams::default() },
            SamplingParams { top_k: 20, ..SamplingParams::default() },
            SamplingParams { top_p: 0.9, ..SamplingParams::default() },
            SamplingParams { min_p: 0.05, ..SamplingParams::default() },
            SamplingParams { temperature: 1.4, top_k: 50, top_p: 0.9, min_p: 0.02, ..SamplingParams::default() },
            SamplingParams { top_logprobs: 3, top_p: 0.6, kept_ids: true, ..SamplingParams::default() },
            SamplingParams { top_logprobs: 1, temperature: 0.0, kept_ids: true, ..SamplingParams::default() },
        ];
        let (mut plans, tokenizer) = (SamplingPlans::default(), tokenizer());
        let plans = kinds.map(|params| plans.of(&Arc::new(params), &tokenizer, &[], 272).expect("good parameters"));
        let threads = Threads::new(2);
        for vocab in [272, 2049] {
            let logits = logits(vocab);
            for kind in 0..=plans.len() {
                // At last rows of each kind side by side, and some of them adjusted.
                let is_mixed = kind == plans.len();
                let draw = |row: u64| TokenDraw {
                    plan: &plans[if is_mixed { row as usize % kind } else { kind }],
                    adjustments: if is_mixed && row.is_multiple_of(2) { adjustments() } else { Vec::new() },
                    uniform: uniform(row),
                };
                let draws: Vec<TokenDraw<'_>> = (0..ROWS).map(draw).collect();
                let name = format!("{vocab} tokens, kind {kind}");
                let with_tensors = draw_with_tensors(&draws, &logits, None);
                assert_alike(&draw_tokens(&draws, &logits, None, &threads), &with_tensors, &name);
                let transposed = logits.tr().contiguous().tr();
                assert_alike(&draw_tokens(&draws, &transposed, None, &threads), &with_tensors, &name);
            }
        }
    }

    #[test]
    fn half_precision_is_not_read_as_float32() {
        let mut plans = SamplingPlans::default();
        let plan = plans.of(&Arc::new(SamplingParams::default()), &tokenizer(), &[], 64).expect("good parameters");
        let logits = logits(64);
        let draw = |row| TokenDraw { plan: &plan, adjustments: adjustments(), uniform: uniform(row) };
        let draws: Vec<TokenDraw<'_>> = (0..ROWS).map(draw).collect();
        let threads = Threads::new(2);
        let half = logits.to_kind(Kind::BFloat16);
        let ids = |tokens: Vec<SampledToken>| tokens.into_iter().map(|token| token.id).collect::<Vec<_>>();
        let rounded = half.to_kind(Kind::Float);
        assert_eq!(ids(draw_tokens(&draws, &half, None, &threads)), ids(draw_tokens(&draws, &rounded, None, &threads)));
    }
}
