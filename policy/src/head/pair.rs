//! Two heads on one trunk, such as a policy's and its critic's: their gradients add up in the hidden states.

use std::ops::Range;

use tch::Tensor;

use super::Head;
use crate::store::WeightStore;

/// Two heads that read the same hidden states.
#[derive(Debug)]
pub struct HeadPair<'a, A, B>(pub &'a mut A, pub &'a mut B);

impl<A: Head, B: Head> Head for HeadPair<'_, A, B> {
    type Output = (A::Output, B::Output);
    type Gradient = (A::Gradient, B::Gradient);
    type Saved = (A::Saved, B::Saved);

    fn chunk(&self) -> i64 {
        self.0.chunk().min(self.1.chunk())
    }

    fn forward(&self, hidden: &Tensor, targets: &Tensor) -> (Self::Output, Self::Saved) {
        let (first, first_saved) = self.0.forward(hidden, targets);
        let (second, second_saved) = self.1.forward(hidden, targets);
        ((first, second), (first_saved, second_saved))
    }

    fn backward(&mut self, saved: Self::Saved, hidden: &Tensor, targets: &Tensor, gradient: &Self::Gradient) -> Tensor {
        self.0.backward(saved.0, hidden, targets, &gradient.0) + self.1.backward(saved.1, hidden, targets, &gradient.1)
    }

    fn concatenated(outputs: Vec<Self::Output>) -> Self::Output {
        let (first, second) = outputs.into_iter().unzip();
        (A::concatenated(first), B::concatenated(second))
    }

    fn mapped(output: &Self::Output, map: &dyn Fn(&Tensor) -> Tensor) -> Self::Output {
        (A::mapped(&output.0, map), B::mapped(&output.1, map))
    }

    fn part(gradient: &Self::Gradient, range: Range<i64>) -> Self::Gradient {
        (A::part(&gradient.0, range.clone()), B::part(&gradient.1, range))
    }

    fn begin(&mut self, store: &mut dyn WeightStore) {
        self.0.begin(store);
        self.1.begin(store);
    }

    fn end(&mut self, store: &mut dyn WeightStore) {
        self.0.end(store);
        self.1.end(store);
    }
}
