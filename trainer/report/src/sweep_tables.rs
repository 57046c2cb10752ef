//! Tables of a sweep's page: a figure by arm, every seed's own value, the arms' configurations, cost, cells. Must not
//! know how a figure is compared.

use std::collections::BTreeSet;
use std::fmt::Write;

use record::machines::Machine;
use sweep::measured::CellState;
use sweep::result::{ArmResult, CellResult, FigureName, FigureTable, SweepResult};

use super::arm_change::ArmChange;
use super::axis::{Unit, number};
use super::html::escape;

/// A figure's table; its first columns, `num_words` of them, are words and not numbers.
pub(crate) fn figure(table: &FigureTable, num_words: usize) -> String {
    let mut out = rows(&table.head, num_words, table.rows.iter().cloned());
    if !table.foot.is_empty() {
        let _ = write!(out, "<p class=\"facts\">{}</p>", escape(&table.foot.join(" ")));
    }
    out
}

/// Every seed's own value of a figure, folded away.
pub(crate) fn seeds(result: &SweepResult, figure: &FigureName) -> String {
    let seeds: Vec<u64> = result.arms.iter().flat_map(|arm| arm.seeds.iter().copied()).collect();
    let mut all = seeds;
    all.sort_unstable();
    all.dedup();
    let head: Vec<String> =
        std::iter::once("arm".to_owned()).chain(all.iter().map(|seed| format!("seed {seed}"))).collect();
    let row = |arm: &ArmResult| {
        let value = |seed: &u64| {
            let found = arm.figures.get(&figure.name)?.seeds.iter().find(|found| found.seed == *seed)?;
            Some(found.value.map_or_else(|| "lost".to_owned(), |value| figure.unit.show(value)))
        };
        let values = all.iter().map(|seed| value(seed).unwrap_or_default());
        std::iter::once(arm.name.clone()).chain(values).collect()
    };
    let table = rows(&head, 1, result.arms.iter().map(row));
    format!("<details><summary>Every seed's value</summary>{table}</details>")
}

/// What each arm changes of the base's configuration.
pub(crate) fn changes(changes: &[ArmChange]) -> String {
    let head = ["arm", "key", "base", "arm's value"].map(str::to_owned);
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let row =
        |change: &ArmChange| vec![change.arm.clone(), change.key.clone(), shown(&change.base), shown(&change.value)];
    rows(&head, head.len(), changes.iter().map(row))
}

/// Mean cost of a cell by arm, and what the arm took in all.
pub(crate) fn cost(result: &SweepResult) -> String {
    let head = ["arm", "cells done", "steps", "tokens", "time in steps", "all cells"].map(str::to_owned);
    let row = |arm: &ArmResult| {
        let of =
            |part: fn(&sweep::result::ArmBudget) -> String| arm.budget.as_ref().map_or_else(|| "–".to_owned(), part);
        let seconds: f64 = result.cells.iter().filter(|cell| cell.arm == arm.name).map(|cell| cell.seconds).sum();
        vec![
            arm.name.clone(),
            format!("{} of {}", arm.num_done, arm.seeds.len()),
            of(|budget| number(budget.steps)),
            of(|budget| number(budget.tokens)),
            of(|budget| Unit::Seconds.show(budget.seconds)),
            Unit::Seconds.show(seconds),
        ]
    };
    rows(&head, 1, result.arms.iter().map(row))
}

/// Cells with their states; those that failed with their last words.
pub(crate) fn cells(result: &SweepResult) -> String {
    let head = ["arm", "seed", "state", "time", "computed on", "folder"].map(str::to_owned);
    let mut out = opening(&head, |column| [0, 2, 4, 5].contains(&column));
    for cell in &result.cells {
        let (class, state) = match cell.state {
            CellState::Waiting => ("same", "waiting"),
            CellState::Started => ("same", "under way"),
            CellState::Done => ("up", "done"),
            CellState::Failed => ("down", "failed"),
        };
        let words = cell.failure.as_deref().map(|words| format!(" <span class=\"facts\">{}</span>", escape(words)));
        let _ = write!(
            out,
            "<tr><th>{}</th><td>{}</td><td class=\"words\"><span class=\"{class}\">{state}</span>{}</td><td>{}</td>\
             <td class=\"words\">{}</td><td class=\"words\"><code>{}</code></td></tr>",
            escape(&cell.arm),
            cell.seed,
            words.unwrap_or_default(),
            escape(&Unit::Seconds.show(cell.seconds)),
            escape(&machines(cell)),
            escape(&cell.folder)
        );
    }
    out + "</tbody></table></div>"
}

/// The machines that computed a cell.
fn machines(cell: &CellResult) -> String {
    let all = cell.computed_by.values().flat_map(|by| &by.machines).map(Machine::to_string);
    all.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join("; ")
}

fn opening(head: &[String], is_words: impl Fn(usize) -> bool) -> String {
    let cell = |(column, words): (usize, &String)| {
        format!("<th{}>{}</th>", if is_words(column) { " class=\"words\"" } else { "" }, escape(words))
    };
    let cells: String = head.iter().enumerate().map(cell).collect();
    format!("<div class=\"wide\"><table class=\"arms\"><thead><tr>{cells}</tr></thead><tbody>")
}

fn rows(head: &[String], num_words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = opening(head, |column| column < num_words);
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = match column {
                0 => write!(out, "<th>{}</th>", escape(cell)),
                _ if column < num_words => write!(out, "<td class=\"words\">{}</td>", escape(cell)),
                _ => write!(out, "<td>{}</td>", escape(cell)),
            };
        }
        out.push_str("</tr>");
    }
    out + "</tbody></table></div>"
}
