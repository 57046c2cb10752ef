//! All cases judged, many at a time.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures::future::join_all;
use progress::{Progress, Unit};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use verifiers::{Judgement, Verifiers};

use super::cases::Case;
use crate::interrupt::Interrupt;

/// The judgements of each case's completions, in order; `in_flight` cases are judged at a time.
///
/// # Errors
/// The user interrupts.
pub(crate) async fn judge_cases(
    cases: &[Case],
    verifiers: &Verifiers,
    in_flight: usize,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Judgement>>> {
    let turns = Arc::new(Semaphore::new(in_flight));
    let mut judging = JoinSet::new();
    for (index, case) in cases.iter().enumerate() {
        let (verifiers, group, turns) = (verifiers.clone(), case.group.clone(), turns.clone());
        judging.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let mut judgements = join_all(group.iter().map(|judged| verifiers.judge(judged))).await;
            verifiers.judge_group(&group, &mut judgements).await;
            (index, judgements)
        });
    }
    let mut judgements: Vec<Vec<Judgement>> = cases.iter().map(|_| Vec::new()).collect();
    let progress = Progress::aside("judging", Unit::Parts, Some(cases.len() as u64));
    let judged = interrupt.race(async {
        while let Some(judged) = judging.join_next().await {
            let (index, judged) = judged.context("a case's verdicts")?;
            judgements[index] = judged;
            progress.advance(1);
        }
        anyhow::Ok(())
    });
    judged.await??;
    Ok(judgements)
}
