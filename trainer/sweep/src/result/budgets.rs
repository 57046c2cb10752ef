//! Budgets of arms beside the base's: a difference that was bought with more of something is named.

use super::arm::{ArmBudget, ArmResult};
use super::sweep_result::SweepResult;

/// Part by which tokens and seconds may differ unnamed: completions have no fixed length, machines no fixed speed.
const SLACK: f64 = 0.1;

/// A sentence for each arm whose steps differ from the base's, or whose tokens or seconds differ by more than a tenth.
pub(super) fn warnings(result: &SweepResult) -> Vec<String> {
    let budget = |arm: &ArmResult| arm.budget.filter(|_| arm.num_done > 0);
    let Some(base) = result.arms.iter().find(|arm| arm.name == result.base).and_then(budget) else { return Vec::new() };
    let others = result.arms.iter().filter(|arm| arm.name != result.base);
    others.filter_map(|arm| warning(&arm.name, budget(arm)?, &result.base, base)).collect()
}

fn warning(arm: &str, budget: ArmBudget, base_name: &str, base: ArmBudget) -> Option<String> {
    let part = |what: &str, own: f64, other: f64, slack: f64| {
        let differs = (own - other).abs() > slack * other.abs();
        differs.then(|| format!("{what} {} against {}", whole(own), whole(other)))
    };
    let parts = [
        part("steps", budget.steps, base.steps, 0.0),
        part("tokens", budget.tokens, base.tokens, SLACK),
        part("seconds", budget.seconds, base.seconds, SLACK),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| {
        format!("Budgets differ, {arm} against {base_name}: {}. The difference may be theirs.", parts.join(", "))
    })
}

fn whole(value: f64) -> String {
    if value >= 100.0 || value == value.round() { format!("{value:.0}") } else { format!("{value:.1}") }
}
