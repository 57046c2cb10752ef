//! Names and shapes of a model's parameters, and the tensors of its parts under these names.
//!
//! [`parameter_shapes`] is arithmetic on a config alone: it allocates nothing, so a 32B model is checked on any
//! machine.

use std::ops::Range;

use tch::Tensor;

use crate::block::BlockWeights;
use crate::config::ModelConfig;
use crate::tensor_share::PartCut;

/// Tensors with their names, as a safetensors file holds them.
pub type NamedTensors = Vec<(String, Tensor)>;

/// A parameter as a checkpoint stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// Name in Hugging Face's layout.
    pub name: String,
    /// Sizes of the dimensions, as stored: a matrix is `[out, in]`.
    pub shape: Vec<i64>,
}

/// A tensor that training updates. The decoder stores q, k and v (and gate and up) as one tensor, so there are fewer of
/// these than of the parts a checkpoint names.
#[derive(Debug)]
pub struct Parameter {
    /// Name as in a checkpoint, but `qkv_proj` and `gate_up_proj` for what is stored as one.
    pub name: String,
    /// The model's own tensor: it shares the storage.
    pub tensor: Tensor,
    /// Parts that a checkpoint names, one below the other along the first dimension.
    pub parts: Vec<ParameterPart>,
    /// Where the parameter is cut over ranks that have other data: the piece of it that the tensor, which is flat, is
    /// here. Where it is cut over a tensor group as well, the piece is one of what its parts have here.
    pub piece: Option<ParameterPiece>,
}

/// Elements of a parameter that follow one another, counted row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterPiece {
    /// Sizes of the parameter's dimensions, before it is cut into pieces.
    pub shape: Vec<i64>,
    /// Place of the piece's first element in the whole.
    pub start: i64,
    /// Number of ranks that hold this piece.
    pub copies: usize,
}

/// Rows of a parameter under a checkpoint's name for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterPart {
    /// Name in Hugging Face's layout.
    pub name: String,
    /// Number of rows: size of the first dimension.
    pub rows: i64,
    /// Where the part is cut over a tensor group: the box of it that these rows are.
    pub cut: Option<PartCut>,
}

/// Elements of a part that a tensor laid out like its parameter holds.
#[derive(Debug)]
pub struct HeldPart {
    /// Name in Hugging Face's layout.
    pub name: String,
    /// Where the elements stand in the whole part, counted row by row: ranges in order, of which none begins where
    /// another ends.
    pub ranges: Vec<Range<i64>>,
    /// The elements of all ranges end to end, `[elements]`; it shares the storage of a contiguous tensor.
    pub tensor: Tensor,
    /// Number of ranks of a tensor group that hold the same elements; `None` where the part is whole on all of them.
    pub copies: Option<usize>,
}

impl Parameter {
    /// A parameter that a checkpoint stores as it is.
    pub fn whole(name: impl Into<String>, tensor: &Tensor) -> Self {
        let name = name.into();
        let rows = tensor.size().first().copied().unwrap_or(1);
        let parts = vec![ParameterPart { name: name.clone(), rows, cut: None }];
        Self { parts, name, tensor: tensor.shallow_clone(), piece: None }
    }

    /// Number of dimensions of the whole parameter.
    pub fn num_dimensions(&self) -> usize {
        self.piece.as_ref().map_or_else(|| self.tensor.dim(), |piece| piece.shape.len())
    }

    /// True where the tensor holds less than the whole parameter.
    pub fn is_cut(&self) -> bool {
        self.piece.is_some() || self.parts.iter().any(|part| part.cut.is_some())
    }

    /// Splits a tensor laid out like this parameter (its gradient, a moment) into the parts that a checkpoint names;
    /// each shares its storage. What is held of a part that is cut is flat, a tensor for each range of elements that
    /// follow one another, and its name ends in that range: `NAME[128..640]`.
    pub fn split(&self, tensor: &Tensor) -> NamedTensors {
        if self.is_cut() {
            return self.held(tensor).iter().flat_map(HeldPart::by_range).collect();
        }
        if let [whole] = self.parts.as_slice() {
            return vec![(whole.name.clone(), tensor.shallow_clone())];
        }
        let mut start = 0;
        let part = |part: &ParameterPart| {
            start += part.rows;
            (part.name.clone(), tensor.narrow(0, start - part.rows, part.rows))
        };
        self.parts.iter().map(part).collect()
    }

    /// Names and shapes of the parts that a checkpoint names, whole, also where the tensor holds less.
    pub fn part_shapes(&self) -> impl Iterator<Item = ParameterShape> {
        let here = self.piece.as_ref().map_or_else(|| self.tensor.size(), |piece| piece.shape.clone());
        self.parts.iter().map(move |part| {
            let rows = || here.first().map(|_| part.rows).into_iter().chain(here.iter().skip(1).copied()).collect();
            ParameterShape {
                name: part.name.clone(),
                shape: part.cut.as_ref().map_or_else(rows, |cut| cut.shape.clone()),
            }
        })
    }

    /// What a tensor laid out like this parameter holds of each part of which it holds something, flat.
    pub fn held(&self, tensor: &Tensor) -> Vec<HeldPart> {
        let shape = self.piece.as_ref().map_or_else(|| tensor.size(), |piece| piece.shape.clone());
        let start = self.piece.as_ref().map_or(0, |piece| piece.start);
        let tensor = tensor.reshape([-1]);
        let row = shape.iter().skip(1).product::<i64>();
        let end = start + tensor.numel() as i64;
        let mut part_start = 0;
        let held = |part: &ParameterPart| {
            let (first, behind) = (part_start, part_start + part.rows * row);
            part_start = behind;
            let (from, to) = (start.max(first), end.min(behind));
            let own = from - first..to - first;
            (from < to).then(|| HeldPart {
                name: part.name.clone(),
                ranges: part.cut.as_ref().map_or_else(|| vec![own.clone()], |cut| cut.ranges(own.clone())),
                tensor: tensor.narrow(0, from - start, to - from),
                copies: part.cut.as_ref().map(|cut| cut.copies),
            })
        };
        self.parts.iter().filter_map(held).collect()
    }
}

impl HeldPart {
    /// A tensor for each range, under the part's name with the range.
    fn by_range(&self) -> NamedTensors {
        let mut end = 0;
        let one = |range: &Range<i64>| {
            let length = range.end - range.start;
            end += length;
            (format!("{}[{}..{}]", self.name, range.start, range.end), self.tensor.narrow(0, end - length, length))
        };
        self.ranges.iter().map(one).collect()
    }
}

/// The name of a part and, where it is that of a piece as [`Parameter::split`] writes it, the range of its elements.
pub fn part_of_name(name: &str) -> (&str, Option<Range<i64>>) {
    let range = |name: &str| {
        let (part, range) = name.strip_suffix(']')?.rsplit_once('[')?;
        let (start, end) = range.split_once("..")?;
        Some((part.len(), start.parse().ok()?..end.parse().ok()?))
    };
    match range(name) {
        Some((length, range)) => (&name[..length], Some(range)),
        None => (name, None),
    }
}

/// Name of a language model's head.
pub(crate) const HEAD: &str = "lm_head.weight";

/// Name of a scalar head, as transformers' sequence classification has it.
pub(crate) const SCORE: &str = "score.weight";

pub(crate) fn embedding_parameter(tensor: &Tensor) -> Parameter {
    Parameter::whole("model.embed_tokens.weight", tensor)
}

pub(crate) fn final_norm_parameter(tensor: &Tensor) -> Parameter {
    Parameter::whole("model.norm.weight", tensor)
}

pub(crate) fn head_parameter(tensor: &Tensor) -> Parameter {
    Parameter::whole(HEAD, tensor)
}

/// The parameters of block `layer`, in the order of [`BlockWeights::tensors`].
pub(crate) fn block_parameters(config: &ModelConfig, layer: usize, weights: &BlockWeights) -> Vec<Parameter> {
    let query = config.num_attention_heads * config.head_dim;
    let key = config.num_key_value_heads * config.head_dim;
    let name = |part: &str| format!("model.layers.{layer}.{part}");
    let whole = |part: &str, tensor: &Tensor| Parameter::whole(name(part), tensor);
    let fused = |module: &str, whole: &str, kind: &str, parts: &[(&str, i64)], tensor: &Tensor| Parameter {
        name: name(&format!("{module}.{whole}.{kind}")),
        tensor: tensor.shallow_clone(),
        parts: parts
            .iter()
            .map(|(part, rows)| ParameterPart {
                name: name(&format!("{module}.{part}.{kind}")),
                rows: *rows,
                cut: None,
            })
            .collect(),
        piece: None,
    };
    let qkv = [("q_proj", query), ("k_proj", key), ("v_proj", key)];
    let gate_up = [("gate_proj", config.intermediate_size), ("up_proj", config.intermediate_size)];
    let mut parameters = vec![
        whole("input_layernorm.weight", &weights.input_layernorm),
        fused("self_attn", "qkv_proj", "weight", &qkv, &weights.qkv_proj),
    ];
    if let Some(bias) = &weights.qkv_bias {
        parameters.push(fused("self_attn", "qkv_proj", "bias", &qkv, bias));
    }
    if let Some((q_norm, k_norm)) = &weights.qk_norm {
        parameters.push(whole("self_attn.q_norm.weight", q_norm));
        parameters.push(whole("self_attn.k_norm.weight", k_norm));
    }
    parameters.extend([
        whole("self_attn.o_proj.weight", &weights.o_proj),
        whole("post_attention_layernorm.weight", &weights.post_attention_layernorm),
        fused("mlp", "gate_up_proj", "weight", &gate_up, &weights.gate_up_proj),
        whole("mlp.down_proj.weight", &weights.down_proj),
    ]);
    parameters
}

/// Every parameter of the model's checkpoint, in file order, without the head where it is tied.
pub fn parameter_shapes(config: &ModelConfig) -> Vec<ParameterShape> {
    let family = config.architecture.family();
    let mut shapes = Vec::new();
    let mut add = |name: String, shape: &[i64]| shapes.push(ParameterShape { name, shape: shape.to_vec() });
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    let query = config.num_attention_heads * config.head_dim;
    let key = config.num_key_value_heads * config.head_dim;
    add("model.embed_tokens.weight".into(), &[config.vocab_size, hidden]);
    for layer in 0..config.num_hidden_layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        add(name("input_layernorm.weight"), &[hidden]);
        for (part, out) in [("q_proj", query), ("k_proj", key), ("v_proj", key)] {
            add(name(&format!("self_attn.{part}.weight")), &[out, hidden]);
            if family.qkv_bias {
                add(name(&format!("self_attn.{part}.bias")), &[out]);
            }
        }
        if family.qk_norm {
            add(name("self_attn.q_norm.weight"), &[config.head_dim]);
            add(name("self_attn.k_norm.weight"), &[config.head_dim]);
        }
        add(name("self_attn.o_proj.weight"), &[hidden, query]);
        add(name("post_attention_layernorm.weight"), &[hidden]);
        add(name("mlp.gate_proj.weight"), &[intermediate, hidden]);
        add(name("mlp.up_proj.weight"), &[intermediate, hidden]);
        add(name("mlp.down_proj.weight"), &[hidden, intermediate]);
    }
    add("model.norm.weight".into(), &[hidden]);
    if !config.tie_word_embeddings {
        add(HEAD.into(), &[config.vocab_size, hidden]);
    }
    shapes
}

/// The same without the head, unless the model `has_head` of its own.
pub(crate) fn shapes_of(config: &ModelConfig, has_head: bool) -> Vec<ParameterShape> {
    let mut shapes = parameter_shapes(config);
    shapes.retain(|parameter| has_head || parameter.name != HEAD);
    shapes
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn a_piece_knows_what_it_holds_of_each_part() {
        let part = |name: &str, rows| ParameterPart { name: name.into(), rows, cut: None };
        let values = Tensor::arange(12, (Kind::Int64, Device::Cpu));
        let piece = |start: i64, end: i64| Parameter {
            name: "kv".into(),
            tensor: values.narrow(0, start, end - start),
            parts: vec![part("k", 2), part("v", 4)],
            piece: Some(ParameterPiece { shape: vec![6, 2], start, copies: 1 }),
        };
        let held = |start, end| -> Vec<(String, Vec<i64>)> {
            let parameter = piece(start, end);
            assert_eq!(parameter.num_dimensions(), 2);
            let parts = parameter.split(&parameter.tensor).into_iter();
            parts.map(|(name, tensor)| (name, Vec::try_from(tensor).unwrap())).collect()
        };
        assert_eq!(held(1, 3), [("k[1..3]".into(), vec![1, 2])]);
        assert_eq!(held(3, 6), [("k[3..4]".into(), vec![3]), ("v[0..2]".into(), vec![4, 5])]);
        assert_eq!(held(6, 12), [("v[2..8]".into(), (6..12).collect::<Vec<_>>())]);
        // Of k the second of two columns, of v both.
        let cut = PartCut { shape: vec![2, 4], indices: vec![0..2, 2..4], copies: 2 };
        let mut columns = piece(1, 6);
        columns.parts[0].cut = Some(cut);
        let names: Vec<String> = columns.split(&columns.tensor).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["k[3..4]", "k[6..8]", "v[0..2]"]);
        let held = columns.held(&columns.tensor);
        assert_eq!((&held[0].ranges, held[0].copies, held[1].copies), (&vec![3..4, 6..8], Some(2), None));
        assert_eq!(held[0].tensor, values.narrow(0, 1, 3));
        assert_eq!(part_of_name("a.k[3..4]"), ("a.k", Some(3..4)));
        assert_eq!([part_of_name("a.k"), part_of_name("a[b]")], [("a.k", None), ("a[b]", None)]);
    }
}
