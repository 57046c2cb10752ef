//! A process group whose operations are part of an autograd graph: each has a gradient, and that is an operation of the
//! same group.
//!
//! All ranks compute the same graph, so that on the way back as on the way forth they issue the same operations in the
//! same order: autograd runs the nodes of one graph in the reverse order of their making. An operation that fails is
//! remembered for [`GraphGroup::verify`]; its result and those of all that follow are zeros. Models are not known here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Kind, Tensor};

use crate::error::DistError;
use crate::graph_node::mapped;
use crate::group::ProcessGroup;
use crate::reduction::Reduction;

/// Ranks that compute one graph together. Tensors have one shape and kind on all of them.
#[derive(Debug)]
pub struct GraphGroup {
    /// A backward pass may run on another thread than the forward pass, never beside it.
    group: Mutex<ProcessGroup>,
    rank: usize,
    size: usize,
    /// The first operation that failed.
    failure: Mutex<Option<Arc<DistError>>>,
}

impl GraphGroup {
    /// The ranks of a group, which is for this alone.
    pub fn new(group: ProcessGroup) -> Arc<Self> {
        let (rank, size) = (group.rank(), group.size());
        Arc::new(Self { group: Mutex::new(group), rank, size, failure: Mutex::default() })
    }

    /// This process's number in the group, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of ranks in the group.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Sum of all ranks' `x`, the same bits on each. Its gradient, which is the same on all, is that of `x`.
    pub fn sum(self: &Arc<Self>, x: &Tensor) -> Tensor {
        self.in_graph(x, &self.reduced(x, Reduction::Sum), |gradient, _| gradient)
    }

    /// `x`, which is the same on all ranks, for what each computes of it alone. Its gradient is the sum of theirs.
    pub fn spread(self: &Arc<Self>, x: &Tensor) -> Tensor {
        self.in_graph(x, &x.detach(), |gradient, group| group.reduced(&gradient, Reduction::Sum))
    }

    /// Of `x` `[size * n, ...]` the `n` rows for each rank sent there, and what all have sent here, in the order of the
    /// ranks: `[size * n, ...]`. Its gradient goes the same way back.
    pub fn exchange(self: &Arc<Self>, x: &Tensor) -> Tensor {
        self.in_graph(x, &self.exchanged(x), |gradient, group| group.exchanged(&gradient))
    }

    /// Reduction of all ranks' tensors, without a graph; the same bits on each.
    pub fn reduced(&self, x: &Tensor, reduction: Reduction) -> Tensor {
        let mut reduced = x.detach().copy();
        match self.noted(self.lock().all_reduce(&mut reduced, reduction)) {
            Some(()) => reduced,
            None => reduced.zeros_like(),
        }
    }

    /// Tensors of all ranks `[size, ...]` in their order, without a graph.
    pub fn gathered(&self, x: &Tensor) -> Tensor {
        let gathered = self.lock().all_gather(&x.unsqueeze(0));
        let shape = [&[self.size as i64], x.size().as_slice()].concat();
        self.noted(gathered).unwrap_or_else(|| Tensor::zeros(shape, (x.kind(), x.device())))
    }

    /// `x` of the group's rank `root`, without a graph: the same bits on each.
    pub fn broadcast(&self, x: &Tensor, root: usize) -> Tensor {
        let mut sent = x.detach().copy();
        match self.noted(self.lock().broadcast(&mut sent, root)) {
            Some(()) => sent,
            None => sent.zeros_like(),
        }
    }

    /// Sums of as many numbers on each rank, the same bits on each.
    ///
    /// # Errors
    /// As [`GraphGroup::verify`].
    pub fn sums<const N: usize>(&self, numbers: [f64; N]) -> Result<[f64; N], Arc<DistError>> {
        let sums = self.reduced(&Tensor::from_slice(&numbers), Reduction::Sum);
        self.verify()?;
        let mut values = [0.0; N];
        sums.to_kind(Kind::Double).copy_data(&mut values, N);
        Ok(values)
    }

    /// Holds all results so far to be what they should.
    ///
    /// # Errors
    /// The first operation that failed: what came since is of no use, nor is the group.
    pub fn verify(&self) -> Result<(), Arc<DistError>> {
        // What is under way on a device has not failed yet.
        let settled = self.lock().settle();
        self.noted(settled);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn exchanged(&self, x: &Tensor) -> Tensor {
        let splits = vec![x.size()[0] / self.size as i64; self.size];
        let exchanged = self.lock().all_to_all(&x.detach(), &splits, &splits);
        self.noted(exchanged).unwrap_or_else(|| x.detach().zeros_like())
    }

    /// `value` as a function of `x`, whose gradient `backward` makes of the value's.
    fn in_graph(
        self: &Arc<Self>,
        x: &Tensor,
        value: &Tensor,
        backward: impl Fn(Tensor, &Self) -> Tensor + Send + Sync + 'static,
    ) -> Tensor {
        let group = self.clone();
        let made = mapped(x, value, move |gradient| backward(gradient, &group));
        let failed = |failure: crate::ffi::Failure| self.lock().refuse("autograd", failure.message);
        self.noted(made.map_err(failed)).unwrap_or_else(|| value.zeros_like())
    }

    fn lock(&self) -> MutexGuard<'_, ProcessGroup> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of an operation, of which the first failure is kept.
    fn noted<T>(&self, result: Result<T, DistError>) -> Option<T> {
        let note = |error| {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Arc::new(error));
        };
        result.map_err(note).ok()
    }
}
