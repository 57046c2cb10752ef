//! An operation as a rank calls it, and the comparison of all ranks' calls before anything else is sent.
//!
//! Knows bytes of one length, which the group gathers; not how.

use tch::{Device, Tensor};

/// Bytes of a call's words that are compared.
const WORDS: usize = 192;

/// An operation as this rank calls it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Name of the operation.
    pub(crate) name: &'static str,
    /// What all ranks must have alike, in words.
    pub(crate) alike: String,
    /// Rows to and from each rank, where the operation has them: what one sends another must expect.
    pub(crate) splits: Option<(Vec<i64>, Vec<i64>)>,
    /// Bytes of the tensors that it moves here, for the meter.
    pub(crate) bytes: u64,
    /// Where these tensors are.
    pub(crate) device: Device,
}

impl Call {
    pub(crate) fn new(name: &'static str, alike: String) -> Self {
        Self { name, alike, splits: None, bytes: 0, device: Device::Cpu }
    }

    /// The same of a tensor that is moved.
    pub(crate) fn moving(self, tensor: &Tensor) -> Self {
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        Self { bytes: bytes as u64, device: tensor.device(), ..self }
    }

    /// The call in bytes, of one length for all calls in a group of `size` ranks.
    pub(crate) fn to_bytes(&self, size: usize) -> Vec<u8> {
        let words = format!("{} {}", self.name, self.alike);
        let mut bytes = words.trim_end().as_bytes().to_vec();
        bytes.resize(WORDS, 0);
        let none = || vec![0; size];
        let (sent, received) = self.splits.clone().unwrap_or_else(|| (none(), none()));
        bytes.extend(sent.into_iter().chain(received).flat_map(i64::to_le_bytes));
        bytes
    }
}

/// Why the calls of all members of a group, in bytes, end to end, do not go together; `None` where they do. `ranks` are
/// the members' ranks in the job.
pub(crate) fn disagreement(calls: &[u8], ranks: &[usize]) -> Option<String> {
    let calls: Vec<&[u8]> = calls.chunks_exact(WORDS + 16 * ranks.len()).collect();
    let words = |member: usize| String::from_utf8_lossy(&calls[member][..WORDS]).trim_end_matches('\0').to_owned();
    let split = |member: usize, index: usize| {
        let begin = WORDS + 8 * index;
        calls[member][begin..begin + 8].try_into().map(i64::from_le_bytes).unwrap_or_default()
    };
    for member in 1..ranks.len() {
        if words(member) != words(0) {
            let (first, other) = (words(0), words(member));
            return Some(format!("rank {} calls {other}, and rank {} {first}", ranks[member], ranks[0]));
        }
    }
    let size = ranks.len();
    let pairs = (0..size).flat_map(|from| (0..size).map(move |to| (from, to)));
    pairs.map(|(from, to)| (from, to, split(from, to), split(to, size + from))).find_map(
        |(from, to, sent, expected)| {
            let (from, to) = (ranks[from], ranks[to]);
            (sent != expected).then(|| format!("rank {from} sends rank {to} {sent} rows, which expects {expected}"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(calls: &[Call]) -> Vec<u8> {
        calls.iter().flat_map(|call| call.to_bytes(calls.len())).collect()
    }

    #[test]
    fn calls_that_differ_are_named_with_their_ranks() {
        let sum = Call::new("all_reduce", "Sum of [4] Float".into());
        let wider = Call::new("all_reduce", "Sum of [8] Float".into());
        assert_eq!(disagreement(&calls(&[sum.clone(), sum.clone()]), &[2, 5]), None);
        assert_eq!(
            disagreement(&calls(&[sum, wider]), &[2, 5]).unwrap(),
            "rank 5 calls all_reduce Sum of [8] Float, and rank 2 all_reduce Sum of [4] Float"
        );
    }

    #[test]
    fn rows_that_nobody_expects_are_named() {
        let call = |sent: [i64; 2], received: [i64; 2]| Call {
            splits: Some((sent.into(), received.into())),
            ..Call::new("all_to_all", String::new())
        };
        assert_eq!(disagreement(&calls(&[call([1, 2], [1, 3]), call([3, 4], [2, 4])]), &[0, 1]), None);
        assert_eq!(
            disagreement(&calls(&[call([1, 2], [1, 3]), call([3, 4], [5, 4])]), &[0, 1]).unwrap(),
            "rank 0 sends rank 1 2 rows, which expects 5"
        );
    }
}
