//! The plan of a sweep: every cell as a chain of units, and each unit once. All configurations are resolved and checked
//! here, before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::arm::{Arm, BASE, arms};
use crate::error::SweepError;
use crate::file::SweepFile;
use crate::held::Held;
use crate::identity::{Identity, KeyChange, digits};
use crate::measurement::{check_alike, check_figures};
use crate::program::{Phase, Program, Request, Resolved};
use crate::unit::{UNITS, UnitFolder, Work, WorkUnit};

/// Name of the unit that generates data.
pub const DATA: &str = "data";

/// One arm under one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Name of the arm.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// Its units by name, in their order; the last one's run is the cell's.
    pub units: Vec<String>,
    /// Checksum over what all its units are.
    pub hash: String,
}

/// A sweep that can be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The file.
    pub file: SweepFile,
    /// Names of the phases, in order.
    pub phases: Vec<String>,
    /// The arms, the base first.
    pub arms: Vec<Arm>,
    /// What each arm changes, key by key, under its first seed; phases stand before the keys.
    pub changes: BTreeMap<String, Vec<KeyChange>>,
    /// Sentences on arms that change what training and evaluations share, to be read with the figures.
    pub notes: Vec<String>,
    /// Points of the grid that are the base itself, and are left out.
    pub left_out: Vec<String>,
    /// All cells, in the order in which they were first planned; new ones seed by seed, so that whole pairs come first.
    pub cells: Vec<Cell>,
    /// All units by name.
    pub units: BTreeMap<String, WorkUnit>,
    /// Version of the program by which units are named: the one that came first to the folder.
    pub version: String,
    /// Version of the program at hand.
    pub program: String,
}

impl Cell {
    /// The cell in words.
    pub fn label(&self) -> String {
        format!("{} seed {}", self.arm, self.seed)
    }

    /// Folder of the cell in the sweep's folder, which points to its units.
    pub fn folder(&self, dir: &Path) -> PathBuf {
        dir.join("cells").join(&self.arm).join(format!("seed-{}", self.seed))
    }
}

impl Plan {
    /// Plans a sweep, as it goes on in its folder where that holds it already. `phases` are those of the base, whose
    /// files are found; `base` is the folder of the sweep's file, to which its arms' files are relative; `floor` are
    /// seeds under which the base is run once more as an arm of its own, by its name.
    ///
    /// # Errors
    /// An arm's configuration is refused, arms have one name or no difference, cells are equal, a figure cannot be read
    /// where the file says, or the folder cannot be read.
    pub fn new(
        file: SweepFile,
        base: &Path,
        phases: &[Phase],
        floor: Option<(&str, &[u64])>,
        program: &dyn Program,
    ) -> Result<Self, SweepError> {
        let names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        let mut arms = arms(&file, &names)?;
        let all_names = arms.iter().map(|arm| arm.name.as_str());
        file.claims.check_arms(all_names).map_err(|error| SweepError::invalid(error.to_string()))?;
        let seeds = file.seeds.clone();
        let held = Held::read(&file.dir)?;
        let at_hand = program.version().map_err(SweepError::Program)?;
        let version = held.as_ref().map_or(at_hand.clone(), |held| held.version.clone());
        let mut planner = Planner { file: &file, base, phases, program, version, units: BTreeMap::new() };
        let mut all: Vec<(Arm, u64)> = Vec::new();
        for seed in &seeds {
            all.extend(arms.iter().map(|arm| (arm.clone(), *seed)));
        }
        if let Some((name, seeds)) = floor {
            if arms.iter().any(|arm| arm.name == name) {
                return Err(SweepError::invalid(format!("arm: {name} is the base once more; name yours otherwise")));
            }
            let arm = Arm { name: name.to_owned(), ..Arm::default() };
            all.extend(seeds.iter().map(|seed| (arm.clone(), *seed)));
            arms.push(arm);
        }
        let mut cells = Vec::with_capacity(all.len());
        let mut finals = Vec::with_capacity(all.len());
        for (arm, seed) in &all {
            let (cell, last) = planner.cell(arm, *seed)?;
            cells.push(cell);
            finals.push(last);
        }
        planner.join_beginnings();
        cells.iter_mut().for_each(|cell| planner.complete(cell));
        let left_out = left_out(&arms, &cells, seeds[0]);
        cells.retain(|cell| !left_out.contains(&cell.arm));
        arms.retain(|arm| !left_out.contains(&arm.name));
        let floor_name = floor.map(|(name, _)| name);
        if !arms.iter().any(|arm| arm.name != BASE && Some(arm.name.as_str()) != floor_name) {
            let points = left_out.join(", ");
            let reason = format!("grid: {points} is the base itself, and nothing is left to compare it to");
            return Err(SweepError::invalid(reason));
        }
        refuse_equal(&cells)?;
        if let Some(held) = &held {
            cells.sort_by_key(|cell| held.place_of(&cell.arm, cell.seed).unwrap_or(usize::MAX));
        }
        let Planner { mut units, version, .. } = planner;
        let used: BTreeSet<String> = cells.iter().flat_map(|cell| cell.units.clone()).collect();
        units.retain(|name, _| used.contains(name));
        for ((arm, seed), resolved) in all.iter().zip(&finals) {
            check_figures(&file, arm, *seed, resolved)?;
        }
        let changes = changes(&arms, &cells, &units);
        let by_arm = all.iter().zip(&finals).map(|((arm, _), resolved)| (arm.name.as_str(), resolved)).collect();
        let notes = check_alike(&file, &changes, names.last().copied().unwrap_or_default(), &by_arm)?;
        let phases = names.into_iter().map(str::to_owned).collect();
        Ok(Self { file, phases, arms, changes, notes, left_out, cells, units, version, program: at_hand })
    }

    /// Units of one cell, in their order.
    pub fn units_of<'a>(&'a self, cell: &'a Cell) -> impl DoubleEndedIterator<Item = &'a WorkUnit> {
        cell.units.iter().filter_map(|name| self.units.get(name))
    }

    /// Number of cells that a unit is part of.
    pub fn num_cells_of(&self, unit: &str) -> usize {
        self.cells.iter().filter(|cell| cell.units.iter().any(|name| name == unit)).count()
    }

    /// What cells read and no unit makes and is not there, each with the first arm that reads it.
    pub fn missing<'a>(&'a self, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for cell in cells {
            for sentence in self.units_of(cell).flat_map(|unit| &unit.missing).filter(|it| seen.insert(*it)) {
                all.push(format!("arm {}: {sentence}", cell.arm));
            }
        }
        all
    }

    /// Folder of the sweep.
    pub fn dir(&self) -> &Path {
        &self.file.dir
    }
}

struct Planner<'a> {
    file: &'a SweepFile,
    base: &'a Path,
    phases: &'a [Phase],
    program: &'a dyn Program,
    version: String,
    units: BTreeMap<String, WorkUnit>,
}

impl Planner<'_> {
    /// One cell's chain, and the resolved configuration of its last phase.
    fn cell(&mut self, arm: &Arm, seed: u64) -> Result<(Cell, Resolved), SweepError> {
        let mut chain: Vec<String> = Vec::new();
        let mut made: BTreeMap<&str, String> = BTreeMap::new();
        let data: Vec<String> = self.program.generated().map(|config| self.add_data(config)).into_iter().collect();
        chain.extend(data.clone());
        let mut last = None;
        for (index, phase) in self.phases.iter().enumerate() {
            let is_last = index + 1 == self.phases.len();
            let shared = self.file.base.shared.contains(&phase.name);
            let seed = self.file.base.shared_seed.filter(|_| shared).unwrap_or(seed);
            let from_step = arm.from_step.filter(|_| is_last);
            let mut needs = data.clone();
            needs.extend(phase.reads.iter().filter_map(|(_, read)| made.get(read.as_str()).cloned()));
            let context = Context { arm, phase, seed, is_last, needs, made: &made };
            let resolved = self.resolve(&context, true)?;
            let mut beginning = None;
            if let Some(step) = from_step {
                let before = self.resolve(&context, false)?;
                check_parting(&arm.name, step, &before, &resolved)?;
                let identity = Identity { until: Some(step), ..self.identity(phase, &before) };
                let name = self.add(identity, &context, &Resolved { steps: step, ..before }, None);
                chain.push(name.clone());
                beginning = Some(name);
            }
            let identity = Identity { after: beginning.clone(), ..self.identity(phase, &resolved) };
            let name = self.add(identity, &context, &resolved, beginning);
            made.insert(&phase.name, name.clone());
            chain.push(name);
            last = Some(resolved);
        }
        let last = last.ok_or_else(|| SweepError::invalid("base: there is no phase to run"))?;
        let identities: Vec<&Identity> =
            chain.iter().filter_map(|name| self.units.get(name)).map(|unit| &unit.identity).collect();
        let hash = digits(&identities);
        Ok((Cell { arm: arm.name.clone(), seed, units: chain, hash }, last))
    }

    fn resolve(&self, context: &Context<'_>, with_arm: bool) -> Result<Resolved, SweepError> {
        let Context { arm, phase, seed, is_last, made, .. } = context;
        let dir = &self.file.dir;
        let in_phase =
            |by_phase: &BTreeMap<String, Vec<String>>| by_phase.get(&phase.name).cloned().unwrap_or_default();
        let mut assignments = in_phase(&self.file.base.set_in);
        if *is_last {
            assignments.extend(self.file.base.set.clone());
        }
        assignments.extend(in_phase(&arm.set_in));
        if *is_last && with_arm {
            assignments.extend(arm.set.clone());
        }
        for (key, read) in &phase.reads {
            let unit = made.get(read.as_str()).and_then(|name| self.units.get(name));
            if let Some(unit) = unit {
                let checkpoint = UnitFolder::new(dir, &unit.name).checkpoint(unit.steps);
                assignments.push(format!("{key}={:?}", checkpoint.display().to_string()));
            }
        }
        let file = match &arm.config {
            Some(config) if *is_last => self.base.join(config),
            _ => phase.file.clone(),
        };
        let data = self.units.values().find(|unit| unit.work == Work::Data);
        let data = data.map(|unit| UnitFolder::new(dir, &unit.name).run());
        let request = Request {
            phase: &phase.name,
            file: &file,
            assignments: &assignments,
            seed: *seed,
            units: &dir.join(UNITS),
            data: data.as_deref(),
        };
        self.program.resolve(&request).map_err(|reason| SweepError::invalid(format!("arm {}: {reason}", arm.name)))
    }

    fn identity(&self, phase: &Phase, resolved: &Resolved) -> Identity {
        Identity {
            phase: phase.name.clone(),
            version: self.version.clone(),
            config: resolved.config.clone(),
            inputs: resolved.inputs.clone(),
            arguments: self.file.base.arguments.clone(),
            until: None,
            after: None,
        }
    }

    fn add(&mut self, identity: Identity, context: &Context<'_>, resolved: &Resolved, after: Option<String>) -> String {
        let name = identity.name();
        let mut needs = context.needs.clone();
        needs.extend(after.clone());
        let accepts_changes = after.is_some();
        let unit = WorkUnit {
            name: name.clone(),
            identity,
            work: Work::Run,
            missing: resolved.missing.clone(),
            text: resolved.text.clone(),
            steps: resolved.steps,
            evaluations: resolved.evaluations.clone(),
            needs,
            continues: after,
            accepts_changes,
        };
        self.units.entry(name.clone()).or_insert(unit);
        name
    }

    fn add_data(&mut self, config: BTreeMap<String, String>) -> String {
        let identity = Identity {
            phase: DATA.to_owned(),
            version: self.version.clone(),
            config,
            inputs: BTreeMap::new(),
            arguments: Vec::new(),
            until: None,
            after: None,
        };
        let name = identity.name();
        let unit = WorkUnit {
            name: name.clone(),
            identity,
            work: Work::Data,
            missing: Vec::new(),
            text: String::new(),
            steps: 0,
            evaluations: Vec::new(),
            needs: Vec::new(),
            continues: None,
            accepts_changes: false,
        };
        self.units.entry(name.clone()).or_insert(unit);
        name
    }

    /// Lets a run that is also the beginning of others go on from where they part, and a beginning from the one before:
    /// the steps are then done once. That changes no unit: a run that goes on is the run at one stretch.
    fn join_beginnings(&mut self) {
        let whole = |unit: &WorkUnit| Identity { until: None, ..unit.identity.clone() }.name();
        let mut beginnings: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
        for unit in self.units.values().filter(|unit| unit.identity.until.is_some()) {
            beginnings.entry(whole(unit)).or_default().push((unit.steps, unit.name.clone()));
        }
        for (whole, mut steps) in beginnings {
            steps.sort();
            let chain = steps.into_iter().map(|(_, name)| name).chain(self.units.contains_key(&whole).then_some(whole));
            let chain: Vec<String> = chain.collect();
            for pair in chain.windows(2) {
                if let [before, after] = pair
                    && let Some(unit) = self.units.get_mut(after)
                {
                    unit.continues = Some(before.clone());
                    unit.needs.push(before.clone());
                }
            }
        }
    }

    /// Adds the beginnings that a cell's runs go on from, each before the run.
    fn complete(&self, cell: &mut Cell) {
        let mut index = 0;
        while let Some(name) = cell.units.get(index) {
            let before = self.units.get(name).and_then(|unit| unit.continues.clone());
            match before.filter(|before| !cell.units.contains(before)) {
                Some(before) => cell.units.insert(index, before),
                None => index += 1,
            }
        }
    }
}

/// A phase of a cell whose units before it are known.
struct Context<'a> {
    arm: &'a Arm,
    phase: &'a Phase,
    seed: u64,
    is_last: bool,
    needs: Vec<String>,
    made: &'a BTreeMap<&'a str, String>,
}

/// Refuses an arm that parts from the base where one of the two has ended, or in nothing.
fn check_parting(arm: &str, step: u64, base: &Resolved, own: &Resolved) -> Result<(), SweepError> {
    let refuse = |reason: String| Err(SweepError::invalid(format!("arm {arm}: from_step: {reason}")));
    for (whose, steps) in [("the base's", base.steps), ("its own", own.steps)] {
        if step >= steps {
            return refuse(format!("{step} is not before the last of {whose} {steps} steps"));
        }
    }
    if base.config == own.config && base.inputs == own.inputs {
        return refuse("`set` changes nothing of the base; an arm without difference measures nothing".into());
    }
    Ok(())
}

/// Points of the grid whose cell is the base's.
fn left_out(arms: &[Arm], cells: &[Cell], seed: u64) -> Vec<String> {
    let hash = |name: &str| cells.iter().find(|cell| cell.arm == name && cell.seed == seed).map(|cell| &cell.hash);
    let is_base = |arm: &&Arm| arm.is_of_grid && hash(&arm.name) == hash(BASE);
    arms.iter().filter(is_base).map(|arm| arm.name.clone()).collect()
}

fn refuse_equal(cells: &[Cell]) -> Result<(), SweepError> {
    let mut seen: BTreeMap<&str, &Cell> = BTreeMap::new();
    for cell in cells {
        if let Some(first) = seen.insert(&cell.hash, cell) {
            let hint = match first.arm == BASE || cell.arm == BASE {
                true => "an arm without difference to the base measures nothing; leave it out",
                false => "two arms that are one would count a run twice; leave one out",
            };
            return Err(SweepError::invalid(format!(
                "{} and {} are the same run: {hint}",
                first.label(),
                cell.label()
            )));
        }
    }
    Ok(())
}

/// What each arm changes against the base, key by key, under its first seed.
fn changes(arms: &[Arm], cells: &[Cell], units: &BTreeMap<String, WorkUnit>) -> BTreeMap<String, Vec<KeyChange>> {
    let first = |name: &str| cells.iter().find(|cell| cell.arm == name);
    let of_phase = |cell: &Cell| -> BTreeMap<String, Identity> {
        let units = cell.units.iter().filter_map(|name| units.get(name));
        units.map(|unit| (unit.identity.phase.clone(), unit.identity.clone())).collect()
    };
    let mut all = BTreeMap::new();
    let Some(base) = first(BASE).map(of_phase) else { return all };
    for arm in arms.iter().filter(|arm| arm.name != BASE) {
        let Some(cell) = first(&arm.name) else { continue };
        let mut found = Vec::new();
        for (phase, identity) in of_phase(cell) {
            let Some(old) = base.get(&phase) else { continue };
            // A checkpoint that another arm's earlier phase makes is told by that phase's own keys.
            let is_told = |change: &KeyChange| !old.is_made(&change.key) && !identity.is_made(&change.key);
            let changes = identity.differences_from(old).into_iter().filter(is_told);
            found.extend(changes.map(|change| KeyChange { key: format!("{phase}: {}", change.key), ..change }));
        }
        all.insert(arm.name.clone(), found);
    }
    all
}
