//! A matrix in the order in which products read it: panels of sixteen outputs, `[outputs / 16, inputs, 16]`, of which
//! two are read side by side.

use crate::lanes::WIDTH;
use crate::panels::Line;
use crate::threads::Threads;

/// A matrix to multiply rows by, with what is added to each output.
#[derive(Debug)]
pub struct PackedMatrix {
    pub(crate) num_inputs: usize,
    pub(crate) num_outputs: usize,
    /// Panels of `inputs` lines, an even number of them; zero where there is no input or output.
    pub(crate) lines: Vec<Line>,
    /// A line a panel.
    pub(crate) bias: Vec<Line>,
    /// True where a panel of gates and one of what they let through take turns.
    pub(crate) is_gated: bool,
}

/// A matrix as it is before it is packed.
#[derive(Clone, Copy, Debug)]
pub struct PlainMatrix<'a> {
    /// `[outputs, inputs]`
    pub numbers: &'a [f32],
    /// Columns of it.
    pub num_inputs: usize,
    /// `[inputs]`: what each input is multiplied by first, if anything.
    pub scales: Option<&'a [f32]>,
    /// `[outputs]`: what is added to each output, if anything.
    pub bias: Option<&'a [f32]>,
}

impl PackedMatrix {
    /// Packs a matrix.
    pub fn new(matrix: PlainMatrix<'_>, threads: &Threads) -> Self {
        let num_outputs = matrix.numbers.len() / matrix.num_inputs;
        let num_panels = num_outputs.div_ceil(2 * WIDTH) * 2;
        let rows = (0..num_panels).map(|panel| [panel * WIDTH, num_outputs.min((panel + 1) * WIDTH)]);
        Self::of_rows(matrix, num_outputs, false, rows, threads)
    }

    /// Packs a matrix whose first half of outputs are gates of the second: the product is `silu(gate) up`.
    ///
    /// # Panics
    /// The number of outputs is odd, or there is a bias.
    pub fn gated(matrix: PlainMatrix<'_>, threads: &Threads) -> Self {
        let num_rows = matrix.numbers.len() / matrix.num_inputs;
        assert!(num_rows.is_multiple_of(2) && matrix.bias.is_none(), "gates without biases");
        let half = num_rows / 2;
        let rows = (0..half.div_ceil(WIDTH)).flat_map(|panel| {
            let (begin, end) = (panel * WIDTH, half.min((panel + 1) * WIDTH));
            [[begin, end], [half + begin, half + end]]
        });
        Self::of_rows(matrix, half, true, rows, threads)
    }

    /// Panels of the matrix's rows from the first number of each pair to before the second.
    fn of_rows(
        matrix: PlainMatrix<'_>,
        num_outputs: usize,
        is_gated: bool,
        rows: impl Iterator<Item = [usize; 2]>,
        threads: &Threads,
    ) -> Self {
        let PlainMatrix { numbers, num_inputs, scales, bias } = matrix;
        let ends: Vec<[usize; 2]> = rows.map(|[begin, end]| [begin.min(end), end]).collect();
        let num_lines = num_inputs.next_multiple_of(WIDTH);
        let mut lines = vec![Line::default(); ends.len() * num_lines];
        let panels = ends.iter().zip(lines.chunks_exact_mut(num_lines)).collect();
        let pack = |(&[begin, end], lines): (&[usize; 2], &mut [Line]), (): &mut ()| {
            let rows = numbers[begin * num_inputs..end * num_inputs].chunks_exact(num_inputs);
            for (lane, row) in rows.enumerate() {
                for (line, number) in lines.iter_mut().zip(row) {
                    line.0[lane] = *number;
                }
            }
            for (line, scale) in lines.iter_mut().zip(scales.unwrap_or_default()) {
                line.0.iter_mut().for_each(|number| *number *= scale);
            }
        };
        threads.run(panels, || (), pack);
        let bias_of = |&[begin, end]: &[usize; 2]| {
            let mut line = Line::default();
            if let Some(bias) = bias {
                line.0[..end - begin].copy_from_slice(&bias[begin..end]);
            }
            line
        };
        let bias = ends.iter().map(bias_of).collect();
        Self { num_inputs, num_outputs, lines, bias, is_gated }
    }

    /// Columns of a product.
    pub fn num_outputs(&self) -> usize {
        self.num_outputs
    }

    /// Columns of what is multiplied.
    pub fn num_inputs(&self) -> usize {
        self.num_inputs
    }
}
