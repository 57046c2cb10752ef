//! Requests that come, are replaced, dropped, halted, and go on with other weights.

use std::sync::Arc;

use rollout::{Completion, GenerationStats, NextTurn, SamplingParams};

use super::{Sampled, halted, model, order, requests, sampler, stats};
use crate::worker::{ModelCommand, ModelEvent, ModelWorker};

/// A token that ends turns, and one whose text is half a character.
const STOP: u32 = 20;
const BYTE: u32 = 150;

/// When a draw's replacement is given to the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replaced {
    /// As soon as the draw has ended.
    Early,
    /// Once the engine has long waited for it.
    Late,
}

/// Three draws that are held to a lag; the first to end is replaced by a fourth, the others by nothing. Returns the
/// completions of all four.
async fn four_draws(worker: &ModelWorker, lag: u64, replaced: Replaced) -> (Vec<Completion>, GenerationStats) {
    let mut sampled = Sampled::new(worker);
    let all = [requests(0, 4), requests(1, 30), requests(2, 30)].concat();
    sampled.send(ModelCommand::Submit { requests: all, lag: Some(lag), turn_lag: 0 });
    let mut completions = sampled.completions(2).await;
    if replaced == Replaced::Late {
        assert!(sampled.is_silent().await, "the engine went on without the replacement");
    }
    sampled.send(ModelCommand::Replace { draw: 0, requests: requests(3, 9) });
    // The fourth begins after 4 + lag steps and ends before the thirtieth.
    completions.extend(sampled.completions(2).await);
    sampled.send(ModelCommand::Replace { draw: 3, requests: Vec::new() });
    completions.extend(sampled.completions(4).await);
    for draw in [1, 2] {
        sampled.send(ModelCommand::Replace { draw, requests: Vec::new() });
    }
    (completions, stats(worker).await)
}

fn steps(stats: GenerationStats) -> [usize; 2] {
    [stats.num_decode_steps, stats.num_sequence_steps]
}

#[tokio::test]
async fn a_replacement_joins_at_the_same_step_whenever_it_comes() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let (early, early_stats) = four_draws(&worker, 6, Replaced::Early).await;
    let (late, late_stats) = four_draws(&worker, 6, Replaced::Late).await;
    let draws: Vec<u64> = early.iter().map(|completion| completion.draw).collect();
    assert_eq!(draws, [0, 0, 3, 3, 1, 1, 2, 2]);
    assert_eq!(early, late, "tokens or logprobs differ");
    assert_eq!(steps(early_stats), steps(late_stats));
    assert_eq!(steps(early_stats), [30, 4 * 2 + 9 * 2 + 30 * 4]);

    // Where the engine runs dry, the replacement comes at once, and later places keep their distance.
    let mut both = Vec::new();
    for replaced in [Replaced::Early, Replaced::Late] {
        let mut sampled = Sampled::new(&worker);
        let all = [requests(0, 4), requests(1, 6)].concat();
        sampled.send(ModelCommand::Submit { requests: all, lag: Some(50), turn_lag: 0 });
        let mut completions = sampled.completions(4).await;
        for (draw, by) in [(1, 5), (0, 4)] {
            if replaced == Replaced::Late {
                assert!(sampled.is_silent().await, "nothing runs");
            }
            sampled.send(ModelCommand::Replace { draw, requests: requests(by, 8) });
        }
        completions.extend(sampled.completions(4).await);
        for draw in [4, 5] {
            sampled.send(ModelCommand::Replace { draw, requests: Vec::new() });
        }
        both.push((completions, steps(stats(&worker).await)));
    }
    // The second place is due two steps after the first.
    assert_eq!(both[0].1, [6 + 8 + 2, 4 * 2 + 6 * 2 + 8 * 4]);
    assert_eq!(both[0], both[1]);
}

#[tokio::test]
async fn a_place_that_is_not_there_cannot_be_taken() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let mut sampled = Sampled::new(&worker);
    sampled.send(ModelCommand::Submit { requests: requests(0, 3), lag: None, turn_lag: 0 });
    sampled.completions(2).await;
    for draw in [0, 7] {
        sampled.send(ModelCommand::Replace { draw, requests: requests(1, 3) });
        let said = sampled.event().await.unwrap_err().to_string();
        assert!(said.contains(&format!("draw {draw} has no place")), "{said}");
    }
}

#[tokio::test]
async fn what_is_aborted_is_neither_answered_nor_waited_for() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    order(&worker, ModelCommand::Pause).await;
    let mut sampled = Sampled::new(&worker);
    let all = [requests(0, 20), requests(1, 8)].concat();
    sampled.send(ModelCommand::Submit { requests: all, lag: Some(0), turn_lag: 0 });
    order(&worker, ModelCommand::Abort { draw: 0 }).await;
    order(&worker, ModelCommand::Resume).await;
    let alone = sampled.completions(2).await;
    assert!(alone.iter().all(|completion| completion.draw == 1));
    // Draw 1 has ended and nothing replaced it; once it is aborted too, its place holds nothing up.
    order(&worker, ModelCommand::Abort { draw: 1 }).await;
    let counts = stats(&worker).await;
    assert_eq!((counts.num_aborted, counts.num_completions, counts.num_decode_steps), (2, 2, 8));
    sampled.send(ModelCommand::Submit { requests: requests(1, 8), lag: None, turn_lag: 0 });
    assert_eq!(sampled.completions(2).await, alone);
}

#[tokio::test]
async fn a_pause_halts_the_sampling_and_changes_nothing() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let mut sampled = Sampled::new(&worker);
    sampled.send(ModelCommand::Submit { requests: requests(0, 12), lag: None, turn_lag: 0 });
    let expected = sampled.completions(2).await;
    stats(&worker).await;
    order(&worker, ModelCommand::Pause).await;
    sampled.send(ModelCommand::Submit { requests: requests(0, 12), lag: None, turn_lag: 0 });
    assert!(sampled.is_silent().await);
    assert_eq!(stats(&worker).await.num_decode_steps, 0);
    order(&worker, ModelCommand::Resume).await;
    assert_eq!(sampled.completions(2).await, expected);
}

#[tokio::test]
async fn a_swap_gives_other_weights_to_the_requests_under_way() {
    let (first, second) = (model(1), model(2));
    let worker = sampler(first.path()).await;
    let stayed = halted(&worker, async || ()).await;
    let swap = ModelCommand::Swap { folder: second.path().to_owned(), policy_version: 7 };
    let swapped = halted(&worker, async || order(&worker, swap).await).await;
    for (stayed, swapped) in stayed.iter().zip(&swapped) {
        let versions = |completion: &Completion| -> Vec<(u64, usize)> {
            let sampled = completion.sequence.segments().last().unwrap();
            sampled.versions.iter().map(|span| (span.policy_version, span.num_tokens)).collect()
        };
        assert_eq!(versions(stayed), [(0, 40)]);
        assert_eq!(versions(swapped), [(0, 4), (7, 36)]);
        let (stayed, swapped) = (stayed.completion_ids(), swapped.completion_ids());
        assert_eq!(stayed[..4], swapped[..4]);
        assert_ne!(stayed[4..], swapped[4..]);
    }
    let older = ModelCommand::Swap { folder: first.path().to_owned(), policy_version: 6 };
    let said = worker.ask(older).await.unwrap_err().to_string();
    assert!(said.contains("version 6") && said.contains('7'), "{said}");
}

/// Three draws of which the first's samples end a turn early, and are answered as soon as they end it or long after.
async fn with_turns(worker: &ModelWorker, replaced: Replaced) -> (Vec<Completion>, [usize; 2]) {
    let mut sampled = Sampled::new(worker);
    let mut all = [requests(0, 40), requests(1, 40), requests(2, 40)].concat();
    for request in all.iter_mut().filter(|request| request.draw == 0) {
        let any = (0..128).map(char::from).chain([char::REPLACEMENT_CHARACTER]).map(String::from);
        let stops = SamplingParams {
            logit_bias: vec![(STOP, 1000.0)],
            stop_ids: vec![STOP],
            min_new_tokens: 5,
            turn_marks: any.collect(),
            ..(*request.params).clone()
        };
        request.params = Arc::new(stops);
    }
    sampled.send(ModelCommand::Submit { requests: all, lag: None, turn_lag: 7 });
    let mut turns = Vec::new();
    while turns.len() < 2 {
        match sampled.event().await.unwrap() {
            ModelEvent::TurnEnded(turn) => turns.push(turn),
            other => panic!("{other:?}"),
        }
    }
    if replaced == Replaced::Late {
        assert!(sampled.is_silent().await, "the engine went on without an answer");
        turns.reverse();
    }
    for turn in turns {
        assert_eq!((turn.draw, turn.stop_id), (0, STOP));
        let next = NextTurn::GoesOn { ids: vec![30, 31], thinking_open: false };
        sampled.send(ModelCommand::AnswerTurn { draw: turn.draw, sample: turn.sample, next });
    }
    let completions = sampled.completions(6).await;
    let stats = stats(worker).await;
    assert_eq!(stats.num_tool_tokens, 4);
    (completions, steps(stats))
}

#[tokio::test]
async fn a_turn_goes_on_at_the_same_step_whenever_it_is_answered() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let (early, early_steps) = with_turns(&worker, Replaced::Early).await;
    let (late, late_steps) = with_turns(&worker, Replaced::Late).await;
    assert_eq!(early, late, "tokens or logprobs differ");
    // The second turn is one token, the stop token behind five others and the result.
    assert_eq!(early[0].sequence.sampled_ranges().iter().map(|range| range.len()).collect::<Vec<_>>(), [6, 1]);
    assert_eq!((early_steps, late_steps), ([40, 2 * 7 + 40 * 4], [40, 2 * 7 + 40 * 4]));
}

#[tokio::test]
async fn a_draw_that_is_aborted_between_two_turns_is_not_waited_for() {
    let folder = model(1);
    let worker = sampler(folder.path()).await;
    let mut sampled = Sampled::new(&worker);
    let mut all = requests(0, 40);
    for request in &mut all {
        let marks = vec![char::REPLACEMENT_CHARACTER.to_string()];
        let bias = vec![(STOP, 1000.0), (BYTE, 900.0)];
        let params = (*request.params).clone();
        let stops = SamplingParams { logit_bias: bias, stop_ids: vec![STOP], turn_marks: marks, ..params };
        request.params = Arc::new(SamplingParams { min_new_tokens: 2, ..stops });
    }
    sampled.send(ModelCommand::Submit { requests: all, lag: None, turn_lag: 0 });
    for _ in 0..2 {
        assert!(matches!(sampled.event().await.unwrap(), ModelEvent::TurnEnded(_)));
    }
    order(&worker, ModelCommand::Abort { draw: 0 }).await;
    // An answer that comes late is for nobody.
    sampled.send(ModelCommand::AnswerTurn { draw: 0, sample: 0, next: NextTurn::End });
    sampled.send(ModelCommand::Submit { requests: requests(1, 8), lag: None, turn_lag: 0 });
    assert_eq!(sampled.completions(2).await[0].draw, 1);
    assert_eq!(stats(&worker).await.num_aborted, 2);
}
