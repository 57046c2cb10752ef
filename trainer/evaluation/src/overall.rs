//! One figure out of a suite's parts, by the rule of whoever publishes the suite.
//!
//! - BFCL (ShishirPatil/gorilla, bfcl_eval): non-live is the mean of simple (itself the mean of its three languages),
//!   multiple, parallel and parallel_multiple; live weighs its categories by rows; irrelevance is the mean of the two.
//!   v4 weighs the three alike (10 of 100 each, beside multi-turn and agents, which are not here); v3 has no
//!   irrelevance among its thirds.
//! - RewardBench (allenai/reward-bench, rewardbench/constants.py): four sections, in each of which a subset weighs by
//!   an official count, `math-prm` as 984 with its 447 pairs; their mean.
//! - RewardBench 2: the mean over subsets; that of the ties is scored by `reward::ties`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::parts::PartFigure;

/// An overall figure with the sections that it is the mean of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverallFigure {
    /// The figure; `None` where a section is not there.
    pub value: Option<f64>,
    /// The rule, in words.
    pub rule: String,
    /// The sections with their figures.
    pub sections: Vec<SectionFigure>,
    /// Parts that the rule asks for and that are not there.
    pub missing: Vec<String>,
}

/// A section of an overall figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectionFigure {
    /// The section's name.
    pub name: String,
    /// Its figure, 0..=1; `None` where none of its parts is there.
    pub value: Option<f64>,
}

/// A tree of parts: a category, or a mean of others.
enum Part {
    Category(&'static str),
    /// All alike.
    Mean(&'static [Part]),
    /// By the number of their tasks.
    ByRows(&'static [Part]),
    /// By given counts.
    Counted(&'static [(&'static str, f64)]),
}

use Part::{ByRows, Category, Counted, Mean};

const NON_LIVE: Part = Mean(&[
    Mean(&[Category("simple_python"), Category("simple_java"), Category("simple_javascript")]),
    Category("multiple"),
    Category("parallel"),
    Category("parallel_multiple"),
]);

const LIVE: Part = ByRows(&[
    Category("live_simple"),
    Category("live_multiple"),
    Category("live_parallel"),
    Category("live_parallel_multiple"),
]);

const IRRELEVANCE: Part = Mean(&[Category("irrelevance"), Category("live_irrelevance")]);

const REWARD_SECTIONS: [(&str, Part); 4] = [
    (
        "Chat",
        Counted(&[
            ("alpacaeval-easy", 100.0),
            ("alpacaeval-length", 95.0),
            ("alpacaeval-hard", 95.0),
            ("mt-bench-easy", 28.0),
            ("mt-bench-med", 40.0),
        ]),
    ),
    (
        "Chat Hard",
        Counted(&[
            ("mt-bench-hard", 37.0),
            ("llmbar-natural", 100.0),
            ("llmbar-adver-neighbor", 134.0),
            ("llmbar-adver-GPTInst", 92.0),
            ("llmbar-adver-GPTOut", 47.0),
            ("llmbar-adver-manual", 46.0),
        ]),
    ),
    (
        "Safety",
        Counted(&[
            ("refusals-dangerous", 100.0),
            ("refusals-offensive", 100.0),
            ("xstest-should-refuse", 250.0),
            ("xstest-should-respond", 154.0),
            ("donotanswer", 136.0),
        ]),
    ),
    (
        "Reasoning",
        Counted(&[
            ("math-prm", 984.0),
            ("hep-cpp", 164.0),
            ("hep-go", 164.0),
            ("hep-java", 164.0),
            ("hep-js", 164.0),
            ("hep-python", 164.0),
            ("hep-rust", 164.0),
        ]),
    ),
];

/// The subsets of RewardBench 2.
const SUBSETS: [&str; 6] = ["Factuality", "Precise IF", "Math", "Safety", "Focus", "Ties"];

/// BFCL's single-turn figure. Categories of version 3 bear shorter names (`simple`, `java`).
pub(crate) fn bfcl(parts: &BTreeMap<String, PartFigure>, version: Option<&str>) -> OverallFigure {
    let renamed: BTreeMap<String, (f64, usize)> =
        parts.iter().map(|(name, part)| (bfcl_name(name), (part.pass_at_1, part.num_tasks))).collect();
    let mut sections = vec![("non-live", NON_LIVE), ("live", LIVE)];
    let rule = if version == Some("v3") {
        "the mean of non-live and live, of the three thirds of version 3"
    } else {
        sections.push(("irrelevance", IRRELEVANCE));
        "the mean of non-live, live and irrelevance, which are 10, 10 and 10 of the 100 of version 4"
    };
    mean_of(&renamed, &sections, rule)
}

fn bfcl_name(name: &str) -> String {
    match name {
        "simple" => "simple_python".to_owned(),
        "java" | "javascript" => format!("simple_{name}"),
        other => other.to_owned(),
    }
}

/// RewardBench's mean of four sections.
pub(crate) fn reward_bench(parts: &BTreeMap<String, PartFigure>) -> OverallFigure {
    let parts = parts.iter().map(|(name, part)| (name.clone(), (part.pass_at_1, part.num_tasks))).collect();
    let sections: Vec<(&str, Part)> = Vec::from(REWARD_SECTIONS);
    mean_of(&parts, &sections, "the mean of four sections, their subsets by official counts (math-prm 984)")
}

/// RewardBench 2's mean of the subsets, with `ties` as the score of the subset `Ties`.
pub(crate) fn reward_bench_2(parts: &BTreeMap<String, PartFigure>, ties: Option<f64>) -> OverallFigure {
    let value = |name: &str| if name == "Ties" { ties } else { parts.get(name).map(|part| part.score_mean) };
    let sections: Vec<SectionFigure> =
        SUBSETS.iter().map(|name| SectionFigure { name: (*name).to_owned(), value: value(name) }).collect();
    let missing = sections.iter().filter(|section| section.value.is_none()).map(|section| section.name.clone());
    let missing: Vec<String> = missing.collect();
    OverallFigure { value: mean(&sections), rule: "the mean of six subsets".to_owned(), sections, missing }
}

fn mean_of(parts: &BTreeMap<String, (f64, usize)>, sections: &[(&str, Part)], rule: &str) -> OverallFigure {
    let mut missing = Vec::new();
    let section = |(name, part): &(&str, Part)| SectionFigure {
        name: (*name).to_owned(),
        value: value_of(part, parts, &mut missing).map(|(value, _)| value),
    };
    let sections: Vec<SectionFigure> = sections.iter().map(section).collect();
    OverallFigure { value: mean(&sections), rule: rule.to_owned(), sections, missing }
}

/// The mean of the sections, where all of them are there.
fn mean(sections: &[SectionFigure]) -> Option<f64> {
    let values: Option<Vec<f64>> = sections.iter().map(|section| section.value).collect();
    values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
}

/// The figure of a part and the number of its tasks, over what there is of it.
fn value_of(part: &Part, parts: &BTreeMap<String, (f64, usize)>, missing: &mut Vec<String>) -> Option<(f64, usize)> {
    let mut find = |name: &str| {
        let found = parts.get(name).copied();
        if found.is_none() {
            missing.push(name.to_owned());
        }
        found
    };
    let weighted: Vec<(f64, f64, usize)> = match part {
        Category(name) => return find(name),
        Counted(counts) => {
            counts.iter().filter_map(|(name, count)| find(name).map(|(value, rows)| (value, *count, rows))).collect()
        }
        Mean(of) | ByRows(of) => {
            let is_by_rows = matches!(part, ByRows(_));
            let each = of.iter().filter_map(|part| value_of(part, parts, missing));
            each.map(|(value, rows)| (value, if is_by_rows { rows as f64 } else { 1.0 }, rows)).collect()
        }
    };
    let weights: f64 = weighted.iter().map(|(_, weight, _)| weight).sum();
    let value = weighted.iter().map(|(value, weight, _)| value * weight).sum::<f64>() / weights;
    (!weighted.is_empty()).then(|| (value, weighted.iter().map(|(_, _, rows)| rows).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(values: &[(&str, f64, usize)]) -> BTreeMap<String, PartFigure> {
        let part = |(name, value, num_tasks): &(&str, f64, usize)| {
            let interval = [*value, *value];
            let figure = PartFigure { num_tasks: *num_tasks, pass_at_1: *value, interval, score_mean: *value };
            ((*name).to_owned(), figure)
        };
        values.iter().map(part).collect()
    }

    #[test]
    fn bfcl_weighs_non_live_alike_and_live_by_rows() {
        let mut all = parts(&[
            ("simple_python", 0.9, 400),
            ("simple_java", 0.6, 100),
            ("simple_javascript", 0.6, 50),
            ("multiple", 0.9, 200),
            ("parallel", 0.8, 200),
            ("parallel_multiple", 0.8, 200),
            ("live_simple", 0.5, 258),
            ("live_multiple", 0.8, 1053),
            ("live_parallel", 0.5, 16),
            ("live_parallel_multiple", 0.5, 24),
            ("irrelevance", 0.9, 240),
            ("live_irrelevance", 0.7, 884),
        ]);
        let live = (0.5 * 298.0 + 0.8 * 1053.0) / 1351.0;
        let overall = bfcl(&all, Some("v4"));
        let non_live = (0.7 + 0.9 + 0.8 + 0.8) / 4.0;
        assert!((overall.value.unwrap() - (non_live + live + 0.8) / 3.0).abs() < 1e-12, "{overall:?}");
        assert!((bfcl(&all, Some("v3")).value.unwrap() - (non_live + live) / 2.0).abs() < 1e-12);
        all.retain(|name, _| !name.starts_with("live"));
        let overall = bfcl(&all, None);
        assert_eq!((overall.value, overall.missing.len()), (None, 5));
    }

    #[test]
    fn the_math_subset_weighs_as_984() {
        let all = parts(&[
            ("math-prm", 1.0, 447),
            ("hep-cpp", 0.0, 164),
            ("mt-bench-hard", 1.0, 37),
            ("donotanswer", 1.0, 136),
        ]);
        let overall = reward_bench(&all);
        assert!((overall.sections[3].value.unwrap() - 984.0 / 1148.0).abs() < 1e-12);
        assert_eq!((overall.value, overall.sections[0].value), (None, None));
    }
}
