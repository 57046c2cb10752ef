//! The preference loss on numbers that can be checked by hand.

use tch::Tensor;

use super::golden::{assert_close, leaf};
use crate::objective::preference::{PreferenceLossConfig, preference_loss};

fn config(centering_coefficient: f64) -> PreferenceLossConfig {
    PreferenceLossConfig { centering_coefficient }
}

fn log_sigmoid(x: f64) -> f64 {
    -(1.0 + (-x).exp()).ln()
}

#[test]
fn the_loss_is_bradley_terry_with_centering() {
    let chosen = leaf(&Tensor::from_slice(&[1.0f32, -0.5]));
    let rejected = Tensor::from_slice(&[0.25f32, 0.5]);
    let output = preference_loss(&chosen, &rejected, &config(0.01), 2);
    let expected = (-log_sigmoid(0.75) - log_sigmoid(-1.0) + 0.01 * 1.5625) / 2.0;
    assert!((output.loss.double_value(&[]) - expected).abs() < 1e-6);
    assert_eq!(output.num_correct, 1);
    assert!((output.score_gap_sum - -0.25).abs() < 1e-6);

    output.loss.backward();
    // d/dc of -log sigmoid(x) is -(1 - sigmoid(x)); of centering 2 c (chosen + rejected).
    let slope = |x: f64, sum: f64| (-1.0 / (1.0 + x.exp()) + 0.02 * sum) / 2.0;
    assert!((chosen.grad().double_value(&[0]) - slope(0.75, 1.25)).abs() < 1e-6);
    assert!((chosen.grad().double_value(&[1]) - slope(-1.0, 0.0)).abs() < 1e-6);
}

#[test]
fn micro_batches_add_up_and_extreme_scores_stay_finite() {
    let chosen = Tensor::from_slice(&[-200.0f32, 3.0, 1.0]);
    let rejected = Tensor::from_slice(&[200.0f32, 3.0, 0.0]);
    let whole = preference_loss(&chosen, &rejected, &config(0.0), 3);
    let parts = [(0, 2), (2, 1)].map(|(start, length)| {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        preference_loss(&cut(&chosen), &cut(&rejected), &config(0.0), 3)
    });
    let sum = &parts[0].loss + &parts[1].loss;
    assert_close("loss", &sum, &whole.loss, 1e-6, 1e-6);
    assert!((whole.loss.double_value(&[]) * 3.0 - 400.0 + log_sigmoid(0.0) + log_sigmoid(1.0)).abs() < 1e-3);
    assert_eq!(whole.num_correct, 1, "a tie is not correct");
}

#[test]
fn a_negative_centering_is_refused() {
    assert!(config(-0.1).validate().is_err());
    assert!(PreferenceLossConfig::default().validate().is_ok());
}
