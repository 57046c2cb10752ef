//! The end of a completion: stop ids, and stop strings sought in the text as it grows.
//!
//! Decoding a whole completion after every token would cost the square of its length. So only the tokens since the last
//! finished character are decoded again, and only a tail as long as the longest stop string is searched. This file must
//! not know tensors.

use std::collections::HashSet;

use policy::{PolicyError, Tokenizer};

use crate::sampling_params::SamplingParams;

/// U+FFFD, which decoding puts in the place of bytes that are no UTF-8, or not yet.
const REPLACEMENT: char = '\u{FFFD}';
/// A UTF-8 character has at most four bytes, hence tokens: bytes still incomplete after so many are no character.
const MOST_PENDING_TOKENS: usize = 4;

/// The stop conditions of some requests.
#[derive(Debug)]
pub(crate) struct StopRules {
    ids: HashSet<u32>,
    strings: Vec<String>,
    /// Bytes of the longest stop string.
    longest: usize,
}

impl StopRules {
    /// Rules from the policy's end-of-sequence ids (unless ignored) and the parameters' own conditions.
    pub(crate) fn new(params: &SamplingParams, eos_ids: &[u32]) -> Self {
        let eos_ids = if params.ignore_eos { &[] } else { eos_ids };
        Self {
            ids: params.stop_ids.iter().chain(eos_ids).copied().collect(),
            strings: params.stop_strings.clone(),
            longest: params.stop_strings.iter().map(String::len).max().unwrap_or(0),
        }
    }

    /// A rule that seeks one text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self { ids: HashSet::new(), strings: vec![text.to_owned()], longest: text.len() }
    }

    /// True for a token that ends a completion.
    pub(crate) fn is_stop_id(&self, id: u32) -> bool {
        self.ids.contains(&id)
    }

    /// The tokens that end a completion.
    pub(crate) fn stop_ids(&self) -> impl Iterator<Item = u32> {
        self.ids.iter().copied()
    }

    /// True where the text must be searched.
    pub(crate) fn has_strings(&self) -> bool {
        !self.strings.is_empty()
    }

    /// Byte at which the earliest stop string begins in `text`.
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        self.strings.iter().filter_map(|string| text.find(string.as_str())).min()
    }
}

/// Ids to text, without special tokens: the tokenizer, or a stand-in in tests.
pub(crate) trait Decode {
    /// Text of `ids`; incomplete characters become U+FFFD.
    fn decode_text(&self, ids: &[u32]) -> Result<String, PolicyError>;
}

impl Decode for Tokenizer {
    fn decode_text(&self, ids: &[u32]) -> Result<String, PolicyError> {
        self.decode(ids, true)
    }
}

/// The end of a growing completion's text.
#[derive(Debug, Default)]
pub(crate) struct TextTail {
    /// Number of tokens whose text is in `tail` or forgotten.
    settled: usize,
    /// The first token to decode again. It stands before `settled`, because a token's text may depend on its neighbour
    /// (a leading space, the bytes of one character).
    context: usize,
    /// Text of the tokens `context..settled`, decoded alone.
    context_text: String,
    /// The end of the settled text: enough bytes to hold the longest stop string.
    tail: String,
}

impl TextTail {
    /// Searches the tokens that `ids` (the whole completion so far) gained; true once the text holds a stop string.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn ends(&mut self, ids: &[u32], rules: &StopRules, decoder: &impl Decode) -> Result<bool, PolicyError> {
        let text = decoder.decode_text(&ids[self.context..])?;
        let gained = text.strip_prefix(self.context_text.as_str()).unwrap_or(&text);
        let certain = gained.trim_end_matches(REPLACEMENT);
        let tail_length = self.tail.len();
        self.tail.push_str(certain);
        if rules.find(&self.tail).is_some() {
            return Ok(true);
        }
        let is_pending = certain.len() < gained.len() && ids.len() - self.settled < MOST_PENDING_TOKENS;
        if is_pending {
            self.tail.truncate(tail_length);
            return Ok(false);
        }
        self.tail.push_str(&gained[certain.len()..]);
        let mut start = self.tail.len().saturating_sub(rules.longest);
        while !self.tail.is_char_boundary(start) {
            start -= 1;
        }
        self.tail.drain(..start);
        (self.context, self.settled) = (self.settled, ids.len());
        self.context_text = decoder.decode_text(&ids[self.context..])?;
        Ok(false)
    }
}

/// Text of a finished completion, and true where a stop string cut it. `ids` come without the stop token.
///
/// # Errors
/// The tokenizer refuses the ids.
pub(crate) fn final_text(ids: &[u32], rules: &StopRules, decoder: &impl Decode) -> Result<(String, bool), PolicyError> {
    let mut text = decoder.decode_text(ids)?;
    let cut = rules.find(&text);
    if let Some(at) = cut {
        text.truncate(at);
    }
    Ok((text, cut.is_some()))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One token a byte.
    pub(crate) struct Bytes;

    impl Decode for Bytes {
        fn decode_text(&self, ids: &[u32]) -> Result<String, PolicyError> {
            let bytes: Vec<u8> = ids.iter().map(|&id| id as u8).collect();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }

    fn rules(strings: &[&str]) -> StopRules {
        let stop_strings = strings.iter().map(|&string| string.to_owned()).collect();
        StopRules::new(&SamplingParams { stop_strings, ..SamplingParams::default() }, &[])
    }

    fn ids(bytes: &[u8]) -> Vec<u32> {
        bytes.iter().map(|&byte| u32::from(byte)).collect()
    }

    /// Number of tokens after which the text is found to end.
    fn ends_after(bytes: &[u8], rules: &StopRules) -> Option<usize> {
        let ids = ids(bytes);
        let mut tail = TextTail::default();
        (1..=ids.len()).find(|&end| tail.ends(&ids[..end], rules, &Bytes).expect("bytes decode"))
    }

    #[test]
    fn eos_may_be_ignored_and_stop_ids_not() {
        let params = SamplingParams { stop_ids: vec![7], ..SamplingParams::default() };
        let rules = StopRules::new(&params, &[2]);
        assert!(rules.is_stop_id(2) && rules.is_stop_id(7) && !rules.is_stop_id(3));
        let rules = StopRules::new(&SamplingParams { ignore_eos: true, ..params }, &[2]);
        assert!(!rules.is_stop_id(2) && rules.is_stop_id(7));
    }

    #[test]
    fn stop_strings_are_found_at_their_last_token() {
        assert_eq!(ends_after(b"one\nUser: two", &rules(&["\nUser:"])), Some(9));
        assert_eq!(ends_after(b"one two", &rules(&["three", "e t"])), Some(5));
        assert_eq!(ends_after(b"one two", &rules(&["three"])), None);
        assert_eq!(ends_after("aé🦀b".as_bytes(), &rules(&["é🦀"])), Some(7));
    }

    #[test]
    fn broken_bytes_do_not_hide_a_stop_string() {
        let broken = [b"a\xff\xff\xff\xff\xff\xf0\x9f".as_slice(), b"END"].concat();
        assert_eq!(ends_after(&broken, &rules(&["END"])), Some(broken.len()));
    }

    #[test]
    fn text_is_cut_before_the_earliest() {
        let cut = final_text(&ids(b"one two three"), &rules(&["three", "two"]), &Bytes).expect("text");
        assert_eq!(cut, ("one ".to_owned(), true));
    }

    proptest! {
        #[test]
        fn looking_at_the_tail_is_looking_at_the_whole(text in "[ab é🦀]{0,40}", stop in "[ab é🦀]{1,4}") {
            let rules = rules(&[&stop]);
            let expected = text.find(&stop).map(|at| at + stop.len());
            prop_assert_eq!(ends_after(text.as_bytes(), &rules), expected);
        }
    }
}
