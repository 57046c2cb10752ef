//! A saved state that is cut otherwise than the optimizer's own: whole, or over another number of ranks.
//!
//! Names and tensors alone. A piece's name ends in the range of its elements, which is all there is to know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use policy::{NamedTensors, part_of_name};
use tch::Tensor;

/// A saved state under the names of `targets`: where one is not there, it is made of what is saved of its part.
///
/// What is left is dropped where it belongs to the part of a target, or, with `is_cut`, to parts of which another rank
/// may hold all; the rest keeps its names.
pub(super) fn fitted(saved: NamedTensors, targets: &NamedTensors, is_cut: bool) -> BTreeMap<String, Tensor> {
    let names: BTreeSet<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
    let (fitting, others): (Vec<_>, Vec<_>) = saved.into_iter().partition(|(name, _)| names.contains(name.as_str()));
    let mut fitted: BTreeMap<String, Tensor> = fitting.into_iter().collect();
    let mut by_part: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for (name, tensor) in others {
        let (part, range) = part_of_name(&name);
        let start = range.map_or(0, |range| range.start);
        by_part.entry(part.to_owned()).or_default().push(Piece { start, tensor, name: name.clone() });
    }
    by_part.values_mut().for_each(|pieces| pieces.sort_by_key(|piece| piece.start));
    let parts: BTreeSet<&str> = names.iter().map(|name| part_of_name(name).0).collect();
    for (name, target) in targets.iter().filter(|(name, _)| !fitted.contains_key(name)).collect::<Vec<_>>() {
        let (part, range) = part_of_name(name);
        let pieces = by_part.get(part).map_or(&[][..], Vec::as_slice);
        let found = match (target.dim(), range) {
            (0, _) => pieces.first().map(|piece| piece.tensor.shallow_clone()),
            (_, Some(range)) => elements(pieces, range),
            (_, None) => elements(pieces, 0..target.numel() as i64)
                .filter(|_| pieces.last().is_some_and(|piece| piece.end() == target.numel() as i64))
                .map(|all| all.view(target.size().as_slice())),
        };
        fitted.extend(found.map(|tensor| (name.clone(), tensor)));
    }
    let foreign = by_part.into_iter().filter(|(part, _)| !is_cut && !parts.contains(part.as_str()));
    fitted.extend(foreign.flat_map(|(_, pieces)| pieces).map(|piece| (piece.name, piece.tensor)));
    fitted
}

/// Elements of a part that follow one another.
struct Piece {
    name: String,
    start: i64,
    tensor: Tensor,
}

impl Piece {
    fn end(&self) -> i64 {
        self.start + self.tensor.numel() as i64
    }
}

/// The elements in `range`, `[elements]`, of pieces in the order of their starts; `None` where one is lacking.
fn elements(pieces: &[Piece], range: Range<i64>) -> Option<Tensor> {
    let (mut found, mut at) = (Vec::new(), range.start);
    while at < range.end {
        let behind = pieces.partition_point(|piece| piece.start <= at); // several may hold the same elements
        let piece = pieces[..behind].iter().rev().find(|piece| at < piece.end())?;
        let end = piece.end().min(range.end);
        found.push(piece.tensor.reshape([-1]).narrow(0, at - piece.start, end - at));
        at = end;
    }
    (!found.is_empty()).then(|| Tensor::cat(&found, 0))
}

#[cfg(test)]
mod tests {
    use policy::{Parameter, ParameterPart, ParameterPiece, PartCut};
    use tch::{Device, Kind};

    use super::*;
    use crate::optimizer::adamw::{AdamW, AdamWConfig};

    fn optimizer(parameters: &[Parameter]) -> AdamW {
        AdamW::new(AdamWConfig::default(), parameters).unwrap()
    }

    /// Equal bit for bit.
    fn assert_same(one: &Tensor, other: &Tensor) {
        assert!(one.equal(other), "{one:?} is not {other:?}");
    }

    /// A parameter of two parts, cut over `size` ranks: what each rank holds of it.
    fn cut(whole: &Parameter, size: i64) -> Vec<Vec<Parameter>> {
        let (numel, shape) = (whole.tensor.numel() as i64, whole.tensor.size());
        let length = (numel + size - 1) / size;
        let piece = |rank: i64| {
            let start = (rank * length).min(numel);
            let end = (start + length).min(numel);
            let held = Parameter {
                name: whole.name.clone(),
                tensor: whole.tensor.reshape([-1]).narrow(0, start, end - start).copy(),
                parts: whole.parts.clone(),
                piece: Some(ParameterPiece { shape: shape.clone(), start, copies: 1 }),
            };
            if start < end { vec![held] } else { Vec::new() }
        };
        (0..size).map(piece).collect()
    }

    /// A matrix whose columns are cut over two ranks of a tensor group, and each share over two with other data.
    fn shares(whole: &Tensor) -> Vec<(AdamW, Vec<Parameter>)> {
        let (rows, half) = (whole.size()[0], whole.size()[1] / 2);
        let share = |place: i64| {
            let cut =
                PartCut { shape: whole.size(), indices: vec![0..rows, place * half..(place + 1) * half], copies: 1 };
            let tensor = cut.of(whole).contiguous();
            Parameter {
                parts: vec![ParameterPart { name: "o".into(), rows, cut: Some(cut) }],
                ..Parameter::whole("o", &tensor)
            }
        };
        let all = [0, 1].into_iter().flat_map(|place| cut(&share(place), 2));
        all.map(|pieces| (optimizer(&pieces), pieces)).collect()
    }

    #[test]
    fn shares_of_a_matrix_are_saved_like_the_whole() {
        let tensor = Tensor::arange(18, (Kind::Float, Device::Cpu)).view([3, 6]);
        let whole = vec![Parameter::whole("o", &tensor)];
        let mut one = optimizer(&whole);
        one.step(&whole, &[Some(tensor.cos())], 0.1).unwrap();
        let saved = || one.state(&whole).into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
        let mut ranks = shares(&tensor);
        for (optimizer, pieces) in &mut ranks {
            optimizer.load_state(saved(), pieces).unwrap();
        }
        let (first, pieces) = &ranks[0];
        let names: Vec<String> = first.state(pieces).into_iter().map(|(name, _)| name).collect();
        assert!(
            ["exp_avg.o[0..3]", "exp_avg.o[6..8]"].iter().all(|name| names.iter().any(|it| it == name)),
            "{names:?}"
        );
        let mut back = optimizer(&whole);
        back.load_state(ranks.iter().flat_map(|(optimizer, pieces)| optimizer.state(pieces)).collect(), &whole)
            .unwrap();
        for ((name, tensor), (_, expected)) in back.state(&whole).iter().zip(one.state(&whole)) {
            assert!(tensor.equal(&expected), "{name}");
        }
    }

    #[test]
    fn pieces_on_any_number_of_ranks_are_updated_and_saved_like_the_whole() {
        let part = |name: &str, rows| ParameterPart { name: name.into(), rows, cut: None };
        let tensor = Tensor::arange(10, (Kind::Float, Device::Cpu)).view([5, 2]);
        let whole = vec![Parameter { parts: vec![part("k", 2), part("v", 3)], ..Parameter::whole("kv", &tensor) }];
        let gradient = Tensor::arange(10, (Kind::Float, Device::Cpu)).cos().view([5, 2]);
        let mut one = optimizer(&whole);
        let ranks_of = |size: i64| -> Vec<(AdamW, Vec<Parameter>)> {
            cut(&whole[0], size).into_iter().map(|pieces| (optimizer(&pieces), pieces)).collect()
        };
        let step = |ranks: &mut Vec<(AdamW, Vec<Parameter>)>| {
            for (optimizer, pieces) in ranks {
                let held = |parameter: &Parameter| {
                    let start = parameter.piece.as_ref().unwrap().start;
                    Some(gradient.reshape([-1]).narrow(0, start, parameter.tensor.numel() as i64))
                };
                let gradients: Vec<_> = pieces.iter().map(held).collect();
                optimizer.step(pieces, &gradients, 0.1).unwrap();
            }
        };
        let joined = |ranks: &[(AdamW, Vec<Parameter>)]| {
            let tensors: Vec<Tensor> =
                ranks.iter().flat_map(|(_, pieces)| pieces).map(|parameter| parameter.tensor.shallow_clone()).collect();
            Tensor::cat(&tensors, 0).view([5, 2])
        };
        let states = |ranks: &[(AdamW, Vec<Parameter>)]| -> NamedTensors {
            ranks.iter().flat_map(|(optimizer, pieces)| optimizer.state(pieces)).collect()
        };
        let mut ranks = ranks_of(3);
        step(&mut ranks);
        one.step(&whole, &[Some(gradient.copy())], 0.1).unwrap();
        assert_same(&joined(&ranks), &tensor); // decayed as the matrix that they are of
        let names: Vec<String> = ranks[0].0.state(&ranks[0].1).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["num_updates.k[0..4]", "exp_avg.k[0..4]", "exp_avg_sq.k[0..4]"]);

        // From three ranks to one process, to two ranks, to seven, of which two hold nothing, and back.
        let mut back = optimizer(&whole);
        back.load_state(states(&ranks), &whole).unwrap();
        let mut saved = back.state(&whole);
        for size in [2, 7, 3] {
            let mut others = ranks_of(size);
            for (optimizer, pieces) in &mut others {
                let copied = saved.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
                optimizer.load_state(copied, pieces).unwrap();
            }
            saved = states(&others);
            ranks = others;
        }
        step(&mut ranks);
        one.step(&whole, &[Some(gradient.copy())], 0.1).unwrap();
        assert_same(&joined(&ranks), &tensor);
        let lacking = saved.into_iter().filter(|(name, _)| name != "exp_avg.v[0..4]").collect();
        let error = back.load_state(lacking, &whole).unwrap_err().to_string();
        assert!(error.contains("lacks exp_avg.v"), "{error}");
    }
}
