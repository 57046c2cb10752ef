//! Weights of which each rank of a tensor group has its share, kept in a store of another kind.
//!
//! The inner store is that of a smaller decoder: it holds this rank's share and knows of no other. What is whole on
//! several ranks, and of whose gradient each has a part (the norms over heads, a key-value head that several ranks
//! hold), is summed over them as soon as a micro-batch has it, so that it stays the same on all.

use dist::ProcessGroup;
use tch::{Device, Kind, Tensor, no_grad};

use super::flat_part::{part_parameters, shaped_part};
use super::resident::Resident;
use super::sharded::Sharded;
use super::weight_store::{Gathering, Lent, Part, Spread, WeightStore};
use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::parameters::Parameter;
use crate::placement::Placement;
use crate::tensor_parallel::TensorParallel;

/// The groups of weights that are cut over other ranks as well, each of which has another part of the data.
#[derive(Debug)]
pub struct ShardGroups {
    /// Ranks over which each part is cut; they have this rank's share of the tensor group.
    pub shard: ProcessGroup,
    /// Ranks that hold what this rank holds, where there are others.
    pub replica: Option<ProcessGroup>,
}

/// One rank's share of a decoder's weights.
///
/// ```no_run
/// use std::path::Path;
/// use std::time::Duration;
///
/// use policy::dist::{Axis, Backend, GraphGroup, Job, Mesh};
/// use policy::{Decoder, ModelConfig, Placement, TensorCut, TensorParallel};
///
/// fn decoder(job: &Job, mesh: &Mesh, folder: &Path) -> Result<Decoder, Box<dyn std::error::Error>> {
///     let config = ModelConfig::from_file(&folder.join("config.json"))?;
///     let ranks = mesh.shape().peers(job.rank(), &[Axis::Tensor]);
///     let group = GraphGroup::new(job.group("tensor", ranks, Backend::Gloo, Duration::from_secs(60))?);
///     let tensor = TensorParallel::new(&config, &group)?; // refuses heads that the ranks cannot share
///     let store = TensorCut::empty(true, Placement::CPU, tensor, None);
///     let mut decoder = Decoder::with_store(&config, Box::new(store));
///     decoder.load_weights(folder)?; // of the files this rank reads what it holds
///     Ok(decoder)
/// }
/// ```
#[derive(Debug)]
pub struct TensorCut {
    tensor: TensorParallel,
    local: ModelConfig,
    inner: Box<dyn WeightStore>,
}

impl TensorCut {
    /// This rank's share of a decoder that has all weights; resident, or cut further over `shards`.
    pub fn cut(whole: &Decoder, tensor: TensorParallel, shards: Option<ShardGroups>) -> Self {
        let (config, store) = (whole.config(), whole.store());
        let has_head = store.head_part() == Part::Head;
        let mut parts = Parts::new(&tensor, has_head, whole.placement(), shards);
        for part in Part::all(whole.num_blocks(), has_head) {
            parts.fill(&tensor, part, &part_parameters(config, store, part));
            store.release(part);
        }
        let inner: Box<dyn WeightStore> = match parts.kept {
            Kept::Resident(store) => store,
            Kept::Sharded(store) => store,
        };
        Self { tensor, local: parts.local, inner }
    }

    /// This rank's share of weights that are zero, to be filled from a folder. Without `head` there is no language
    /// model's head of its own.
    pub fn empty(head: bool, placement: Placement, tensor: TensorParallel, shards: Option<ShardGroups>) -> Self {
        let local = tensor.share().local();
        let inner: Box<dyn WeightStore> = match shards {
            None => Box::new(Resident::empty(&local, head, placement)),
            Some(ShardGroups { shard, replica }) => Box::new(Sharded::empty(&local, head, placement, shard, replica)),
        };
        Self { tensor, local, inner }
    }

    /// Sums what several ranks hold whole of a block: gradients are in the order of the block's tensors.
    fn sum_shared(&self, mut gradients: Vec<Tensor>) -> Vec<Tensor> {
        let share = self.tensor.share();
        let family = self.local.architecture.family();
        let matrices = 1 + usize::from(family.qkv_bias); // qkv_proj and its bias come behind the first norm
        let mut shared: Vec<Tensor> = Vec::new();
        if family.qk_norm {
            shared.extend(gradients[1 + matrices..3 + matrices].iter().map(|norm| norm.to_kind(Kind::Float)));
        }
        let kv_rows = 2 * self.local.head_dim; // of the one head that a rank has where heads are held by several
        let is_repeated = share.kv_copies() > 1;
        let holder = share.kv_heads().start;
        let num_kv_heads = self.tensor.group().size() as i64 / share.kv_copies();
        if is_repeated {
            for gradient in &gradients[1..1 + matrices] {
                let own = gradient.narrow(0, gradient.size()[0] - kv_rows, kv_rows).to_kind(Kind::Float);
                let all = Tensor::zeros([&[num_kv_heads], own.size().as_slice()].concat(), (Kind::Float, own.device()));
                all.get(holder).copy_(&own);
                shared.push(all);
            }
        }
        if shared.is_empty() {
            return gradients;
        }
        let flat: Vec<Tensor> = shared.iter().map(|tensor| tensor.reshape([-1])).collect();
        let lengths: Vec<i64> = flat.iter().map(|tensor| tensor.numel() as i64).collect();
        let sums = self.tensor.summed(&Tensor::cat(&flat, 0)).split_with_sizes(lengths, 0);
        let mut sums = sums.into_iter().zip(&shared).map(|(sum, tensor)| sum.view(tensor.size().as_slice()));
        if family.qk_norm {
            for (gradient, sum) in gradients[1 + matrices..3 + matrices].iter_mut().zip(sums.by_ref()) {
                *gradient = sum;
            }
        }
        for (gradient, sum) in gradients[1..].iter_mut().zip(sums) {
            let query = gradient.narrow(0, 0, gradient.size()[0] - kv_rows).to_kind(Kind::Float);
            *gradient = Tensor::cat(&[query, sum.get(holder)], 0);
        }
        gradients
    }
}

/// Weights that are filled part by part.
struct Parts {
    local: ModelConfig,
    placement: Placement,
    kept: Kept,
}

enum Kept {
    Resident(Box<Resident>),
    Sharded(Box<Sharded>),
}

impl Parts {
    fn new(tensor: &TensorParallel, has_head: bool, placement: Placement, shards: Option<ShardGroups>) -> Self {
        let local = tensor.share().local();
        let kept = match shards {
            None => Kept::Resident(Box::new(Resident::empty(&local, has_head, placement))),
            Some(ShardGroups { shard, replica }) => {
                Kept::Sharded(Box::new(Sharded::new(&local, has_head, placement.options(), shard, replica)))
            }
        };
        Self { local, placement, kept }
    }

    /// Takes this rank's share of a whole part; parts come in their order.
    fn fill(&mut self, tensor: &TensorParallel, part: Part, whole: &[Parameter]) {
        let own = match &self.kept {
            Kept::Resident(store) => part_parameters(&self.local, store.as_ref(), part),
            Kept::Sharded(_) => shaped_part(&self.local, part, |shape| Tensor::zeros(shape, self.placement.options())),
        };
        for (own, whole) in own.iter().zip(whole) {
            for ((name, mut own), (_, whole)) in own.split(&own.tensor).into_iter().zip(whole.split(&whole.tensor)) {
                let share = tensor.share().part(&name).map_or_else(|| whole.shallow_clone(), |cut| cut.of(&whole));
                no_grad(|| own.copy_(&share));
            }
        }
        if let Kept::Sharded(store) = &mut self.kept {
            store.push(own);
        }
    }
}

impl WeightStore for TensorCut {
    fn embedding(&self) -> Tensor {
        self.inner.embedding()
    }

    fn block(&self, layer: usize) -> Lent<'_> {
        self.inner.block(layer)
    }

    fn final_norm(&self) -> Tensor {
        self.inner.final_norm()
    }

    fn head(&self) -> Tensor {
        self.inner.head()
    }

    fn release(&self, part: Part) {
        self.inner.release(part);
    }

    fn head_part(&self) -> Part {
        self.inner.head_part()
    }

    fn add_gradients(&mut self, part: Part, gradients: Vec<Tensor>) {
        let gradients = match part {
            Part::Block(_) => no_grad(|| self.sum_shared(gradients)),
            _ => gradients,
        };
        self.inner.add_gradients(part, gradients);
    }

    fn take_gradient(&mut self, part: Part) -> Option<Tensor> {
        self.inner.take_gradient(part)
    }

    fn put_gradient(&mut self, part: Part, gradient: Tensor) {
        self.inner.put_gradient(part, gradient);
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.inner.parameters();
        for part in parameters.iter_mut().flat_map(|parameter| &mut parameter.parts) {
            part.cut = self.tensor.share().part(&part.name);
        }
        parameters
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        self.inner.gradients()
    }

    fn clear_gradients(&mut self) {
        self.inner.clear_gradients();
    }

    fn complete_gradients(&mut self) -> Result<(), PolicyError> {
        self.inner.complete_gradients()?;
        self.tensor.verify()
    }

    fn verify(&self) -> Result<(), PolicyError> {
        self.inner.verify()?;
        self.tensor.verify()
    }

    fn blank(&self) -> Box<dyn WeightStore> {
        let (tensor, local) = (self.tensor.clone(), self.local.clone());
        Box::new(Self { tensor, local, inner: self.inner.blank() })
    }

    fn spread(&self) -> Spread {
        self.inner.spread()
    }

    fn take_gathering(&self) -> Gathering {
        self.inner.take_gathering()
    }

    fn tensor(&self) -> Option<&TensorParallel> {
        Some(&self.tensor)
    }

    fn options(&self) -> (Kind, Device) {
        self.inner.options()
    }
}
