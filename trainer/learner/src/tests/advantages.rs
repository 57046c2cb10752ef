//! Advantages against golden values, and the groups where definitions disagree.

use tch::Tensor;

use super::golden::{Golden, assert_close};
use crate::advantages::{AdvantageConfig, Deviation, advantages, is_flat};
use crate::gae::GaeConfig;
use crate::masked_statistics::numbers;

fn group_std(ddof: u32, eps: f64) -> AdvantageConfig {
    AdvantageConfig::GroupStd(Deviation { ddof, eps })
}

const NORMALISING: [AdvantageConfig; 4] = [
    AdvantageConfig::GroupStd(Deviation { ddof: 1, eps: 1e-6 }),
    AdvantageConfig::BatchStd(Deviation { ddof: 1, eps: 1e-6 }),
    AdvantageConfig::RewardStd(Deviation { ddof: 1, eps: 1e-6 }),
    AdvantageConfig::RlooNormalised(Deviation { ddof: 0, eps: 0.0 }),
];

/// Rewards `[groups, completions]` of a golden file, a vector a group.
fn rewards_of(golden: &Golden) -> Vec<Vec<f32>> {
    let rewards = numbers(golden.get("rewards"));
    rewards.chunks(4).map(|group| group.iter().map(|&reward| reward as f32).collect()).collect()
}

fn packed(advantages: &[Vec<f32>]) -> Tensor {
    Tensor::from_slice(&advantages.concat()).reshape([advantages.len() as i64, -1])
}

#[test]
fn every_variant_equals_its_golden_values() {
    let golden = Golden::load("advantages");
    let rewards = rewards_of(&golden);
    let reward_std = |eps| AdvantageConfig::RewardStd(Deviation { ddof: 1, eps });
    let cases = [
        ("grpo.mean_only", AdvantageConfig::GroupMean),
        ("grpo.std_ddof1.eps1e-4", group_std(1, 1e-4)),
        ("grpo.std_ddof1.eps1e-6", group_std(1, 1e-6)),
        ("grpo.std_ddof0.eps1e-4", group_std(0, 1e-4)),
        ("grpo.std_ddof0.eps1e-6", group_std(0, 1e-6)),
        ("grpo.batch_std_ddof1.eps1e-4", reward_std(1e-4)),
        ("grpo.batch_std_ddof1.eps1e-6", reward_std(1e-6)),
        ("rloo", AdvantageConfig::Rloo),
        ("rloo.normalised.eps1e-4", AdvantageConfig::RlooNormalised(Deviation { ddof: 1, eps: 1e-4 })),
    ];
    for (name, config) in cases {
        assert_close(name, &packed(&advantages(&rewards, &config).unwrap()), golden.get(name), 2e-6, 1e-6);
    }
}

#[test]
fn the_batchs_deviation_is_that_of_centred_rewards_as_in_scalerl() {
    let golden = Golden::load("group_advantages");
    let rewards = rewards_of(&golden);
    let sources = numbers(golden.get("group_sources"));
    for (name, eps) in [("eps1e-4", 1e-4), ("eps1e-6", 1e-6)] {
        for ddof in [0, 1] {
            let config = AdvantageConfig::BatchStd(Deviation { ddof, eps });
            let name = format!("scalerl.ddof{ddof}.{name}");
            assert_close(&name, &packed(&advantages(&rewards, &config).unwrap()), golden.get(&name), 2e-6, 1e-6);
            let mut by_source = vec![Vec::new(); rewards.len()];
            for source in [0.0, 1.0] {
                let places: Vec<usize> = (0..rewards.len()).filter(|&group| sources[group] == source).collect();
                let own: Vec<Vec<f32>> = places.iter().map(|&group| rewards[group].clone()).collect();
                for (place, group) in places.into_iter().zip(advantages(&own, &config).unwrap()) {
                    by_source[place] = group;
                }
            }
            let name = format!("per_source.{name}");
            assert_close(&name, &packed(&by_source), golden.get(&name), 2e-6, 1e-6);
        }
    }
}

#[test]
fn a_spread_between_prompts_changes_no_batch_normalised_advantage() {
    // Groups of different sizes; in the second case every reward of the second group is higher by 5.
    let near = [vec![0.0f32, 1.0, 1.0], vec![0.0, 0.5]];
    let far = [vec![0.0f32, 1.0, 1.0], vec![5.0, 5.5]];
    let config = AdvantageConfig::BatchStd(Deviation { ddof: 1, eps: 0.0 });
    let result = advantages(&near, &config).unwrap();
    assert_eq!(result, advantages(&far, &config).unwrap());
    // Centred: -2/3, 1/3, 1/3, -1/4, 1/4. Squares: 6/9 + 1/8.
    let scale = ((6.0 / 9.0 + 1.0 / 8.0) / 4.0f64).sqrt();
    assert!((f64::from(result[0][0]) + 2.0 / 3.0 / scale).abs() < 1e-6);
    assert!((f64::from(result[1][1]) - 0.25 / scale).abs() < 1e-6);
    let config = AdvantageConfig::RewardStd(Deviation { ddof: 1, eps: 0.0 });
    assert!(advantages(&far, &config).unwrap()[1][1] < advantages(&near, &config).unwrap()[1][1]);
}

#[test]
fn gae_is_refused_where_there_are_rewards_alone() {
    let config = AdvantageConfig::Gae(GaeConfig::default());
    let error = advantages(&[vec![0.0, 1.0]], &config).unwrap_err().to_string();
    assert!(error.contains("advantage.gae needs a critic"), "{error}");
    assert_eq!(config.gae(), Some(&GaeConfig { gamma: 1.0, lambda: 0.95, whiten: true }));
    assert_eq!(AdvantageConfig::default().gae(), None);
}

#[test]
fn flat_groups_and_groups_of_one_get_exactly_zero() {
    let rewards = [vec![0.1f32; 3], vec![0.7], vec![0.0, 1.0], vec![]];
    for config in NORMALISING.iter().chain(&[AdvantageConfig::GroupMean, AdvantageConfig::Rloo]) {
        let result = advantages(&rewards, config).unwrap();
        assert_eq!(result[0], vec![0.0; 3], "{config:?}");
        assert_eq!(result[1], vec![0.0], "{config:?}");
        assert!(result[2][0] < 0.0 && result[2][1] > 0.0, "{config:?}");
        assert!(result[3].is_empty());
    }
}

#[test]
fn a_wholly_flat_batch_without_eps_is_zero_and_not_nan() {
    for config in NORMALISING {
        assert_eq!(advantages(&[vec![0.5; 4]], &config).unwrap(), [vec![0.0; 4]]);
    }
}

#[test]
fn normalised_advantages_do_not_depend_on_the_rewards_scale() {
    let (plain, scaled) = (vec![0.0f32, 1.0, 1.0, 3.0], vec![5.0f32, 7.0, 7.0, 11.0]);
    let result = advantages(&[plain, scaled], &group_std(1, 0.0)).unwrap();
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
    let gae = GaeConfig { lambda: 1.0, ..GaeConfig::default() };
    assert_eq!(read("advantages.gae.lambda = 1").unwrap(), AdvantageConfig::Gae(gae));
    assert_eq!(read("[advantages.gae]").unwrap(), AdvantageConfig::Gae(GaeConfig::default()));
    assert!(read("advantages.gae.alpha = 1").is_err());
    let beyond = AdvantageConfig::Gae(GaeConfig { gamma: 1.5, ..gae });
    assert!(beyond.validate().unwrap_err().to_string().contains("advantage.gae.gamma is 1.5"));
    assert!(read("advantages.group_std.epsilon = 1e-4").is_err());
    assert!(group_std(2, 1e-6).validate().is_err());
    assert!(group_std(1, -1.0).validate().is_err());
    assert!(AdvantageConfig::default().validate().is_ok());
}
