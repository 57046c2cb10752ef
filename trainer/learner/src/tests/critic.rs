//! The critic's mathematics against golden values: GAE, whitening, value loss, explained variance.

use tch::{Kind, Tensor};

use super::golden::{Golden, assert_close, leaf, load_json};
use crate::aggregation::{Aggregation, Divisor, Sequences};
use crate::explained_variance::explained_variance;
use crate::gae::{GaeConfig, gae};
use crate::masked_statistics::numbers;
use crate::value_loss::{ValueLossConfig, ValueLossInputs, ValueLossMetrics, value_loss};
use crate::whitening::whitened;

/// Packed completions of a golden file.
struct Completions {
    cu_seqlens: Vec<usize>,
    mask: Vec<bool>,
}

impl Completions {
    fn load(golden: &Golden, cu_seqlens: &str, mask: Option<&str>) -> Self {
        let cu_seqlens: Vec<usize> = numbers(golden.get(cu_seqlens)).iter().map(|&end| end as usize).collect();
        let all = vec![true; cu_seqlens[cu_seqlens.len() - 1]];
        let mask = mask.map_or(all, |mask| numbers(golden.get(mask)).iter().map(|&kept| kept != 0.0).collect());
        Self { cu_seqlens, mask }
    }

    /// Numbers of the trained tokens of each completion.
    fn split(&self, packed: &Tensor) -> Vec<Vec<f32>> {
        let packed = numbers(packed);
        let completion = |ends: &[usize]| {
            let tokens = (ends[0]..ends[1]).filter(|&t| self.mask[t]);
            tokens.map(|t| packed[t] as f32).collect()
        };
        self.cu_seqlens.windows(2).map(completion).collect()
    }

    /// `[tokens]`, 0 at masked tokens.
    fn join(&self, completions: &[Vec<f32>]) -> Tensor {
        let mut values = completions.iter().flatten();
        let packed: Vec<f32> = self.mask.iter().map(|&kept| if kept { *values.next().unwrap() } else { 0.0 }).collect();
        assert!(values.next().is_none());
        Tensor::from_slice(&packed)
    }

    /// Advantages, returns, and whitened advantages, packed; `lambda` by completion.
    fn gae(&self, rewards: &Tensor, values: &Tensor, gamma: f64, lambda: impl Fn(usize) -> f64) -> [Tensor; 3] {
        let (mut advantages, mut returns) = (Vec::new(), Vec::new());
        for (i, (rewards, values)) in self.split(rewards).iter().zip(self.split(values)).enumerate() {
            let config = GaeConfig { gamma, lambda: lambda(i), whiten: true };
            config.validate().unwrap();
            let result = gae(&config, rewards, &values).unwrap();
            advantages.push(result.advantages);
            returns.push(result.returns);
        }
        [self.join(&advantages), self.join(&returns), self.join(&whitened(&advantages))]
    }
}

#[track_caller]
fn assert_equals_golden(golden: &Golden, name: &str, actual: &[Tensor; 3]) {
    for (what, actual) in ["advantages", "returns", "whitened_ddof1"].into_iter().zip(actual) {
        let name = format!("{name}.{what}");
        assert_close(&name, actual, golden.get(&name), 2e-6, 1e-6);
    }
}

#[test]
fn gae_and_its_whitening_equal_their_golden_values() {
    let (golden, file) = (Golden::load("advantages"), load_json("advantages"));
    let (rewards, values) = (golden.get("gae.token_rewards"), golden.get("values"));
    let all = Completions::load(&golden, "cu_seqlens", None);
    let trained = Completions::load(&golden, "cu_seqlens", Some("mask"));
    let lambda = |name: &str, i: usize| file[name][i].as_f64().unwrap();
    let cases = [
        ("gae.gamma1_lambda0.95", all.gae(rewards, values, 1.0, |_| 0.95)),
        ("gae.gamma1_lambda1", all.gae(rewards, values, 1.0, |_| 1.0)),
        ("gae.gamma0.99_lambda0.95", all.gae(rewards, values, 0.99, |_| 0.95)),
        ("gae.gamma1_lambda0.95.masked", trained.gae(rewards, values, 1.0, |_| 0.95)),
        ("gae.length_adaptive_alpha0.5", all.gae(rewards, values, 1.0, |i| lambda("short_lambdas", i))),
    ];
    for (name, actual) in &cases {
        assert_equals_golden(&golden, name, actual);
    }

    let long = Completions::load(&golden, "vapo.cu_seqlens", None);
    let (rewards, values) = (golden.get("vapo.token_rewards"), golden.get("vapo.values"));
    let [advantages, returns, _] = long.gae(rewards, values, 1.0, |i| lambda("vapo_lambdas", i));
    assert_close("vapo.advantages", &advantages, golden.get("vapo.advantages"), 2e-6, 1e-6);
    assert_close("vapo.lambda_return", &returns, golden.get("vapo.lambda_return"), 2e-6, 1e-6);
    let [_, returns, _] = long.gae(rewards, values, 1.0, |_| 1.0);
    assert_close("vapo.critic_returns", &returns, golden.get("vapo.critic_returns"), 2e-6, 1e-6);
}

#[test]
fn gae_steps_over_masked_tokens_whatever_a_completions_lambda() {
    let (golden, file) = (Golden::load("critic"), load_json("critic"));
    let trained = Completions::load(&golden, "cu_seqlens", Some("mask"));
    let (rewards, values) = (golden.get("token_rewards"), golden.get("values"));
    for name in ["length_adaptive_alpha0.5.masked", "length_adaptive_alpha0.1.clamped"] {
        let lambdas = &file["lambdas"][name];
        let actual = trained.gae(rewards, values, 1.0, |i| lambdas[i].as_f64().unwrap());
        assert_equals_golden(&golden, name, &actual);
    }
    let [_, returns, _] = trained.gae(rewards, values, 1.0, |_| 1.0);
    assert_close("critic_returns", &returns, golden.get("critic_returns"), 2e-6, 1e-6);
}

#[test]
fn without_values_gae_is_the_sum_of_what_is_to_come() {
    let golden = Golden::load("advantages");
    let trained = Completions::load(&golden, "cu_seqlens", Some("mask"));
    let rewards = golden.get("reinforce_pp.token_rewards");
    let [advantages, returns, whitened] = trained.gae(rewards, &rewards.zeros_like(), 1.0, |_| 1.0);
    assert_close("advantages", &advantages, golden.get("reinforce_pp.returns"), 2e-6, 1e-6);
    assert_close("returns", &returns, &advantages, 0.0, 0.0);
    assert_close("whitened", &whitened, golden.get("reinforce_pp.whitened_ddof1"), 2e-6, 1e-6);
}

#[test]
fn gae_of_odd_completions_is_defined() {
    let config = GaeConfig::default();
    assert!(gae(&config, &[], &[]).unwrap().advantages.is_empty());
    let one = gae(&config, &[1.0], &[0.25]).unwrap();
    assert_eq!((one.advantages, one.returns), (vec![0.75], vec![1.0]));
    let error = gae(&config, &[1.0], &[]).unwrap_err().to_string();
    assert!(error.contains("1 token rewards and 0 values"), "{error}");
    for (gamma, lambda) in [(1.1, 0.9), (0.9, -0.1), (f64::NAN, 1.0)] {
        assert!(GaeConfig { gamma, lambda, whiten: true }.validate().is_err());
    }
}

#[test]
fn whitening_equals_its_golden_values_and_maps_equal_ones_to_zero() {
    let golden = Golden::load("group_advantages");
    let trained = Completions::load(&golden, "cu_seqlens", Some("mask"));
    let values = trained.split(golden.get("whiten.values"));
    let actual = trained.join(&whitened(&values));
    assert_close("whiten.ddof1", &actual, golden.get("whiten.ddof1"), 2e-6, 1e-6);
    // The first three completions come from one source, the others from another.
    let by_source = [whitened(&values[..3]), whitened(&values[3..])].concat();
    let expected = golden.get("per_source.whitened_ddof1");
    assert_close("per source", &trained.join(&by_source), expected, 2e-6, 1e-6);
    let returns = trained.split(golden.get("reinforce_pp_baseline.kl.returns"));
    let expected = golden.get("reinforce_pp_baseline.kl.whitened_ddof1");
    assert_close("baseline", &trained.join(&whitened(&returns)), expected, 2e-6, 1e-6);

    assert_eq!(whitened(&[vec![0.1; 3], vec![], vec![0.1]]), [vec![0.0; 3], vec![], vec![0.0]]);
    assert_eq!(whitened(&[vec![7.0]]), [[0.0]]);
    assert!(whitened(&[]).is_empty());
}

/// Inputs of the value loss as a golden file has them.
fn value_inputs(golden: &Golden, aggregation: Aggregation) -> ValueLossInputs {
    let ends: Vec<i64> = numbers(golden.get("cu_seqlens")).iter().map(|&end| end as i64).collect();
    let sequences = Sequences::from_cu_seqlens(&ends).unwrap();
    let mask = golden.get("mask");
    let divisor = Divisor::from_counts(numbers(&sequences.sums(mask)).iter().map(|&count| count as i64));
    ValueLossInputs {
        old_values: Some(golden.get("values").copy()),
        returns: golden.get("value_loss.returns").copy(),
        mask: mask.copy(),
        weights: aggregation.token_weights(mask, &sequences, &divisor),
    }
}

/// Loss, gradient and metrics, from pieces of `chunk` tokens.
fn run_value_loss(
    values: &Tensor,
    inputs: &ValueLossInputs,
    clip: Option<f64>,
    chunk: i64,
) -> (Tensor, Tensor, ValueLossMetrics) {
    let config = ValueLossConfig { clip };
    config.validate().unwrap();
    let (mut loss, mut gradients) = (Tensor::from(0f32), Vec::new());
    let mut metrics = ValueLossMetrics::default();
    for start in (0..values.size()[0]).step_by(chunk as usize) {
        let length = chunk.min(values.size()[0] - start);
        let values = leaf(&values.narrow(0, start, length));
        let output = value_loss(&values, &inputs.narrow(start, length), &config).unwrap();
        output.loss.backward();
        loss += output.loss.detach();
        gradients.push(values.grad());
        metrics.merge(&output.metrics);
    }
    (loss, Tensor::cat(&gradients, 0), metrics)
}

#[test]
fn the_value_loss_equals_its_golden_values_whole_and_in_chunks() {
    let (first, second) = (Golden::load("advantages"), Golden::load("critic"));
    let cases = [
        (&first, "clip0.2", Some(0.2), Aggregation::TokenMean),
        (&first, "unclipped", None, Aggregation::TokenMean),
        (&second, "token_mean", Some(0.2), Aggregation::TokenMean),
        (&second, "sequence_mean", Some(0.2), Aggregation::SequenceMean),
    ];
    for (golden, name, clip, aggregation) in cases {
        let inputs = value_inputs(golden, aggregation);
        let values = golden.get("value_loss.new_values");
        let whole = run_value_loss(values, &inputs, clip, 80);
        for chunk in [80, 1, 13, 64] {
            let (loss, gradient, metrics) = run_value_loss(values, &inputs, clip, chunk);
            assert_close(name, &loss, golden.get(&format!("value_loss.{name}.loss")), 2e-6, 1e-6);
            assert_close(name, &gradient, golden.get(&format!("value_loss.{name}.gradient")), 2e-7, 0.0);
            assert_eq!(metrics.num_tokens, whole.2.num_tokens);
            assert!((metrics.clip_fraction - whole.2.clip_fraction).abs() < 1e-6, "{name}");
        }
        assert_eq!(whole.2.clip_fraction > 0.0, clip.is_some(), "{name}");
        // What masked tokens hold does not matter.
        let masked = inputs.mask.to_kind(Kind::Bool).logical_not();
        let spoilt = ValueLossInputs {
            old_values: inputs.old_values.as_ref().map(|values| values.masked_fill(&masked, f64::NAN)),
            returns: inputs.returns.masked_fill(&masked, f64::NAN),
            ..inputs.narrow(0, 80)
        };
        let same = run_value_loss(&values.masked_fill(&masked, f64::NAN), &spoilt, clip, 80);
        assert_close(name, &same.0, &whole.0, 0.0, 0.0);
        assert_close(name, &same.1, &whole.1, 0.0, 0.0);
    }
}

#[test]
fn the_value_clip_counts_only_tokens_that_it_holds() {
    let inputs = ValueLossInputs {
        old_values: Some(Tensor::from_slice(&[0.0f32; 4])),
        returns: Tensor::from_slice(&[1.0f32, 1.0, -1.0, 1.0]),
        mask: Tensor::from_slice(&[true; 4]),
        weights: Tensor::from_slice(&[0.25f32; 4]),
    };
    // Towards the return past the clip: held. Inside the clip, and away from the return: free.
    let values = Tensor::from_slice(&[0.5f32, 0.1, 0.5, -0.5]);
    let (loss, gradient, metrics) = run_value_loss(&values, &inputs, Some(0.2), 4);
    assert_eq!(metrics.clip_fraction, 0.25);
    assert_eq!(gradient.double_value(&[0]), 0.0);
    assert!((loss.double_value(&[]) - 0.125 * (0.64 + 0.81 + 2.25 + 2.25)).abs() < 1e-6);
}

#[test]
fn missing_or_misshapen_values_are_named() {
    let inputs = || ValueLossInputs {
        old_values: None,
        returns: Tensor::from_slice(&[1.0f32; 2]),
        mask: Tensor::from_slice(&[true; 2]),
        weights: Tensor::from_slice(&[0.5f32; 2]),
    };
    let values = Tensor::from_slice(&[0.0f32; 2]);
    let message = |inputs: ValueLossInputs, clip| {
        value_loss(&values, &inputs, &ValueLossConfig { clip }).err().map(|error| error.to_string())
    };
    assert_eq!(message(inputs(), None), None);
    assert!(message(inputs(), Some(0.2)).unwrap().contains("old values"));
    let short = ValueLossInputs { returns: Tensor::from_slice(&[1.0f32; 3]), ..inputs() };
    assert!(message(short, None).unwrap().contains("returns has shape [3]"));
    for clip in [0.0, -1.0, f64::INFINITY] {
        assert!(ValueLossConfig { clip: Some(clip) }.validate().is_err());
    }
}

#[test]
fn explained_variance_equals_its_golden_value() {
    let golden = Golden::load("critic");
    let trained = Completions::load(&golden, "cu_seqlens", Some("mask"));
    let flat = |name: &str| trained.split(golden.get(name)).concat();
    let explained = explained_variance(&flat("values"), &flat("critic_returns")).unwrap();
    assert!((explained - golden.get("explained_variance").double_value(&[])).abs() < 2e-6);
    let returns = [1.0, 2.0, 3.0];
    assert_eq!(explained_variance(&returns, &returns), Some(1.0));
    assert_eq!(explained_variance(&[0.5; 3], &returns), Some(0.0));
    assert_eq!(explained_variance(&[0.0, 1.0, 2.0], &[0.1; 3]), None);
    assert_eq!(explained_variance(&[], &[]), None);
}
