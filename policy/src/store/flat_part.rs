//! One part of a decoder, flat: its parameters end to end, of which each rank holds a piece of one length.
//!
//! Arithmetic and tensors; no group of ranks is known here.

use tch::{Device, Kind, Tensor, no_grad};

use super::weight_store::{Part, WeightStore};
use crate::block::BlockWeights;
use crate::config::ModelConfig;
use crate::parameters::{
    Parameter, ParameterPart, ParameterPiece, block_parameters, embedding_parameter, final_norm_parameter,
    head_parameter,
};

/// A parameter's place among those of its part.
#[derive(Debug)]
struct Place {
    name: String,
    parts: Vec<ParameterPart>,
    shape: Vec<i64>,
    /// Place of its first element.
    start: i64,
    numel: i64,
}

/// A rank's piece of a part, behind whose last element comes padding.
#[derive(Debug)]
pub(super) struct FlatPart {
    places: Vec<Place>,
    /// Place of the piece's first element.
    start: i64,
    /// `[piece]`
    weights: Tensor,
    /// Sum of the gradients, `[piece]` float32.
    gradient: Option<Tensor>,
}

/// The parameters of a part, as a store hands them out.
pub(crate) fn part_parameters(config: &ModelConfig, store: &dyn WeightStore, part: Part) -> Vec<Parameter> {
    match part {
        Part::Embedding => vec![embedding_parameter(&store.embedding())],
        Part::Block(layer) => block_parameters(config, layer, &store.block(layer)),
        Part::FinalNorm => vec![final_norm_parameter(&store.final_norm())],
        Part::Head => vec![head_parameter(&store.head())],
    }
}

/// The parameters of a part, each of which is made of its shape.
pub(super) fn shaped_part(config: &ModelConfig, part: Part, make: impl Fn(&[i64]) -> Tensor) -> Vec<Parameter> {
    let table = || make(&[config.vocab_size, config.hidden_size]);
    match part {
        Part::Embedding => vec![embedding_parameter(&table())],
        Part::Block(layer) => block_parameters(config, layer, &BlockWeights::shaped(config, make)),
        Part::FinalNorm => vec![final_norm_parameter(&make(&[config.hidden_size]))],
        Part::Head => vec![head_parameter(&table())],
    }
}

impl FlatPart {
    /// Piece `rank` of `size`, of whole parameters; it has memory of its own.
    pub(super) fn cut(parameters: Vec<Parameter>, rank: usize, size: usize) -> Self {
        let tensors: Vec<Tensor> = parameters.iter().map(|parameter| parameter.tensor.detach()).collect();
        let (places, length) = Self::laid_out(parameters, size);
        let all = flat(&tensors, tensors[0].kind(), length * size as i64);
        let start = length * rank as i64;
        Self { places, start, weights: all.narrow(0, start, length).copy(), gradient: None }
    }

    /// The same of parameters that are zero: of them no more than the piece is ever there.
    pub(super) fn empty(config: &ModelConfig, part: Part, options: (Kind, Device), rank: usize, size: usize) -> Self {
        let zero = Tensor::zeros([1], options);
        let (places, length) = Self::laid_out(shaped_part(config, part, |shape| zero.expand(shape, false)), size);
        Self { places, start: length * rank as i64, weights: Tensor::zeros([length], options), gradient: None }
    }

    /// The places of parameters, and the length of a piece.
    fn laid_out(parameters: Vec<Parameter>, size: usize) -> (Vec<Place>, i64) {
        let mut end = 0;
        let place = |Parameter { name, tensor, parts, .. }: Parameter| {
            let (start, numel) = (end, tensor.numel() as i64);
            end += numel;
            Place { name, parts, shape: tensor.size(), start, numel }
        };
        let places: Vec<Place> = parameters.into_iter().map(place).collect();
        (places, (end as u64).div_ceil(size as u64) as i64)
    }

    /// The rank's piece, `[piece]`.
    pub(super) fn weights(&self) -> &Tensor {
        &self.weights
    }

    /// Number of elements of the rank's piece, padding included.
    pub(super) fn length(&self) -> i64 {
        self.weights.size()[0]
    }

    /// The part's tensors, as views of all ranks' pieces end to end.
    pub(super) fn tensors(&self, all: &Tensor) -> Vec<Tensor> {
        self.places.iter().map(|place| all.narrow(0, place.start, place.numel).view(place.shape.as_slice())).collect()
    }

    /// Gradients of the part's tensors end to end in float32, padded to the pieces of `size` ranks.
    pub(super) fn flat_gradient(&self, gradients: &[Tensor], size: usize) -> Tensor {
        flat(gradients, Kind::Float, self.length() * size as i64)
    }

    /// Adds the gradient of the piece, `[piece]` float32.
    pub(super) fn add_gradient(&mut self, gradient: Tensor) {
        match &mut self.gradient {
            Some(sum) => no_grad(|| *sum += gradient),
            None => self.gradient = Some(gradient),
        }
    }

    /// The gradient of the piece, `[piece]` float32.
    pub(super) fn gradient_mut(&mut self) -> &mut Option<Tensor> {
        &mut self.gradient
    }

    /// Places of the elements that the piece holds of each parameter, counted in the piece; none of the padding.
    fn held(&self) -> impl Iterator<Item = (&Place, i64, i64)> {
        let end = self.start + self.length();
        self.places.iter().filter_map(move |place| {
            let (from, to) = (self.start.max(place.start), end.min(place.start + place.numel));
            (from < to).then(|| (place, from - self.start, to - self.start))
        })
    }

    /// What the piece, which `copies` ranks hold, has of each parameter of which it has something.
    pub(super) fn parameters(&self, copies: usize) -> impl Iterator<Item = Parameter> {
        let piece = move |place: &Place, from: i64| {
            let start = self.start + from - place.start;
            ParameterPiece { shape: place.shape.clone(), start, copies }
        };
        self.held().map(move |(place, from, to)| Parameter {
            name: place.name.clone(),
            tensor: self.weights.narrow(0, from, to - from),
            parts: place.parts.clone(),
            piece: Some(piece(place, from)),
        })
    }

    /// The gradients of [`FlatPart::parameters`].
    pub(super) fn gradients(&self) -> impl Iterator<Item = Option<Tensor>> {
        self.held().map(|(_, from, to)| self.gradient.as_ref().map(|gradient| gradient.narrow(0, from, to - from)))
    }
}

/// Tensors end to end in one kind, followed by zeros: `[length]`.
fn flat(tensors: &[Tensor], kind: Kind, length: i64) -> Tensor {
    let mut all: Vec<Tensor> = tensors.iter().map(|tensor| tensor.detach().reshape([-1]).to_kind(kind)).collect();
    let padding = length - all.iter().map(|tensor| tensor.numel() as i64).sum::<i64>();
    all.push(Tensor::zeros([padding], (kind, tensors[0].device())));
    Tensor::cat(&all, 0)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn pieces_hold_every_element_once_and_none_of_the_padding() {
        let tensors = [Tensor::arange(6, (Kind::Float, Device::Cpu)).view([3, 2]), Tensor::from_slice(&[6f32, 7.0])];
        let whole = || vec![Parameter::whole("matrix", &tensors[0]), Parameter::whole("norm", &tensors[1])];
        for size in [1, 2, 3, 5, 6, 12] {
            let mut pieces: Vec<FlatPart> = (0..size).map(|rank| FlatPart::cut(whole(), rank, size)).collect();
            let all = Tensor::cat(&pieces.iter().map(FlatPart::weights).collect::<Vec<_>>(), 0);
            for (tensor, gathered) in tensors.iter().zip(pieces[0].tensors(&all)) {
                assert_eq!(*tensor, gathered, "{size}");
            }
            let flat = pieces[0].flat_gradient(&tensors, size);
            let mut elements = Vec::new();
            for (rank, piece) in pieces.iter_mut().enumerate() {
                let length = piece.length();
                piece.add_gradient(flat.narrow(0, rank as i64 * length, length).copy());
                for (parameter, gradient) in piece.parameters(1).zip(piece.gradients()) {
                    assert_eq!(parameter.tensor, gradient.unwrap());
                    assert_eq!(parameter.num_dimensions(), if parameter.name == "norm" { 1 } else { 2 });
                    elements.extend(Vec::<f32>::try_from(&parameter.tensor).unwrap());
                }
            }
            assert_eq!(elements, (0..8).map(|value| value as f32).collect::<Vec<_>>(), "{size}");
            let empty = pieces.iter().filter(|piece| piece.parameters(1).count() == 0).count();
            assert_eq!(empty, [0, 0, 0, 1, 2, 4][[1, 2, 3, 5, 6, 12].iter().position(|it| *it == size).unwrap()]);
        }
    }
}
