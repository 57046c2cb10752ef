//! Running a plan on this machine: unit by unit, several at once, shared units once. A unit that fails stops no other
//! but those that need it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::error::SweepError;
use crate::folder::enter_folder;
use crate::measured::CellState;
use crate::plan::{Cell, Plan};
use crate::program::Program;
use crate::state::UnitState;
use crate::stop::Stop;
use crate::unit::UnitFolder;
use crate::unit_run::UnitRun;

/// Time between two looks whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How a plan is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// The one cell to run, by its place in the plan; all where it is none.
    pub cell: Option<usize>,
    /// Units at once.
    pub num_at_once: usize,
    /// True where what failed is run again.
    pub retries_failed: bool,
    /// True where the first failure ends the sweep.
    pub fails_fast: bool,
}

/// What is told while a plan runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A unit begins, or goes on.
    UnitStarted {
        /// Its name.
        unit: &'a str,
        /// The cells that wait for it.
        cells: Vec<&'a Cell>,
    },
    /// A unit ended.
    UnitEnded {
        /// Its name.
        unit: &'a str,
        /// How.
        state: &'a UnitState,
    },
    /// A cell ended.
    CellEnded {
        /// The cell.
        cell: &'a Cell,
        /// Done or failed.
        state: CellState,
        /// Last words of a cell that failed.
        failure: Option<String>,
        /// Cells that are left.
        num_left: usize,
    },
    /// Some time passed.
    Tick,
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// All cells are done.
    Done,
    /// A cell failed.
    Failed,
    /// The user asked to stop.
    Interrupted,
}

/// Runs what is left of a plan. `is_asked` says whether the user asked to stop: the units then save their step and
/// end.
///
/// # Errors
/// The folder holds another sweep, or cannot be written, or something that the cells read is missing.
pub fn run_plan(
    plan: &Plan,
    program: &dyn Program,
    options: RunOptions,
    is_asked: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(&Event<'_>),
) -> Result<SweepEnd, SweepError> {
    let cells: Vec<&Cell> = match options.cell {
        None => plan.cells.iter().collect(),
        Some(index) => vec![plan.cells.get(index).ok_or_else(|| {
            SweepError::invalid(format!("--cell {index}: the sweep has the cells 0 to {}", plan.cells.len() - 1))
        })?],
    };
    let missing = plan.missing(cells.iter().copied());
    if !missing.is_empty() {
        return Err(SweepError::invalid(format!(
            "no cell runs, for what they read is missing:\n{}",
            missing.join("\n")
        )));
    }
    enter_folder(plan)?;
    let stop = Stop::default();
    let mut progress = Progress::read(plan, cells, options.retries_failed)?;
    progress.tell_ended(tell);
    let (send, ended) = mpsc::channel::<(String, Result<UnitState, SweepError>)>();
    std::thread::scope(|scope| {
        let mut num_running = 0;
        loop {
            while num_running < options.num_at_once.max(1)
                && !stop.is_asked()
                && let Some(name) = progress.next()
            {
                let Some(unit) = plan.units.get(&name) else { break };
                tell(&Event::UnitStarted { unit: &name, cells: progress.cells_of(&name) });
                progress.running.insert(name.clone());
                num_running += 1;
                let (send, stop) = (send.clone(), &stop);
                let run = UnitRun {
                    unit,
                    dir: plan.dir(),
                    program,
                    arguments: &plan.file.base.arguments,
                    attempts: plan.file.local.attempts,
                    retries_failed: options.retries_failed,
                    stop,
                };
                scope.spawn(move || {
                    let state = run.run();
                    // The receiver outlives every unit.
                    let _ = send.send((name, state));
                });
            }
            if num_running == 0 {
                break;
            }
            match ended.recv_timeout(LOOK) {
                Ok((name, state)) => {
                    num_running -= 1;
                    let state = state.unwrap_or_else(|error| UnitState {
                        state: CellState::Failed,
                        failure: Some(error.in_words()),
                        seconds: 0.0,
                    });
                    tell(&Event::UnitEnded { unit: &name, state: &state });
                    let has_failed = state.state == CellState::Failed;
                    progress.end(name, state);
                    progress.tell_ended(tell);
                    if has_failed && options.fails_fast {
                        stop.ask();
                    }
                }
                Err(RecvTimeoutError::Timeout) => tell(&Event::Tick),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if is_asked() {
                stop.ask();
            }
        }
    });
    if is_asked() {
        return Ok(SweepEnd::Interrupted);
    }
    Ok(if progress.is_done() { SweepEnd::Done } else { SweepEnd::Failed })
}

/// How far the units of the chosen cells have come.
struct Progress<'a> {
    plan: &'a Plan,
    cells: Vec<&'a Cell>,
    states: BTreeMap<String, UnitState>,
    running: BTreeSet<String>,
    told: BTreeSet<usize>,
}

impl<'a> Progress<'a> {
    fn read(plan: &'a Plan, cells: Vec<&'a Cell>, retries_failed: bool) -> Result<Self, SweepError> {
        let mut states = BTreeMap::new();
        for name in cells.iter().flat_map(|cell| &cell.units) {
            let mut state = UnitState::read(&UnitFolder::new(plan.dir(), name).state())?;
            if state.state == CellState::Failed && retries_failed {
                state.state = CellState::Started;
            }
            states.insert(name.clone(), state);
        }
        Ok(Self { plan, cells, states, running: BTreeSet::new(), told: BTreeSet::new() })
    }

    fn is(&self, name: &str, wanted: CellState) -> bool {
        self.states.get(name).is_some_and(|state| state.state == wanted)
    }

    /// The next unit that can run, in the order of the cells.
    fn next(&self) -> Option<String> {
        let is_open = |name: &&String| {
            !self.running.contains(*name) && !self.is(name, CellState::Done) && !self.is(name, CellState::Failed)
        };
        let is_ready = |name: &&String| {
            self.plan.units.get(*name).is_some_and(|unit| unit.needs.iter().all(|need| self.is(need, CellState::Done)))
        };
        self.cells.iter().flat_map(|cell| &cell.units).filter(is_open).find(is_ready).cloned()
    }

    fn cells_of(&self, unit: &str) -> Vec<&'a Cell> {
        self.cells.iter().copied().filter(|cell| cell.units.iter().any(|name| name == unit)).collect()
    }

    fn end(&mut self, name: String, state: UnitState) {
        self.running.remove(&name);
        self.states.insert(name, state);
    }

    fn is_done(&self) -> bool {
        self.states.values().all(|state| state.state == CellState::Done)
    }

    /// Tells of the cells that have ended since.
    fn tell_ended(&mut self, tell: &mut dyn FnMut(&Event<'_>)) {
        let ended: Vec<(usize, CellState, Option<String>)> = (0..self.cells.len())
            .filter(|index| !self.told.contains(index))
            .filter_map(|index| {
                let units = &self.cells[index].units;
                if units.iter().all(|name| self.is(name, CellState::Done)) {
                    return Some((index, CellState::Done, None));
                }
                let failed = units.iter().find(|name| self.is(name, CellState::Failed))?;
                let words = self.states.get(failed).and_then(|state| state.failure.clone()).unwrap_or_default();
                Some((index, CellState::Failed, Some(format!("{failed}: {words}"))))
            })
            .collect();
        for (index, state, failure) in ended {
            self.told.insert(index);
            let num_left = self.cells.len() - self.told.len();
            tell(&Event::CellEnded { cell: self.cells[index], state, failure, num_left });
        }
    }
}
