//! Cold start and reward model in bfloat16.

use policy::Recompute;
use tch::{Kind, Tensor};

use super::bf16_model::{BFLOAT16, actor, assert_same_bits, critic, micro_folder, state};
use crate::objective::preference::{self, PairIds, PreferenceLossConfig, PreferencePlan};
use crate::objective::supervised::{self, LearnedSequence, SupervisedPlan};

fn ids(length: u32, salt: u32) -> Vec<u32> {
    (0..length).map(|at| (at * at + 29 * salt) % 272).collect()
}

#[test]
fn a_cold_start_is_one_for_every_chunk_and_way_and_learns() {
    let folder = micro_folder();
    let sequences: Vec<LearnedSequence> = (0..6)
        .map(|salt| LearnedSequence { ids: ids(10 + salt, salt), targets: vec![2..5, 6..10 + salt as usize] })
        .collect();
    let batch: Vec<&LearnedSequence> = sequences.iter().collect();
    let run = |recompute, head_chunk| {
        let mut policy = actor(folder.path(), BFLOAT16);
        let plan = SupervisedPlan { micro_batch_tokens: 30, head_chunk, recompute };
        let losses: Vec<f64> =
            (0..5).map(|place| supervised::learn(&mut policy, &batch, plan, place, None).unwrap().loss).collect();
        (losses, state(&policy))
    };
    let (full, of_full) = run(Recompute::Nothing, 8);
    let (streamed, of_streamed) = run(Recompute::Blocks, 8);
    assert_eq!(full, streamed);
    assert_same_bits(&of_full, &of_streamed);
    assert!(full.windows(2).all(|pair| pair[1] < pair[0]), "{full:?}");
    // The first loss differs by float32's rounding, later ones by that of the weights between.
    let (chunks, _) = run(Recompute::Nothing, 3);
    assert!((chunks[0] - full[0]).abs() < 1e-6 * full[0] && (chunks[4] - full[4]).abs() < 1e-3 * full[4]);
}

#[test]
fn a_reward_model_is_one_for_every_way_and_ranks_its_pairs() {
    let folder = micro_folder();
    let pairs: Vec<PairIds> =
        (0..6).map(|salt| PairIds { chosen: ids(8 + salt, 2 * salt), rejected: ids(8 + salt, 2 * salt + 1) }).collect();
    let batch: Vec<&PairIds> = pairs.iter().collect();
    let run = |recompute| {
        let mut scorer = critic(folder.path());
        let plan = PreferencePlan { micro_batch_tokens: 40, recompute, loss: PreferenceLossConfig::default() };
        let losses: Vec<f64> =
            (0..8).map(|place| preference::learn(&mut scorer, &batch, &plan, place, None).unwrap().loss).collect();
        let scores: Vec<Tensor> = pairs.iter().map(|pair| scorer.model.score(&[&pair.chosen]).unwrap()).collect();
        (losses, state(&scorer), scores, preference::accuracy(&scorer.model, &pairs, 40, None).unwrap())
    };
    let (full, of_full, scores, accuracy) = run(Recompute::Nothing);
    let (streamed, of_streamed, ..) = run(Recompute::Blocks);
    assert_eq!(full, streamed);
    assert_same_bits(&of_full, &of_streamed);
    assert!(full[7] < full[0] && accuracy == 1.0, "{full:?}, {accuracy}");
    assert!(scores.iter().all(|score| score.kind() == Kind::Float));
}
