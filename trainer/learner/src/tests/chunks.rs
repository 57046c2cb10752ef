//! Losses of pieces of a batch against the loss of the whole.

use tch::{Kind, Tensor};

use super::golden::{Golden, assert_close, leaf};
use super::packed_batch::{Batch, cases};
use crate::aggregation::{Aggregation, Divisor, Sequences};
use crate::loss::{LossMetrics, PolicyLossConfig, policy_loss};

/// Loss, gradient and metrics from pieces of `chunk` tokens.
fn run_in_chunks(batch: &Batch, config: &PolicyLossConfig, chunk: i64) -> (Tensor, Tensor, LossMetrics) {
    let inputs = batch.inputs(config, &batch.divisor());
    let num_tokens = inputs.sequences.num_tokens();
    let (mut loss, mut gradients) = (Tensor::from(0f32), Vec::new());
    let mut metrics = LossMetrics::default();
    for start in (0..num_tokens).step_by(chunk as usize) {
        let length = chunk.min(num_tokens - start);
        let policy = leaf(&batch.policy.detach().narrow(0, start, length));
        let output = policy_loss(&policy, &inputs.narrow(start, length), config).unwrap();
        output.loss.backward();
        loss += output.loss.detach();
        gradients.push(policy.grad());
        metrics.merge(&output.metrics);
    }
    (loss, Tensor::cat(&gradients, 0), metrics)
}

#[test]
fn chunks_add_up_to_the_whole_in_every_token_wise_case() {
    let golden = Golden::load("policy_losses");
    let (mut num_token_wise, mut num_others) = (0, 0);
    for (name, batch, config) in cases(&golden) {
        if !config.is_token_wise() {
            num_others += 1;
            continue;
        }
        num_token_wise += 1;
        let (loss, gradient, metrics) = batch.run(&config, &batch.divisor());
        for chunk in [1, 7, 32, 79, 80, 500] {
            let (chunks_loss, chunks_gradient, chunks_metrics) = run_in_chunks(&batch, &config, chunk);
            assert_close(&name, &chunks_loss, &loss, 1e-6, 0.0);
            assert_close(&name, &chunks_gradient, &gradient, 1e-9, 0.0);
            assert_metrics_close(&name, &chunks_metrics, &metrics);
        }
    }
    assert!(num_token_wise > 20 && num_others > 2, "{num_token_wise} and {num_others}");
}

fn assert_metrics_close(name: &str, actual: &LossMetrics, expected: &LossMetrics) {
    assert_eq!(actual.num_tokens, expected.num_tokens, "{name}");
    assert_eq!(actual.ratio_max, expected.ratio_max, "{name}");
    let means = |metrics: &LossMetrics| {
        [
            Some(metrics.clip_fraction),
            Some(metrics.approximate_kl),
            metrics.correction_cut_fraction,
            metrics.reference_kl,
        ]
    };
    for (a, b) in means(actual).into_iter().zip(means(expected)) {
        assert_eq!(a.is_some(), b.is_some(), "{name}");
        assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-6, "{name}: {a:?} is not {b:?}");
    }
}

#[test]
fn a_loss_by_completion_refuses_cut_completions_and_takes_whole_ones() {
    let golden = Golden::load("policy_losses");
    let (_, batch, config) = cases(&golden).into_iter().find(|(name, ..)| name == "gspo").unwrap();
    let inputs = batch.inputs(&config, &batch.divisor());
    let loss = |start: i64, end: i64| {
        let policy = batch.policy.detach().narrow(0, start, end - start);
        policy_loss(&policy, &inputs.narrow(start, end - start), &config)
    };
    let error = loss(0, 20).unwrap_err().to_string();
    assert!(error.contains("kind = \"gspo\" needs whole completions"), "{error}");
    let ends = &batch.cu_seqlens;
    let parts = loss(0, ends[2]).unwrap().loss + loss(ends[2], ends[6]).unwrap().loss;
    assert_close("gspo", &parts, &batch.run(&config, &batch.divisor()).0, 1e-6, 0.0);
}

#[test]
fn narrowed_sequences_know_whether_they_are_cut() {
    let sequences = Sequences::from_cu_seqlens(&[0, 3, 3, 8]).unwrap();
    let whole = sequences.narrow(0, 8);
    assert!(!whole.is_cut() && whole.num_tokens() == 8);
    assert!(!sequences.narrow(3, 5).is_cut());
    let cut = sequences.narrow(2, 3);
    assert!(cut.is_cut() && cut.num_tokens() == 3);
    assert!(cut.narrow(0, 1).is_cut(), "a part of a part is a part");
}

#[test]
fn weights_of_the_tokens_follow_the_aggregation() {
    let mask = Tensor::from_slice(&[true, true, false, true, false, false, true]);
    let sequences = Sequences::from_cu_seqlens(&[0, 4, 6, 7]).unwrap();
    let divisor = Divisor::from_counts([3, 0, 1]);
    let cases = [
        (Aggregation::TokenMean, [0.25, 0.25, 0.0, 0.25, 0.0, 0.0, 0.25]),
        (Aggregation::SequenceMean, [1.0 / 6.0, 1.0 / 6.0, 0.0, 1.0 / 6.0, 0.0, 0.0, 0.5]),
        (Aggregation::SequenceMeanCountingEmpty, [1.0 / 9.0, 1.0 / 9.0, 0.0, 1.0 / 9.0, 0.0, 0.0, 1.0 / 3.0]),
        (Aggregation::Constant { length: 4 }, [1.0 / 12.0, 1.0 / 12.0, 0.0, 1.0 / 12.0, 0.0, 0.0, 1.0 / 12.0]),
    ];
    for (aggregation, expected) in cases {
        let weights = aggregation.token_weights(&mask, &sequences, &divisor);
        assert_eq!(weights.kind(), Kind::Float);
        assert_close(&format!("{aggregation:?}"), &weights, &Tensor::from_slice(&expected), 1e-7, 0.0);
        let by_numbers = aggregation.token_weights(&mask.to_kind(Kind::Double), &sequences, &divisor);
        assert_close(&format!("{aggregation:?}"), &by_numbers, &weights, 0.0, 0.0);
    }
}
