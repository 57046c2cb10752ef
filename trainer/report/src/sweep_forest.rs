//! Differences of arms to the base with their intervals, a row an arm: the picture that reviews call a forest plot.
//! Must not know how an interval is made.

use sweep::claims::FLOOR_ARM;
use sweep::result::{Claim, ClaimResult, DifferenceResult, FigureName, SweepResult, p_text};

use super::axis::{Axis, Unit};
use super::picture::{Picture, colour, dot, line, shortened, text};

const WIDTH: f64 = 680.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 160.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 50.0;
const ROW: f64 = 44.0;

/// The differences of a figure; `None` where no arm has one.
pub(crate) fn draw(result: &SweepResult, figure: &FigureName) -> Option<Picture> {
    let rows: Vec<&DifferenceResult> = result.differences_of(&figure.name).collect();
    let scaled = |value: f64| figure.unit.scaled(value);
    let ends = rows.iter().flat_map(|row| row.claims.iter().filter_map(|claim| claim.interval).flatten());
    let own = rows.iter().filter_map(|row| row.difference);
    let seeds = rows.iter().flat_map(|row| row.seeds.iter().map(|seed| seed.difference));
    let values: Vec<f64> = ends.chain(own).chain(seeds).map(scaled).collect();
    if values.is_empty() {
        return None;
    }
    let (low, high) = values.iter().fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(*value), high.max(*value)));
    let frame = ForestFrame { x: Axis::covering(low, high, 6), bottom: TOP + ROW * rows.len() as f64 };
    let mut body = frame.grid(&result.base, figure);
    for (index, row) in rows.iter().enumerate() {
        body.push_str(&frame.row(result, figure, index, row));
    }
    body.push_str(&legend(&rows));
    let title = format!("{}: differences to {} with 95 % intervals", figure.name, result.base);
    Some(Picture { width: WIDTH, height: frame.bottom + BOTTOM, title, body })
}

struct ForestFrame {
    x: Axis,
    bottom: f64,
}

impl ForestFrame {
    fn place(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn grid(&self, base: &str, figure: &FigureName) -> String {
        let mut out = String::new();
        for tick in &self.x.ticks {
            let x = self.place(*tick);
            let class = if *tick == 0.0 { "axis" } else { "grid" };
            out.push_str(&line(class, (x, TOP), (x, self.bottom)));
            let label = self.x.label(*tick, Unit::Plain).replacen('-', "−", 1);
            out.push_str(&text("tick x", x, self.bottom + 17.0, &label));
        }
        let unit = figure.unit.of_differences();
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        let words = format!("{}: difference to {}{unit}", shortened(&figure.name, 30), shortened(base, 20));
        out + &text("x", f64::midpoint(LEFT, WIDTH - RIGHT), self.bottom + 38.0, &words)
    }

    fn row(&self, result: &SweepResult, figure: &FigureName, index: usize, row: &DifferenceResult) -> String {
        let middle = TOP + ROW * (index as f64 + 0.5);
        // The base has the first colour in the curves.
        let place = result.arms.iter().position(|arm| arm.name == row.arm).unwrap_or(index + 1);
        let (class, _) = colour(place);
        let name = if row.arm == FLOOR_ARM { format!("{FLOOR_ARM} (floor)") } else { shortened(&row.arm, 20) };
        let mut out = text("label end", LEFT - 14.0, middle + 4.0, &name);
        let Some(difference) = row.difference else {
            return out + &text("tick", LEFT + 8.0, middle + 4.0, "no whole pair");
        };
        let at = |difference: f64| self.place(figure.unit.scaled(difference));
        let shown = shown_claims(row);
        for (number, claim) in shown.iter().enumerate() {
            let y = if shown.len() == 1 { middle } else { middle - 7.0 + 14.0 * number as f64 };
            out.push_str(&self.interval(figure, claim, number == 0, &class, y));
            let mark = if number == 0 { format!("dot {class}") } else { format!("hollow {class}") };
            out.push_str(&dot(&mark, (at(claim.difference), y), if number == 0 { 5.0 } else { 4.0 }));
        }
        if shown.is_empty() {
            out.push_str(&dot(&format!("dot {class}"), (at(difference), middle), 5.0));
        }
        for seed in row.seeds.iter().filter(|_| row.seeds.len() > 1) {
            let x = self.place(figure.unit.scaled(seed.difference));
            out.push_str(&dot(&format!("dot seed {class}"), (x, middle + 16.0), 2.2));
        }
        out + &words(result, figure, row, middle)
    }

    fn interval(&self, figure: &FigureName, claim: &ClaimResult, is_first: bool, class: &str, y: f64) -> String {
        let Some(ends) = claim.interval else { return String::new() };
        let [low, high] = ends.map(|end| self.place(figure.unit.scaled(end)));
        let style = if is_first { format!("line {class}") } else { format!("line thin {class}") };
        let cap = |x: f64| line(&style, (x, y - 4.0), (x, y + 4.0));
        format!("{}{}{}", line(&style, (low, y), (high, y)), cap(low), cap(high))
    }
}

/// The claim that the sweep's file chose, then the others.
fn shown_claims(row: &DifferenceResult) -> Vec<&ClaimResult> {
    let mut shown: Vec<&ClaimResult> = row.claims.iter().collect();
    shown.sort_by_key(|claim| Some(claim.claim) != row.claim);
    shown
}

/// The difference with its interval, and the corrected p-value of the primary figure.
fn words(result: &SweepResult, figure: &FigureName, row: &DifferenceResult, middle: f64) -> String {
    let signed = |value: f64| figure.unit.show_signed(value);
    let mark = if result.is_marked(row) { "*" } else { "" };
    let x = WIDTH - RIGHT + 18.0;
    let value = row.difference.map(signed).unwrap_or_default();
    let interval = match row.interval {
        Some([low, high]) => format!("{} to {}", signed(low), signed(high)),
        None => "no interval".to_owned(),
    };
    let p_value = match row.p_corrected {
        Some(p_value) => format!("  p {}", p_text(p_value)),
        None => String::new(),
    };
    let first = text("label strong", x, middle - 3.0, &format!("{value}{mark}{p_value}"));
    first + &text("tick", x, middle + 13.0, &interval)
}

/// What filled and hollow dots stand for, over the plot.
fn legend(rows: &[&DifferenceResult]) -> String {
    let Some(row) = rows.iter().max_by_key(|row| row.claims.len()) else { return String::new() };
    let mut x = LEFT;
    let mut out = String::new();
    let mut add = |class: &str, radius: f64, words: &str| {
        out.push_str(&dot(class, (x + 5.0, 14.0), radius));
        out.push_str(&text("tick", x + 15.0, 18.0, words));
        x += 36.0 + 6.0 * words.chars().count() as f64;
    };
    for (number, claim) in shown_claims(row).iter().enumerate() {
        let words = if claim.claim == Claim::TheseTrainings { "over tasks, one seed" } else { claim.claim.title() };
        if number == 0 { add("dot c7", 5.0, words) } else { add("hollow c7", 4.0, words) }
    }
    if row.seeds.len() > 1 {
        add("dot seed c7", 2.2, "each seed");
    }
    out
}
