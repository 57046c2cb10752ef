//! A plan and the folder that it is run in: no cell of the folder may become another, no other program may run them
//! unasked, and what is compared is written down before the first cell runs. `cells/` points from each cell to its
//! units.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use record::RecordError;
use record::atomic::remove_if_there;
use record::lock::FolderLock;

use crate::design::{DesignChange, changes_of, design_of};
use crate::error::SweepError;
use crate::held::{Held, HeldCell};
use crate::identity::Identity;
use crate::measured::CellState;
use crate::plan::{Cell, Plan};
use crate::state::UnitState;
use crate::unit::{UNITS, UnitFolder};

/// Most differences of a cell, and cells of another program, that an error lists.
const MOST_SHOWN: usize = 6;
/// Time between two looks whether another process has let go of the folder.
const WAIT: Duration = Duration::from_millis(50);

/// Holds a plan against its folder: nothing that the folder holds may have become another. Writes nothing.
///
/// # Errors
/// The folder holds another sweep or something else, or the file changed or lost cells; all are named.
pub fn check_folder(plan: &Plan) -> Result<(), SweepError> {
    let dir = plan.dir();
    let Some(held) = Held::read(dir)? else { return refuse_foreign(dir) };
    let shown = dir.display();
    if held.name != plan.file.name {
        return Err(SweepError::Folder(format!(
            "{shown} holds the sweep `{}`, not `{}`: name another folder as `dir`",
            held.name, plan.file.name
        )));
    }
    let changed: Vec<String> =
        held.cells.iter().filter_map(|cell| change(plan, cell).transpose()).collect::<Result<_, _>>()?;
    if changed.is_empty() {
        return Ok(());
    }
    Err(SweepError::Folder(format!(
        "{shown}: the file changes cells that the folder holds:{}\nput it back, or name another folder as `dir`; arms \
         and seeds may be added",
        changed.concat()
    )))
}

/// Refuses to run the folder's cells with a program that is none of those that ran them.
///
/// # Errors
/// The program is another one; both are named, with the cells that the folder has of the old one.
pub fn check_program(plan: &Plan) -> Result<(), SweepError> {
    let dir = plan.dir();
    let Some(held) = Held::read(dir)?.filter(|held| !held.knows(&plan.program)) else { return Ok(()) };
    let mut begun = Vec::new();
    for cell in &held.cells {
        match state_of(dir, cell)? {
            CellState::Waiting => {}
            CellState::Started => begun.push(format!("\n  {} seed {}: under way", cell.arm, cell.seed)),
            CellState::Done => begun.push(format!("\n  {} seed {}: done", cell.arm, cell.seed)),
            CellState::Failed => begun.push(format!("\n  {} seed {}: failed", cell.arm, cell.seed)),
        }
    }
    let num_more = begun.len().saturating_sub(MOST_SHOWN);
    begun.truncate(MOST_SHOWN);
    if num_more > 0 {
        begun.push(format!("\n  and {num_more} more"));
    }
    let known: Vec<&str> = [&held.version].into_iter().chain(&held.accepted).map(String::as_str).collect();
    Err(SweepError::Folder(format!(
        "{}: its cells are of another program:\n  {}\nand this one is\n  {}{}\nrun that one, name another folder as \
         `dir`, or pass --accept-program to go on with this one: the result then says which program computed which \
         cells",
        dir.display(),
        known.join("\n  "),
        plan.program,
        if begun.is_empty() { String::new() } else { format!("\nThere are{}", begun.concat()) }
    )))
}

/// Holds a plan against its folder, and writes there which cells it holds and what is compared; of cells that start
/// together, on several hosts, one after the other. `accepts_program` lets the program run cells of another one.
///
/// # Errors
/// As [`check_folder`], or the system refuses.
pub fn enter_folder(plan: &Plan, accepts_program: bool) -> Result<(), SweepError> {
    check_folder(plan)?;
    let dir = plan.dir();
    std::fs::create_dir_all(dir).map_err(|error| SweepError::read(dir, error))?;
    let _lock = lock_folder(dir)?;
    check_folder(plan)?;
    write_folder(plan, accepts_program)
}

/// The lock of a sweep's folder, once no other process writes what all cells share there: `sweep.json`, the links and
/// the result.
///
/// # Errors
/// The folder is not there, or the system refuses.
pub fn lock_folder(dir: &Path) -> Result<FolderLock, SweepError> {
    loop {
        match FolderLock::take(dir) {
            Err(RecordError::Locked { .. }) => std::thread::sleep(WAIT),
            other => return Ok(other?),
        }
    }
}

/// What of the comparison was changed after cells had run.
///
/// # Errors
/// The folder's file cannot be read.
pub fn design_changes(plan: &Plan) -> Result<Vec<DesignChange>, SweepError> {
    Ok(Held::read(plan.dir())?.map(|held| held.changes).unwrap_or_default())
}

/// Writes what the folder holds, and points from each cell to its units.
fn write_folder(plan: &Plan, accepts_program: bool) -> Result<(), SweepError> {
    let dir = plan.dir();
    let mut held = match Held::read(dir)? {
        Some(held) => held,
        None => Held::new(&plan.file.name, &plan.version),
    };
    if accepts_program && !held.knows(&plan.program) {
        held.accepted.push(plan.program.clone());
    }
    let states = held.cells.iter().map(|cell| state_of(dir, cell)).collect::<Result<Vec<_>, _>>()?;
    let design = design_of(&plan.file, plan.arms.iter().map(|arm| arm.name.as_str()));
    if states.iter().any(|state| *state != CellState::Waiting) {
        let num_done = states.iter().filter(|state| **state == CellState::Done).count();
        held.changes.extend(changes_of(&held.design, &design, num_done, states.len()));
    }
    held.design = design;
    // Another process may have planned more meanwhile; what it planned was found here by `check_folder`.
    let new = plan.cells.iter().filter(|cell| held.place_of(&cell.arm, cell.seed).is_none());
    let new: Vec<HeldCell> = new.map(held_cell).collect();
    held.cells.extend(new);
    for cell in &mut held.cells {
        // The beginning of an arm that came later is a unit of the base's cells too.
        if let Some(planned) = plan.cells.iter().find(|planned| planned.arm == cell.arm && planned.seed == cell.seed) {
            cell.units.clone_from(&planned.units);
        }
    }
    held.write(dir)?;
    plan.cells.iter().try_for_each(|cell| point(plan, cell))
}

fn held_cell(cell: &Cell) -> HeldCell {
    HeldCell { arm: cell.arm.clone(), seed: cell.seed, hash: cell.hash.clone(), units: cell.units.clone() }
}

/// How far a cell of the folder has come by its last unit.
fn state_of(dir: &Path, cell: &HeldCell) -> Result<CellState, SweepError> {
    let last = cell.units.last().map_or("", String::as_str);
    Ok(UnitState::read(&UnitFolder::new(dir, last).state())?.state)
}

/// Links from a cell's folder to its units, by their phases. A process that was killed may have made some of them.
fn point(plan: &Plan, cell: &Cell) -> Result<(), SweepError> {
    let folder = cell.folder(plan.dir());
    let fail = |error: std::io::Error| SweepError::read(&folder, error);
    std::fs::create_dir_all(&folder).map_err(fail)?;
    let mut by_phase: BTreeMap<String, &str> = BTreeMap::new();
    for unit in plan.units_of(cell) {
        let until = unit.identity.until.map_or(String::new(), |step| format!("-until-{step}"));
        by_phase.insert(format!("{}{until}", unit.identity.phase), &unit.name);
    }
    for (phase, unit) in by_phase {
        let link = folder.join(phase);
        let target = PathBuf::from("../../..").join(UNITS).join(unit);
        if std::fs::read_link(&link).is_ok_and(|found| found == target) {
            continue;
        }
        remove_if_there(&link).map_err(fail)?;
        std::os::unix::fs::symlink(target, &link).map_err(fail)?;
    }
    Ok(())
}

fn refuse_foreign(dir: &Path) -> Result<(), SweepError> {
    let mut entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| SweepError::read(dir, error))?,
    };
    // The lock, and what another cell's process is writing this moment.
    let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    match entries.any(|entry| entry.is_ok_and(|entry| !is_hidden(&entry.file_name()))) {
        false => Ok(()),
        true => {
            Err(SweepError::Folder(format!("{} holds files and no sweep: name another folder as `dir`", dir.display())))
        }
    }
}

/// What became of a cell that the folder holds, where it is no longer what it was.
fn change(plan: &Plan, held: &HeldCell) -> Result<Option<String>, SweepError> {
    let label = format!("{} seed {}", held.arm, held.seed);
    let Some(cell) = plan.cells.iter().find(|cell| cell.arm == held.arm && cell.seed == held.seed) else {
        return Ok(Some(format!("\n  {label}: is no longer there; a cell that was planned is not left out")));
    };
    if cell.hash == held.hash {
        return Ok(None);
    }
    let mut differences = Vec::new();
    let old: BTreeMap<String, Identity> =
        held.units.iter().filter_map(|name| old_identity(plan, name)).map(|old| (old.phase.clone(), old)).collect();
    for unit in plan.units_of(cell).filter(|unit| unit.identity.until.is_none()) {
        if let Some(old) = old.get(&unit.identity.phase) {
            let phase = &unit.identity.phase;
            differences.extend(unit.identity.differences_from(old).iter().map(|it| format!("{phase}: {it}")));
        }
    }
    let num_more = differences.len().saturating_sub(MOST_SHOWN);
    differences.truncate(MOST_SHOWN);
    if num_more > 0 {
        differences.push(format!("{num_more} more"));
    }
    let shown = if differences.is_empty() { "is another run".to_owned() } else { differences.join("; ") };
    Ok(Some(format!("\n  {label}: {shown}")))
}

/// What a unit of the folder is: planned again, or begun earlier.
fn old_identity(plan: &Plan, name: &str) -> Option<Identity> {
    if let Some(unit) = plan.units.get(name) {
        return Some(unit.identity.clone());
    }
    let bytes = std::fs::read(UnitFolder::new(plan.dir(), name).identity()).ok()?;
    serde_json::from_slice(&bytes).ok()
}
