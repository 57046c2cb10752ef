//! Rows times a packed matrix, in float32.
//!
//! A tile is some rows and two panels of the matrix: 32 sums for each row stay in registers while the inputs go by, one
//! after the other and in stretches. So each output of a row is one sum in one order, whatever rows are beside it and
//! however work is shared: a row's product is the same bit for bit.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes, WIDTH};
use crate::matrix::PackedMatrix;
use crate::panels::{Line, Panels};
use crate::threads::Threads;

/// Rows that meet all panels of a piece of work before the next ones do: theirs and a panel's numbers stay in a core's
/// cache.
const BLOCK_ROWS: usize = 96;
/// With more tiles of rows than these the next panels are fetched from memory while they are computed: with fewer the
/// processor's own guess of what comes next is the better one.
const FETCHING_TILES: usize = 2;
/// Lines of a row, sixteen inputs each, whose products are added up before they join what was added up before.
const STRETCH_LINES: usize = 16;
/// Least products of two numbers in a piece of work: some five microseconds' on one core.
const LEAST_WORK: usize = 1 << 18;
/// Fewer rows take as long as so many: the matrix is read for them all the same.
const LEAST_ROWS: usize = 3;

/// What becomes of a product.
#[derive(Debug)]
pub enum Output<'a> {
    /// It makes these panels, which become as large as it is.
    Panels(&'a mut Panels),
    /// It is added to these panels, which are as large as it is.
    Sum(&'a mut Panels),
    /// It becomes these numbers, `[rows, outputs]`, as many as there are.
    Rows(&'a mut [f32]),
}

/// Where a piece of work writes: the columns of its panels.
enum Part<'a> {
    Panels(&'a mut [Line]),
    Sum(&'a mut [Line]),
    /// For each row.
    Rows(Vec<&'a mut [f32]>),
}

/// Some pairs of panels times all rows.
struct ProductPiece<'a> {
    x: &'a Panels,
    matrix: &'a PackedMatrix,
    first_pair: usize,
    num_pairs: usize,
    part: Part<'a>,
}

impl PackedMatrix {
    /// `x W^T + b` for rows `x` `[rows, inputs]`, each times its factor; of a gated matrix the gates' product with what
    /// they let through.
    ///
    /// # Panics
    /// Sizes do not go together, or a gated product is to be written as a sum or as rows.
    pub fn product(&self, x: &Panels, output: Output<'_>, threads: &Threads) {
        assert_eq!(x.num_columns(), self.num_inputs, "inputs of the matrix");
        let num_pairs = self.bias.len() / 2;
        let pair_work = x.num_rows().max(LEAST_ROWS) * self.num_inputs * 2 * WIDTH;
        let most_pieces = num_pairs.min(threads.num_pieces()).min(num_pairs * pair_work / LEAST_WORK);
        let pairs = num_pairs.div_ceil(most_pieces.max(1)); // of a piece
        let parts = self.parts(x, output, pairs);
        let piece = |(number, part)| {
            let first_pair = number * pairs;
            ProductPiece { x, matrix: self, first_pair, num_pairs: pairs.min(num_pairs - first_pair), part }
        };
        threads.run(parts.into_iter().enumerate().map(piece).collect(), || (), |piece, ()| run_widest(piece));
    }

    fn parts<'a>(&self, x: &Panels, output: Output<'a>, pairs: usize) -> Vec<Part<'a>> {
        let panels = if self.is_gated { pairs } else { 2 * pairs };
        let len = panels * x.stride();
        match output {
            Output::Panels(panels) => {
                panels.reset(x.num_rows(), self.num_outputs);
                panels.lines_mut().chunks_mut(len).map(Part::Panels).collect()
            }
            Output::Sum(panels) => {
                assert!(!self.is_gated, "gated products are not added");
                assert_eq!((panels.num_rows(), panels.num_columns()), (x.num_rows(), self.num_outputs));
                panels.lines_mut().chunks_mut(len).map(Part::Sum).collect()
            }
            Output::Rows(numbers) => {
                assert!(!self.is_gated, "gated products are panels");
                assert_eq!(numbers.len(), x.num_rows() * self.num_outputs);
                let width = panels * WIDTH;
                let part = |_| Part::Rows(Vec::with_capacity(x.num_rows()));
                let mut parts: Vec<Part<'_>> = (0..self.num_outputs.div_ceil(width)).map(part).collect();
                for row in numbers.chunks_exact_mut(self.num_outputs) {
                    for (part, numbers) in parts.iter_mut().zip(row.chunks_mut(width)) {
                        if let Part::Rows(rows) = part {
                            rows.push(numbers);
                        }
                    }
                }
                parts
            }
        }
    }
}

impl Computation for ProductPiece<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let num_rows = self.x.num_rows();
        for begin in (0..num_rows).step_by(BLOCK_ROWS) {
            let end = num_rows.min(begin + BLOCK_ROWS);
            for pair in 0..self.num_pairs {
                let is_long = begin == 0 && end > FETCHING_TILES * L::MOST_ROWS;
                let mut ahead = if is_long { self.panels_behind(pair) } else { &[] };
                let mut row = begin;
                while row < end {
                    let num_left = (end - row).div_ceil(L::MOST_ROWS);
                    let fetched = ahead.split_off(..ahead.len() / num_left).unwrap_or_default();
                    row += self.largest_tile::<L>(pair, row, end - row, fetched);
                }
            }
        }
    }
}

impl<'a> ProductPiece<'a> {
    /// What comes from memory while a pair of panels is computed with: the next pair, be it another piece's.
    fn panels_behind(&self, pair: usize) -> &'a [Line] {
        let len = 2 * self.matrix.num_inputs.next_multiple_of(WIDTH);
        let begin = (self.first_pair + pair + 1) * len;
        self.matrix.lines.get(begin..begin + len).unwrap_or_default()
    }

    /// The largest tile of at most `num_rows` rows from `row` on. Returns its rows: few numbers are tried, for each is
    /// compiled by itself.
    #[inline(always)]
    fn largest_tile<L: Lanes>(&mut self, pair: usize, row: usize, num_rows: usize, ahead: &[Line]) -> usize {
        match num_rows.min(L::MOST_ROWS) {
            12.. if L::MOST_ROWS >= 12 => self.tile::<L, 12>(pair, row, ahead),
            8.. if L::MOST_ROWS >= 8 => self.tile::<L, 8>(pair, row, ahead),
            4.. if L::MOST_ROWS >= 4 => self.tile::<L, 4>(pair, row, ahead),
            3.. => self.tile::<L, 3>(pair, row, ahead),
            2 => self.tile::<L, 2>(pair, row, ahead),
            _ => self.tile::<L, 1>(pair, row, ahead),
        }
    }

    /// The products of `N` rows from `row` on with one of the piece's pairs of panels. Returns `N`.
    #[inline(always)]
    fn tile<L: Lanes, const N: usize>(&mut self, pair: usize, row: usize, ahead: &[Line]) -> usize {
        let (matrix, stride) = (self.matrix, self.x.stride());
        let panel = 2 * (self.first_pair + pair);
        let num_lines = matrix.num_inputs.next_multiple_of(WIDTH);
        let (left, right) = matrix.lines[panel * num_lines..][..2 * num_lines].split_at(num_lines);
        let mut sums = sums::<L, N>(&self.x.lines()[row..], stride, [left, right], ahead);
        let bias = [&matrix.bias[panel], &matrix.bias[panel + 1]];
        for (sums, factor) in sums.iter_mut().zip(&self.x.factors()[row..]) {
            for (sum, bias) in sums.iter_mut().zip(bias) {
                *sum = sum.mul_add(L::splat(*factor), L::load(&bias.0));
            }
        }
        match &mut self.part {
            Part::Panels(lines) if matrix.is_gated => {
                let lines = &mut lines[pair * stride + row..][..N];
                for (line, [gate, up]) in lines.iter_mut().zip(sums) {
                    gate.silu().mul(up).store(&mut line.0);
                }
            }
            Part::Panels(lines) => {
                for (place, lines) in lines[2 * pair * stride..].chunks_mut(stride).take(2).enumerate() {
                    for (line, sums) in lines[row..][..N].iter_mut().zip(&sums) {
                        sums[place].store(&mut line.0);
                    }
                }
            }
            Part::Sum(lines) => {
                for (place, lines) in lines[2 * pair * stride..].chunks_mut(stride).take(2).enumerate() {
                    for (line, sums) in lines[row..][..N].iter_mut().zip(&sums) {
                        sums[place].add(L::load(&line.0)).store(&mut line.0);
                    }
                }
            }
            Part::Rows(rows) => {
                for (row, sums) in rows[row..][..N].iter_mut().zip(sums) {
                    for (sum, to) in sums.into_iter().zip(row[2 * pair * WIDTH..].chunks_mut(WIDTH)) {
                        match to.first_chunk_mut() {
                            Some(to) => sum.store(to),
                            None => {
                                let mut line = Line::default();
                                sum.store(&mut line.0);
                                to.copy_from_slice(&line.0[..to.len()]);
                            }
                        }
                    }
                }
            }
        }
        N
    }
}

/// Sums of `N` rows' products with the columns of two panels, one input after the other, and those of each stretch of
/// inputs added to those before: a long sum's rounding grows with what is added at a time. Meanwhile the lines `ahead`
/// come from memory.
#[inline(always)]
fn sums<L: Lanes, const N: usize>(x: &[Line], stride: usize, panels: [&[Line]; 2], mut ahead: &[Line]) -> [[L; 2]; N] {
    let mut totals = [[L::splat(0.0); 2]; N];
    let [left, right] = panels.map(|panel| panel.as_chunks::<WIDTH>().0);
    let at_once = ahead.len().div_ceil(left.len().max(1));
    let stretches = left.chunks(STRETCH_LINES).zip(right.chunks(STRETCH_LINES));
    for ((left, right), x) in stretches.zip(x.chunks(STRETCH_LINES * stride)) {
        let mut sums = [[L::splat(0.0); 2]; N];
        for ((x, left), right) in x.chunks(stride).zip(left).zip(right) {
            let x: &[Line; N] = x.first_chunk().expect("lines of as many rows");
            for line in ahead.split_off(..at_once.min(ahead.len())).unwrap_or_default() {
                L::fetch_later(&line.0);
            }
            for input in 0..WIDTH {
                let (left, right) = (L::load(&left[input].0), L::load(&right[input].0));
                for row in 0..N {
                    let number = L::splat(x[row].0[input]);
                    sums[row][0] = number.mul_add(left, sums[row][0]);
                    sums[row][1] = number.mul_add(right, sums[row][1]);
                }
            }
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            *totals = [totals[0].add(sums[0]), totals[1].add(sums[1])];
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::PlainMatrix;

    fn numbers(salt: usize, len: usize) -> Vec<f32> {
        (0..len).map(|at| ((at * 7919 + salt * 104_729) % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    /// A matrix, rows, and the product of both by its definition and in float64, `[rows][outputs]`.
    struct Case {
        x: Vec<f32>,
        weight: Vec<f32>,
        scales: Vec<f32>,
        bias: Vec<f32>,
        num_inputs: usize,
        expected: Vec<Vec<f64>>,
    }

    impl Case {
        fn new(num_rows: usize, num_inputs: usize, num_outputs: usize) -> Self {
            let (x, weight) = (numbers(1, num_rows * num_inputs), numbers(2, num_outputs * num_inputs));
            let (scales, bias) = (numbers(3, num_inputs), numbers(4, num_outputs));
            let product = |x: &[f32], weight: &[f32]| -> f64 {
                let products = x.iter().zip(weight).zip(&scales);
                products.map(|((x, weight), scale)| f64::from(*x) * f64::from(*weight) * f64::from(*scale)).sum()
            };
            let of_row = |x| weight.chunks(num_inputs).map(|weight| product(x, weight)).collect();
            let expected = x.chunks(num_inputs).map(of_row).collect();
            Self { x, weight, scales, bias, num_inputs, expected }
        }

        fn plain(&self) -> PlainMatrix<'_> {
            let (numbers, num_inputs) = (self.weight.as_slice(), self.num_inputs);
            PlainMatrix { numbers, num_inputs, scales: Some(&self.scales), bias: None }
        }

        fn panels(&self) -> Panels {
            let mut panels = Panels::default();
            panels.fill(&self.x, self.num_inputs);
            panels
        }
    }

    fn rows(panels: &Panels) -> Vec<Vec<f32>> {
        let row = |row| {
            let mut numbers = vec![0.0; panels.num_columns()];
            panels.read(row, &mut numbers);
            numbers
        };
        (0..panels.num_rows()).map(row).collect()
    }

    fn assert_near(found: &[Vec<f32>], expected: impl Fn(usize, usize) -> f64) {
        for (row, found) in found.iter().enumerate() {
            for (column, found) in found.iter().enumerate() {
                let expected = expected(row, column);
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{row} {column}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_product_is_that_of_its_definition_whatever_becomes_of_it() {
        let threads = Threads::new(2);
        for (num_rows, num_inputs, num_outputs) in [(1, 16, 32), (5, 40, 17), (13, 64, 96), (200, 72, 530)] {
            let case = Case::new(num_rows, num_inputs, num_outputs);
            let mut x = case.panels();
            x.normalise(0.5);
            let factors: Vec<f64> = x.factors().iter().map(|factor| f64::from(*factor)).collect();
            let plain = PlainMatrix { bias: Some(&case.bias), ..case.plain() };
            let matrix = PackedMatrix::new(plain, &threads);
            let expected = |row: usize, at: usize| case.expected[row][at] * factors[row] + f64::from(case.bias[at]);
            let mut product = Panels::default();
            matrix.product(&x, Output::Panels(&mut product), &threads);
            let found = rows(&product);
            assert_near(&found, expected);
            let mut plain = vec![0.0; num_rows * num_outputs];
            matrix.product(&x, Output::Rows(&mut plain), &threads);
            assert_eq!(plain, found.concat());
            matrix.product(&x, Output::Sum(&mut product), &threads);
            assert_near(&rows(&product), |row, at| 2.0 * expected(row, at));
        }
    }

    #[test]
    fn gates_let_the_second_half_through() {
        let threads = Threads::new(3);
        for (num_rows, num_inputs, half) in [(3, 16, 16), (64, 48, 44), (7, 100, 70)] {
            let case = Case::new(num_rows, num_inputs, 2 * half);
            let mut product = Panels::default();
            let matrix = PackedMatrix::gated(case.plain(), &threads);
            matrix.product(&case.panels(), Output::Panels(&mut product), &threads);
            assert_eq!(product.num_columns(), half);
            let silu = |gate: f64| gate / (1.0 + (-gate).exp());
            assert_near(&rows(&product), |row, at| silu(case.expected[row][at]) * case.expected[row][half + at]);
        }
    }

    #[test]
    fn a_row_has_the_same_product_in_any_company_bit_for_bit() {
        let (num_inputs, num_outputs) = (80, 210);
        let case = Case::new(250, num_inputs, num_outputs);
        let many = Threads::new(3);
        let matrix = PackedMatrix::new(case.plain(), &many);
        let mut whole = vec![0.0; 250 * num_outputs];
        matrix.product(&case.panels(), Output::Rows(&mut whole), &many);
        for (first, num_rows) in [(0, 1), (249, 1), (30, 5), (100, 12), (7, 64), (60, 130)] {
            let mut x = Panels::default();
            x.fill(&case.x[first * num_inputs..][..num_rows * num_inputs], num_inputs);
            let mut part = vec![0.0; num_rows * num_outputs];
            matrix.product(&x, Output::Rows(&mut part), &Threads::new(1));
            assert_eq!(part, whole[first * num_outputs..][..part.len()], "{num_rows} rows from {first} on");
        }
    }
}
