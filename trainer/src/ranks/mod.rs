//! A run on several ranks: one decides, the others follow.
//!
//! Rank 0 reads the data, asks the verifiers, writes the run's folder, and says what is done next; the other ranks have
//! a model's thread and nothing else. They meet before anything is loaded ([`run_on_ranks`]), are told where the run
//! begins ([`Start`]), and then obey the orders of rank 0's model thread until it ends. What an order is, is not known
//! here.

pub(crate) mod environment;
mod launch;
mod models;
mod servers;
mod team;
mod words;

use std::time::Duration;

use anyhow::{Context, Result};
use policy::Placement;
use policy::dist::{Environment, Fingerprint};
use progress::Console;
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
use crate::named_files::NamedFiles;
use crate::run::identity::RunIdentity;
use crate::run::inputs::{TrainingRun, resolve_links};
use crate::run::named_inputs::{HeldCommits, fetch_names};
use crate::worker::{ModelState, follow};

/// Longest stay of rank 0, which hosts the store, after a failure: others may notice it later, and look who is where.
const PARTING: Duration = Duration::from_secs(4);

/// A run whose ranks have met, before it begins.
#[derive(Debug)]
pub(crate) struct MetRun<C> {
    /// With the real paths of all that the run reads.
    pub config: C,
    pub placement: Placement,
    pub identity: RunIdentity,
    /// The ranks; none where this process runs by itself.
    pub team: Option<Team>,
}

/// Runs this process's part of a run of which all ranks are: `lead` on rank 0 and in a process by itself, on any other
/// rank what rank 0 says once `load` has loaded the models. `held` are commits that a run began with and goes on with.
///
/// # Errors
/// A rank is missing, there twice, or another run; the layout does not fit the number of ranks; the run fails here or
/// on another rank; or the user interrupts.
pub(crate) async fn run_on_ranks<C: TrainingRun>(
    mut config: C,
    held: Result<HeldCommits>,
    interrupt: &Interrupt,
    lead: impl AsyncFnOnce(MetRun<C>) -> Result<()>,
    load: impl FnOnce(&C, Models<'_>, &Start) -> Result<ModelState>,
) -> Result<()> {
    if let Ok(Some(Environment { rank: 1.., .. })) = environment() {
        Console::of_process().silence();
    }
    let fetched = match held {
        Ok(held) => fetch_names(&mut config, &NamedFiles::new(interrupt), &held).await,
        Err(error) => Err(error),
    };
    resolve_links(&mut config);
    let known = fetched.and_then(|names| {
        let placement = config.section().resolve()?;
        Ok((placement, RunIdentity::of(&config, placement)?.with_names(names)))
    });
    let (fingerprint, device, known) = match known {
        Ok((placement, identity)) => (identity.fingerprint(), placement.device, Ok((placement, identity))),
        // The meeting ends before a device is used.
        Err(error) => (Fingerprint::of_fault(format!("{error:#}")), Device::Cpu, Err(error)),
    };
    // What is wrong here the others are told, and this rank says it in its own words.
    let met = meet(config.parallel(), device, fingerprint, interrupt).await;
    let (placement, identity) = known?;
    let followed = config.clone();
    let lead = async |team| lead(MetRun { config, placement, identity, team }).await;
    let load = |team: &Team, start: &Start| load(&followed, Models { team: Some(team), placement }, start);
    run_part(met?, interrupt, followed.calendar().grace, followed.sandbox(), lead, load).await
}

/// Meets the other ranks; `None` where this process runs by itself.
async fn meet(
    section: &ParallelSection,
    device: Device,
    fingerprint: Fingerprint,
    interrupt: &Interrupt,
) -> Result<Option<Team>> {
    match environment()? {
        None => {
            section.layout().resolve(1).map_err(|error| Usage::error(format!("parallel: {error}")))?;
            Ok(None)
        }
        Some(environment) => {
            environment.end_with_launcher()?; // from this thread, which lives as long as the process
            let (section, asked) = (section.clone(), interrupt.clone());
            let meet = move || Team::meet(&environment, &section, device, fingerprint, asked).map(Some);
            let meeting = tokio::task::spawn_blocking(meet);
            made_room(interrupt.race(meeting).await, interrupt)?.context("the meeting of the ranks")?
        }
    }
}

/// Leads, or follows. A signal to stop leaves a step `grace` to be done and saved; `sandbox` says which code execution
/// server each host starts, where programs are run.
async fn run_part(
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
    let loaded = loaded.and_then(|state| team.await_loaded().map(|()| state));
    let state = loaded.map_err(|error| team.fail(error)).context("while the models were loaded")?;
    follow(state, team)?;
    words.await_end()
}
