//! Charts as inline SVG: lines with the raw points behind a smoothed curve, and stacked areas.
//! Must not know which metric is drawn. Colours are classes `c0`..`c7` of the page's style sheet.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::json;

use super::axis::{Axis, Unit};
use super::html::escape;
use super::series::Series;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
const COLOURS: usize = 8;
/// Most points drawn of one series; more are thinned.
const POINTS: usize = 300;
/// Least number of points of a series that is smoothed; shorter ones are drawn as they are, a dot a point.
const SMOOTH_FROM: usize = 16;

/// Least range of the value axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// The values and no more.
    Tight,
    /// Zero and the values.
    FromZero,
    /// All of 0..=1, and the values.
    Whole,
}

/// A chart of at least one series.
pub(crate) struct Chart {
    pub title: String,
    pub unit: Unit,
    pub range: Range,
    /// True for series that are parts of a sum, drawn on top of one another.
    pub stacked: bool,
    pub series: Vec<Series>,
}

impl Chart {
    /// The chart with its heading and legend, as a `figure` element.
    pub(crate) fn draw(&self) -> String {
        let svg = if self.stacked { self.draw_stacked() } else { self.draw_lines() };
        format!("<figure><figcaption><h4>{}</h4>{}</figcaption>{svg}</figure>\n", escape(&self.title), self.legend())
    }

    fn legend(&self) -> String {
        let mut out = String::from("<ul class=\"legend\">");
        for (index, series) in self.series.iter().enumerate() {
            let value = escape(&self.unit.show(series.last()));
            let colour = index % COLOURS;
            let _ = write!(out, "<li><i class=\"c{colour}\"></i>{} <b>{value}</b></li>", escape(&series.label));
        }
        out + "</ul>"
    }

    fn draw_lines(&self) -> String {
        let frame = Frame::around(self.range, &self.series);
        let mut body = String::new();
        for (index, series) in self.series.iter().enumerate() {
            let colour = index % COLOURS;
            let raw = frame.line(&series.thinned(POINTS).points);
            if series.points.len() < SMOOTH_FROM {
                let _ =
                    write!(body, "<path class=\"line c{colour}\" d=\"{raw}\"/>{}", frame.dots(&series.points, colour));
            } else if !series.is_noisy() {
                let _ = write!(body, "<path class=\"line c{colour}\" d=\"{raw}\"/>");
            } else {
                let smooth = frame.line(&series.smoothed().thinned(POINTS).points);
                let _ = write!(
                    body,
                    "<path class=\"raw c{colour}\" d=\"{raw}\"/><path class=\"line c{colour}\" d=\"{smooth}\"/>"
                );
            }
        }
        self.svg(&frame, &body)
    }

    /// Areas on top of one another. Parts that lack a step count as 0 there.
    fn draw_stacked(&self) -> String {
        let parts: Vec<Series> = on_common_steps(&self.series).iter().map(|part| part.thinned(POINTS)).collect();
        let mut edge: Vec<(f64, f64)> =
            parts.first().map(|part| part.points.iter().map(|p| (p.0, 0.0)).collect()).unwrap_or_default();
        let mut edges = vec![edge.clone()];
        for part in &parts {
            edge = edge.iter().zip(&part.points).map(|(below, point)| (below.0, below.1 + point.1.max(0.0))).collect();
            edges.push(edge.clone());
        }
        let total = Series { label: String::new(), points: edge };
        let frame = Frame::around(Range::FromZero, std::slice::from_ref(&total));
        let mut body = String::new();
        for (index, pair) in edges.windows(2).enumerate() {
            let back: Vec<(f64, f64)> = pair[0].iter().rev().copied().collect();
            let (up, down) = (frame.line(&pair[1]), frame.line(&back).replacen('M', "L", 1));
            let _ = write!(body, "<path class=\"area c{}\" d=\"{up}{down}Z\"/>", index % COLOURS);
        }
        self.svg(&frame, &body)
    }

    fn svg(&self, frame: &Frame, body: &str) -> String {
        let shown: Vec<_> =
            self.series.iter().map(|series| json!({"n": series.label, "p": hover_points(series)})).collect();
        let data = json!({"x": [frame.x.range.0, frame.x.range.1], "unit": self.unit.as_str(), "series": shown});
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\" data-left=\"{LEFT}\" \
             data-right=\"{}\" data-chart=\"{}\">{}{body}<line class=\"cursor\" y1=\"{TOP}\" y2=\"{}\"/></svg>",
            escape(&self.title),
            WIDTH - RIGHT,
            escape(&data.to_string()),
            frame.grid(self.unit),
            HEIGHT - BOTTOM
        )
    }
}

/// Drawing area with its two axes.
struct Frame {
    x: Axis,
    y: Axis,
}

impl Frame {
    fn around(range: Range, series: &[Series]) -> Self {
        let points = || series.iter().flat_map(|series| &series.points);
        let (first, last) = extent(points().map(|point| point.0));
        let (low, high) = extent(points().map(|point| point.1));
        let (low, high) = match range {
            Range::Tight => (low, high),
            Range::FromZero => (low.min(0.0), high.max(0.0)),
            Range::Whole => (low.min(0.0), high.max(1.0)),
        };
        Self { x: Axis::steps(first, last, 6), y: Axis::covering(low, high, 4) }
    }

    fn at(&self, point: (f64, f64)) -> (f64, f64) {
        let x = LEFT + self.x.place(point.0) * (WIDTH - LEFT - RIGHT);
        let y = HEIGHT - BOTTOM - self.y.place(point.1) * (HEIGHT - TOP - BOTTOM);
        (x, y)
    }

    fn line(&self, points: &[(f64, f64)]) -> String {
        let mut out = String::new();
        for (index, point) in points.iter().enumerate() {
            let (x, y) = self.at(*point);
            let _ = write!(out, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        out
    }

    fn dots(&self, points: &[(f64, f64)], colour: usize) -> String {
        let mut out = String::new();
        for point in points {
            let (x, y) = self.at(*point);
            let _ = write!(out, "<circle class=\"dot c{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>");
        }
        out
    }

    fn grid(&self, unit: Unit) -> String {
        let mut out = String::new();
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in &self.y.ticks {
            let (_, y) = self.at((self.x.range.0, *tick));
            let label = escape(&self.y.label(*tick, unit));
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick y\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                LEFT - 6.0,
                y + 3.5
            );
        }
        let _ = write!(out, "<text class=\"tick y\" x=\"{}\" y=\"{}\">step</text>", LEFT - 6.0, bottom + 16.0);
        for tick in &self.x.ticks {
            let (x, _) = self.at((*tick, self.y.range.0));
            let label = escape(&self.x.label(*tick, Unit::Count));
            let _ = write!(
                out,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\"/>\
                 <text class=\"tick x\" x=\"{x:.1}\" y=\"{}\">{label}</text>",
                bottom + 4.0,
                bottom + 16.0
            );
        }
        out
    }
}

/// Every series on the union of their steps, 0 where it has no value.
fn on_common_steps(series: &[Series]) -> Vec<Series> {
    let mut steps: Vec<f64> = series.iter().flat_map(|series| series.points.iter().map(|point| point.0)).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let spread = |part: &Series| {
        let values: HashMap<u64, f64> = part.points.iter().map(|point| (point.0.to_bits(), point.1)).collect();
        let value = |step: &f64| values.get(&step.to_bits()).copied().unwrap_or(0.0);
        steps.iter().map(|step| (*step, value(step))).collect()
    };
    series.iter().map(|part| Series { label: part.label.clone(), points: spread(part) }).collect()
}

/// The points the pointer can read, to six digits.
fn hover_points(series: &Series) -> Vec<(f64, f64)> {
    let short = |value: f64| format!("{value:.5e}").parse().unwrap_or(value);
    series.thinned(POINTS).points.into_iter().map(|(step, value)| (step, short(value))).collect()
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(stacked: bool, series: &[&[(f64, f64)]]) -> String {
        let series = series
            .iter()
            .enumerate()
            .map(|(index, points)| Series { label: format!("s<{index}>"), points: points.to_vec() });
        Chart { title: "a & b".into(), unit: Unit::Plain, range: Range::FromZero, stacked, series: series.collect() }
            .draw()
    }

    #[test]
    fn every_point_of_a_short_series_is_there() {
        let svg = chart(false, &[&[(1.0, 0.0), (2.0, 5.0), (3.0, 10.0)]]);
        assert_eq!(svg.matches("<circle").count(), 3);
        // The frame is 52..390 by 184..10, and the values span it whole.
        assert!(svg.contains("d=\"M52.0 184.0L221.0 97.0L390.0 10.0\""), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("s&lt;0&gt;") && !svg.contains("s<0>"));
    }

    #[test]
    fn a_long_series_has_a_raw_and_a_smoothed_line() {
        let points: Vec<(f64, f64)> = (1..=1000).map(|step| (f64::from(step), f64::from(step % 7))).collect();
        let svg = chart(false, &[&points]);
        assert!(svg.contains("class=\"raw c0\"") && svg.contains("class=\"line c0\"") && !svg.contains("<circle"));
        assert!(svg.len() < 40_000, "{}", svg.len());
    }

    #[test]
    fn stacked_parts_reach_their_sum() {
        let svg = chart(true, &[&[(1.0, 4.0), (2.0, 4.0)], &[(1.0, 6.0)]]);
        assert_eq!(svg.matches("class=\"area").count(), 2);
        // At step 1 the second part ends at 10, the top of the axis; at step 2 it lacks a value and stays on the first.
        let middle = 184.0 - 0.4 * 174.0;
        assert!(svg.contains(&format!("M52.0 10.0L390.0 {middle:.1}L390.0 {middle:.1}L52.0 {middle:.1}Z")), "{svg}");
    }

    #[test]
    fn one_point_and_equal_values_draw_finite_numbers() {
        for svg in [
            chart(false, &[&[(5.0, 0.0)]]),
            chart(false, &[&[(1.0, -2.0), (2.0, -2.0)]]),
            chart(true, &[&[(1.0, 0.0)]]),
        ] {
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
