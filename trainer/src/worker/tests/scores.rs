//! Scores of a reward model beside the policy.

use policy::{Placement, RewardModel};
use rollout::EngineOptions;
use tch::no_grad;

use super::{halted, model, start, stats};
use crate::worker::{ModelCommand, ModelEvent, ModelState, ModelWorker};

/// A worker whose reward model scores at most `tokens` at a time.
async fn scorer(folder: &std::path::Path, tokens: usize) -> ModelWorker {
    let folder = folder.to_owned();
    start(move || {
        let model = RewardModel::from_policy_folder(&folder, Placement::CPU).unwrap();
        let _ = no_grad(|| model.head.parameter().tensor.fill_(0.1));
        let state = ModelState::load_policy(&folder, Placement::CPU, &EngineOptions::default()).unwrap();
        state.with_scorer(model, tokens)
    })
    .await
}

async fn scores(worker: &ModelWorker, sequences: &[Vec<u32>]) -> Vec<f32> {
    match worker.ask(ModelCommand::Score { sequences: sequences.to_vec() }).await.unwrap() {
        ModelEvent::Scored(scores) => scores,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sequences_are_scored_in_pieces_of_so_many_tokens() {
    let folder = model(1);
    let sequences: Vec<Vec<u32>> = (1..=7).map(|length| (0..length * 3).map(|id| id * 7 % 250).collect()).collect();
    let (one_by_one, at_once) = (scorer(folder.path(), 1).await, scorer(folder.path(), 8192).await);
    let split = scores(&one_by_one, &sequences).await;
    let mut alone = Vec::new();
    for sequence in &sequences {
        alone.extend(scores(&at_once, std::slice::from_ref(sequence)).await);
    }
    assert_eq!(split, alone, "a piece holds more than one sequence");
    let together = scores(&at_once, &sequences).await;
    for (split, together) in split.iter().zip(together) {
        assert!((split - together).abs() < 1e-4, "{split} {together}");
    }
    assert!(split.windows(2).all(|pair| pair[0] != pair[1]), "{split:?}");
    assert!(scores(&at_once, &[]).await.is_empty());
}

#[tokio::test]
async fn scores_come_between_two_steps_of_completions_that_they_do_not_change() {
    let folder = model(1);
    let worker = scorer(folder.path(), 8192).await;
    let undisturbed = halted(&worker, async || ()).await;
    assert_eq!(stats(&worker).await.num_decode_steps, 40);
    let between = async || {
        assert_eq!(scores(&worker, &[vec![3, 4, 5], vec![6, 7]]).await.len(), 2);
        assert_eq!(stats(&worker).await.num_decode_steps, 4);
    };
    assert_eq!(halted(&worker, between).await, undisturbed, "tokens or logprobs differ");
    assert_eq!(stats(&worker).await.num_decode_steps, 36);
}
