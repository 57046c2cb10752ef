//! The ranks that compute one decoder together, each with its share of every matrix product.
//!
//! Between two products that are cut, once by rows and once by columns, nothing is sent: what each rank has of the
//! second's result is added up, and on the way back what each has of the gradient in the first's input. Token ids
//! outside of a rank's stretch of the vocabulary are another's. Knows no weights.

use std::ops::Range;
use std::sync::Arc;

use dist::{GraphGroup, Reduction};
use tch::{Kind, Tensor, no_grad};

use crate::config::ModelConfig;
use crate::error::PolicyError;
use crate::tensor_share::TensorShare;

/// A rank's share of a decoder, and the ranks that have the others.
#[derive(Clone, Debug)]
pub struct TensorParallel {
    share: TensorShare,
    group: Arc<GraphGroup>,
}

impl TensorParallel {
    /// A decoder of this configuration over the ranks of a group, which several decoders may have.
    ///
    /// # Errors
    /// As [`TensorShare::new`].
    pub fn new(config: &ModelConfig, group: &Arc<GraphGroup>) -> Result<Self, PolicyError> {
        Ok(Self { share: TensorShare::new(config, group.rank(), group.size())?, group: group.clone() })
    }

    /// This rank's share.
    pub fn share(&self) -> &TensorShare {
        &self.share
    }

    /// The ranks.
    pub fn group(&self) -> &Arc<GraphGroup> {
        &self.group
    }

    /// `ids` of any shape, int64, counted in this rank's stretch of the vocabulary, and where they are in it, bool; 0
    /// stands for an id that is another rank's.
    pub fn own_ids(&self, ids: &Tensor) -> (Tensor, Tensor) {
        let own = self.share.vocabulary();
        let is_own = ids.ge(own.start).logical_and(&ids.lt(own.end));
        ((ids - own.start) * &is_own, is_own)
    }

    /// The columns of all ranks side by side, `[rows, vocab]`, of which this rank has `own` `[rows, stretch]`; without
    /// a graph.
    pub fn whole_vocabulary(&self, own: &Tensor) -> Tensor {
        let length = |ids: Range<i64>| ids.end - ids.start;
        let padding = self.share.longest_vocabulary() - own.size()[1];
        let all = self.group.gathered(&own.constant_pad_nd([0, padding])); // [ranks, rows, longest stretch]
        let stretches = all.unbind(0).into_iter().enumerate().map(|(rank, columns)| {
            columns.narrow(1, 0, length(self.share.of_rank(rank).vocabulary())) // without the padding
        });
        Tensor::cat(&stretches.collect::<Vec<_>>(), 1)
    }

    /// Rows of an embedding of which this rank has `table` `[stretch, hidden]`, for `ids` `[tokens]` int64 of the whole
    /// vocabulary: `[tokens, hidden]`, without a graph.
    pub(crate) fn embed(&self, table: &Tensor, ids: &Tensor) -> Tensor {
        no_grad(|| {
            let (ids, is_own) = self.own_ids(ids);
            let own = Tensor::embedding(table, &ids, -1, false, false) * is_own.unsqueeze(1);
            self.group.reduced(&own, Reduction::Sum)
        })
    }

    /// The whole of a part with a checkpoint's name, of which this rank holds `own`; a tensor of its own.
    pub(crate) fn whole(&self, name: &str, own: &Tensor) -> Tensor {
        let Some(cut) = self.share.part(name) else { return own.copy() };
        let cuts: Vec<_> = (0..self.group.size()).filter_map(|rank| self.share.of_rank(rank).part(name)).collect();
        no_grad(|| {
            let whole = Tensor::zeros(cut.shape.as_slice(), (own.kind(), own.device()));
            let boxes: Vec<Tensor> = cuts.iter().map(|cut| cut.of(&whole)).collect();
            let length = boxes.iter().map(Tensor::numel).max().unwrap_or(0);
            let padded = own.detach().reshape([-1]).constant_pad_nd([0, (length - own.numel()) as i64]);
            let all = self.group.gathered(&padded); // [ranks, length]
            for (mut held, elements) in boxes.into_iter().zip(all.unbind(0)) {
                held.copy_(&elements.narrow(0, 0, held.numel() as i64).view(held.size().as_slice()));
            }
            whole
        })
    }

    /// Sum of all ranks' tensors in float32, without a graph.
    pub(crate) fn summed(&self, tensor: &Tensor) -> Tensor {
        self.group.reduced(&tensor.to_kind(Kind::Float), Reduction::Sum)
    }

    /// # Errors
    /// An operation between the ranks failed.
    pub fn verify(&self) -> Result<(), PolicyError> {
        self.group.verify().map_err(PolicyError::Ranks)
    }
}
