//! Plain sums: the steps of the word problems by themselves, many to a trace.
//!
//! A model that cannot add one-digit numbers when its cold start ends has nothing that reinforcement learning could
//! elicit, and a word problem's trace shows a few sums only. A trace of sums shows many, written as in the careful
//! completions. Easy sums are shown more often: they teach a model first which numbers a sum depends on, and it learns
//! the others once it knows where to look. No sum starts from the total before it, so no trace holds the chain of a
//! problem.

use random::KeyedRng;

use super::config::DemoDataConfig;
use super::problem::is_held_out;
use super::step::Step;

/// The user's message, whatever the sums are.
pub(super) const PROMPT: &str = "Practise sums.";

/// Largest start of an easy sum.
const EASY_START: u32 = 5;
/// Largest amount of an easy sum.
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

/// A start, a step and the total. Start and total lie in 0 to `max_total`, the amount has one digit; an easy sum, drawn
/// with probability `easy_share`, has a start up to [`EASY_START`] and an amount up to [`EASY_AMOUNT`].
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

/// True for a sum that is a held-out word problem, which only happens where word problems of one step are asked for.
fn is_a_held_out_problem(start: u32, step: Step, config: &DemoDataConfig) -> bool {
    config.maths.min_steps == 1 && is_held_out(&format!("{start}{}", step.term()), config.held_out_share)
}
