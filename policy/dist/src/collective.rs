//! Collective operations on tensors: each blocks (`all_reduce`), or starts and returns a handle (`start_all_reduce`).
//!
//! Bytes are moved whatever their kind, so broadcast, all-gather and all-to-all take every kind of element. Gloo has no
//! reduce-scatter: here it is an all-to-all, after which each rank reduces its part in the order of the ranks. NCCL
//! adds on the way, in an order that it chooses by the layout of the devices. 16-bit numbers are reduced in float32 by
//! either, and sent so: NCCL would round them at each rank.

use tch::{Kind, Tensor, no_grad};

use crate::call::Call;
use crate::error::DistError;
use crate::ffi::RawGroup;
use crate::group::ProcessGroup;
use crate::handle::Handle;
use crate::reduction::{Reduction, reduced};

impl ProcessGroup {
    /// Overwrites `tensor`, of any shape and kind and the same on all ranks, with that of the group's rank `root`.
    ///
    /// # Errors
    /// No such rank or an unfit tensor; a peer is gone or the time-out has passed.
    pub fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), DistError> {
        self.start_broadcast(tensor.shallow_clone(), root)?.wait().map(drop)
    }

    /// Starts [`ProcessGroup::broadcast`]; the handle gives the tensor back.
    ///
    /// # Errors
    /// As there.
    pub fn start_broadcast(&self, tensor: Tensor, root: usize) -> Result<Handle<Tensor>, DistError> {
        const NAME: &str = "broadcast";
        if root >= self.size() {
            return Err(self.refuse(NAME, format!("the group has ranks 0 to {}, no {root}", self.size() - 1)));
        }
        self.verify(NAME, &tensor)?;
        if self.is_alone() || tensor.numel() == 0 {
            return Ok(self.nothing_to_send(NAME, tensor));
        }
        let sent = self.prepared(NAME, || tensor.detach().f_contiguous())?;
        let bytes = self.prepared(NAME, || bytes(&sent))?;
        let start = |raw: &RawGroup, timeout| raw.broadcast(&bytes, root, timeout);
        let call = Call::new(NAME, format!("of {} from {root}", in_words(&tensor))).moving(&tensor);
        self.issue(&call, start, move || written_back(tensor, &sent))
    }

    /// Overwrites `tensor`, of any shape and the same on all ranks, with the reduction of all ranks' tensors: the same
    /// bits on every rank. 16-bit numbers are reduced in float32 and rounded once.
    ///
    /// # Errors
    /// The kind has no such reduction; a peer is gone or the time-out has passed.
    pub fn all_reduce(&self, tensor: &mut Tensor, reduction: Reduction) -> Result<(), DistError> {
        self.start_all_reduce(tensor.shallow_clone(), reduction)?.wait().map(drop)
    }

    /// Starts [`ProcessGroup::all_reduce`]; the handle gives the tensor back.
    ///
    /// # Errors
    /// As there.
    pub fn start_all_reduce(&self, tensor: Tensor, reduction: Reduction) -> Result<Handle<Tensor>, DistError> {
        const NAME: &str = "all_reduce";
        self.verify(NAME, &tensor)?;
        let kind = reduction.computed_in(tensor.kind()).map_err(|reason| self.refuse(NAME, reason))?;
        if self.is_alone() || tensor.numel() == 0 {
            return Ok(self.nothing_to_send(NAME, tensor));
        }
        let sent = self.prepared(NAME, || tensor.detach().f_to_kind(kind)?.f_contiguous())?;
        let divisor = (reduction == Reduction::Avg).then_some(self.size() as i64);
        let start = |raw: &RawGroup, timeout| raw.all_reduce(&sent, reduction.raw(), timeout);
        let reduced = sent.shallow_clone();
        let call = Call::new(NAME, format!("{reduction:?} of {}", in_words(&tensor))).moving(&tensor);
        self.issue(&call, start, move || {
            let mut reduced = reduced;
            if let Some(divisor) = divisor {
                reduced = reduced.f_div_scalar_(divisor).map_err(|error| error.to_string())?;
            }
            written_back(tensor, &reduced)
        })
    }

    /// All ranks' tensors, `[n, ...]` each, in one: `[size * n, ...]`, in the order of the ranks. A tensor without
    /// dimensions counts as `[1]`.
    ///
    /// # Errors
    /// An unfit tensor; a peer is gone or the time-out has passed.
    pub fn all_gather(&self, input: &Tensor) -> Result<Tensor, DistError> {
        self.start_all_gather(input)?.wait()
    }

    /// Starts [`ProcessGroup::all_gather`].
    ///
    /// # Errors
    /// As there.
    pub fn start_all_gather(&self, input: &Tensor) -> Result<Handle<Tensor>, DistError> {
        const NAME: &str = "all_gather";
        self.verify(NAME, input)?;
        let mut shape = if input.dim() == 0 { vec![1] } else { input.size() };
        shape[0] *= self.size() as i64;
        if self.is_alone() {
            let own = self.prepared(NAME, || input.detach().f_reshape(&shape))?;
            return Ok(self.nothing_to_send(NAME, own));
        }
        let output = self.prepared(NAME, || Tensor::f_empty(&shape, (input.kind(), input.device())))?;
        if input.numel() == 0 {
            return Ok(self.nothing_to_send(NAME, output));
        }
        let (to, from) = self.prepared(NAME, || Ok((bytes(&output)?, bytes(&input.detach())?)))?;
        let call = Call::new(NAME, format!("of {}", in_words(input))).moving(&output);
        self.issue(&call, |raw, timeout| raw.all_gather(&to, &from, timeout), move || Ok(output))
    }

    /// All ranks' tensors, of one shape, in the order of the ranks.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_gather`].
    pub fn all_gather_list(&self, input: &Tensor) -> Result<Vec<Tensor>, DistError> {
        let shape = input.size();
        let all = self.all_gather(input)?;
        let stacked = [&[self.size() as i64], shape.as_slice()].concat();
        Ok(all.view(stacked.as_slice()).unbind(0))
    }

    /// This rank's part of the reduction of all ranks' `[size * n, ...]`: `[n, ...]`, part `rank`.
    ///
    /// On the CPU the parts are added in the order of the ranks, over NCCL in NCCL's own; 16-bit numbers in float32
    /// with one rounding at the end.
    ///
    /// # Errors
    /// The first dimension is no multiple of the group's size, or the kind has no such reduction; a peer is gone or the
    /// time-out has passed.
    pub fn reduce_scatter(&self, input: &Tensor, reduction: Reduction) -> Result<Tensor, DistError> {
        self.start_reduce_scatter(input, reduction)?.wait()
    }

    /// Starts [`ProcessGroup::reduce_scatter`]; the sums are made when it is waited for.
    ///
    /// # Errors
    /// As there.
    pub fn start_reduce_scatter(&self, input: &Tensor, reduction: Reduction) -> Result<Handle<Tensor>, DistError> {
        const NAME: &str = "reduce_scatter";
        self.verify(NAME, input)?;
        reduction.computed_in(input.kind()).map_err(|reason| self.refuse(NAME, reason))?;
        let (shape, size) = (input.size(), self.size() as i64);
        let rows = shape.first().copied().filter(|rows| rows % size == 0);
        let Some(rows) = rows else {
            return Err(self.refuse(NAME, format!("{shape:?} cannot be cut into {size} parts by its first dimension")));
        };
        let part = [&[rows / size], &shape[1..]].concat();
        if self.is_alone() || input.numel() == 0 {
            let own = self.prepared(NAME, || input.detach().f_narrow(0, 0, part[0]))?;
            return Ok(self.nothing_to_send(NAME, own));
        }
        let call = Call::new(NAME, format!("{reduction:?} of {}", in_words(input))).moving(input);
        if self.reduces_on_the_way(input.device()) {
            let kind = reduction.computed_in(input.kind()).map_err(|reason| self.refuse(NAME, reason))?;
            let sent = self.prepared(NAME, || input.detach().f_to_kind(kind)?.f_contiguous())?;
            let own = self.prepared(NAME, || Tensor::f_empty(&part, (kind, input.device())))?;
            let (output, given) = (own.shallow_clone(), input.kind());
            let start = move |raw: &RawGroup, timeout| raw.reduce_scatter(&output, &sent, reduction.raw(), timeout);
            let divisor = (reduction == Reduction::Avg).then_some(size);
            return self.issue(&call, start, move || no_grad(|| finished(own, divisor, given)));
        }
        let parts = [&[size], part.as_slice()].concat();
        let received = self.prepared(NAME, || Tensor::f_empty(&parts, (input.kind(), input.device())))?;
        let (to, from) = self.prepared(NAME, || Ok((bytes(&received)?, bytes(&input.detach())?)))?;
        let splits = vec![to.numel() as i64 / size; self.size()];
        let start = |raw: &RawGroup, timeout| raw.all_to_all(&to, &from, &splits, &splits, timeout);
        self.issue(&call, start, move || no_grad(|| reduced(&received, reduction)))
    }

    /// Sends `input_splits[r]` rows of `input`, `[sum of input_splits, ...]`, to each rank r, and returns what all
    /// sent here, `[sum of output_splits, ...]`, in the order of the ranks. A rank's `input_splits[r]` is the
    /// `output_splits[this rank]` of rank r.
    ///
    /// # Errors
    /// Splits that are not one for each rank, are negative or do not add up to the rows; a peer is gone or the time-out
    /// has passed.
    pub fn all_to_all(&self, input: &Tensor, input_splits: &[i64], output_splits: &[i64]) -> Result<Tensor, DistError> {
        self.start_all_to_all(input, input_splits, output_splits)?.wait()
    }

    /// Starts [`ProcessGroup::all_to_all`].
    ///
    /// # Errors
    /// As there.
    pub fn start_all_to_all(
        &self,
        input: &Tensor,
        input_splits: &[i64],
        output_splits: &[i64],
    ) -> Result<Handle<Tensor>, DistError> {
        const NAME: &str = "all_to_all";
        self.verify(NAME, input)?;
        let shape = input.size();
        for (name, splits) in [("input_splits", input_splits), ("output_splits", output_splits)] {
            if splits.len() != self.size() || splits.iter().any(|&split| split < 0) {
                let reason = format!("{name} {splits:?} must have a number from 0 for each of {} ranks", self.size());
                return Err(self.refuse(NAME, reason));
            }
        }
        let rows: i64 = input_splits.iter().sum();
        if shape.first() != Some(&rows) {
            return Err(
                self.refuse(NAME, format!("input_splits {input_splits:?} do not add up to the rows of {shape:?}"))
            );
        }
        let own = self.rank();
        if input_splits[own] != output_splits[own] {
            let reason = format!("sends itself {} rows and receives {}", input_splits[own], output_splits[own]);
            return Err(self.refuse(NAME, reason));
        }
        let row = &shape[1..];
        let row_bytes = row.iter().product::<i64>() * input.kind().elt_size_in_bytes() as i64;
        if self.is_alone() {
            return Ok(self.nothing_to_send(NAME, input.detach()));
        }
        let received = [&[output_splits.iter().sum()], row].concat();
        let output = self.prepared(NAME, || Tensor::f_empty(&received, (input.kind(), input.device())))?;
        if row_bytes == 0 {
            return Ok(self.nothing_to_send(NAME, output));
        }
        let (to, from) = self.prepared(NAME, || Ok((bytes(&output)?, bytes(&input.detach())?)))?;
        let in_bytes = |splits: &[i64]| splits.iter().map(|split| split * row_bytes).collect::<Vec<_>>();
        let (to_splits, from_splits) = (in_bytes(output_splits), in_bytes(input_splits));
        let start = |raw: &RawGroup, timeout| raw.all_to_all(&to, &from, &to_splits, &from_splits, timeout);
        let alike = format!("of rows {row:?} {:?}", input.kind());
        let splits = Some((input_splits.to_vec(), output_splits.to_vec()));
        self.issue(&Call { splits, ..Call::new(NAME, alike).moving(&output) }, start, move || Ok(output))
    }

    /// Returns once all ranks have come.
    ///
    /// # Errors
    /// A peer is gone or the time-out has passed.
    pub fn barrier(&self) -> Result<(), DistError> {
        self.start_barrier()?.wait()
    }

    /// Starts [`ProcessGroup::barrier`].
    ///
    /// # Errors
    /// As there.
    pub fn start_barrier(&self) -> Result<Handle<()>, DistError> {
        self.issue(&Call::new("barrier", String::new()), |raw, timeout| raw.barrier(timeout), || Ok(()))
    }

    /// Holds a tensor against what the backend can carry.
    fn verify(&self, operation: &'static str, tensor: &Tensor) -> Result<(), DistError> {
        if !tensor.defined() || tensor.is_sparse() {
            return Err(self.refuse(operation, "the tensor is undefined or sparse; give a dense one"));
        }
        if let Some(carried) = self.refusal(tensor.device()) {
            let reason = format!("the tensor is on {:?} and {carried}; move it", tensor.device());
            return Err(self.refuse(operation, reason));
        }
        Ok(())
    }

    /// Makes what an operation needs, without a graph.
    fn prepared<T>(
        &self,
        operation: &'static str,
        make: impl FnOnce() -> Result<T, tch::TchError>,
    ) -> Result<T, DistError> {
        no_grad(make).map_err(|error| self.refuse(operation, first_words(&error)))
    }
}

/// The elements of a tensor as bytes, `[numel * size of an element]`: the tensor's own storage where it is contiguous,
/// else a copy.
fn bytes(tensor: &Tensor) -> Result<Tensor, tch::TchError> {
    tensor.f_contiguous()?.f_view([-1])?.f_view_dtype(Kind::Uint8)
}

/// A sum in the kind in which it was made, as the average where there is a divisor, and of the kind that was given.
fn finished(mut sum: Tensor, divisor: Option<i64>, kind: Kind) -> Result<Tensor, String> {
    if let Some(divisor) = divisor {
        sum = sum.f_div_scalar_(divisor).map_err(|error| first_words(&error))?;
    }
    sum.f_to_kind(kind).map_err(|error| first_words(&error))
}

/// The caller's tensor with the elements of `received`, which is the same storage or a copy that the backend wrote.
fn written_back(mut tensor: Tensor, received: &Tensor) -> Result<Tensor, String> {
    if tensor.data_ptr() != received.data_ptr() {
        no_grad(|| tensor.f_copy_(received)).map_err(|error| first_words(&error))?;
    }
    Ok(tensor)
}

/// Shape and kind of a tensor.
fn in_words(tensor: &Tensor) -> String {
    format!("{:?} {:?}", tensor.size(), tensor.kind())
}

fn first_words(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
