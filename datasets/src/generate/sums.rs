//! Plain sums: what the word problems' steps are made of, many to a trace.
//!
//! A model that cannot add one-digit numbers when its cold start ends has nothing that reinforcement learning could
//! elicit, and a word problem's trace shows a few sums only. These show many, written as the careful completions write
//! theirs. Easy ones are shown more often: a model sees there first which numbers a sum depends on, and learns the others
//! once it knows where to look. A sum never goes on from the one before, so no trace holds the chain of a problem.

use random::KeyedRng;

use super::config::DemoDataConfig;
use super::maths::Step;
use super::problem::is_held_out;

/// The user's message, whatever the sums are.
pub(super) const PROMPT: &str = "Practise sums.";

/// The largest start and amount of an easy sum.
const EASY_START: u32 = 5;
const EASY_AMOUNT: u32 = 3;

/// A completion of sums, one a line; the settings are valid ones.
pub(super) fn completion(config: &DemoDataConfig, rng: &mut KeyedRng) -> String {
    let mut text = "<think>\n".to_owned();
    let mut previous = None;
    for _ in 0..config.sums.num_sums {
        let (start, step, total) = loop {
            let sum @ (start, step, _) = draw(config, rng);
            if Some(start) != previous && !is_a_held_out_problem(start, step, config) {
                break sum;
            }
        };
        text += &format!("{start}{}={total}\n", step.term());
        previous = Some(total);
    }
    text + "</think>\n\nDone."
}

/// A start, a step and the total: starts from 0 to `max_total` and one-digit amounts that leave the total there too; for
/// the `easy_share`, none above [`EASY_START`] and [`EASY_AMOUNT`].
fn draw(config: &DemoDataConfig, rng: &mut KeyedRng) -> (u32, Step, u32) {
    let max_total = config.maths.max_total;
    let is_easy = rng.chance(config.sums.easy_share);
    let (max_start, max_amount) = if is_easy { (EASY_START, EASY_AMOUNT) } else { (max_total, 9) };
    loop {
        let start = rng.below(u64::from(max_start) + 1) as u32;
        let amount = 1 + rng.below(u64::from(max_amount)) as u32;
        let step = Step { is_gain: rng.chance(0.5), amount };
        if let Some(total) = step.apply(start, max_total) {
            return (start, step, total);
        }
    }
}

/// Where word problems of one step are asked for, a sum may be one of those kept for evaluation.
fn is_a_held_out_problem(start: u32, step: Step, config: &DemoDataConfig) -> bool {
    config.maths.min_steps == 1 && is_held_out(&format!("{start}{}", step.term()), config.held_out_share)
}
