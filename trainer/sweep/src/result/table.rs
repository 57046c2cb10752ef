//! The result as a table: rows of text that the terminal, Markdown and LaTeX share.

use super::arm::ArmResult;
use super::difference::{ClaimResult, DifferenceResult};
use super::figure::FigureName;
use super::sweep_result::SweepResult;
use crate::claims::FLOOR_ARM;

/// Mark of a difference whose corrected p-value is at most the level.
pub(super) const MARK: &str = "*";

/// A figure's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureTable {
    /// Title: the figure with its unit.
    pub title: String,
    /// Heads of the columns.
    pub head: Vec<String>,
    /// Cells by arm.
    pub rows: Vec<Vec<String>>,
    /// Sentences under the table.
    pub foot: Vec<String>,
}

impl SweepResult {
    /// A table for each figure, the primary one first.
    pub fn tables(&self) -> Vec<FigureTable> {
        self.figures.iter().enumerate().map(|(place, figure)| self.table(figure, place == 0)).collect()
    }

    /// Every claim of the primary figure's differences, by name; `None` where none can be made.
    pub fn claims_table(&self) -> Option<FigureTable> {
        let figure = self.primary();
        let head = ["arm", "claim", "test", "df", "95 % interval", "p", "p corrected", "could show", "more seeds"];
        let mut rows = Vec::new();
        for difference in self.differences_of(&figure.name) {
            rows.extend(difference.claims.iter().map(|claim| claim_row(figure, difference, claim)));
        }
        (!rows.is_empty()).then(|| FigureTable {
            title: format!("{}: what can be claimed of each difference", figure.name),
            head: head.map(str::to_owned).into(),
            rows,
            foot: Vec::new(),
        })
    }

    fn table(&self, figure: &FigureName, is_primary: bool) -> FigureTable {
        let mut head: Vec<String> =
            ["arm", "seeds", "mean", "95 % interval", "difference", "95 % interval"].map(str::to_owned).into();
        if is_primary {
            head.extend(["p", "p corrected", "could show", "more seeds"].map(str::to_owned));
        }
        let row = |arm: &ArmResult| {
            let difference = self.differences_of(&figure.name).find(|difference| difference.arm == arm.name);
            self.row(figure, is_primary, arm, difference)
        };
        let rows: Vec<Vec<String>> = self.arms.iter().map(row).collect();
        let has_mark = rows.iter().flatten().any(|text| text.ends_with(MARK));
        let claim = self.differences_of(&figure.name).find_map(|difference| difference.claim);
        let mut foot: Vec<String> =
            claim.map(|claim| format!("Differences to {} are {}.", self.base, claim.title())).into_iter().collect();
        if has_mark {
            foot.push(format!("{MARK} corrected p of at most {}.", self.claims.alpha));
        }
        let kind = if is_primary { ", the primary figure" } else { "" };
        let unit = match figure.unit.of_values() {
            "" => String::new(),
            unit => format!(", {unit}"),
        };
        FigureTable { title: format!("{}{unit}{kind}", figure.name), head, rows, foot }
    }

    fn row(
        &self,
        figure: &FigureName,
        is_primary: bool,
        arm: &ArmResult,
        difference: Option<&DifferenceResult>,
    ) -> Vec<String> {
        let unit = figure.unit;
        let own = arm.figures.get(&figure.name);
        let num = own.map_or(0, |own| own.seeds.iter().filter(|seed| seed.value.is_some()).count());
        let name = match arm.name.as_str() {
            FLOOR_ARM => format!("{FLOOR_ARM} (floor)"),
            name if name == self.base => format!("{name} (base)"),
            name => name.to_owned(),
        };
        let none = || "–".to_owned();
        let ends = |interval: Option<[f64; 2]>, show: &dyn Fn(f64) -> String| {
            interval.map_or_else(none, |[low, high]| format!("{} to {}", show(low), show(high)))
        };
        let plain = |value: f64| unit.show(value).replacen('-', "−", 1);
        let signed = |value: f64| unit.show_signed(value);
        let seeds = if num == arm.seeds.len() { num.to_string() } else { format!("{num} of {}", arm.seeds.len()) };
        let mut row = vec![
            name,
            seeds,
            own.and_then(|own| own.mean).map_or_else(none, plain),
            ends(own.and_then(|own| own.interval), &plain),
        ];
        let marked = difference.is_some_and(|difference| self.is_marked(difference));
        let value = difference.and_then(|difference| difference.difference).map_or_else(none, signed);
        row.push(if marked { format!("{value}{MARK}") } else { value });
        row.push(ends(difference.and_then(|difference| difference.interval), &signed));
        if is_primary {
            let p_value = |of: fn(&DifferenceResult) -> Option<f64>| difference.and_then(of).map_or_else(none, p_text);
            row.push(p_value(|difference| difference.p_value));
            row.push(p_value(|difference| difference.p_corrected));
            row.push(difference.and_then(|difference| difference.smallest_detectable).map_or_else(none, plain));
            row.push(difference.and_then(|difference| difference.more_seeds).map_or_else(none, |num| num.to_string()));
        }
        row
    }

    /// True where a difference of the family is shown: its corrected p-value is at most the level.
    pub fn is_marked(&self, difference: &DifferenceResult) -> bool {
        difference.is_primary && difference.p_corrected.is_some_and(|p_value| p_value <= self.claims.alpha)
    }

    /// The tables and notes as text for a terminal, wrapped at 100 columns.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for table in self.tables().into_iter().chain(self.claims_table()) {
            out.push_str(&table.text());
            out.push('\n');
        }
        for note in &self.notes {
            out.push_str(&wrapped(note, 100));
        }
        out
    }
}

fn claim_row(figure: &FigureName, difference: &DifferenceResult, claim: &ClaimResult) -> Vec<String> {
    let none = || "–".to_owned();
    let signed = |value: f64| figure.unit.show_signed(value);
    vec![
        difference.arm.clone(),
        claim.claim.title().to_owned(),
        claim.rule.title().to_owned(),
        claim
            .degrees_of_freedom
            .map_or_else(none, |df| if df.fract() == 0.0 { format!("{df}") } else { format!("{df:.1}") }),
        claim.interval.map_or_else(none, |[low, high]| format!("{} to {}", signed(low), signed(high))),
        claim.p_value.map_or_else(none, p_text),
        claim.p_corrected.map_or_else(none, p_text),
        claim.smallest_detectable.map_or_else(none, |smallest| figure.unit.show(smallest)),
        claim.more_seeds.map_or_else(none, |seeds| seeds.to_string()),
    ]
}

impl FigureTable {
    fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]);
            cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &[String]| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (text, width))| {
                let gap = " ".repeat(width - text.chars().count());
                if column == 0 { format!("{text}{gap}") } else { format!("{gap}{text}") }
            });
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        let mut out = format!("{}\n{}", self.title, line(&self.head));
        self.rows.iter().for_each(|row| out.push_str(&line(row)));
        self.foot.iter().for_each(|sentence| out.push_str(&wrapped(sentence, 100)));
        out
    }
}

/// A p-value to two digits.
pub fn p_text(p_value: f64) -> String {
    match p_value {
        p if p < 0.001 => "< 0.001".to_owned(),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if used > 0 && used + 1 + size > width {
            out.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += size;
    }
    out + "\n"
}
