//! Updates, and what `Save` writes and `Load` reads: weights, optimizers, counts.

use std::collections::BTreeMap;
use std::path::Path;

use learner::trajectory::{Advantages, Rewards, Trajectory, TrajectoryGroup};
use learner::update_outcome::UpdateOutcome;
use policy::Placement;
use tch::{Device, Kind};

use super::{Critic, learning, model, order, start};
use crate::worker::{ModelCommand, ModelEvent, ModelWorker};

/// Four groups of two trajectories; the second of each is the better.
fn groups(step: u64) -> Vec<TrajectoryGroup> {
    let trajectory = |group: u64, place: u64| {
        let ids: Vec<u32> = (0..12).map(|at| ((step * 31 + group * 17 + place * 5 + at * 3) % 250) as u32).collect();
        Trajectory {
            ids,
            targets: std::iter::once(4..12).collect(),
            rollout_logprobs: vec![-4.0; 8],
            advantages: Advantages::Sequence(if place == 1 { 1.0 } else { -1.0 }),
            rewards: Rewards::Outcome(place as f32),
            ..Trajectory::default()
        }
    };
    let group = |group| (0..2).map(|place| trajectory(group, place)).collect::<Vec<_>>().into();
    (0..4).map(group).collect()
}

async fn update(worker: &ModelWorker, step: u64) -> UpdateOutcome {
    match worker.ask(ModelCommand::Update { step, groups: groups(step) }).await.unwrap() {
        ModelEvent::Updated(outcome) => *outcome,
        other => panic!("{other:?}"),
    }
}

/// Names of the components that `Save` writes, and the bytes of every file.
async fn saved(worker: &ModelWorker) -> (tempfile::TempDir, Vec<String>, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let answer = worker.ask(ModelCommand::Save { folder: folder.path().to_owned() }).await.unwrap();
    let ModelEvent::Saved(components) = answer else { panic!("{answer:?}") };
    let read = |file: &String| (file.clone(), std::fs::read(folder.path().join(file)).unwrap());
    let files = components.iter().flat_map(|component| component.files.iter().map(read)).collect();
    let names = components.into_iter().map(|component| component.name).collect();
    (folder, names, files)
}

#[track_caller]
fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    assert!(one.keys().eq(other.keys()));
    for (name, bytes) in one {
        assert!(*bytes == other[name], "{name} differs");
    }
}

async fn learner(folder: &Path, placement: Placement, critic: Critic) -> ModelWorker {
    let folder = folder.to_owned();
    start(move || learning(&folder, placement, critic)).await
}

#[tokio::test]
async fn a_saved_model_goes_on_in_another_thread_as_it_does_in_its_own() {
    let own = ["policy", "optimizer", "critic", "critic_optimizer", "counts"];
    let shared = ["policy", "optimizer", "value_head", "counts"];
    let cases: [(Critic, &[&str]); 3] = [
        (Critic::None, &["policy", "optimizer", "counts"]),
        (Critic::OwnWeights, &own),
        (Critic::SharedTrunk, &shared),
    ];
    for kind in [Kind::Float, Kind::BFloat16] {
        let placement = Placement { device: Device::Cpu, kind };
        for (critic, names) in cases {
            let case = format!("{critic:?} in {kind:?}");
            // The second begins as another model: all of it has to come from the folder.
            let (first_model, second_model) = (model(1), model(2));
            let first = learner(first_model.path(), placement, critic).await;
            let second = learner(second_model.path(), placement, critic).await;
            let (_, _, before) = saved(&first).await;
            for step in 0..2 {
                let outcome = update(&first, step).await;
                let policy = outcome.policy.unwrap();
                assert!(outcome.skipped.is_empty() && policy.policy_version == 2 * (step + 1), "{case}");
            }
            let (folder, components, written) = saved(&first).await;
            assert_eq!(components, names, "{case}");
            for file in written.keys().filter(|file| file.ends_with(".safetensors")) {
                assert!(written[file] != before[file], "{case}: {file} is as it was before the updates");
            }
            order(&second, ModelCommand::Load { folder: folder.path().to_owned() }).await;
            assert_same(&written, &saved(&second).await.2);

            let [one, other] = [update(&first, 2).await, update(&second, 2).await];
            assert!(one.policy_logprobs == other.policy_logprobs && one.trajectories == other.trajectories, "{case}");
            assert_same(&saved(&first).await.2, &saved(&second).await.2);
        }
    }
}

#[tokio::test]
async fn a_checkpoint_of_other_components_is_refused_by_the_one_that_lacks() {
    let folder = model(1);
    let without = learner(folder.path(), Placement::CPU, Critic::None).await;
    let (written, _, _) = saved(&without).await;
    for (critic, lacking) in [(Critic::OwnWeights, "critic"), (Critic::SharedTrunk, "value_head")] {
        let with = learner(folder.path(), Placement::CPU, critic).await;
        let said = with.ask(ModelCommand::Load { folder: written.path().to_owned() }).await.unwrap_err();
        assert!(format!("{said:#}").contains(lacking), "{said:#}");
    }
}
