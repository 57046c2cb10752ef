//! The best of several arms. It was chosen by being the best, so its figure flatters it: it is called the winner of so
//! many, and is measured again on tasks that did not choose it.

use serde::{Deserialize, Serialize};

use super::difference::DifferenceResult;
use crate::claims::{Better, Claims, FLOOR_ARM};

/// The best of several arms by the primary figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Winner {
    /// Name of the arm.
    pub arm: String,
    /// Arms that it was chosen from, the base not among them.
    pub num_arms: usize,
    /// Its difference to the base in the primary figure, which flatters it.
    pub difference: f64,
    /// True where the corrected p-value is at most the level of the claims.
    pub is_shown: bool,
    /// Its difference on tasks that did not choose it, where the claims name such a figure and it was measured.
    pub confirmation: Option<Confirmation>,
}

/// The winner measured again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Name of the figure.
    pub figure: String,
    /// Difference to the base.
    pub difference: f64,
    /// 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Two-sided p-value: of one test that was fixed beforehand, so that it is not corrected.
    pub p_value: Option<f64>,
    /// True where it is better again, and the p-value is at most the level of the claims.
    pub holds: bool,
}

impl Winner {
    /// The winner among two arms or more; `None` where fewer have a difference, or none is better than the base.
    pub(super) fn of(claims: &Claims, differences: &[DifferenceResult]) -> Option<Self> {
        let gain = |difference: f64| if claims.better == Better::Lower { -difference } else { difference };
        let family = differences.iter().filter(|difference| difference.is_primary && difference.arm != FLOOR_ARM);
        // An arm of which nothing can be claimed, as with one whole pair, does not win by its survivors.
        let claimed = family.filter(|arm| !arm.claims.is_empty());
        let arms: Vec<(&DifferenceResult, f64)> = claimed.filter_map(|arm| Some((arm, arm.difference?))).collect();
        // Of equal arms the first one is taken.
        let best = arms.iter().rev().max_by(|(_, one), (_, other)| gain(*one).total_cmp(&gain(*other)))?;
        let (best, difference) = (best.0, best.1);
        if arms.len() < 2 || gain(difference) <= 0.0 {
            return None;
        }
        let is_low = |p_value: Option<f64>| p_value.is_some_and(|p_value| p_value <= claims.alpha);
        let again = claims.confirm.as_ref().and_then(|figure| {
            differences.iter().find(|difference| difference.arm == best.arm && difference.figure == *figure)
        });
        let confirmation = again.and_then(|again| {
            let difference = again.difference?;
            Some(Confirmation {
                figure: again.figure.clone(),
                difference,
                interval: again.interval,
                p_value: again.p_value,
                holds: gain(difference) > 0.0 && is_low(again.p_value),
            })
        });
        Some(Self {
            arm: best.arm.clone(),
            num_arms: arms.len(),
            difference,
            is_shown: is_low(best.p_corrected),
            confirmation,
        })
    }
}
