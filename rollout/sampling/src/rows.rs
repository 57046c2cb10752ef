//! The rows of a step, shared by threads: whole rows where there are enough, else each row in parts.

use std::cell::RefCell;

use kernels::Threads;

use crate::row::{Row, Scratch, draw};
use crate::token::SampledToken;

/// Logits that a thread is woken for: a tenth of a millisecond's. Where other processes have the cores, one that is
/// woken for less is waited for longer than it works.
const WORTH_A_THREAD: usize = 131_072;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Draws a token for each row. A token depends on its row alone, not on the others, nor on the threads.
pub fn draw_rows(rows: &[Row<'_>], threads: &Threads) -> Vec<SampledToken> {
    let alone = Threads::new(1);
    let draw_one = |row: &Row<'_>, threads: &Threads| SCRATCH.with_borrow_mut(|scratch| draw(row, scratch, threads));
    let num_logits: usize = rows.iter().map(|row| row.logits.len()).sum();
    if num_logits < 2 * WORTH_A_THREAD {
        return rows.iter().map(|row| draw_one(row, &alone)).collect();
    }
    if rows.len() < threads.num_threads() {
        return rows.iter().map(|row| draw_one(row, threads)).collect();
    }
    let mut tokens: Vec<Option<SampledToken>> = vec![None; rows.len()];
    let items = rows.iter().zip(&mut tokens).collect();
    threads.run(items, || (), |(row, token), ()| *token = Some(draw_one(row, &alone)));
    tokens.into_iter().flatten().collect()
}
