//! Plain sums: what the word problems' steps are made of, many to a trace.
//!
//! A model that cannot add one-digit numbers when its cold start ends has nothing that reinforcement learning could
//! elicit, and a word problem's trace shows a few sums only. These show many, written as the careful completions write
//! theirs. Easy ones are shown more often: a model sees there first which numbers a sum depends on, and learns the others
//! once it knows where to look. A sum never goes on from the one before, so no trace holds the chain of a problem.

use super::config::DemoDataConfig;
use super::problem::is_held_out;
use random::KeyedRng;

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
        let sum = loop {
            let sum = Sum::draw(config, rng);
            if Some(sum.start) != previous && !sum.is_a_held_out_problem(config) {
                break sum;
            }
        };
        text += &format!("{}={}\n", sum.essence(), sum.total);
        previous = Some(sum.total);
    }
    text + "</think>\n\nDone."
}

/// A step of a word problem by itself.
struct Sum {
    start: u32,
    is_gain: bool,
    amount: u32,
    total: u32,
}

impl Sum {
    /// Starts from 0 to `max_total` and one-digit amounts that leave the total there too; for the `easy_share`, none
    /// above [`EASY_START`] and [`EASY_AMOUNT`].
    fn draw(config: &DemoDataConfig, rng: &mut KeyedRng) -> Self {
        let max_total = config.maths.max_total;
        let is_easy = rng.chance(config.sums.easy_share);
        let (max_start, max_amount) = if is_easy { (EASY_START, EASY_AMOUNT) } else { (max_total, 9) };
        loop {
            let start = rng.below(u64::from(max_start) + 1) as u32;
            let amount = 1 + rng.below(u64::from(max_amount)) as u32;
            let is_gain = rng.chance(0.5);
            let total = if is_gain { start.checked_add(amount) } else { start.checked_sub(amount) };
            if let Some(total) = total.filter(|&total| total <= max_total) {
                return Self { start, is_gain, amount, total };
            }
        }
    }

    /// As a word problem of this one step is known by.
    fn essence(&self) -> String {
        format!("{}{}{}", self.start, if self.is_gain { '+' } else { '-' }, self.amount)
    }

    /// Where word problems of one step are asked for, this sum may be one of those kept for evaluation.
    fn is_a_held_out_problem(&self, config: &DemoDataConfig) -> bool {
        config.maths.min_steps == 1 && is_held_out(&self.essence(), config.held_out_share)
    }
}
