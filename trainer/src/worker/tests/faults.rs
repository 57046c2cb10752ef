//! Commands that do not apply, and a thread that ends.

use std::time::Duration;

use policy::Placement;
use rollout::EngineOptions;

use super::{Sampled, model, requests, sampler, start, stats};
use crate::worker::{ModelCommand, ModelEvent, ModelState, ModelWorker};

#[tokio::test]
async fn a_command_that_does_not_apply_is_an_error_and_the_thread_goes_on() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let commands = [
        (ModelCommand::Score { sequences: vec![vec![1]] }, "no reward model"),
        (ModelCommand::Update { step: 0, groups: Vec::new() }, "updates no policy"),
        (ModelCommand::LearnTraces { step: 0, sequences: Vec::new() }, "learns no traces"),
        (ModelCommand::LearnPairs { step: 0, pairs: Vec::new() }, "learns no preferences"),
        (ModelCommand::ComparePairs { pairs: Vec::new() }, "no reward model"),
        (ModelCommand::Load { folder: folder.path().to_owned() }, "counts.json"),
        (ModelCommand::Swap { folder: folder.path().join("nowhere"), policy_version: 1 }, "nowhere"),
    ];
    for (command, expected) in commands {
        let said = format!("{:#}", worker.ask(command.clone()).await.unwrap_err());
        assert!(said.contains(expected), "{command:?}: {said}");
    }
    // A request that cannot be completed is refused by name, and takes no other with it.
    let mut sampled = Sampled::new(&worker);
    let mut all = requests(0, 3);
    all[0].prompt_ids = vec![9999];
    sampled.send(ModelCommand::Submit { requests: all, lag: None, turn_lag: 0 });
    match sampled.event().await.unwrap() {
        ModelEvent::Refused { draw: 0, sample: 0, reason } => assert!(reason.contains("9999"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sampled.completions(1).await[0].sample, 1);
    assert_eq!(stats(&worker).await.num_completions, 1);
}

#[tokio::test]
async fn a_panic_in_the_thread_is_an_error_and_ends_it() {
    let folder = model(1);
    let worker = {
        let folder = folder.path().to_owned();
        start(move || {
            let model = policy::RewardModel::from_policy_folder(&folder, Placement::CPU).unwrap();
            let state = ModelState::load_policy(&folder, Placement::CPU, &EngineOptions::default()).unwrap();
            state.with_scorer(model, 64)
        })
        .await
    };
    let is_gone = tokio::time::timeout(Duration::from_millis(50), worker.gone()).await;
    assert!(is_gone.is_err(), "the thread ended before anything failed");
    // libtorch has no row of an embedding for this id, and the computation panics.
    let wrong = ModelCommand::Score { sequences: vec![vec![9999]] };
    let said = worker.ask(wrong).await.unwrap_err().to_string();
    assert!(said.contains("the model's thread is gone"), "{said}");
    tokio::time::timeout(Duration::from_secs(20), worker.gone()).await.expect("the thread is gone");
    let said = worker.ask(ModelCommand::Pause).await.unwrap_err().to_string();
    assert!(said.contains("the model's thread is gone"), "{said}");
}

#[tokio::test]
async fn a_load_that_fails_is_the_error_of_the_start() {
    let nowhere = tempfile::tempdir().unwrap().path().join("nowhere");
    let load = move || Ok((ModelState::load_policy(&nowhere, Placement::CPU, &EngineOptions::default())?, ()));
    let said = format!("{:#}", ModelWorker::start(load).await.unwrap_err());
    assert!(said.contains("nowhere"), "{said}");
}
