//! One kill at a random moment: anywhere in the run, while a checkpoint is written, or after the checkpoint has its
//! name and before the link `last` names it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use super::numbers::Numbers;
use crate::process_search::{children, with_variables};

/// Time between two looks at a run's folders.
const LOOK: Duration = Duration::from_micros(100);

/// When a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// After a random time.
    Anywhere,
    /// As soon as a checkpoint is begun.
    Saving,
    /// As soon as a checkpoint has its name.
    Renamed,
}

/// What was done to a run.
#[derive(Debug)]
pub(super) struct Kill {
    moment: Moment,
    /// Time since the process was started.
    pub after: Duration,
    /// Newest checkpoint's step in each of the run's folders at that time; none where there is no folder yet.
    steps: Vec<Option<u64>>,
    /// The state of the link after a kill at [`Moment::Renamed`]; absent otherwise.
    link: Option<Link>,
    /// The rank that was struck, and by what; none of a run that is one process.
    rank: Option<(u64, Strike)>,
    /// Time from the kill to the end of the last process.
    pub ended_within: Duration,
}

/// What is done to a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// It ends at once.
    Kill,
    /// It does nothing any more, and its connections stay.
    Stop,
}

/// The link `last` after a kill between a checkpoint's renaming and the link's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The kill came before it.
    Behind,
    /// It was faster than the kill, and was put back to what it was.
    PutBack,
}

/// How an attempt to kill a run ended.
pub(super) enum Attempt {
    Killed(Kill),
    /// The run ended before.
    Ended(ExitStatus),
}

impl fmt::Display for Kill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match (self.moment, self.link) {
            (Moment::Anywhere, _) => "anywhere",
            (Moment::Saving, _) => "while a checkpoint was written",
            (Moment::Renamed, Some(Link::PutBack)) => "before the link (put back)",
            (Moment::Renamed, _) => "before the link",
        };
        let steps: Vec<String> = self.steps.iter().flatten().map(u64::to_string).collect();
        match self.rank {
            None => {}
            Some((rank, Strike::Kill)) => write!(formatter, "rank {rank} ")?,
            Some((rank, Strike::Stop)) => write!(formatter, "rank {rank} stopped ")?,
        }
        write!(formatter, "{moment} at {:.2} s", self.after.as_secs_f64())?;
        if self.rank.is_some() {
            write!(formatter, " (all ended within {:.1} s)", self.ended_within.as_secs_f64())?;
        }
        if steps.is_empty() { Ok(()) } else { write!(formatter, " after step {}", steps.join("+")) }
    }
}

impl Kill {
    pub(super) fn to_json(&self) -> Value {
        let moment = match self.moment {
            Moment::Anywhere => "anywhere",
            Moment::Saving => "saving",
            Moment::Renamed => "renamed",
        };
        let link = self.link.map(|link| if link == Link::Behind { "behind" } else { "put_back" });
        let strike = self.rank.map(|(_, strike)| if strike == Strike::Kill { "kill" } else { "stop" });
        json!({
            "moment": moment, "seconds": self.after.as_secs_f64(), "steps": self.steps, "link": link,
            "rank": self.rank.map(|(rank, _)| rank), "strike": strike,
            "ended_within_seconds": self.ended_within.as_secs_f64(),
        })
    }
}

/// Kills a process that was just started, at a random moment of about `length`, and leaves the state of such a kill.
/// `runs` are the folders that it writes checkpoints into. Of a launcher of `num_ranks` a random rank is struck, and
/// all must end by themselves.
///
/// # Errors
/// The process cannot be waited for, or the link not be put back.
pub(super) fn attempt(
    mut child: Child,
    runs: &[PathBuf],
    length: Duration,
    num_ranks: u64,
    numbers: &mut Numbers,
) -> Result<Attempt> {
    let moment = match numbers.below(4) {
        0 | 1 => Moment::Anywhere,
        2 => Moment::Saving,
        _ => Moment::Renamed,
    };
    let rank = (num_ranks > 1).then(|| {
        let strike = if numbers.below(4) == 0 { Strike::Stop } else { Strike::Kill };
        (numbers.below(num_ranks), strike)
    });
    let started = Instant::now();
    // A checkpoint is waited for from some earlier time on.
    let share = numbers.share() * if moment == Moment::Anywhere { 0.95 } else { 0.6 };
    let from = length.mul_f64(share);
    let mut before = None;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the trainer")? {
            return Ok(Attempt::Ended(status));
        }
        if started.elapsed() >= from {
            let before = before.get_or_insert_with(|| steps(runs));
            let is_time = match moment {
                Moment::Anywhere => true,
                Moment::Saving => runs.iter().any(|run| is_saving(run)),
                Moment::Renamed => newer(runs, before).is_some(),
            };
            if is_time {
                break;
            }
        }
        std::thread::sleep(LOOK);
    }
    let after = started.elapsed();
    let struck = Instant::now();
    match rank {
        None => child.kill().context("cannot kill the trainer")?,
        Some((rank, strike)) => match with_variables(children(child.id()), &[format!("RANK={rank}")]) {
            Some(process) => {
                let signal = if strike == Strike::Kill { Signal::SIGKILL } else { Signal::SIGSTOP };
                kill(process, signal).context("cannot strike a rank")?;
            }
            None => child.kill().context("cannot kill the launcher")?, // it has started no such rank yet
        },
    }
    let status = waited(&mut child)?;
    let was_killed = if rank.is_some() { !status.success() } else { status.code().is_none() };
    if !was_killed {
        return Ok(Attempt::Ended(status)); // it was faster
    }
    let ended_within = struck.elapsed();
    let run = newer(runs, &before.unwrap_or_default()).filter(|_| moment == Moment::Renamed);
    let link = run.map(leave_behind).transpose()?;
    Ok(Attempt::Killed(Kill { moment, after, steps: steps(runs), link, rank, ended_within }))
}

/// Longest time from a kill to the end of all processes: the ranks' own time-out, the looking around of the survivors,
/// and the launcher's grace for a rank that is stopped.
const ALL_END_WITHIN: Duration = Duration::from_secs(30);

/// Waits for a process that must end.
fn waited(child: &mut Child) -> Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the trainer")? {
            return Ok(status);
        }
        if begun.elapsed() > ALL_END_WITHIN {
            child.kill().context("cannot kill the trainer")?;
            bail!("the ranks do not end within {} s of a kill", ALL_END_WITHIN.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// True while a checkpoint is written: it has its temporary name.
fn is_saving(run: &Path) -> bool {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| {
        let name = name.to_string_lossy();
        name.starts_with(".step_") && name.ends_with(".tmp")
    })
}

/// Newest checkpoint's step in each folder.
fn steps(runs: &[PathBuf]) -> Vec<Option<u64>> {
    runs.iter().map(|run| newest_step(run)).collect()
}

fn newest_step(run: &Path) -> Option<u64> {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("step_")?.parse().ok()).max()
}

/// The checkpoint's step that `last` names.
fn linked(run: &Path) -> Option<u64> {
    fs::read_link(run.join("checkpoints/last")).ok()?.to_str()?.strip_prefix("step_")?.parse().ok()
}

/// The folder with a newer checkpoint than `before`; the last one, where there are several.
fn newer<'a>(runs: &'a [PathBuf], before: &[Option<u64>]) -> Option<&'a Path> {
    let place = steps(runs).iter().zip(before).rposition(|(now, before)| now > before)?;
    Some(&runs[place])
}

/// Sees to it that a run's link does not name its newest checkpoint.
fn leave_behind(run: &Path) -> Result<Link> {
    let newest = newest_step(run);
    if linked(run) != newest {
        return Ok(Link::Behind);
    }
    let last = run.join("checkpoints/last");
    let named = || last.display().to_string();
    fs::remove_file(&last).with_context(named)?;
    let earlier = newest.and_then(|newest| newest.checked_sub(1)).map(|step| format!("step_{step:05}"));
    if let Some(earlier) = earlier.filter(|earlier| run.join("checkpoints").join(earlier).is_dir()) {
        std::os::unix::fs::symlink(earlier, &last).with_context(named)?;
    }
    Ok(Link::PutBack)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A run that writes checkpoint after checkpoint, each with its link, until it is killed.
    fn saving(run: &Path) -> Child {
        let script = "cd \"$0\" && for i in 1 2 3 4 5 6 7 8 9; do mkdir .step_0000$i.tmp && sleep 0.01 && \
                      mv .step_0000$i.tmp step_0000$i && ln -sfn step_0000$i last && sleep 0.05; done; sleep 60";
        let checkpoints = run.join("checkpoints");
        fs::create_dir_all(&checkpoints).unwrap();
        Command::new("sh").args(["-c", script]).arg(checkpoints).stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_kill_leaves_what_its_moment_says() {
        let mut seen = Vec::new();
        for seed in 0..40 {
            let parent = tempfile::tempdir().unwrap();
            let runs = [parent.path().join("none"), parent.path().join("run")];
            let child = saving(&runs[1]);
            let killed = attempt(child, &runs, Duration::from_millis(200), 1, &mut Numbers::new(seed)).unwrap();
            let Attempt::Killed(kill) = killed else { panic!("the run ended by itself") };
            assert_eq!(kill.steps[0], None);
            match kill.moment {
                Moment::Anywhere => assert_eq!(kill.link, None),
                Moment::Saving => assert!(kill.after >= Duration::from_millis(1)),
                Moment::Renamed => {
                    assert!(kill.link.is_some() && linked(&runs[1]) < kill.steps[1], "{kill}");
                }
            }
            seen.push(kill.moment);
        }
        assert!([Moment::Anywhere, Moment::Saving, Moment::Renamed].iter().all(|moment| seen.contains(moment)));
    }

    #[test]
    fn a_run_that_ends_by_itself_is_not_killed() {
        let child = Command::new("true").spawn().unwrap();
        let ended = attempt(child, &[], Duration::from_secs(60), 1, &mut Numbers::new(1)).unwrap();
        assert!(matches!(ended, Attempt::Ended(status) if status.success()));
    }
}
