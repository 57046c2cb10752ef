//! Curves of a figure by arm: a line of the mean over seeds, a band from the lowest to the highest seed. Must not know
//! how arms are compared.

use std::collections::BTreeMap;
use std::fmt::Write;

use sweep::measured::{CellState, MeasuredCell};
use sweep::result::FigureName;

use super::axis::{Axis, Unit};
use super::picture::{Picture, colour, dot, line, shortened, text};

const WIDTH: f64 = 680.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;
/// Least height of the plot; many arms need a longer legend.
const PLOT: f64 = 300.0;
const LEGEND_LINE: f64 = 19.0;
/// Most points with a dot each.
const DOTTED: usize = 16;

/// An arm at the steps that all of its seeds have.
struct Curve {
    arm: String,
    num_seeds: usize,
    /// Step, lowest, mean and highest.
    points: Vec<(f64, [f64; 3])>,
}

/// The curves of a figure; `None` where no arm has one.
pub(crate) fn draw(figure: &FigureName, arms: &[&str], cells: &[MeasuredCell]) -> Option<Picture> {
    let curves: Vec<Curve> = arms.iter().map(|arm| Curve::of(arm, figure, cells)).collect();
    let points = || curves.iter().flat_map(|curve| &curve.points);
    points().next()?;
    let (first, last) = extent(points().map(|point| point.0));
    let (low, high) = extent(points().flat_map(|point| point.1));
    let plot = PLOT.max(LEGEND_LINE * curves.len() as f64);
    let frame = CurveFrame { x: Axis::steps(first, last, 6), y: Axis::covering(low, high, 5), plot };
    let mut body = frame.grid(figure);
    for (index, curve) in curves.iter().enumerate() {
        body.push_str(&frame.band(index, curve));
    }
    for (index, curve) in curves.iter().enumerate() {
        body.push_str(&frame.line(index, curve));
    }
    body.push_str(&legend(&curves));
    let title = format!("{} over the steps, by arm", figure.name);
    Some(Picture { width: WIDTH, height: TOP + plot + BOTTOM, title, body })
}

impl Curve {
    fn of(arm: &str, figure: &FigureName, cells: &[MeasuredCell]) -> Self {
        let has_ended = |cell: &&MeasuredCell| cell.arm == arm && cell.state != CellState::Failed;
        let seeds: Vec<BTreeMap<u64, f64>> = cells
            .iter()
            .filter(has_ended)
            .filter_map(|cell| cell.figures.get(&figure.name))
            .map(|found| found.curve.iter().copied().filter(|point| point.1.is_finite()).collect())
            .filter(|curve: &BTreeMap<u64, f64>| !curve.is_empty())
            .collect();
        // A mean of those seeds that got so far would jump where one of them ends.
        let at = |step: &u64| {
            let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.get(step).copied()).collect();
            let values = values?;
            let (low, high) = extent(values.iter().copied());
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Some((*step as f64, [low, mean, high].map(|value| figure.unit.scaled(value))))
        };
        let points = seeds.first().map(|first| first.keys().filter_map(at).collect()).unwrap_or_default();
        Self { arm: arm.to_owned(), num_seeds: seeds.len(), points }
    }
}

struct CurveFrame {
    x: Axis,
    y: Axis,
    plot: f64,
}

impl CurveFrame {
    fn at(&self, step: f64, value: f64) -> (f64, f64) {
        let x = LEFT + self.x.place(step) * (WIDTH - LEFT - RIGHT);
        (x, TOP + (1.0 - self.y.place(value)) * self.plot)
    }

    fn grid(&self, figure: &FigureName) -> String {
        let (right, bottom) = (WIDTH - RIGHT, TOP + self.plot);
        let mut out = String::new();
        for tick in &self.y.ticks {
            let (_, y) = self.at(self.x.range.0, *tick);
            out.push_str(&line("grid", (LEFT, y), (right, y)));
            out.push_str(&text("tick y", LEFT - 8.0, y + 4.0, &self.y.label(*tick, Unit::Plain)));
        }
        out.push_str(&line("axis", (LEFT, bottom), (right, bottom)));
        for tick in &self.x.ticks {
            let (x, _) = self.at(*tick, self.y.range.0);
            out.push_str(&line("axis", (x, bottom), (x, bottom + 5.0)));
            out.push_str(&text("tick x", x, bottom + 19.0, &self.x.label(*tick, Unit::Count)));
        }
        out.push_str(&text("x", f64::midpoint(LEFT, right), bottom + 38.0, "step"));
        let unit = figure.unit.of_values();
        let name = shortened(&figure.name, 36);
        let label = if unit.is_empty() { name } else { format!("{name}, {unit}") };
        let middle = TOP + self.plot / 2.0;
        let turned = text("x", 16.0, middle, &label);
        out + &turned.replacen("<text", &format!("<text transform=\"rotate(-90 16 {middle:.1})\""), 1)
    }

    fn band(&self, index: usize, curve: &Curve) -> String {
        if curve.num_seeds < 2 {
            return String::new();
        }
        if let [(step, [low, _, high])] = curve.points[..] {
            let class = format!("line thin {}", colour(index).0);
            return line(&class, self.at(step, low), self.at(step, high));
        }
        let highs = curve.points.iter().map(|(step, values)| self.at(*step, values[2]));
        let lows = curve.points.iter().rev().map(|(step, values)| self.at(*step, values[0]));
        format!("<path class=\"band {}\" d=\"{}Z\"/>", colour(index).0, path(highs.chain(lows)))
    }

    fn line(&self, index: usize, curve: &Curve) -> String {
        let (class, dashes) = colour(index);
        let means = || curve.points.iter().map(|(step, values)| self.at(*step, values[1]));
        let mut out = format!("<path class=\"line {class}\"{dashes} d=\"{}\"/>", path(means()));
        if curve.points.len() <= DOTTED {
            means().for_each(|place| out.push_str(&dot(&format!("dot {class}"), place, 3.0)));
        }
        out
    }
}

fn path(places: impl Iterator<Item = (f64, f64)>) -> String {
    let mut out = String::new();
    for (number, (x, y)) in places.enumerate() {
        let _ = write!(out, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    out
}

fn legend(curves: &[Curve]) -> String {
    let x = WIDTH - RIGHT + 18.0;
    let mut out = String::new();
    for (index, curve) in curves.iter().enumerate() {
        let y = TOP + 10.0 + LEGEND_LINE * index as f64;
        let (class, dashes) = colour(index);
        let _ = write!(
            out,
            "<path class=\"line {class}\"{dashes} d=\"M{x:.1} {:.1}L{:.1} {:.1}\"/>{}",
            y - 4.0,
            x + 20.0,
            y - 4.0,
            text("label", x + 27.0, y, &shortened(&curve.arm, 19))
        );
    }
    out
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}
