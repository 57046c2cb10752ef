//! A reader of pickles that hold one text, and nothing else.
//!
//! A pickle is a program (<https://docs.python.org/3/library/pickle.html>): one that does more than put a text on the
//! stack can run anything. Only the opcodes of a text are read, and any other is refused by its name.

use super::opcodes;

const PROTO: u8 = 0x80;
const FRAME: u8 = 0x95;
const BINUNICODE: u8 = 0x58;
const SHORT_BINUNICODE: u8 = 0x8c;
const BINUNICODE8: u8 = 0x8d;
const BINPUT: u8 = 0x71;
const LONG_BINPUT: u8 = 0x72;
const MEMOIZE: u8 = 0x94;
const STOP: u8 = 0x2e;

/// The newest protocol whose text opcodes are known.
const NEWEST_PROTOCOL: u8 = 5;

/// The text that a pickle holds; the error says what stands in the way, and where.
pub(crate) fn read(pickle: &[u8]) -> Result<String, String> {
    let mut reader = PickleBytes { rest: pickle, length: pickle.len() };
    let mut text = None;
    loop {
        let at = reader.position();
        match reader.byte()? {
            PROTO => match reader.byte()? {
                version if version <= NEWEST_PROTOCOL => {}
                version => {
                    return Err(format!("the pickle has protocol {version}; {NEWEST_PROTOCOL} is the newest known"));
                }
            },
            FRAME => drop(reader.take(8)?),
            BINPUT => drop(reader.take(1)?),
            LONG_BINPUT => drop(reader.take(4)?),
            MEMOIZE => {}
            opcode @ (SHORT_BINUNICODE | BINUNICODE | BINUNICODE8) => {
                let bytes = match opcode {
                    SHORT_BINUNICODE => 1,
                    BINUNICODE => 4,
                    _ => 8,
                };
                let read = reader.text(bytes)?;
                if text.replace(read).is_some() {
                    return Err(format!("the pickle holds a second text at byte {at}; one text alone is read"));
                }
            }
            STOP if !reader.rest.is_empty() => {
                return Err(format!("{} bytes follow the pickle's end", reader.rest.len()));
            }
            STOP => return text.ok_or_else(|| "the pickle holds no text".to_owned()),
            other => {
                return Err(format!(
                    "the pickle has the opcode {} at byte {at}; only a pickle of one text is read",
                    opcodes::name(other)
                ));
            }
        }
    }
}

struct PickleBytes<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> PickleBytes<'a> {
    fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("the pickle is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// A text behind its length in so many little-endian bytes.
    fn text(&mut self, length_bytes: usize) -> Result<String, String> {
        let length = self.take(length_bytes)?.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let bytes = self.take(usize::try_from(length).map_err(|_| "the pickle is cut off")?)?;
        let text = std::str::from_utf8(bytes).map_err(|error| format!("the pickle's text is not UTF-8: {error}"))?;
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::read;

    #[test]
    fn texts_of_every_protocol_are_read() {
        for pickle in [
            &b"\x80\x04\x95\x06\0\0\0\0\0\0\0\x8c\x02hi\x94."[..],
            b"\x80\x02X\x02\0\0\0hiq\x00.",
            b"\x80\x02X\x02\0\0\0hir\x00\0\0\0.",
            b"\x80\x05\x8d\x02\0\0\0\0\0\0\0hi\x94.",
            b"X\x02\0\0\0hi.",
        ] {
            assert_eq!(read(pickle).as_deref(), Ok("hi"));
        }
    }

    #[test]
    fn any_other_opcode_is_refused_by_its_name() {
        for (pickle, name) in [
            (&b"\x80\x04\x8c\x02os\x94\x8c\x06system\x93."[..], "second text"),
            (b"cos\nsystem\n.", "GLOBAL"),
            (b"\x80\x04]\x94.", "EMPTY_LIST"),
            (b"\x80\x04\x8c\x02os\x94R.", "REDUCE"),
            (b"\x80\x04\x93.", "STACK_GLOBAL"),
            (b"\x80\x04\x01.", "0x01"),
            (b"\x80\x04.", "no text"),
            (b"\x80\x04\x8c\x02hi\x94.x", "1 bytes follow"),
            (b"\x80\x04\x8c\x09hi", "cut off"),
            (b"\x80\x09\x8c\x02hi.", "protocol 9"),
            (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi.", "cut off"),
            (b"\x8c\x02\xff\xfe.", "UTF-8"),
            (b"", "cut off"),
        ] {
            let problem = read(pickle).unwrap_err();
            assert!(problem.contains(name), "{problem}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }

        #[test]
        fn every_text_comes_back(text in ".{0,40}") {
            let mut pickle = vec![0x80, 4, 0x58];
            pickle.extend((text.len() as u32).to_le_bytes());
            pickle.extend(text.as_bytes());
            pickle.extend([0x94, 0x2e]);
            prop_assert_eq!(read(&pickle), Ok(text));
        }
    }
}
