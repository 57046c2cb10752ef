//! The sweep's folder: `sweep.json` says which cells it holds, so that a changed file is noticed, and `cells/` points
//! from each cell to its units.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use record::RecordError;
use record::atomic::{remove_if_there, write_file};
use record::lock::FolderLock;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::identity::Identity;
use crate::plan::{Cell, Plan};
use crate::unit::{UNITS, UnitFolder};

/// Version of the layout.
const SCHEMA: u64 = 1;
/// Name of the file.
const FILE: &str = "sweep.json";
/// Most differences of a cell that an error lists.
const MOST_SHOWN: usize = 6;
/// Time between two looks whether another process has let go of the folder.
const WAIT: Duration = Duration::from_millis(50);

/// `sweep.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    schema: u64,
    name: String,
    cells: Vec<HeldCell>,
}

/// A cell as the folder holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeldCell {
    arm: String,
    seed: u64,
    hash: String,
    units: Vec<String>,
}

/// Holds a plan against its folder: nothing that the folder holds may have become another. Writes nothing.
///
/// # Errors
/// The folder holds another sweep or something else, or the file changed or lost cells; all are named.
pub fn check_folder(plan: &Plan) -> Result<(), SweepError> {
    let dir = plan.dir();
    let path = dir.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return refuse_foreign(dir),
        Err(error) => return Err(SweepError::read(path, error)),
    };
    let held: Held = serde_json::from_slice(&bytes).map_err(|error| SweepError::read(&path, error))?;
    let shown = dir.display();
    if held.schema != SCHEMA {
        return Err(SweepError::Folder(format!(
            "{shown}: {FILE} has schema {}, and this version reads {SCHEMA}",
            held.schema
        )));
    }
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

/// Holds a plan against its folder, and writes there which cells it holds; of cells that start together, on several
/// hosts, one after the other.
///
/// # Errors
/// As [`check_folder`], or the system refuses.
pub fn enter_folder(plan: &Plan) -> Result<(), SweepError> {
    check_folder(plan)?;
    let dir = plan.dir();
    std::fs::create_dir_all(dir).map_err(|error| SweepError::read(dir, error))?;
    let _lock = loop {
        match FolderLock::take(dir) {
            Err(RecordError::Locked { .. }) => std::thread::sleep(WAIT),
            other => break other?,
        }
    };
    check_folder(plan)?;
    write_folder(plan)
}

/// Writes which cells the folder holds, and points from each to its units.
fn write_folder(plan: &Plan) -> Result<(), SweepError> {
    let dir = plan.dir();
    let cells = plan.cells.iter().map(|cell| HeldCell {
        arm: cell.arm.clone(),
        seed: cell.seed,
        hash: cell.hash.clone(),
        units: cell.units.clone(),
    });
    let held = Held { schema: SCHEMA, name: plan.file.name.clone(), cells: cells.collect() };
    let path = dir.join(FILE);
    let bytes = serde_json::to_vec_pretty(&held).map_err(|error| SweepError::read(&path, error))?;
    if std::fs::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    write_file(&path, &bytes)?;
    plan.cells.iter().try_for_each(|cell| point(plan, cell))
}

/// Links from a cell's folder to its units, by their phases.
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
        remove_if_there(&link).map_err(fail)?;
        let target = PathBuf::from("../../..").join(UNITS).join(unit);
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
