//! What a unit of work is: its whole configuration, what it reads by content, and the version of the code. Units of one
//! identity do the same, and are run once. No path and no time is part of it, so that two checkouts agree.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path};

use record::checksum;
use serde::{Deserialize, Serialize};

/// Number of hexadecimal digits of a checksum that name a unit.
const DIGITS: usize = 12;
/// What stands for a value that is not there.
const NOT_SET: &str = "not set";

/// Folder of a run within its unit's, as inputs name it: `UNIT/run/…`.
pub const RUN: &str = "run";

/// A key in which two units differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The key.
    pub key: String,
    /// Its value in the first unit; none where it has none.
    pub old: Option<String>,
    /// Its value in the second.
    pub new: Option<String>,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| NOT_SET.to_owned());
        write!(f, "{}: {} -> {}", self.key, word(&self.old), word(&self.new))
    }
}

/// What a unit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Phase of the unit.
    pub phase: String,
    /// Version of the program that runs it.
    pub version: String,
    /// Value of each key of the resolved configuration, the seed's too, but for folders and inputs.
    pub config: BTreeMap<String, String>,
    /// Content of what it reads, by the configuration's key; of what another unit makes, that unit's name.
    pub inputs: BTreeMap<String, String>,
    /// Further arguments of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Step after which it stops, where it is the beginning of longer runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Name of the unit whose run it goes on from with another configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Identity {
    /// The unit's name: its phase, and the first digits of its checksum.
    pub fn name(&self) -> String {
        format!("{}-{}", self.phase, digits(&[self]))
    }

    /// The keys in which it differs from another: version, configuration, inputs.
    pub fn differences_from(&self, old: &Self) -> Vec<KeyChange> {
        let mut found = Vec::new();
        let mut compare = |key: &str, old: Option<&String>, new: Option<&String>| {
            if old != new {
                found.push(KeyChange { key: key.to_owned(), old: old.cloned(), new: new.cloned() });
            }
        };
        compare("version", Some(&old.version), Some(&self.version));
        compare("arguments", Some(&old.arguments.join(" ")), Some(&self.arguments.join(" ")));
        for (old, new) in [(&old.config, &self.config), (&old.inputs, &self.inputs)] {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            keys.into_iter().for_each(|key| compare(key, old.get(key), new.get(key)));
        }
        let step = |until: Option<u64>| until.map(|step| step.to_string());
        compare("until", step(old.until).as_ref(), step(self.until).as_ref());
        found
    }

    /// True where the input of this key is what another unit makes.
    pub fn is_made(&self, key: &str) -> bool {
        self.inputs
            .get(key)
            .is_some_and(|content| Path::new(content).components().nth(1) == Some(Component::Normal(OsStr::new(RUN))))
    }
}

/// The first digits of the checksum of some identities, written as JSON with their keys in order.
pub(crate) fn digits(identities: &[&Identity]) -> String {
    // Maps of texts always become JSON.
    digits_of(&serde_json::to_vec(identities).unwrap_or_default())
}

/// The first digits of the checksum of some bytes.
pub(crate) fn digits_of(bytes: &[u8]) -> String {
    let checksum = checksum::of_bytes(bytes);
    let hexadecimal = checksum.rsplit(':').next().unwrap_or_default();
    hexadecimal.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(lr: &str) -> Identity {
        Identity {
            phase: "stage-1".into(),
            version: "1".into(),
            config: BTreeMap::from([("schedule.lr".into(), lr.into()), ("run.seed".into(), "1".into())]),
            inputs: BTreeMap::from([("data.source.0.path".into(), "xxh3-128:00".into())]),
            arguments: Vec::new(),
            until: None,
            after: None,
        }
    }

    #[test]
    fn every_part_of_an_identity_names_another_unit() {
        let of = |change: fn(&mut Identity)| {
            let mut changed = identity("1e-4");
            change(&mut changed);
            changed.name()
        };
        let names = [
            of(|_| ()),
            of(|unit| unit.phase = "stage-2".into()),
            of(|unit| unit.version = "2".into()),
            of(|unit| _ = unit.config.insert("run.seed".into(), "2".into())),
            of(|unit| _ = unit.inputs.insert("data.source.0.path".into(), "xxh3-128:01".into())),
            of(|unit| unit.arguments = vec!["--nproc".into(), "2".into()]),
            of(|unit| unit.until = Some(2)),
            of(|unit| unit.after = Some("stage-1-0".into())),
        ];
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(names[0], identity("1e-4").name());
        assert!(names[0].starts_with("stage-1-") && names[0].len() == "stage-1-".len() + DIGITS, "{}", names[0]);
    }

    #[test]
    fn what_another_unit_makes_is_told_from_content() {
        let mut unit = identity("1e-4");
        unit.inputs.insert("model.path".into(), "cold-start-0/run/checkpoints/step_00004".into());
        assert!(unit.is_made("model.path") && !unit.is_made("data.source.0.path") && !unit.is_made("schedule.lr"));
    }

    #[test]
    fn differences_name_the_key_and_both_values() {
        let mut new = identity("2e-4");
        new.config.insert("loss.kind".into(), "cispo".into());
        new.version = "2".into();
        let found: Vec<String> = new.differences_from(&identity("1e-4")).iter().map(KeyChange::to_string).collect();
        assert_eq!(found, ["version: 1 -> 2", "loss.kind: not set -> cispo", "schedule.lr: 1e-4 -> 2e-4"]);
    }
}
