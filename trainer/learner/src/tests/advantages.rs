//! Advantages against golden values, and the groups where definitions disagree.

use tch::Tensor;

use super::golden::{Golden, assert_close};
use crate::advantages::{AdvantageConfig, advantages, is_flat};
use crate::loss_metrics::numbers;

fn group_std(ddof: u32, eps: f64) -> AdvantageConfig {
    AdvantageConfig::GroupStd { ddof, eps }
}

const NORMALISING: [AdvantageConfig; 3] = [
    AdvantageConfig::GroupStd { ddof: 1, eps: 1e-6 },
    AdvantageConfig::BatchStd { ddof: 1, eps: 1e-6 },
    AdvantageConfig::RlooNormalised { ddof: 0, eps: 0.0 },
];

#[test]
fn every_variant_equals_its_golden_values() {
    let golden = Golden::load("advantages");
    let rewards: Vec<Vec<f32>> = numbers(golden.get("rewards"))
        .chunks(4)
        .map(|group| group.iter().map(|&reward| reward as f32).collect())
        .collect();
    let batch_std = |eps| AdvantageConfig::BatchStd { ddof: 1, eps };
    let cases = [
        ("grpo.mean_only", AdvantageConfig::GroupMean),
        ("grpo.std_ddof1.eps1e-4", group_std(1, 1e-4)),
        ("grpo.std_ddof1.eps1e-6", group_std(1, 1e-6)),
        ("grpo.std_ddof0.eps1e-4", group_std(0, 1e-4)),
        ("grpo.std_ddof0.eps1e-6", group_std(0, 1e-6)),
        ("grpo.batch_std_ddof1.eps1e-4", batch_std(1e-4)),
        ("grpo.batch_std_ddof1.eps1e-6", batch_std(1e-6)),
        ("rloo", AdvantageConfig::Rloo),
        ("rloo.normalised.eps1e-4", AdvantageConfig::RlooNormalised { ddof: 1, eps: 1e-4 }),
    ];
    for (name, config) in cases {
        let actual = Tensor::from_slice(&advantages(&rewards, &config).concat()).reshape([4, 4]);
        assert_close(name, &actual, golden.get(name), 2e-6, 1e-6);
    }
}

#[test]
fn flat_groups_and_groups_of_one_get_exactly_zero() {
    let rewards = [vec![0.1f32; 3], vec![0.7], vec![0.0, 1.0], vec![]];
    for config in NORMALISING.iter().chain(&[AdvantageConfig::GroupMean, AdvantageConfig::Rloo]) {
        let result = advantages(&rewards, config);
        assert_eq!(result[0], vec![0.0; 3], "{config:?}");
        assert_eq!(result[1], vec![0.0], "{config:?}");
        assert!(result[2][0] < 0.0 && result[2][1] > 0.0, "{config:?}");
        assert!(result[3].is_empty());
    }
}

#[test]
fn a_wholly_flat_batch_without_eps_is_zero_and_not_nan() {
    for config in NORMALISING {
        assert_eq!(advantages(&[vec![0.5; 4]], &config), [vec![0.0; 4]]);
    }
}

#[test]
fn normalised_advantages_do_not_depend_on_the_rewards_scale() {
    let (plain, scaled) = (vec![0.0f32, 1.0, 1.0, 3.0], vec![5.0f32, 7.0, 7.0, 11.0]);
    let result = advantages(&[plain, scaled], &group_std(1, 0.0));
    for (a, b) in result[0].iter().zip(&result[1]) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn flatness_ignores_nothing() {
    assert!(is_flat(&[1.0, 1.0]) && is_flat(&[2.0]) && is_flat::<f32>(&[]));
    assert!(!is_flat(&[1.0, 1.0, 1.0 + f32::EPSILON]));
}

#[test]
fn config_reads_from_toml_and_refuses_what_it_does_not_know() {
    #[derive(Debug, serde::Deserialize)]
    struct File {
        advantages: AdvantageConfig,
    }
    let read = |text: &str| toml::from_str::<File>(text).map(|file| file.advantages);
    assert_eq!(read("advantages = \"rloo\"").unwrap(), AdvantageConfig::Rloo);
    assert_eq!(read("advantages.group_std.eps = 1e-4").unwrap(), group_std(1, 1e-4));
    assert!(read("advantages.group_std.epsilon = 1e-4").is_err());
    assert!(group_std(2, 1e-6).validate().is_err());
    assert!(group_std(1, -1.0).validate().is_err());
    assert!(AdvantageConfig::default().validate().is_ok());
}
