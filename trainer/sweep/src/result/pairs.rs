//! Cells of two arms by pairs: which are whole, which lost a side, which are not done yet. Must not know any test.

use std::collections::BTreeSet;

use super::machines::UnlikePair;
use crate::claims::FLOOR_ARM;
use crate::measured::{CellState, MeasuredCell, MeasuredFigure};

/// Cells of an arm beside those of the base, for one figure.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    /// Pairs whose both sides have the figure.
    pub whole: Vec<Pair<'a>>,
    /// The base's seeds of pairs that lost a side.
    pub lost: Vec<u64>,
    /// The base's seeds of pairs that are not done yet.
    pub open: Vec<u64>,
    /// Whole pairs whose sides were not computed alike.
    pub unlike: Vec<UnlikePair>,
}

/// The figure of the base and of the arm under one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub seed: u64,
    pub base: &'a MeasuredFigure,
    pub arm: &'a MeasuredFigure,
}

/// One side of a pair.
enum Side<'a> {
    Measured(&'a MeasuredFigure),
    Lost,
    Open,
}

impl<'a> Pairs<'a> {
    /// Pairs of equal seed; the floor, whose seeds are others, is paired with the base by the seeds' order.
    pub(super) fn of(figure: &str, base: &[&'a MeasuredCell], arm: &[&'a MeasuredCell]) -> Self {
        let is_floor = arm.first().is_some_and(|cell| cell.arm == FLOOR_ARM);
        let in_order = |cells: &[&'a MeasuredCell]| {
            let mut cells = cells.to_vec();
            cells.sort_by_key(|cell| cell.seed);
            cells
        };
        let (by_seed, floor) = (in_order(base), in_order(arm));
        let mut pairs = Self { whole: Vec::new(), lost: Vec::new(), open: Vec::new(), unlike: Vec::new() };
        for (place, cell) in by_seed.into_iter().enumerate() {
            let other = if is_floor { floor.get(place) } else { floor.iter().find(|other| other.seed == cell.seed) };
            pairs.add(cell.seed, side(figure, Some(cell)), side(figure, other.copied()));
            let is_whole = pairs.whole.last().is_some_and(|pair| pair.seed == cell.seed);
            pairs.unlike.extend(other.filter(|_| is_whole).and_then(|other| UnlikePair::of(cell, other)));
        }
        pairs
    }

    fn add(&mut self, seed: u64, base: Side<'a>, arm: Side<'a>) {
        match (base, arm) {
            (Side::Measured(base), Side::Measured(arm)) => self.whole.push(Pair { seed, base, arm }),
            (Side::Lost, _) | (_, Side::Lost) => self.lost.push(seed),
            _ => self.open.push(seed),
        }
    }

    /// The differences, arm less base.
    pub(super) fn differences(&self) -> Vec<f64> {
        self.whole.iter().map(|pair| pair.arm.value - pair.base.value).collect()
    }

    /// Values of the tasks that all cells of the whole pairs have; `None` where a cell has none by task.
    pub(super) fn by_task(&self) -> Option<ByTask> {
        let sides = || self.whole.iter().flat_map(|pair| [pair.base, pair.arm]);
        let tables: Option<Vec<_>> = sides().map(|side| side.by_task.as_ref()).collect();
        let tables = tables?;
        let all: BTreeSet<&String> = tables.iter().flat_map(|table| table.keys()).collect();
        let common: Vec<&String> =
            all.iter().copied().filter(|id| tables.iter().all(|table| table.contains_key(*id))).collect();
        let values = |table: &std::collections::BTreeMap<String, f64>| {
            common.iter().filter_map(|id| table.get(*id).copied()).collect::<Vec<f64>>()
        };
        let rows: Vec<Vec<f64>> = tables.iter().map(|table| values(table)).collect();
        let is_finite = rows.iter().flatten().all(|value| value.is_finite());
        is_finite.then(|| ByTask { rows, num_left_out: all.len() - common.len() })
    }
}

/// Values by task.
#[derive(Debug)]
pub(super) struct ByTask {
    /// The base's row and the arm's of each pair in turn, a value for each common task.
    rows: Vec<Vec<f64>>,
    /// Tasks that a cell lacks.
    pub num_left_out: usize,
}

impl ByTask {
    /// The differences by pair and task, arm less base.
    pub(super) fn differences(&self) -> Vec<Vec<f64>> {
        let difference = |pair: &[Vec<f64>]| pair[0].iter().zip(&pair[1]).map(|(base, arm)| arm - base).collect();
        self.rows.chunks_exact(2).map(difference).collect()
    }

    /// The base's values and the arm's of the first pair.
    pub(super) fn first_pair(&self) -> Option<(&[f64], &[f64])> {
        Some((self.rows.first()?, self.rows.get(1)?))
    }
}

fn side<'a>(figure: &str, cell: Option<&'a MeasuredCell>) -> Side<'a> {
    let Some(cell) = cell else { return Side::Lost };
    match cell.state {
        CellState::Waiting | CellState::Started => Side::Open,
        CellState::Failed => Side::Lost,
        CellState::Done => measured(figure, cell).map_or(Side::Lost, Side::Measured),
    }
}

/// The figure of a cell that is done, where it is a number.
pub(super) fn measured<'a>(figure: &str, cell: &'a MeasuredCell) -> Option<&'a MeasuredFigure> {
    let found = cell.figures.get(figure).filter(|found| found.value.is_finite())?;
    (cell.state == CellState::Done).then_some(found)
}
