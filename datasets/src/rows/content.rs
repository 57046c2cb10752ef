//! The content of a file: unpacked as it is read, with its first bytes looked at beforehand.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};

use flate2::bufread::MultiGzDecoder;

use super::format::Packing;

/// Bytes that are read as they are asked for.
pub(super) type Content = Box<dyn BufRead + Send>;

/// Enough for any format's first bytes.
const HEAD: usize = 1024;

const BUFFER: usize = 1 << 16;

/// The packing of a file, which is read from its beginning afterwards.
pub(super) fn packing(file: &mut File) -> io::Result<Packing> {
    let mut head = Vec::new();
    file.take(4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(Packing::of(&head))
}

/// The unpacked content of a file.
pub(super) fn unpack(file: File, packing: Packing) -> io::Result<Content> {
    let file = BufReader::with_capacity(BUFFER, file);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))),
        Packing::Zstd => Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(file)?)),
    })
}

/// The first bytes of the content from the first that is no blank on, and the content from its beginning on.
/// A byte order mark is taken off both.
pub(super) fn look(mut content: Content) -> (Vec<u8>, Content) {
    let mut head = Vec::new();
    let mut num_blanks = 0;
    while head.len() < num_blanks + HEAD {
        match content.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => {
                head.extend_from_slice(bytes);
                let num_read = bytes.len();
                content.consume(num_read);
            }
            // The rows before the fault are read, then it is met again.
            Err(error) => {
                content = Box::new(BufReader::new(Broken(Some(error))));
                break;
            }
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        num_blanks = head.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }
    let first = head[num_blanks..].to_vec();
    (first, put_back(head, content))
}

/// The content with these bytes before it.
pub(super) fn put_back(bytes: Vec<u8>, content: Content) -> Content {
    Box::new(Cursor::new(bytes).chain(content))
}

/// What is wrong with a read, in words.
pub(super) fn read_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the file is cut off: {error}"),
        _ => format!("cannot be read: {error}"),
    }
}

/// Content that ends with an error, once.
pub(super) struct Broken(pub(super) Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
