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
    for piece in pieces {
        if piece.start <= at && at < piece.end().min(range.end) {
            let end = piece.end().min(range.end);
            found.push(piece.tensor.reshape([-1]).narrow(0, at - piece.start, end - at));
            at = end;
        }
    }
    (at == range.end && !found.is_empty()).then(|| Tensor::cat(&found, 0))
}
