//! Pairs whose two sides were not computed alike. Equal seeds are equal to the bit on equal machines by the same
//! program alone: across others rounding parts the runs, and pairing holds less than it says.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::measured::{ComputedBy, MeasuredCell};

/// What stands for a part that is not recorded.
const NOT_RECORDED: &str = "not recorded";

/// A pair whose sides were not computed alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlikePair {
    /// Seed of the base.
    pub seed: u64,
    /// What differs, the arm's side first, as `processor of stage-1: A against B`.
    pub differences: Vec<String>,
}

impl UnlikePair {
    /// The pair of two cells; none where they were computed alike.
    pub(super) fn of(base: &MeasuredCell, arm: &MeasuredCell) -> Option<Self> {
        let phases: BTreeSet<&String> = base.computed_by.keys().chain(arm.computed_by.keys()).collect();
        let mut differences = Vec::new();
        for phase in phases {
            let [own, other] = [arm, base].map(|cell| cell.computed_by.get(phase).map(parts).unwrap_or_default());
            let names: BTreeSet<&str> = own.keys().chain(other.keys()).copied().collect();
            for name in names.into_iter().filter(|name| own.get(name) != other.get(name)) {
                let [own, other] = [&own, &other].map(|parts| {
                    let values =
                        parts.get(name).map(|values| values.iter().cloned().collect::<Vec<_>>().join(", then "));
                    values.unwrap_or_else(|| NOT_RECORDED.to_owned())
                });
                differences.push(format!("{name} of {phase}: {own} against {other}"));
            }
        }
        (!differences.is_empty()).then_some(Self { seed: base.seed, differences })
    }
}

/// Values of each part of what computed a phase.
fn parts(computed_by: &ComputedBy) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut parts: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for machine in &computed_by.machines {
        for (name, value) in machine.parts() {
            parts.entry(name).or_default().insert(value);
        }
    }
    parts.insert("program", computed_by.programs.iter().cloned().collect());
    parts
}
