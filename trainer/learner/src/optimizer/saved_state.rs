//! Optimizer state in the files of a component: one file, or one a rank, of as many ranks as there were.
//!
//! Names and ranges alone. Each rank reads what it needs, however what was saved is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use policy::{NamedTensors, Parameter, StoredTensors, component_files, part_of_name, write_rank_file, write_tensors};
use tch::{Device, Tensor};

/// Writes what rank `rank` of `num_ranks` has of the component `name`: `NAME.safetensors` of one rank, or else
/// `NAME-rank-00000-of-00004.safetensors` of each. Returns the file's name.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(folder: &Path, name: &str, rank: usize, num_ranks: usize, state: &NamedTensors) -> Result<String> {
    if num_ranks > 1 {
        return Ok(write_rank_file(folder, name, rank, num_ranks, state)?);
    }
    let file = format!("{name}.safetensors");
    write_tensors(&folder.join(&file), state)?;
    Ok(file)
}

/// Reads of the component `name` what an optimizer of `parameters` needs, whose own state is `targets`: the tensors of
/// their names, on the CPU. Nothing else is read but the files' headers.
///
/// # Errors
/// A file or something of a tensor is missing, a tensor has another shape, files contradict each other, or they hold
/// the state of something else.
pub(crate) fn read(
    folder: &Path,
    name: &str,
    targets: &NamedTensors,
    parameters: &[Parameter],
) -> Result<NamedTensors> {
    let saved = StoredTensors::open(&component_files(folder, name)?)?;
    let shapes: BTreeMap<String, Vec<i64>> =
        parameters.iter().flat_map(Parameter::part_shapes).map(|part| (part.name, part.shape)).collect();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut state = NamedTensors::new();
    for (target_name, target) in targets {
        let tensor = part_of_name(target_name).0;
        let shape = shapes.get(part_of_tensor(tensor)).filter(|_| target.dim() > 0);
        if known.insert(tensor) {
            saved.check(tensor, shape.map_or(&[], Vec::as_slice))?;
        }
        let read = Tensor::zeros(target.size(), (target.kind(), Device::Cpu));
        saved.copy(target_name, &read)?;
        state.push((target_name.clone(), read));
    }
    // Of parameters that are cut, other ranks may hold all of a part.
    let is_cut = parameters.is_empty() || parameters.iter().any(Parameter::is_cut);
    let parts: BTreeSet<&str> = known.iter().map(|tensor| part_of_tensor(tensor)).collect();
    let is_mine = |tensor: &str| !is_cut || parts.contains(part_of_tensor(tensor));
    if let Some(tensor) = saved.names().find(|tensor| !known.contains(tensor) && is_mine(tensor)) {
        bail!(
            "{name} of {} has {tensor}, which belongs to no parameter of this model; resume from the checkpoint of the \
             same model, written by this version",
            folder.display()
        );
    }
    Ok(state)
}

/// The part of a parameter in the name of a tensor of its state.
fn part_of_tensor(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use policy::{ParameterPart, ParameterPiece, PartCut};
    use tch::Kind;
    use tempfile::TempDir;

    use super::*;
    use crate::optimizer::adamw::{AdamW, AdamWConfig};

    const COMPONENT: &str = "optimizer";

    /// The parameters of a rank with their optimizer.
    struct Rank {
        parameters: Vec<Parameter>,
        optimizer: AdamW,
    }

    impl Rank {
        fn new(parameters: Vec<Parameter>) -> Self {
            let optimizer = AdamW::new(AdamWConfig::default(), &parameters).unwrap();
            Self { parameters, optimizer }
        }

        fn state(&self) -> NamedTensors {
            self.optimizer.state(&self.parameters)
        }

        fn load(&mut self, folder: &Path) -> Result<()> {
            let state = read(folder, COMPONENT, &self.state(), &self.parameters)?;
            self.optimizer.load_state(state, &self.parameters)
        }

        /// One update, by gradients of the whole parameters.
        fn step(&mut self, gradients: &[Tensor]) {
            let held = |parameter: &Parameter| {
                let gradient = &gradients[usize::from(parameter.name == "norm")];
                let Some(piece) = &parameter.piece else { return Some(gradient.copy()) };
                Some(gradient.reshape([-1]).narrow(0, piece.start, parameter.tensor.numel() as i64))
            };
            let gradients: Vec<_> = self.parameters.iter().map(held).collect();
            self.optimizer.step(&self.parameters, &gradients, 0.1).unwrap();
        }
    }

    /// A matrix of two parts, and a vector.
    fn whole(kind: Kind) -> Vec<Parameter> {
        let part = |name: &str, rows| ParameterPart { name: name.into(), rows, cut: None };
        let tensor = |shape: &[i64]| Tensor::arange(shape.iter().product::<i64>(), (kind, Device::Cpu)).view(shape);
        let fused = Parameter { parts: vec![part("k", 2), part("v", 3)], ..Parameter::whole("kv", &tensor(&[5, 2])) };
        vec![fused, Parameter::whole("norm", &tensor(&[3]))]
    }

    fn gradients() -> Vec<Tensor> {
        let values =
            |shape: &[i64]| Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).view(shape);
        vec![values(&[5, 2]).cos(), values(&[3]).sin()]
    }

    /// The parameters as `size` ranks have them: one process whole, several in pieces.
    fn ranks(size: i64, kind: Kind) -> Vec<Rank> {
        let piece = |whole: Parameter, rank: i64| {
            let (numel, shape) = (whole.tensor.numel() as i64, whole.tensor.size());
            let length = (numel + size - 1) / size;
            let (start, end) = ((rank * length).min(numel), (rank * length + length).min(numel));
            let tensor = whole.tensor.reshape([-1]).narrow(0, start, end - start).copy();
            (start < end).then(|| Parameter {
                tensor,
                piece: Some(ParameterPiece { shape, start, copies: 1 }),
                ..whole
            })
        };
        let held = |rank| whole(kind).into_iter().filter_map(|whole| piece(whole, rank)).collect();
        if size == 1 { vec![Rank::new(whole(kind))] } else { (0..size).map(|rank| Rank::new(held(rank))).collect() }
    }

    fn saved(ranks: &[Rank]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (rank, held) in ranks.iter().enumerate() {
            write(folder.path(), COMPONENT, rank, ranks.len(), &held.state()).unwrap();
        }
        folder
    }

    /// The state of several ranks as that of one process.
    fn joined(ranks: &[Rank]) -> NamedTensors {
        let mut one = Rank::new(whole(ranks[0].parameters[0].tensor.kind()));
        one.load(saved(ranks).path()).unwrap();
        one.state().iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect()
    }

    fn assert_same(what: &str, one: &NamedTensors, other: &NamedTensors) {
        assert_eq!(one.len(), other.len(), "{what}");
        for ((name, one), (other_name, other)) in one.iter().zip(other) {
            assert!(name == other_name && one.equal(other), "{what}: {name}");
        }
    }

    #[test]
    fn moments_come_back_bit_for_bit_on_any_number_of_ranks() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let mut one = ranks(1, kind);
            (0..2).for_each(|_| one[0].step(&gradients()));
            let expected = joined(&one);
            assert_eq!(expected.len(), 3 * if kind == Kind::Float { 3 } else { 4 });
            for from in [1, 2, 3, 4, 7] {
                // Of seven ranks two hold nothing of the matrix, and four nothing of the vector.
                let mut writers = ranks(from, kind);
                writers.iter_mut().for_each(|rank| (0..2).for_each(|_| rank.step(&gradients())));
                assert_same(&format!("{from} ranks"), &expected, &joined(&writers));
                for to in [1, 2, 3, 4, 7] {
                    let what = format!("{kind:?}, {from} ranks to {to}");
                    let folder = saved(&writers);
                    let mut readers = ranks(to, kind);
                    readers.iter_mut().for_each(|rank| rank.load(folder.path()).unwrap());
                    assert_same(&what, &expected, &joined(&readers));
                }
            }
        }
    }

    /// A matrix whose columns are cut over two ranks of a tensor group, and each share over two with other data.
    fn shares(whole: &Tensor) -> Vec<Rank> {
        let (rows, half) = (whole.size()[0], whole.size()[1] / 2);
        let piece = |place: i64, shard: i64| {
            let cut =
                PartCut { shape: whole.size(), indices: vec![0..rows, place * half..(place + 1) * half], copies: 1 };
            let length = (rows * half + 1) / 2;
            let start = shard * length;
            let tensor = cut.of(whole).reshape([-1]).narrow(0, start, length.min(rows * half - start)).copy();
            Rank::new(vec![Parameter {
                parts: vec![ParameterPart { name: "o".into(), rows, cut: Some(cut) }],
                piece: Some(ParameterPiece { shape: vec![rows, half], start, copies: 1 }),
                ..Parameter::whole("o", &tensor)
            }])
        };
        [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().map(|(place, shard)| piece(place, shard)).collect()
    }

    #[test]
    fn shares_of_a_matrix_are_saved_like_the_whole() {
        let tensor = Tensor::arange(18, (Kind::Float, Device::Cpu)).view([3, 6]);
        let one = || Rank::new(vec![Parameter::whole("o", &tensor.copy())]);
        let (mut whole, mut back) = (one(), one());
        whole.step(&[tensor.cos()]);
        let folder = saved(std::slice::from_ref(&whole));
        let mut ranks = shares(&tensor);
        ranks.iter_mut().for_each(|rank| rank.load(folder.path()).unwrap());
        let names: Vec<String> = ranks[0].state().into_iter().map(|(name, _)| name).collect();
        assert!(["exp_avg.o[0..3]", "exp_avg.o[6..8]"].iter().all(|name| names.iter().any(|it| it == name)));
        back.load(saved(&ranks).path()).unwrap();
        assert_same("four shares", &whole.state(), &back.state());
    }

    #[test]
    fn ranks_that_go_on_are_updated_like_one_process() {
        let mut one = ranks(1, Kind::Float);
        one[0].step(&gradients());
        let folder = saved(&one);
        let mut three = ranks(3, Kind::Float);
        for rank in &mut three {
            rank.step(&gradients());
            rank.load(folder.path()).unwrap();
            rank.step(&gradients());
        }
        one[0].step(&gradients());
        let tensors = three.iter().flat_map(|rank| &rank.parameters).filter(|parameter| parameter.name == "kv");
        let tensors: Vec<Tensor> = tensors.map(|parameter| parameter.tensor.shallow_clone()).collect();
        let weights = Tensor::cat(&tensors, 0).view([5, 2]);
        assert!(weights.equal(&one[0].parameters[0].tensor), "decayed as the matrix that they are of");
    }

    #[test]
    fn a_scalar_head_is_written_once_and_read_by_all() {
        let head = || vec![Parameter::whole("score", &Tensor::ones([1, 4], (Kind::Float, Device::Cpu)))];
        let folder = tempfile::tempdir().unwrap();
        for rank in 0..2 {
            write(folder.path(), COMPONENT, rank, 2, &Rank::new(head()).state()).unwrap();
        }
        let files: Vec<_> = component_files(folder.path(), COMPONENT).unwrap();
        let names = |file: usize| StoredTensors::open(&files[file..=file]).unwrap().names().count();
        assert_eq!([names(0), names(1)], [3, 0]);
        Rank::new(head()).load(folder.path()).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_state_is_said_with_its_file() {
        let error_after = |change: &dyn Fn(&mut NamedTensors), parameters: Vec<Parameter>| {
            let writers = ranks(2, Kind::Float);
            let folder = saved(&writers);
            let mut state = writers[1].state();
            change(&mut state);
            write(folder.path(), COMPONENT, 1, 2, &state).unwrap();
            Rank::new(parameters).load(folder.path()).unwrap_err().to_string()
        };
        let lacking = error_after(&|state| state.retain(|(name, _)| name != "exp_avg.v[1..6]"), whole(Kind::Float));
        assert!(lacking.contains("00000-of-00002.safetensors: tensor `exp_avg.v`: ends with element 1"), "{lacking}");
        let none = error_after(
            &|state| state.retain(|(name, _)| !name.contains("v[")),
            ranks(2, Kind::Float).remove(1).parameters,
        );
        assert!(none.contains("tensor `exp_avg.v`"), "{none}");
        let count = |state: &mut NamedTensors| {
            let place = state.iter().position(|(name, _)| name == "num_updates.v[1..6]").unwrap();
            state[place].1 = Tensor::from(9i64);
        };
        let contradicting = error_after(&count, whole(Kind::Float));
        assert!(contradicting.contains("`num_updates.v`: has other values than in"), "{contradicting}");
        let smaller = vec![Parameter::whole("k", &Tensor::ones([2, 1], (Kind::Float, Device::Cpu)))];
        let smaller = error_after(&|_| {}, smaller);
        assert!(smaller.contains("`exp_avg.k`: goes up to element 4, shape [2, 1] has 2"), "{smaller}");
        let k = whole(Kind::Float).remove(0).tensor.narrow(0, 0, 2);
        let foreign = error_after(&|_| {}, vec![Parameter::whole("k", &k)]);
        assert!(foreign.contains("optimizer of ") && foreign.contains("belongs to no parameter"), "{foreign}");
        let float = error_after(&|_| {}, whole(Kind::BFloat16));
        assert!(float.contains("tensor `master.k` is missing"), "{float}");
        let folder = saved(&ranks(2, Kind::Float));
        std::fs::remove_file(folder.path().join("optimizer-rank-00001-of-00002.safetensors")).unwrap();
        let error = Rank::new(whole(Kind::Float)).load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("optimizer-rank-00001-of-00002.safetensors: is missing"), "{error}");
    }
}
