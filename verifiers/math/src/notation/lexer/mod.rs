//! From source to tokens: LaTeX, Unicode and plain notation at once, in one pass over the bytes, a file for each class
//! of characters. What a token means next to another is the parser's business.

mod beside;
mod command;
mod digits;
mod letters;
mod quantity;
mod scripts;
mod signs;
mod state;
mod unicode;
mod words;

pub(super) use self::state::Lexed;
use self::state::Lexer;
use crate::unreadable::Unreadable;

/// Reads `source`; numbers may have at most `max_digits` digits.
pub(super) fn lex(source: &str, max_digits: usize) -> Result<Lexed, Unreadable> {
    let mut lexer = Lexer::new(source, max_digits);
    while lexer.at < source.len() {
        lexer.step()?;
    }
    lexer.end();
    lexer.check()?;
    Ok(lexer.out)
}

impl Lexer<'_> {
    /// Reads the next token or more, by the class of the character that it begins with.
    fn step(&mut self) -> Result<(), Unreadable> {
        let byte = self.bytes[self.at];
        match byte {
            b'0'..=b'9' => self.number(),
            b'.' if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' => self.letters(),
            b'\\' => self.command(),
            0x80.. => self.unicode(),
            _ => self.sign(byte),
        }
    }
}
