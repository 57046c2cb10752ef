//! Pairs that lost a side, by name: a seed that the base lost is named once for all arms. Must not know any test.

use super::difference::DifferenceResult;
use super::sweep_result::SweepResult;

/// Pairs that were lost alike, in some figures of some arms.
pub(super) struct Loss<'a> {
    seeds: &'a [u64],
    num_whole: usize,
    num_planned: usize,
    figures: Vec<&'a str>,
    arms: Vec<&'a str>,
}

/// The losses of all arms; of arms that lost the same pairs in the same figures one.
pub(super) fn losses(result: &SweepResult) -> Vec<Loss<'_>> {
    let mut losses: Vec<Loss<'_>> = Vec::new();
    for arm in &result.arms {
        let mut own: Vec<Loss<'_>> = Vec::new();
        let lossy = result.differences.iter().filter(|lossy| lossy.arm == arm.name && !lossy.lost_pairs.is_empty());
        for DifferenceResult { figure, num_pairs, lost_pairs, open_pairs, .. } in lossy {
            match own.iter_mut().find(|loss| loss.seeds == lost_pairs && loss.num_whole == *num_pairs) {
                Some(loss) => loss.figures.push(figure),
                None => own.push(Loss {
                    seeds: lost_pairs,
                    num_whole: *num_pairs,
                    num_planned: num_pairs + lost_pairs.len() + open_pairs.len(),
                    figures: vec![figure.as_str()],
                    arms: vec![arm.name.as_str()],
                }),
            }
        }
        for loss in own {
            let alike = |other: &&mut Loss<'_>| {
                (other.seeds, &other.figures, other.num_whole) == (loss.seeds, &loss.figures, loss.num_whole)
            };
            match losses.iter_mut().find(alike) {
                Some(other) => other.arms.push(&arm.name),
                None => losses.push(loss),
            }
        }
    }
    losses
}

impl Loss<'_> {
    pub(super) fn said(&self, base: &str) -> String {
        let Self { seeds, num_whole, num_planned, figures, arms } = self;
        let (seed, counts) = if seeds.len() == 1 { ("Seed", "counts") } else { ("Seeds", "count") };
        format!(
            "{seed} {} {counts} neither for {} nor for {base} in {}: one side of the pair has no value. {num_whole} of \
             {num_planned} pairs are whole.",
            list(seeds),
            list(arms),
            list(figures)
        )
    }

    /// True where fewer than two pairs are whole, and no more can become so.
    pub(super) fn leaves_few(&self) -> bool {
        self.num_planned > 1 && self.num_planned - self.seeds.len() < 2
    }

    pub(super) fn said_of_few(&self) -> String {
        let Self { num_whole, num_planned, figures, arms, .. } = self;
        let (arm, has) = if arms.len() == 1 { ("Arm", "has") } else { ("Arms", "have") };
        format!(
            "{arm} {} {has} fewer than two whole pairs in {} ({num_whole} of {num_planned}): there is no spread over \
             seeds to measure, so neither interval nor p-value. Run the lost cells again.",
            list(arms),
            list(figures)
        )
    }
}

/// `1, 2 and 3`.
pub(super) fn list<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
