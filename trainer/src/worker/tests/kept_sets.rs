//! Logprobs of an update over the ids that the sampling's filters kept.

use std::sync::Arc;

use learner::trajectory::{Advantages, Trajectory, TrajectoryGroup};
use policy::Placement;
use rollout::{Completion, SamplingParams};

use super::{Critic, Sampled, learning, model, requests, start};
use crate::trajectories::kept_ids;
use crate::worker::{ModelCommand, ModelEvent, ModelWorker};

/// Largest difference of the update's logprobs from those of the rollout, where the trajectories have kept ids or not.
async fn largest_difference(worker: &ModelWorker, completions: &[Completion], has_kept: bool) -> f32 {
    let trajectory = |completion: &Completion| Trajectory {
        ids: completion.sequence.ids(),
        targets: completion.sequence.sampled_ranges(),
        rollout_logprobs: completion.sequence.rollout_logprobs().collect(),
        kept_ids: kept_ids(&completion.sequence).filter(|_| has_kept),
        advantages: Advantages::Sequence(0.0),
        ..Trajectory::default()
    };
    let group: TrajectoryGroup = completions.iter().map(trajectory).collect::<Vec<_>>().into();
    let answer = worker.ask(ModelCommand::Update { step: 0, groups: vec![group] }).await.unwrap();
    let ModelEvent::Updated(outcome) = answer else { panic!("{answer:?}") };
    let all = outcome.trajectories.iter().zip(&outcome.policy_logprobs);
    all.flat_map(|(trajectory, logprobs)| trajectory.rollout_logprobs.iter().zip(logprobs))
        .map(|(rollout, policy)| (rollout - policy).abs())
        .fold(0.0, f32::max)
}

#[tokio::test]
async fn logprobs_of_training_are_those_of_sampling_over_the_kept_ids() {
    let folder = model(1);
    let worker = {
        let folder = folder.path().to_owned();
        start(move || learning(&folder, Placement::CPU, Critic::None)).await
    };
    let filters = [
        SamplingParams { top_k: 5, ..SamplingParams::default() },
        SamplingParams { top_k: 40, top_p: 0.7, min_p: 0.02, ..SamplingParams::default() },
    ];
    for filter in filters {
        let params = SamplingParams { max_new_tokens: 30, ignore_eos: true, seed: 5, kept_ids: true, ..filter };
        let params = Arc::new(params);
        let mut all = requests(0, 30);
        all.iter_mut().for_each(|request| request.params = params.clone());
        let mut sampled = Sampled::new(&worker);
        sampled.send(ModelCommand::Submit { requests: all, lag: None, turn_lag: 0 });
        let completions = sampled.completions(2).await;
        let over_kept = largest_difference(&worker, &completions, true).await;
        assert!(over_kept < 1e-4, "{over_kept}");
        let over_all = largest_difference(&worker, &completions, false).await;
        assert!(over_all > 0.05, "{over_all}: the filters changed nothing");
    }
}
