//! The page of a sweep: its notes, each figure's differences, curves and values, what the arms change, cost and cells;
//! and each picture as a file beside it. Must not know how a figure is compared.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use record::RecordError;
use record::atomic::write_file;
use sweep::measured::{CellState, MeasuredCell};
use sweep::result::{FigureName, SweepResult};

use super::arm_change::ArmChange;
use super::axis::Unit;
use super::html::{self, escape};
use super::picture::Picture;
use super::{sweep_curves, sweep_forest, sweep_tables};

/// What a sweep's page shows.
#[derive(Debug, Clone, Copy)]
pub struct SweepPage<'a> {
    /// The result.
    pub result: &'a SweepResult,
    /// Its cells, with their curves.
    pub cells: &'a [MeasuredCell],
    /// What the arms change of the base's configuration.
    pub changes: &'a [ArmChange],
}

/// Writes `report.html` into a sweep's folder, and the pictures as SVG into its `pictures/`. Gives the paths, the page
/// first.
///
/// # Errors
/// A file cannot be written.
pub fn write_sweep(folder: &Path, page: &SweepPage<'_>) -> Result<Vec<PathBuf>, RecordError> {
    let mut paths = vec![folder.join("report.html")];
    let mut body = header(page.result);
    let mut taken = HashSet::new();
    for (place, figure) in page.result.figures.iter().enumerate() {
        let drawings = Drawings::of(page, figure);
        let name = file_name(&figure.name, place, &mut taken);
        for (kind, picture) in drawings.each() {
            let path = folder.join("pictures").join(format!("{kind}-{name}.svg"));
            write_file(&path, picture.file().as_bytes())?;
            paths.push(path);
        }
        body.push_str(&figure_section(page, place, figure, &drawings));
    }
    body.push_str(&closing_sections(page));
    let text = html::opening(&page.result.name, "ablation") + &body + &html::closing("", "");
    write_file(&paths[0], text.as_bytes())?;
    Ok(paths)
}

/// Pictures of one figure.
struct Drawings {
    differences: Option<Picture>,
    curves: Option<Picture>,
}

impl Drawings {
    fn of(page: &SweepPage<'_>, figure: &FigureName) -> Self {
        let arms: Vec<&str> = page.result.arms.iter().map(|arm| arm.name.as_str()).collect();
        Self {
            differences: sweep_forest::draw(page.result, figure),
            curves: sweep_curves::draw(figure, &arms, page.cells),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &Picture)> {
        let named = [("differences", &self.differences), ("curves", &self.curves)];
        named.into_iter().filter_map(|(kind, picture)| Some((kind, picture.as_ref()?)))
    }
}

fn header(result: &SweepResult) -> String {
    let mut out = format!("<header><p class=\"kicker\">ablation</p><h1>{}</h1></header>", escape(&result.name));
    let count = |state: CellState| result.cells.iter().filter(|cell| cell.state == state).count();
    let num_seeds = result.arms.iter().find(|arm| arm.name == result.base).map_or(0, |base| base.seeds.len());
    let done = format!("{} <span>of {}</span>", count(CellState::Done), result.cells.len());
    let seconds: f64 = result.cells.iter().map(|cell| cell.seconds).sum();
    let mut tiles = vec![
        ("base", escape(&result.base)),
        ("arms beside it", (result.arms.len() - 1).to_string()),
        ("seeds", num_seeds.to_string()),
        ("cells done", done),
        ("time of all cells", escape(&Unit::Seconds.show(seconds))),
    ];
    if count(CellState::Failed) > 0 {
        tiles.push(("failed", format!("<span class=\"down\">{}</span>", count(CellState::Failed))));
    }
    out.push_str("<dl class=\"tiles\">");
    for (label, value) in tiles {
        let _ = write!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>");
    if !result.notes.is_empty() {
        out.push_str("<ul class=\"notes\">");
        for note in &result.notes {
            let _ = write!(out, "<li>{}</li>", escape(note));
        }
        out.push_str("</ul>");
    }
    out
}

fn figure_section(page: &SweepPage<'_>, place: usize, figure: &FigureName, drawings: &Drawings) -> String {
    let result = page.result;
    let kind = if place == 0 { " <span class=\"same\">primary figure</span>" } else { "" };
    let mut out = format!("<section class=\"stage\"><h2>{}{kind}</h2>", escape(&figure.name));
    if let Some(table) = result.tables().get(place) {
        out.push_str(&sweep_tables::figure(table, 1));
    }
    if let Some(table) = result.claims_table().filter(|_| place == 0) {
        let _ = write!(out, "<h3>{}</h3>{}", escape(&table.title), sweep_tables::figure(&table, 3));
    }
    out.push_str("<div class=\"pictures\">");
    if let Some(picture) = &drawings.differences {
        let base = escape(&result.base);
        let _ = write!(
            out,
            "<figure><figcaption><h4>Differences to {base}</h4><p class=\"facts\">95 % intervals.</p></figcaption>{}\
             </figure>",
            picture.inline()
        );
    }
    if let Some(picture) = &drawings.curves {
        let _ = write!(
            out,
            "<figure><figcaption><h4>Over the steps</h4><p class=\"facts\">Line: mean over seeds; band: lowest to \
             highest seed; at the steps that all seeds of an arm have.</p></figcaption>{}</figure>",
            picture.inline()
        );
    }
    out + "</div>" + &sweep_tables::seeds(result, figure) + "</section>"
}

fn closing_sections(page: &SweepPage<'_>) -> String {
    let mut out = String::from("<section class=\"stage\"><h2>What the arms change</h2>");
    if page.changes.is_empty() {
        out.push_str("<p class=\"facts\">No arm changes the base's configuration.</p>");
    } else {
        out.push_str(&sweep_tables::changes(page.changes));
    }
    let _ = write!(
        out,
        "</section><section class=\"stage\"><h2>Cost</h2>{}<p class=\"facts\">Means of the cells that are done; the \
         last column sums all cells of the arm, without what arms share.</p></section><section class=\"stage\">\
         <h2>Cells</h2>{}</section>",
        sweep_tables::cost(page.result),
        sweep_tables::cells(page.result)
    );
    out
}

/// The figure's name as part of a file's name; its place is added where two become alike.
fn file_name(figure: &str, place: usize, taken: &mut HashSet<String>) -> String {
    let plain: String =
        figure.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
    let name = if plain.is_empty() || taken.contains(&plain) { format!("{plain}-{place}") } else { plain };
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests;
