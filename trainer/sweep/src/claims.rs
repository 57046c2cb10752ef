//! The part of a sweep's file that says, before any cell runs, what is to be claimed of its arms: the `[claims]` table.
//! Must not know how cells run.

use serde::{Deserialize, Serialize};
use statistics::TestAim;

/// Name of the arm that is the base once more with other seeds.
pub const FLOOR_ARM: &str = "aa";

/// Distance of the floor's seeds from the base's.
const FLOOR_SEEDS: u64 = 1_000_000;

/// What the arms are compared for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claims {
    /// Level at which a difference of the family is marked, within 0..0.5. Intervals are of 95 % whatever it is.
    pub alpha: f64,
    /// Share of repeats in which a difference is to be found, for what the sweep could have shown; above `alpha`.
    pub power: f64,
    /// The claim that the family's p-values are of.
    pub tasks: Tasks,
    /// Direction in which an arm is better.
    pub better: Better,
    /// True to run the base once more with other seeds: the floor under every difference.
    pub aa: bool,
    /// Name of the figure by which the winner of several arms is measured again, on tasks that did not choose it.
    pub confirm: Option<String>,
}

/// Tasks that a difference is claimed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tasks {
    /// For these tasks: Student's t over the seeds' differences.
    #[default]
    These,
    /// For tasks like these: seeds and tasks are both drawn at random.
    LikeThese,
}

/// Direction in which the primary figure is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Higher values.
    #[default]
    Higher,
    /// Lower values, as of a loss.
    Lower,
}

/// A `[claims]` table that cannot hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClaimsError {
    /// A level out of range.
    #[error("claims.alpha = {0} is no level: give a share above 0 and below 0.5, as 0.05")]
    Alpha(f64),
    /// A power out of range.
    #[error("claims.power = {power} is no power: give a share above claims.alpha ({alpha}) and below 1, as 0.8")]
    Power {
        /// What was given.
        power: f64,
        /// The level.
        alpha: f64,
    },
    /// A second look at tasks that chose the winner.
    #[error(
        "claims.confirm = {name:?} is the primary figure, whose tasks choose the winner: name a figure of other tasks"
    )]
    ConfirmsItself {
        /// Name of the figure.
        name: String,
    },
    /// A figure that nobody measures.
    #[error("claims.confirm = {name:?} is no figure of this sweep: its figures are {known}")]
    UnknownFigure {
        /// What was given.
        name: String,
        /// Names of the figures.
        known: String,
    },
    /// An arm of the floor's name.
    #[error(
        "an arm is called {FLOOR_ARM:?}, the name of the base under other seeds: rename it, or set claims.aa = true"
    )]
    FloorsName,
}

impl Default for Claims {
    fn default() -> Self {
        let TestAim { alpha, power } = TestAim::default();
        Self { alpha, power, tasks: Tasks::These, better: Better::Higher, aa: false, confirm: None }
    }
}

impl Claims {
    /// Refuses levels out of range, and a figure to confirm by that is not measured. `others` are the names of the
    /// figures beside the primary one.
    ///
    /// # Errors
    /// The field that cannot hold, and what may stand there.
    pub fn check(&self, primary: &str, others: &[&str]) -> Result<(), ClaimsError> {
        let Self { alpha, power, .. } = *self;
        if !(alpha > 0.0 && alpha < 0.5) {
            return Err(ClaimsError::Alpha(alpha));
        }
        if !(power > alpha && power < 1.0) {
            return Err(ClaimsError::Power { power, alpha });
        }
        match self.confirm.as_deref() {
            Some(name) if name == primary => Err(ClaimsError::ConfirmsItself { name: name.to_owned() }),
            Some(name) if !others.contains(&name) => {
                let known = [&[primary], others].concat().join(", ");
                Err(ClaimsError::UnknownFigure { name: name.to_owned(), known })
            }
            _ => Ok(()),
        }
    }

    /// Refuses an arm of the floor's name where no floor is asked for: it would be compared as one.
    ///
    /// # Errors
    /// There is such an arm among `names`.
    pub fn check_arms<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), ClaimsError> {
        let is_taken = !self.aa && names.into_iter().any(|name| name == FLOOR_ARM);
        if is_taken { Err(ClaimsError::FloorsName) } else { Ok(()) }
    }

    /// What a test is to find.
    pub fn aim(&self) -> TestAim {
        TestAim { alpha: self.alpha, power: self.power }
    }
}

/// The floor's seed beside a seed of the base. It stays the same when seeds are added.
pub fn floor_seed(seed: u64) -> u64 {
    seed.wrapping_add(FLOOR_SEEDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_it_changes_alone() {
        let claims: Claims = toml::from_str("aa = true\ntasks = \"like_these\"\nconfirm = \"fresh\"").unwrap();
        let expected =
            Claims { aa: true, tasks: Tasks::LikeThese, confirm: Some("fresh".to_owned()), ..Claims::default() };
        assert_eq!((claims, Claims::default().alpha), (expected, 0.05));
        let error = toml::from_str::<Claims>("alhpa = 0.1").unwrap_err().to_string();
        assert!(error.contains("alhpa") && error.contains("alpha"), "{error}");
    }

    #[test]
    fn claims_that_cannot_hold_are_named() {
        let said = |text: &str| {
            let claims: Claims = toml::from_str(text).unwrap();
            claims.check("maths", &["code", "fresh"]).map_err(|error| error.to_string()).err().unwrap_or_default()
        };
        assert!(said("alpha = 0.0").contains("claims.alpha = 0") && said("alpha = 0.5").contains("claims.alpha"));
        assert!(said("power = 0.04").contains("claims.power") && said("power = 1.0").contains("claims.power"));
        assert!(said("confirm = \"maths\"").contains("whose tasks choose the winner"));
        assert!(said("confirm = \"fersh\"").contains("its figures are maths, code, fresh"));
        assert_eq!(said("confirm = \"fresh\"\nalpha = 0.01"), "");
        let arms = ["base", "aa"];
        assert_eq!(Claims::default().check_arms(arms), Err(ClaimsError::FloorsName));
        assert_eq!(Claims { aa: true, ..Claims::default() }.check_arms(arms), Ok(()));
    }
}
