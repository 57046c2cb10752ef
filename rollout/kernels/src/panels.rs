//! Numbers of rows, sixteen of each row at a time: `[columns / 16, rows, 16]`.
//!
//! What a product writes is what the next one reads: the sixteen numbers of each row of a tile lie side by side, and
//! threads that compute other columns write to other parts of the memory.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes, WIDTH};

/// Sixteen numbers in one line of a processor's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; WIDTH]);

/// Rows of numbers with a factor each. Columns from the last one up to a multiple of sixteen are zero.
#[derive(Debug, Default)]
pub struct Panels {
    num_rows: usize,
    num_columns: usize,
    /// `[panels, stride]`
    lines: Vec<Line>,
    /// `[rows]`: what a row's numbers count times for a product.
    factors: Vec<f32>,
}

impl Panels {
    /// Makes it so many rows of so many columns, whose numbers are any but zero behind the last column, and whose
    /// factors are 1. It keeps its memory.
    pub fn reset(&mut self, num_rows: usize, num_columns: usize) {
        let is_other = (num_rows, num_columns) != (self.num_rows, self.num_columns);
        (self.num_rows, self.num_columns) = (num_rows, num_columns);
        if is_other {
            self.lines.clear();
            self.lines.resize(num_columns.div_ceil(WIDTH) * self.stride(), Line::default());
        }
        self.factors.clear();
        self.factors.resize(num_rows, 1.0);
    }

    /// Rows of it.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Columns of it.
    pub fn num_columns(&self) -> usize {
        self.num_columns
    }

    /// Lines of a panel. An odd number: by a power of two, the lines of a row would all fall on the same few places of
    /// a cache.
    pub(crate) fn stride(&self) -> usize {
        self.num_rows | 1
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    pub(crate) fn factors(&self) -> &[f32] {
        &self.factors
    }

    /// Makes it the rows of `numbers` `[rows, columns]`.
    ///
    /// # Panics
    /// The numbers are not whole rows.
    pub fn fill(&mut self, numbers: &[f32], num_columns: usize) {
        assert!(numbers.len().is_multiple_of(num_columns), "whole rows");
        self.reset(numbers.len() / num_columns, num_columns);
        let stride = self.stride();
        for (row, numbers) in numbers.chunks_exact(num_columns).enumerate() {
            let lines = self.lines[row..].iter_mut().step_by(stride);
            for (line, numbers) in lines.zip(numbers.chunks(WIDTH)) {
                line.0[..numbers.len()].copy_from_slice(numbers);
            }
        }
    }

    /// Makes it some rows of another, with their factors.
    pub fn select(&mut self, from: &Self, rows: &[usize]) {
        self.reset(rows.len(), from.num_columns);
        let panels = from.lines.chunks(from.stride());
        for (panel, to) in panels.zip(self.lines.chunks_mut(rows.len() | 1)) {
            for (row, line) in rows.iter().zip(to) {
                *line = panel[*row];
            }
        }
        for (row, factor) in rows.iter().zip(&mut self.factors) {
            *factor = from.factors[*row];
        }
    }

    /// A row's numbers, to `to` `[columns]`.
    #[inline(always)]
    pub(crate) fn read(&self, row: usize, to: &mut [f32]) {
        let lines = self.lines[row..].iter().step_by(self.stride());
        for (line, to) in lines.zip(to.chunks_mut(WIDTH)) {
            to.copy_from_slice(&line.0[..to.len()]);
        }
    }

    /// Sets each row's factor to that of its root-mean-square norm, `1 / sqrt(mean(x²) + eps)`.
    pub fn normalise(&mut self, eps: f32) {
        run_widest(Normalise { panels: self, eps });
    }
}

struct Normalise<'a> {
    panels: &'a mut Panels,
    eps: f32,
}

impl Computation for Normalise<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Panels { num_rows, num_columns, lines, factors } = self.panels;
        let stride = *num_rows | 1;
        for (row, factor) in factors.iter_mut().enumerate() {
            let mut sum = L::splat(0.0);
            for line in lines[row..].iter().step_by(stride) {
                let numbers = L::load(&line.0);
                sum = numbers.mul_add(numbers, sum);
            }
            *factor = (sum.sum() / *num_columns as f32 + self.eps).sqrt().recip();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_they_were_filled_with() {
        let numbers: Vec<f32> = (0..5 * 37).map(|at| at as f32).collect();
        let mut panels = Panels::default();
        panels.fill(&numbers, 37);
        assert_eq!((panels.num_rows(), panels.num_columns()), (5, 37));
        let mut selected = Panels::default();
        selected.select(&panels, &[3, 1, 3]);
        let mut row = [0.0; 37];
        for (place, from) in [3, 1, 3].into_iter().enumerate() {
            selected.read(place, &mut row);
            assert_eq!(row, numbers[37 * from..][..37]);
        }
        assert_eq!(selected.lines()[2 * 3].0[5..], [0.0; 11]);
    }

    #[test]
    fn factors_are_those_of_the_norm_and_are_selected_too() {
        for num_columns in [16, 50, 256] {
            let numbers: Vec<f32> = (0..7 * num_columns).map(|at| ((at * 29) % 31) as f32 * 0.3 - 4.0).collect();
            let mut panels = Panels::default();
            panels.fill(&numbers, num_columns);
            panels.normalise(0.25);
            let mut selected = Panels::default();
            selected.select(&panels, &[6, 0]);
            let expected = |row: usize| {
                let squares = numbers[row * num_columns..][..num_columns].iter().map(|x| f64::from(*x).powi(2));
                (squares.sum::<f64>() / num_columns as f64 + 0.25).sqrt().recip()
            };
            for (factor, row) in panels.factors().iter().chain(selected.factors()).zip((0..7).chain([6, 0])) {
                assert!((f64::from(*factor) / expected(row) - 1.0).abs() < 1e-6);
            }
        }
    }
}
