//! Figures of a sweep by name, and how their values are written.

use record::names;
use serde::{Deserialize, Serialize};

/// The figures that a sweep's file asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepFigures {
    /// The figure that the family of tests is made of.
    pub primary: FigureName,
    /// Figures beside it.
    pub others: Vec<FigureName>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureName {
    /// Name in the sweep's file.
    pub name: String,
    /// Unit of its values.
    pub unit: Unit,
}

/// Unit of a figure's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share of 0..=1: written as per cent, differences in points.
    Share,
    /// Any number.
    Number,
}

impl SweepFigures {
    /// All of them, the primary one first.
    pub fn all(&self) -> impl Iterator<Item = &FigureName> {
        std::iter::once(&self.primary).chain(&self.others)
    }
}

impl FigureName {
    /// The figure `name` of a recorded metric, which says its unit.
    pub fn of_metric(name: &str, metric: &str) -> Self {
        let is_share = names::find(metric).is_some_and(|known| known.unit == "share");
        Self { name: name.to_owned(), unit: if is_share { Unit::Share } else { Unit::Number } }
    }
}

impl Unit {
    /// The value in the unit that is written: per cent of a share.
    pub fn scaled(self, value: f64) -> f64 {
        if self == Self::Share { 100.0 * value } else { value }
    }

    /// The value to a digit of a per cent, or to four digits.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.1}", 100.0 * value),
            Self::Number => four_digits(value),
        }
    }

    /// The same with its sign; what rounds to 0 has none.
    pub fn show_signed(self, value: f64) -> String {
        let text = self.show(value);
        let is_zero = !text.contains(|digit: char| ('1'..='9').contains(&digit));
        match (is_zero, text.strip_prefix('-')) {
            (true, rest) => rest.unwrap_or(&text).to_owned(),
            (false, Some(rest)) => format!("−{rest}"),
            (false, None) => format!("+{text}"),
        }
    }

    /// Words for the unit of a value: `%`, or nothing.
    pub fn of_values(self) -> &'static str {
        if self == Self::Share { "%" } else { "" }
    }

    /// Words for the unit of a difference: `points`, or nothing.
    pub fn of_differences(self) -> &'static str {
        if self == Self::Share { "points" } else { "" }
    }
}

fn four_digits(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if size == 0.0 { 0 } else { (3 - size.log10().floor() as i32).clamp(0, 7) as usize };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_their_unit() {
        let share = FigureName::of_metric("maths", "eval/maths/pass@1").unit;
        assert_eq!(
            (share.show(0.4567), share.show_signed(-0.01), share.show_signed(0.0)),
            ("45.7".into(), "−1.0".into(), "0.0".into())
        );
        assert_eq!((share.show_signed(-0.0001), share.show_signed(0.04)), ("0.0".into(), "+4.0".into()));
        let number = FigureName::of_metric("reward", "reward/mean").unit;
        let shown = [0.0, 0.123456, 12.3456, 12345.6, 1.5e-6].map(|value| number.show(value));
        assert_eq!(shown, ["0", "0.1235", "12.35", "12346", "1.500e-6"]);
        assert_eq!(FigureName::of_metric("x", "no/such/metric").unit, Unit::Number);
    }
}
