//! Products of rows with a matrix whose every number is one chain of fused multiply-adds, over the inputs in order.
//!
//! So a row's bits depend on the row and the matrix alone: not on the rows beside it, nor on threads, nor on the
//! processor's vectors. The matrix lies in panels of sixteen outputs, so that a chain is a lane of a register.
//! Registers hold the sums of some rows by some panels: each number that is read serves all of them.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes, WIDTH};
use crate::panels::Line;
use crate::threads::Threads;

/// Most rows, and most panels, whose sums are in registers.
const MOST_ROWS: usize = 8;
const MOST_PANELS: usize = 3;
/// Rows of a piece of work: a panel that is read serves so many before it leaves the cache.
const PIECE_ROWS: usize = 128;
/// Pieces of work for each thread, where there are enough outputs.
const PIECES_PER_THREAD: usize = 4;
/// Multiply-adds that a thread is woken for.
const WORTH_A_THREAD: usize = 200_000;

/// A matrix `[outputs, inputs]` as products read it. It does not follow a change of what it was made of.
#[derive(Debug)]
pub struct ChainMatrix {
    /// `[panels, inputs]` times a number of each of a panel's outputs; zero where there is none.
    lines: Vec<Line>,
    num_outputs: usize,
    num_inputs: usize,
}

impl ChainMatrix {
    /// Packs a matrix whose rows of `num_inputs` numbers, at least one, stand one behind the other.
    pub fn new(matrix: &[f32], num_inputs: usize, threads: &Threads) -> Self {
        let num_outputs = matrix.len() / num_inputs;
        let mut lines = vec![Line::default(); num_outputs.div_ceil(WIDTH) * num_inputs];
        let pieces = lines.chunks_mut(num_inputs).zip(matrix.chunks(WIDTH * num_inputs)).collect();
        threads.run(pieces, || (), |(lines, rows): (&mut [Line], &[f32]), ()| pack(lines, rows, num_inputs));
        Self { lines, num_outputs, num_inputs }
    }

    /// Rows and columns of the matrix, outputs and inputs.
    pub fn size(&self) -> [usize; 2] {
        [self.num_outputs, self.num_inputs]
    }

    /// Of each row of `x` `[rows, inputs]` its product with the matrix, to `products` `[rows, outputs]`. A chain begins
    /// with the output's number of `bias` `[outputs]`, or with 0.
    ///
    /// # Panics
    /// The lengths do not go together.
    pub fn multiply(&self, x: &[f32], bias: Option<&[f32]>, products: &mut [f32], threads: &Threads) {
        let num_rows = x.len() / self.num_inputs;
        assert_eq!((x.len(), products.len()), (num_rows * self.num_inputs, num_rows * self.num_outputs));
        assert!(bias.is_none_or(|bias| bias.len() == self.num_outputs), "a number of the bias for each output");
        if products.is_empty() {
            return;
        }
        let pieces = self.pieces(x, products, threads.num_threads());
        threads.run(pieces, || (), |piece, ()| run_widest(ChainProduct { matrix: self, bias, piece }));
    }

    /// Stretches of rows by stretches of outputs.
    fn pieces<'a>(&self, x: &'a [f32], products: &'a mut [f32], num_threads: usize) -> Vec<ChainPiece<'a>> {
        let num_rows = x.len() / self.num_inputs;
        let wanted = match num_rows * self.num_inputs * self.num_outputs {
            work if num_threads == 1 || work < 2 * WORTH_A_THREAD => 1,
            work => (num_threads * PIECES_PER_THREAD).min(work / WORTH_A_THREAD),
        };
        let by_outputs = wanted.div_ceil(num_rows.div_ceil(PIECE_ROWS));
        let step = self.num_outputs.div_ceil(by_outputs).next_multiple_of(MOST_PANELS * WIDTH);
        let mut pieces = Vec::new();
        let stretches = products.chunks_mut(PIECE_ROWS * self.num_outputs);
        for (rows, products) in x.chunks(PIECE_ROWS * self.num_inputs).zip(stretches) {
            let mut own: Vec<ChainPiece<'_>> = (0..self.num_outputs)
                .step_by(step)
                .map(|first_output| ChainPiece { rows, first_output, products: Vec::new() })
                .collect();
            for row in products.chunks_mut(self.num_outputs) {
                for (piece, products) in own.iter_mut().zip(row.chunks_mut(step)) {
                    piece.products.push(products);
                }
            }
            pieces.extend(own);
        }
        pieces
    }
}

/// Sixteen rows or fewer to the lines of a panel.
fn pack(lines: &mut [Line], rows: &[f32], num_inputs: usize) {
    for (lane, row) in rows.chunks_exact(num_inputs).enumerate() {
        for (line, number) in lines.iter_mut().zip(row) {
            line.0[lane] = *number;
        }
    }
}

/// Work that one thread does: some rows by some outputs.
struct ChainPiece<'a> {
    /// `[rows, inputs]`
    rows: &'a [f32],
    first_output: usize,
    /// Takes the products of each row.
    products: Vec<&'a mut [f32]>,
}

struct ChainProduct<'a, 'p> {
    matrix: &'a ChainMatrix,
    bias: Option<&'a [f32]>,
    piece: ChainPiece<'p>,
}

impl Computation for ChainProduct<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        const { assert!(matches!(L::PANEL_ROWS, 4 | MOST_ROWS) && matches!(L::PANELS, 1 | MOST_PANELS)) };
        let num_outputs = self.piece.products[0].len();
        let mut output = 0;
        while output < num_outputs {
            let width = (num_outputs - output).min(L::PANELS * WIDTH);
            if L::PANELS == 1 || width <= WIDTH {
                self.multiply_panels::<L, 1>(output, width);
            } else {
                self.multiply_panels::<L, MOST_PANELS>(output, width);
            }
            output += width;
        }
    }
}

impl ChainProduct<'_, '_> {
    /// All rows by `P` panels, the first of which has the piece's output `output`.
    #[inline(always)]
    fn multiply_panels<L: Lanes, const P: usize>(&mut self, output: usize, width: usize) {
        let Self { matrix, bias, piece } = self;
        let ChainMatrix { lines, num_inputs, .. } = matrix;
        let first = piece.first_output + output;
        let last = (first + width - 1) / WIDTH;
        // Where there are fewer panels, the last one stands for those that are missing: no sum of theirs is read.
        let lines: [&[Line]; P] = std::array::from_fn(|panel| {
            let panel = (first / WIDTH + panel).min(last);
            &lines[panel * *num_inputs..][..*num_inputs]
        });
        let mut begin = [[0.0; WIDTH]; P];
        if let Some(bias) = bias {
            begin.as_flattened_mut()[..width].copy_from_slice(&bias[first..first + width]);
        }
        let (mut rows, mut products) = (piece.rows, piece.products.as_mut_slice());
        while !products.is_empty() {
            let num_rows = match products.len() {
                number if number >= L::PANEL_ROWS => L::PANEL_ROWS,
                number => 1 << number.ilog2(),
            };
            let (own_rows, own_products);
            (own_rows, rows) = rows.split_at(num_rows * *num_inputs);
            (own_products, products) = products.split_at_mut(num_rows);
            let place = output..output + width;
            let tile = ChainTile { rows: own_rows, lines, begin: &begin, place, products: own_products };
            match num_rows {
                1 => tile.multiply::<L, 1>(),
                2 => tile.multiply::<L, 2>(),
                4 => tile.multiply::<L, 4>(),
                _ => tile.multiply::<L, MOST_ROWS>(),
            }
        }
    }
}

/// Some rows by `P` panels.
struct ChainTile<'a, 'p, const P: usize> {
    rows: &'a [f32],
    lines: [&'a [Line]; P],
    begin: &'a [[f32; WIDTH]; P],
    /// Place of the panels' outputs in `products`.
    place: std::ops::Range<usize>,
    products: &'a mut [&'p mut [f32]],
}

impl<const P: usize> ChainTile<'_, '_, P> {
    /// `R` rows, as many as there are.
    #[inline(always)]
    fn multiply<L: Lanes, const R: usize>(self) {
        let num_inputs = self.lines[0].len();
        let rows: [&[f32]; R] = std::array::from_fn(|row| &self.rows[row * num_inputs..][..num_inputs]);
        let lines: [&[Line]; P] = self.lines.map(|lines| &lines[..num_inputs]);
        let mut sums = [self.begin.map(|begin| L::load(&begin)); R];
        for input in 0..num_inputs {
            let mut columns = [L::splat(0.0); P];
            for panel in 0..P {
                columns[panel] = L::load(&lines[panel][input].0);
            }
            for row in 0..R {
                let number = L::splat(rows[row][input]);
                for panel in 0..P {
                    sums[row][panel] = number.mul_add_once(columns[panel], sums[row][panel]);
                }
            }
        }
        for (row, sums) in self.products.iter_mut().zip(sums) {
            let mut products = [[0.0; WIDTH]; P];
            for (products, sum) in products.iter_mut().zip(sums) {
                sum.store(products);
            }
            row[self.place.clone()].copy_from_slice(&products.as_flattened()[..self.place.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(salt: u32, len: usize) -> Vec<f32> {
        let number = |at: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(salt * 40_503) >> 8) % 2001;
        (0..len as u32).map(|at| number(at) as f32 / 1000.0 - 1.0).collect()
    }

    /// The definition: a chain for each number.
    fn expected(x: &[f32], matrix: &[f32], bias: Option<&[f32]>, num_inputs: usize) -> Vec<u32> {
        let chain = |row: &[f32], output: usize| {
            let begin = bias.map_or(0.0, |bias| bias[output]);
            let weights = &matrix[output * num_inputs..][..num_inputs];
            row.iter().zip(weights).fold(begin, |sum, (number, weight)| number.mul_add(*weight, sum)).to_bits()
        };
        let num_outputs = matrix.len() / num_inputs;
        x.chunks(num_inputs).flat_map(|row| (0..num_outputs).map(move |output| chain(row, output))).collect()
    }

    #[test]
    fn every_number_is_its_chain_for_any_rows_outputs_and_threads() {
        for (num_inputs, num_outputs) in [(1, 1), (5, 16), (64, 47), (33, 100), (160, 513)] {
            let matrix = numbers(1, num_inputs * num_outputs);
            let bias = numbers(2, num_outputs);
            for num_rows in [0, 1, 3, 8, 13, 131] {
                let x = numbers(3, num_rows * num_inputs);
                for (num_threads, bias) in [(1, None), (2, Some(bias.as_slice())), (3, None)] {
                    let threads = Threads::new(num_threads);
                    let packed = ChainMatrix::new(&matrix, num_inputs, &threads);
                    assert_eq!(packed.size(), [num_outputs, num_inputs]);
                    let mut products = vec![f32::NAN; num_rows * num_outputs];
                    packed.multiply(&x, bias, &mut products, &threads);
                    let found: Vec<u32> = products.iter().map(|number| number.to_bits()).collect();
                    assert_eq!(found, expected(&x, &matrix, bias, num_inputs), "{num_rows} {num_inputs} {num_outputs}");
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vectors_of_every_width_have_the_same_bits() {
        let (num_inputs, num_outputs, num_rows) = (37, 70, 11);
        let (matrix, x) = (numbers(4, num_inputs * num_outputs), numbers(5, num_rows * num_inputs));
        let packed = ChainMatrix::new(&matrix, num_inputs, &Threads::new(1));
        for kind in crate::x86::tests::kinds() {
            let mut products = vec![f32::NAN; num_rows * num_outputs];
            let piece = packed.pieces(&x, &mut products, 1).remove(0);
            crate::x86::tests::run_kind(kind, ChainProduct { matrix: &packed, bias: None, piece });
            let found: Vec<u32> = products.iter().map(|number| number.to_bits()).collect();
            assert_eq!(found, expected(&x, &matrix, None, num_inputs), "{kind:?}");
        }
    }
}
