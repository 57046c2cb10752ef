//! A run on several ranks: one decides, the others follow.
//!
//! Rank 0 reads the data, asks the verifiers, writes the run's folder, and says what is done next; the other ranks have
//! a model's thread and nothing else. They meet before anything is loaded ([`meet`]), are told where the run begins
//! ([`Start`]), and then obey the orders of rank 0's model thread until it ends. What an order is, is not known here.

pub(crate) mod environment;
mod launch;
mod models;
mod servers;
mod team;
mod words;

use std::time::Duration;

use anyhow::{Context, Result};
use tch::Device;

use self::environment::environment;
pub(crate) use self::launch::launch;
pub(crate) use self::models::Models;
pub(crate) use self::servers::HostServers;
use self::servers::{offer_token, serve_host};
pub(crate) use self::team::Team;
pub(crate) use self::words::Start;
use self::words::Words;
use crate::config::{ParallelSection, SandboxSection};
use crate::failure::{Interrupted, Saved, Usage};
use crate::interrupt::{Asked, Interrupt};
use crate::run::identity::RunIdentity;
use crate::worker::{ModelState, follow};

/// Longest stay of rank 0, which hosts the store, after a failure: others may notice it later, and look who is where.
const PARTING: Duration = Duration::from_secs(4);

/// Meets the other ranks; `None` where this process runs by itself. All ranks must be the same run; `device` is this
/// one's.
///
/// # Errors
/// A rank is missing, there twice, or another run; the layout does not fit the number of ranks; or the user interrupts.
pub(crate) async fn meet(
    section: &ParallelSection,
    device: Device,
    identity: &RunIdentity,
    interrupt: &Interrupt,
) -> Result<Option<Team>> {
    match environment()? {
        None => {
            section.layout().resolve(1).map_err(|error| Usage::error(format!("parallel: {error}")))?;
            Ok(None)
        }
        Some(environment) => {
            environment.end_with_launcher()?; // from this thread, which lives as long as the process
            let (section, fingerprint, asked) = (section.clone(), identity.fingerprint(), interrupt.clone());
            let meet = move || Team::meet(&environment, &section, device, fingerprint, asked).map(Some);
            let meeting = tokio::task::spawn_blocking(meet);
            made_room(interrupt.race(meeting).await, interrupt)?.context("the meeting of the ranks")?
        }
    }
}

/// Runs this process's part of a run: `lead` on rank 0 or where there is no team, on any other rank what rank 0 says
/// once `load` has loaded the models. A signal to stop leaves a step `grace` to be done and saved; `sandbox` says
/// which code execution server each host starts, where programs are run.
///
/// # Errors
/// The run fails here, or on another rank.
pub(crate) async fn run_part(
    team: Option<Team>,
    interrupt: &Interrupt,
    grace: Option<Duration>,
    sandbox: Option<&SandboxSection>,
    lead: impl AsyncFnOnce(Option<Team>) -> Result<()>,
    load: impl FnOnce(&Team, &Start) -> Result<ModelState>,
) -> Result<()> {
    let Some(team) = team else { return made_room(lead(None).await, interrupt) };
    let (words, job, timeout) = (Words::of(&team)?, team.job(), team.timeout());
    let result = if team.is_leader() {
        let offered = sandbox.map_or(Ok(()), |_| offer_token(&team));
        let result = match offered {
            Ok(()) => made_room(lead(Some(team)).await, interrupt),
            Err(error) => Err(error),
        };
        words.end(&result);
        result
    } else {
        // Rank 0 asks the servers of other hosts, unless it was told of some.
        let server = match sandbox.filter(|section| section.url.is_empty()) {
            Some(section) => serve_host(&team, section).await,
            None => Ok(None),
        };
        match server {
            Ok(_server) => tokio::task::block_in_place(|| follow_to_the_end(team, &words, grace, load)),
            Err(error) => Err(team.fail(error)),
        }
    };
    // Of those that failed some may be gone for good.
    job.finish(if result.is_ok() { timeout } else { PARTING });
    made_room(result, interrupt)
}

/// A result, of which one that was asked to make room before its first step is as much one to be started again as one
/// that has saved something.
fn made_room<T>(result: Result<T>, interrupt: &Interrupt) -> Result<T> {
    match (result, interrupt.asked()) {
        (Err(error), Some(Asked::ToMakeRoom)) if error.is::<Interrupted>() => Err(Saved.into()),
        (result, _) => result,
    }
}

/// A rank that follows.
fn follow_to_the_end(
    team: Team,
    words: &Words,
    grace: Option<Duration>,
    load: impl FnOnce(&Team, &Start) -> Result<ModelState>,
) -> Result<()> {
    let start = words.await_start(&team).map_err(|error| team.fail(error))?;
    let _steps = team.interrupt().finish_steps(grace).map_err(|error| team.fail(error))?;
    let loaded = start.see_folder().and_then(|folder| {
        team.keep_flight_record(folder);
        load(&team, &start)
    });
    let state = loaded.map_err(|error| team.fail(error)).context("while the models were loaded")?;
    follow(state, team)?;
    words.await_end()
}
