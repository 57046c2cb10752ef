//! All cases judged, many at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use verifiers::{Judgement, Verifiers};

use super::cases::Case;
use crate::failure::Usage;
use crate::interrupt::Interrupt;

/// Cases that are judged at a time.
const IN_FLIGHT: usize = 512;
/// How often it is looked whether the user interrupts.
const LOOK: Duration = Duration::from_millis(50);

/// The judgements of each case's completions, in order.
///
/// # Errors
/// A verifier cannot work, or the user interrupts.
pub(crate) async fn judge_cases(
    cases: &[Case],
    verifiers: &Verifiers,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Judgement>>> {
    let tasks = cases.iter().flat_map(|case| case.group.first());
    let names: BTreeSet<&str> = tasks.flat_map(|one| &one.task.verifiers).map(|one| one.name.as_str()).collect();
    verifiers.prepare(names).await.map_err(|error| Usage::error(error.to_string()))?;
    let turns = Arc::new(Semaphore::new(IN_FLIGHT));
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
    loop {
        match tokio::time::timeout(LOOK, judging.join_next()).await {
            Ok(Some(judged)) => {
                let (index, judged) = judged.context("a case's verdicts")?;
                judgements[index] = judged;
            }
            Ok(None) => return Ok(judgements),
            Err(_) => interrupt.check()?,
        }
    }
}
