//! Axes: round ticks over a range, and numbers as people write them. Must not know what is drawn along the axis.

/// Unit in which the values of a chart are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A bare number.
    Plain,
    /// A share of 0..=1, shown as per cent.
    Percent,
    /// Seconds.
    Seconds,
    /// A count, with k, M, G for thousands, millions, billions.
    Count,
}

impl Unit {
    /// Name of the unit in the page's script, hover.js.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Percent => "percent",
            Self::Seconds => "seconds",
            Self::Count => "count",
        }
    }

    /// The value with its unit, to about three digits.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} %", digits(value * 100.0, 1)),
            Self::Seconds => duration(value),
            Self::Plain | Self::Count => number(value),
        }
    }
}

/// A range with its ticks; the range may reach past the outer ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Smallest and largest value shown.
    pub range: (f64, f64),
    /// Round values inside the range.
    pub ticks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// An axis over `low..=high` with about `count` ticks; it ends on ticks at both sides.
    pub(crate) fn covering(low: f64, high: f64, count: usize) -> Self {
        let (low, high) =
            if high - low > f64::EPSILON * high.abs().max(low.abs()) { (low, high) } else { widened(low) };
        let step = round_step((high - low) / count.max(1) as f64);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        Self::of(first, last, step, ((first * step).min(low), (last * step).max(high)))
    }

    /// An axis over exactly `low..=high` with whole numbers as ticks: for steps. A single step stands in the middle.
    pub(crate) fn steps(low: f64, high: f64, count: usize) -> Self {
        if high <= low {
            return Self { range: (low - 1.0, low + 1.0), ticks: vec![low], step: 1.0 };
        }
        let step = round_step((high - low) / count.max(1) as f64).max(1.0).round();
        Self::of((low / step).ceil(), (high / step).floor(), step, (low, high))
    }

    fn of(first: f64, last: f64, step: f64, range: (f64, f64)) -> Self {
        let count = (last - first).round().clamp(0.0, 100.0) as i64;
        Self { range, ticks: (0..=count).map(|index| (first + index as f64) * step).collect(), step }
    }

    /// Place of a value in the range: 0 at the low end, 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        (value - self.range.0) / (self.range.1 - self.range.0)
    }

    /// Text of a tick, with the digits that tell it from the next.
    pub(crate) fn label(&self, tick: f64, unit: Unit) -> String {
        let largest = self.range.0.abs().max(self.range.1.abs());
        match unit {
            Unit::Percent => format!("{} %", digits(tick * 100.0, decimals(self.step * 100.0))),
            _ if tick == 0.0 => "0".to_owned(),
            Unit::Seconds if (1e-3..1e3).contains(&largest) => format!("{} s", digits(tick, decimals(self.step))),
            _ if !(1e-3..1e12).contains(&largest) => scientific(tick),
            _ if largest >= 1e3 => number(tick),
            _ => digits(tick, decimals(self.step)),
        }
    }
}

/// The number to three or four digits: 0.0123, 4.57, 812, 12.3k, 1.5e-6.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value == 0.0 => "0".to_owned(),
        s if !(1e-3..1e12).contains(&s) => scientific(value),
        s if s >= 1e9 => format!("{}G", digits(value / 1e9, 2)),
        s if s >= 1e6 => format!("{}M", digits(value / 1e6, 2)),
        s if s >= 1e4 => format!("{}k", digits(value / 1e3, 1)),
        s if s >= 1e2 => digits(value, 0),
        s if s >= 1.0 => digits(value, 2),
        _ => digits(value, 4),
    }
}

/// Seconds as 850 ms, 12.3 s, 4 min 10 s, 2 h 5 min.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as i64;
    match seconds {
        s if s < 0.0 => format!("-{}", duration(-s)),
        0.0 => "0 s".to_owned(),
        s if s < 1e-3 => format!("{} µs", digits(s * 1e6, 0)),
        s if s < 1.0 => format!("{} ms", digits(s * 1e3, 0)),
        s if s < 100.0 => format!("{} s", digits(s, 1)),
        s if s < 3600.0 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The value to so many decimals, without trailing zeros.
fn digits(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((head, exponent)) if head.contains('.') => {
            format!("{}e{exponent}", head.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// Digits after the point that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    let mut decimals = 0;
    let mut scaled = step.abs();
    while decimals < 9 && (scaled - scaled.round()).abs() > 1e-6 * scaled {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals
}

/// Smallest of 1, 2, 2.5, 5, 10 times a power of ten that is no smaller than `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let choices = [1.0, 2.0, 2.5, 5.0, 10.0];
    choices.iter().map(|choice| choice * power).find(|step| *step >= raw * 0.999).unwrap_or(raw)
}

fn widened(value: f64) -> (f64, f64) {
    if value == 0.0 { (0.0, 1.0) } else { (value - value.abs() * 0.1, value + value.abs() * 0.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        let axis = Axis::covering(0.03, 0.91, 4);
        assert_eq!(axis.range, (0.0, 1.0));
        assert_eq!(
            axis.ticks.iter().map(|tick| axis.label(*tick, Unit::Percent)).collect::<Vec<_>>(),
            ["0 %", "25 %", "50 %", "75 %", "100 %"]
        );
        let flat = Axis::covering(5.0, 5.0, 4);
        assert!(flat.range.0 < 5.0 && flat.range.1 > 5.0);
        let small = Axis::covering(0.0, 3.2e-6, 4);
        assert_eq!(small.label(small.ticks[1], Unit::Plain), "1e-6");
        let steps = Axis::steps(1.0, 37.0, 5);
        assert_eq!((steps.range, steps.ticks), ((1.0, 37.0), vec![10.0, 20.0, 30.0]));
        let one = Axis::steps(900.0, 900.0, 5);
        assert_eq!((one.place(900.0), one.ticks), (0.5, vec![900.0]));
    }

    #[test]
    fn odd_ranges_give_finite_axes() {
        for (low, high) in [(0.0, 0.0), (-3.0, -3.0), (-1.0, 1e-12), (1e15, 1e15 + 1.0), (-5.5, 2.0)] {
            let axis = Axis::covering(low, high, 4);
            assert!(axis.range.0 <= low && axis.range.1 >= high && axis.ticks.len() > 1, "{low} {high} {axis:?}");
        }
    }

    #[test]
    fn numbers_read_well() {
        let shown = [0.0, 0.01234, 4.5678, 812.4, 12_345.0, 3_400_000.0, 1.5e-6].map(number);
        assert_eq!(shown, ["0", "0.0123", "4.57", "812", "12.3k", "3.4M", "1.5e-6"]);
        assert_eq!([0.25, 12.34, 250.0, 7500.0].map(duration), ["250 ms", "12.3 s", "4 min 10 s", "2 h 5 min"]);
        assert_eq!(Unit::Percent.show(0.4567), "45.7 %");
    }
}
