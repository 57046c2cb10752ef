//! Mixing bits: SplitMix64's finaliser and FNV-1a, the same on every platform and release. Not for secrets.

/// The step of SplitMix64: 2^64 over the golden ratio, odd.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014):
/// spreads a difference of one bit over all bits.
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The FNV-1a hash of the bytes in their order, 64 bits.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

/// A hash of bytes, eight at a time: equal bytes have equal ones, on any machine. For counting what is distinct among
/// many long texts, where [`fnv1a`] takes a multiplication a byte.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(GOLDEN);
        (product >> 64) as u64 ^ product as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    mix(words.fold(mix(bytes.len() as u64), fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // The first output of SplitMix64 from state 0, and the published FNV-1a of "a" and of nothing.
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
        assert_eq!(fnv1a([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn texts_that_differ_anywhere_have_other_hashes() {
        let text = b"the quick brown fox jumps over the lazy dog".as_slice();
        let mut hashes = std::collections::HashSet::new();
        for length in 0..=text.len() {
            hashes.insert(hash_bytes(&text[..length]));
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                hashes.insert(hash_bytes(&other));
            }
        }
        hashes.insert(hash_bytes(&[0]));
        hashes.insert(hash_bytes(&[0; 8]));
        assert_eq!(hashes.len(), (1..=text.len() + 1).sum::<usize>() + 2);
        assert_eq!(hash_bytes(text), hash_bytes(text));
    }
}
