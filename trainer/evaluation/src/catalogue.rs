//! The suites that ship, by name, and those of a person's own file. Data are never shipped, or fetched.

use std::path::{Path, PathBuf};

use datasets::near::{did_you_mean, with_near_name};

use crate::error::EvaluationError;
use crate::suite::{Suite, SuiteGroup};
use crate::suite_name::SuiteName;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The files of `configs/suites/` by the names of their suites, in the order of their listing.
        const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../configs/suites/", $name, ".toml")))),*];
    };
}

shipped![
    "aime24",
    "aime25",
    "amc23",
    "arc",
    "bfcl",
    "gpqa",
    "gsm8k",
    "humaneval",
    "humaneval+",
    "ifeval",
    "livecodebench",
    "math500",
    "mbpp",
    "mbpp+",
    "minerva",
    "mmlu",
    "mmlu-pro",
    "olympiadbench",
    "rewardbench",
    "rewardbench2",
];

/// The groups of suites that ship.
const GROUPS: &[(&str, &str)] = &[("qwq", include_str!("../../../configs/suites/groups/qwq.toml"))];

/// The suites that a name stands for: one, or the members of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The name as it was asked for.
    pub name: String,
    /// True for a group, whose suites are found in the data by name or by layout.
    pub is_group: bool,
    /// The suites, in their order.
    pub suites: Vec<Suite>,
}

/// Every name that [`select`] knows, suites before groups.
pub fn suite_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().chain(GROUPS).map(|(name, _)| *name)
}

/// The suites that `text` asks for: `NAME[@VERSION][:FROM..TO]` of one that ships, or the path of a TOML file.
///
/// # Errors
/// No suite has the name (the nearest is named), or the version; or the file is no suite.
pub fn select(text: &str) -> Result<Selection, EvaluationError> {
    let selection = |is_group, suites| Selection { name: text.to_owned(), is_group, suites };
    if text.ends_with(".toml") {
        let path = Path::new(text);
        let source = std::fs::read_to_string(path).map_err(|error| EvaluationError::read(path, error))?;
        let suite = Suite::parse(&source, text)?;
        let name = SuiteName { name: suite.name.clone(), version: None, window: None };
        return Ok(selection(false, vec![suite.at(&name)?]));
    }
    let name = SuiteName::parse(text)?;
    match GROUPS.iter().find(|(group, _)| *group == name.name) {
        Some((_, source)) if name.version.is_none() && name.window.is_none() => {
            Ok(selection(true, members_of(&group(&name.name, source)?)?))
        }
        Some(_) => {
            let problem = "a group has neither version nor window".to_owned();
            Err(EvaluationError::Version { name: text.to_owned(), problem })
        }
        None => Ok(selection(false, vec![shipped(&name)?])),
    }
}

/// A suite that ships, at its version and window.
fn shipped(name: &SuiteName) -> Result<Suite, EvaluationError> {
    let (found, source) =
        SHIPPED.iter().find(|(known, _)| *known == name.name).ok_or_else(|| EvaluationError::UnknownSuite {
            name: name.name.clone(),
            hint: did_you_mean(&name.name, suite_names()),
            known: suite_names().collect::<Vec<_>>().join(", "),
        })?;
    Suite::parse(source, &format!("configs/suites/{found}.toml"))?.at(name)
}

fn group(name: &str, source: &str) -> Result<SuiteGroup, EvaluationError> {
    let place = format!("configs/suites/groups/{name}.toml");
    toml::from_str(source)
        .map_err(|error| EvaluationError::SuiteFile { place, problem: with_near_name(&error.to_string()) })
}

fn members_of(group: &SuiteGroup) -> Result<Vec<Suite>, EvaluationError> {
    let member = |member: &crate::suite::GroupMember| {
        let mut suite = shipped(&SuiteName::parse(&member.suite)?)?;
        suite.protocol.set(&group.protocol);
        suite.protocol.set(&member.protocol);
        suite.protocol.check(&suite.name)?;
        suite.sources.extend(group.sources.clone());
        Ok(suite)
    };
    group.members.iter().map(member).collect()
}

impl Selection {
    /// Gives each suite its files: all of them to the only suite, those named `SUITE=FILE` to the suite of a group.
    ///
    /// # Errors
    /// A file of a group is given to no member, or a member has none.
    pub fn assign(&self, data: &[String]) -> Result<Vec<(Suite, Vec<PathBuf>)>, EvaluationError> {
        let mut files: Vec<Vec<PathBuf>> = vec![Vec::new(); self.suites.len()];
        for given in data {
            let named = given.split_once('=').and_then(|(name, path)| {
                let place = self.suites.iter().position(|suite| suite.name == name)?;
                Some((place, path))
            });
            match named {
                Some((place, path)) => files[place].push(path.into()),
                None if !self.is_group => files[0].push(given.into()),
                None => {
                    let names: Vec<&str> = self.suites.iter().map(|suite| suite.name.as_str()).collect();
                    let problem = format!(
                        "say which suite {given} is for, as in {}={given}; they are {}",
                        names[0],
                        names.join(", ")
                    );
                    return Err(EvaluationError::tasks(&self.name, problem));
                }
            }
        }
        let assigned: Vec<_> = self.suites.iter().cloned().zip(files).filter(|(_, files)| !files.is_empty()).collect();
        if assigned.is_empty() {
            return Err(EvaluationError::tasks(&self.name, "no data: name the suite's file with --data"));
        }
        Ok(assigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_suggests_the_near_one() {
        let text = select("amie24").unwrap_err().to_string();
        assert!(text.contains("did you mean `aime24`") && text.contains("livecodebench"), "{text}");
        assert!(select("GSM-8K").unwrap_err().to_string().contains("`gsm8k`"));
        assert!(!select("poetry-contest").unwrap_err().to_string().contains("did you mean"));
        assert!(select("livecodebench@v9").unwrap_err().to_string().contains("v1, v2"));
    }

    #[test]
    fn a_group_has_the_numbers_of_its_own() {
        let group = select("qwq").unwrap();
        let samples: Vec<usize> = group.suites.iter().map(|suite| suite.protocol.samples).collect();
        assert_eq!(samples, [64, 64, 8, 1]);
        for Suite { protocol, .. } in &group.suites {
            let numbers = (protocol.temperature, protocol.top_p, protocol.top_k, protocol.max_new_tokens);
            assert_eq!(numbers, (0.6, 0.95, 40, 32_768));
            assert_eq!(protocol.system, None);
        }
        let data = ["aime25=a.jsonl".to_owned(), "ifeval=b".to_owned()];
        let names: Vec<String> = group.assign(&data).unwrap().into_iter().map(|(suite, _)| suite.name).collect();
        assert_eq!(names, ["aime25", "ifeval"]);
        assert!(group.assign(&["a.jsonl".to_owned()]).unwrap_err().to_string().contains("aime24=a.jsonl"));
    }
}
