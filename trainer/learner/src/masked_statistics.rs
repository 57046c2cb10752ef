//! Means and maxima over trained tokens, gathered so that a GPU is waited for once.

use tch::{Kind, Tensor};

/// Statistics that are asked for before they are read.
pub(crate) struct MaskedStatistics<'a> {
    mask: &'a Tensor,
    values: Vec<Tensor>,
    means: Vec<usize>,
}

impl<'a> MaskedStatistics<'a> {
    /// `mask`: `[tokens]` bool, at least one token long.
    pub(crate) fn new(mask: &'a Tensor) -> Self {
        Self { mask, values: vec![mask.sum(Kind::Float)], means: Vec::new() }
    }

    /// Asks for the mean of `values` `[tokens]`; returns its place in the result.
    pub(crate) fn mean(&mut self, values: &Tensor) -> usize {
        let sum = self.kept(values).sum(Kind::Float);
        self.means.push(self.values.len());
        self.values.push(sum);
        self.values.len() - 2
    }

    /// Asks for the largest of `values` `[tokens]`, which are not negative, or 0 where no token is trained; returns its
    /// place in the result.
    pub(crate) fn max(&mut self, values: &Tensor) -> usize {
        let max = self.kept(values).max();
        self.values.push(max);
        self.values.len() - 2
    }

    fn kept(&self, values: &Tensor) -> Tensor {
        values.detach().to_kind(Kind::Float).masked_fill(&self.mask.logical_not(), 0.0)
    }

    /// The number of trained tokens, and the statistics in the order they were asked for.
    pub(crate) fn finish(self) -> (i64, Vec<f64>) {
        let mut values = numbers(&Tensor::stack(&self.values, 0));
        let count = values.remove(0);
        for place in self.means {
            values[place - 1] /= count.max(1.0);
        }
        (count as i64, values)
    }
}

/// Joins a mean over `mine` tokens and one over `theirs` to the mean over both.
pub(crate) fn pooled(mine: i64, theirs: i64) -> impl Fn(f64, f64) -> f64 {
    let share = theirs as f64 / (mine + theirs).max(1) as f64;
    move |my_mean, their_mean| my_mean + share * (their_mean - my_mean)
}

/// The numbers of a tensor on the host.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.detach().to_device(tch::Device::Cpu).to_kind(Kind::Double).reshape([-1]);
    (0..tensor.size()[0]).map(|index| tensor.double_value(&[index])).collect()
}
