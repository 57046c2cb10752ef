//! The walk over a mixture: resumable, faithful to its weights, each task once an epoch.

use std::collections::HashSet;

use datasets::{CursorState, Message, Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier};
use proptest::prelude::*;

fn source(name: &str, num_tasks: usize, weight: f64) -> Source {
    let tasks = (0..num_tasks)
        .map(|index| {
            let messages = vec![Message::user("1 + 1?")];
            Task::new(format!("{name}-{index}"), TaskKind::MATH, messages, TaskVerifier::new("math", "2"))
        })
        .collect();
    Source::new(name, tasks, weight)
}

fn mixture() -> Mixture {
    let sources = vec![source("maths", 10, 0.7), source("code", 7, 0.3), source("off", 3, 0.0)];
    Mixture::new(sources).unwrap()
}

fn ids(cursor: &mut TaskCursor, num_tasks: usize) -> Vec<String> {
    let draws = cursor.next_draws(num_tasks);
    draws.iter().map(|draw| draw.task.id.clone()).collect()
}

#[test]
fn each_task_comes_once_an_epoch_in_an_order_of_its_own() {
    let mut cursor = TaskCursor::new(Mixture::new(vec![source("maths", 10, 1.0)]).unwrap(), 1);
    let first = ids(&mut cursor, 10);
    let second = ids(&mut cursor, 10);
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(second.iter().collect::<HashSet<_>>().len(), 10);
    assert_ne!(first, second);
    let mut other_seed = TaskCursor::new(Mixture::new(vec![source("maths", 10, 1.0)]).unwrap(), 2);
    assert_ne!(first, ids(&mut other_seed, 10));
}

#[test]
fn weights_hold_at_every_point_of_the_walk() {
    let mut cursor = TaskCursor::new(mixture(), 5);
    let mut num_maths = 0;
    for num_taken in 1..=500_usize {
        let task = cursor.next_draw().task;
        assert!(!task.id.starts_with("off"), "a source of weight 0 was read");
        num_maths += usize::from(task.id.starts_with("maths"));
        let lag = num_maths as f64 - 0.7 * num_taken as f64;
        assert!(lag.abs() <= 1.0, "{num_maths} of {num_taken}");
    }
}

proptest! {
    #[test]
    fn a_resumed_walk_is_the_uninterrupted_one(seed: u64, before in 0..60_usize, after in 1..60_usize) {
        let mut whole = TaskCursor::new(mixture(), seed);
        let all = ids(&mut whole, before + after);
        let mut first = TaskCursor::new(mixture(), seed);
        let head = ids(&mut first, before);
        let saved = serde_json::to_string(&first.state()).unwrap();
        let state: CursorState = serde_json::from_str(&saved).unwrap();
        let mut second = TaskCursor::resume(mixture(), &state).unwrap();
        let tail = ids(&mut second, after);
        prop_assert_eq!(&all[..before], &head[..]);
        prop_assert_eq!(&all[before..], &tail[..]);
        prop_assert_eq!(whole.state(), second.state());
    }
}

#[test]
fn draws_are_numbered_by_their_place_in_the_walk() {
    let mut cursor = TaskCursor::new(mixture(), 5);
    let numbers: Vec<u64> = cursor.next_draws(40).iter().map(|draw| draw.number).collect();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    let mut resumed = TaskCursor::resume(mixture(), &cursor.state()).unwrap();
    assert_eq!((resumed.num_drawn(), resumed.next_draw().number), (40, 40));
}

#[test]
fn a_position_in_other_data_is_refused() {
    let state = TaskCursor::new(mixture(), 5).state();
    let resume = |sources| TaskCursor::resume(Mixture::new(sources).unwrap(), &state).unwrap_err().to_string();
    let changed = resume(vec![source("maths", 11, 0.7), source("code", 7, 0.3), source("off", 3, 0.0)]);
    assert!(changed.contains("source \"maths\" had 10 tasks when the position was saved and has 11 now"), "{changed}");
    let renamed = resume(vec![source("maths", 10, 0.7), source("tools", 7, 0.3), source("off", 3, 0.0)]);
    assert!(renamed.contains("\"code\" where the mixture has \"tools\""), "{renamed}");
    let fewer = resume(vec![source("maths", 10, 0.7)]);
    assert!(fewer.contains("3 sources and the mixture 1"), "{fewer}");
}

#[test]
fn a_mixture_without_sense_is_refused() {
    let refused = |sources| Mixture::new(sources).unwrap_err().to_string();
    assert!(refused(vec![]).contains("no source has a weight above 0"));
    assert!(refused(vec![source("a", 1, 0.0)]).contains("no source has a weight above 0"));
    assert!(refused(vec![source("a", 0, 1.0)]).contains("source \"a\" has no tasks"));
    assert!(refused(vec![source("a", 1, f64::NAN)]).contains("source \"a\" has weight NaN"));
    assert!(refused(vec![source("a", 1, 1.0), source("a", 1, 1.0)]).contains("\"a\" is named twice"));
}
