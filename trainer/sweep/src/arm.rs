//! The arms of a sweep: the base, the arms that the file names, and those of its grid, which name themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::Value;

use crate::error::SweepError;
use crate::file::{SweepFile, check_name};

/// Name of the arm to which the others are compared.
pub const BASE: &str = "base";

/// Keys that a sweep sets itself, in every phase.
const KEPT: [&str; 2] = ["run.dir", "run.seed"];

/// An arm: what it changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arm {
    /// Name in tables and folders.
    pub name: String,
    /// File of the last phase, in the place of the base's.
    pub config: Option<PathBuf>,
    /// Overrides of the last phase.
    pub set: Vec<String>,
    /// Overrides of earlier phases, by phase.
    pub set_in: BTreeMap<String, Vec<String>>,
    /// Step of the last phase after which `set` applies.
    pub from_step: Option<u64>,
    /// True for a point of the grid, which may be the base itself and is then left out.
    pub is_of_grid: bool,
}

/// The arms of a file, the base first. `phases` are the names of the phases, the last one last.
///
/// # Errors
/// Two arms have one name, one changes nothing that it may change, or names an unknown phase.
pub fn arms(file: &SweepFile, phases: &[&str]) -> Result<Vec<Arm>, SweepError> {
    let mut arms = vec![Arm { name: BASE.to_owned(), ..Arm::default() }];
    for section in &file.arm {
        arms.push(Arm {
            name: section.name.clone(),
            config: section.config.clone(),
            set: section.set.clone(),
            set_in: section.set_in.clone(),
            from_step: section.from_step,
            is_of_grid: false,
        });
    }
    arms.extend(grid(&file.grid)?);
    let mut names = BTreeSet::new();
    for arm in &arms {
        check_name("arm.name", &arm.name)?;
        if !names.insert(arm.name.as_str()) {
            let hint = if arm.name == BASE { "; the name belongs to the base" } else { "" };
            return Err(SweepError::invalid(format!("arm: two are named {}{hint}", arm.name)));
        }
        arm.check(phases)?;
    }
    for (name, assignments) in [("base", &file.base.set)].into_iter().chain(each(&file.base.set_in)) {
        check_assignments(&format!("base ({name})"), assignments)?;
    }
    check_phases("base.set_in", file.base.set_in.keys(), phases)?;
    check_phases("base.shared", file.base.shared.iter(), phases)?;
    check_phases("seconds_per_step", file.seconds_per_step.keys(), phases)?;
    Ok(arms)
}

impl Arm {
    fn check(&self, phases: &[&str]) -> Result<(), SweepError> {
        let name = &self.name;
        let refuse = |reason: &str| Err(SweepError::invalid(format!("arm {name}: {reason}")));
        let changes = !self.set.is_empty() || self.config.is_some() || self.set_in.values().any(|set| !set.is_empty());
        if !changes && name != BASE {
            return refuse("changes nothing; give it a `set`, or leave it out");
        }
        match self.from_step {
            Some(0) => return refuse("from_step: 0 is the beginning; leave it out"),
            Some(_) if self.config.is_some() => return refuse("from_step: goes with `set`, not with another `config`"),
            Some(_) if self.set.is_empty() => return refuse("from_step: there is no `set` that it is for"),
            _ => {}
        }
        check_assignments(&format!("arm {name}"), &self.set)?;
        for (phase, assignments) in &self.set_in {
            check_assignments(&format!("arm {name} ({phase})"), assignments)?;
        }
        check_phases(&format!("arm {name}: set_in"), self.set_in.keys(), phases)
    }
}

fn each(by_phase: &BTreeMap<String, Vec<String>>) -> impl Iterator<Item = (&str, &Vec<String>)> {
    by_phase.iter().map(|(phase, assignments)| (phase.as_str(), assignments))
}

fn check_phases<'a>(key: &str, named: impl Iterator<Item = &'a String>, phases: &[&str]) -> Result<(), SweepError> {
    for name in named {
        if !phases.contains(&name.as_str()) {
            let phases = phases.join(", ");
            return Err(SweepError::invalid(format!("{key}: there is no phase `{name}`; the sweep's are {phases}")));
        }
    }
    Ok(())
}

fn check_assignments(whose: &str, assignments: &[String]) -> Result<(), SweepError> {
    for assignment in assignments {
        let key = assignment.split('=').next().unwrap_or_default().trim();
        if KEPT.contains(&key) {
            return Err(SweepError::invalid(format!(
                "{whose}: `{assignment}`: {key} is set by the sweep, so that arms of one seed see the same"
            )));
        }
    }
    Ok(())
}

/// The points of the grid, the last key fastest.
fn grid(grid: &BTreeMap<String, Vec<Value>>) -> Result<Vec<Arm>, SweepError> {
    if grid.is_empty() {
        return Ok(Vec::new());
    }
    let shorts = short_names(grid.keys());
    let mut points = vec![Arm { is_of_grid: true, ..Arm::default() }];
    for ((key, values), short) in grid.iter().zip(shorts) {
        if values.is_empty() {
            return Err(SweepError::invalid(format!("grid: {key} has no values")));
        }
        let mut next = Vec::with_capacity(points.len() * values.len());
        for point in &points {
            for value in values {
                let mut point = point.clone();
                let word = format!("{short}={}", shown(value));
                point.name = if point.name.is_empty() { word } else { format!("{},{word}", point.name) };
                point.set.push(format!("{key}={value}"));
                next.push(point);
            }
        }
        points = next;
    }
    Ok(points)
}

/// The last part of each key, or the whole key where several end alike.
fn short_names<'a>(keys: impl Iterator<Item = &'a String> + Clone) -> Vec<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let is_one = |name: &str| keys.clone().filter(|key| last(key) == name).count() == 1;
    let short = |key: &String| if is_one(&last(key)) { last(key) } else { key.clone() };
    keys.clone().map(short).collect()
}

/// A value as part of a folder's name.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fit = |letter: char| if letter.is_ascii_alphanumeric() || "-_.+".contains(letter) { letter } else { '-' };
    text.chars().map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SweepFile {
        let head = "name = 'n'\ndir = 'd'\nseeds = [1]\n";
        toml::from_str(&format!("{head}{text}")).unwrap()
    }

    const PHASES: [&str; 2] = ["cold-start", "stage-1"];

    #[test]
    fn a_grid_names_its_points() {
        let text = "[base]\n[grid]\n'loss.clip_high' = [0.2, 0.28]\n'schedule.decay' = ['linear']\n";
        let arms = arms(&file(text), &PHASES).unwrap();
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["base", "clip_high=0.2,decay=linear", "clip_high=0.28,decay=linear"]);
        assert_eq!(arms[2].set, ["loss.clip_high=0.28", "schedule.decay=\"linear\""]);
        assert!(arms[1].is_of_grid && !arms[0].is_of_grid);
        let alike = "[base]\n[grid]\n'schedule.lr' = [1e-4]\n'critic.schedule.lr' = [1e-3]\n";
        let arms = super::arms(&file(alike), &PHASES).unwrap();
        assert_eq!(arms[1].name, "critic.schedule.lr=0.001,schedule.lr=0.0001");
    }

    #[test]
    fn an_arm_that_is_wrong_is_named() {
        for (text, words) in [
            ("[base]\n[[arm]]\nname = 'a'\n", "arm a: changes nothing"),
            ("[base]\n[[arm]]\nname = 'base'\nset = ['x.y=1']\n", "belongs to the base"),
            ("[base]\n[[arm]]\nname = 'a'\nset = ['x=1']\n[[arm]]\nname = 'a'\nset = ['x=2']\n", "two are named a"),
            ("[base]\n[[arm]]\nname = 'a'\nset = ['run.seed=3']\n", "run.seed is set by the sweep"),
            ("[base]\nset = ['run.dir=x']\n[[arm]]\nname = 'a'\nset = ['x=3']\n", "run.dir is set by the sweep"),
            ("[base]\n[[arm]]\nname = 'a b'\nset = ['x=3']\n", "name of a folder"),
            ("[base]\n[[arm]]\nname = 'a'\nset_in.stage-2 = ['x=3']\n", "no phase `stage-2`"),
            ("[base]\nshared = ['data']\n[[arm]]\nname = 'a'\nset = ['x=3']\n", "no phase `data`"),
            ("[base]\n[[arm]]\nname = 'a'\nset = ['x=3']\nfrom_step = 0\n", "0 is the beginning"),
            ("[base]\n[[arm]]\nname = 'a'\nset_in.stage-1 = ['x=3']\nfrom_step = 2\n", "no `set`"),
            ("[base]\n[[arm]]\nname = 'a'\nset = ['x=3']\nconfig = 'y'\nfrom_step = 2\n", "another `config`"),
            ("[base]\n[grid]\n'x.y' = []\n", "x.y has no values"),
        ] {
            let said = arms(&file(text), &PHASES).unwrap_err().to_string();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
