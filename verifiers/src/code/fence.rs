//! The fences that open and close a block of code, as CommonMark has them
//! (<https://spec.commonmark.org/0.31.2/#fenced-code-blocks>).
//!
//! A fence is a line that starts with three or more backticks or tildes. It closes a block that a fence of the same
//! character and of at most its length opened, if nothing follows it and it is indented by at most three columns. So
//! the fences in a docstring do not close the block around it, nor do shorter ones, nor tildes one of backticks. A line
//! with a backtick after its backticks is code within a line.
//!
//! Departures, for what models write: an opening fence may be indented by any width, in a list or not, and may stand
//! behind the markers of list items. Where it has four columns or more, one with three more still closes it.

/// Columns by which a fence may be indented; one column more makes it a part of the code (CommonMark, 4.5).
const MOST_INDENTED: usize = 3;
/// Fewest characters of a fence.
const SHORTEST: usize = 3;
/// Columns of a tab stop.
const TAB: usize = 4;

/// A fence that opens a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence<'a> {
    marker: char,
    length: usize,
    /// Columns before the fence.
    columns: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    /// The fence that opens a block on this line, where none is open: at its start, or behind markers of list items.
    pub(super) fn opening(line: &'a str) -> Option<Self> {
        let (mut columns, mut rest) = unindented(line);
        while let Some((width, behind)) = list_marker(rest) {
            (columns, rest) = (columns + width, behind);
        }
        Self::of(columns, rest)
    }

    /// The fence on a line within this one's block, if it names a language and would close the block without: then
    /// this one's block was left open.
    pub(super) fn reopening<'b>(&self, line: &'b str) -> Option<Fence<'b>> {
        let (columns, rest) = unindented(line);
        let next = Fence::of(columns, rest)?;
        let is_one = next.marker == self.marker && next.length >= self.length && columns <= self.most_indented();
        (is_one && !next.info.is_empty()).then_some(next)
    }

    fn of(columns: usize, text: &'a str) -> Option<Self> {
        let (marker, length, behind) = run(text)?;
        let info = behind.trim();
        (marker == '~' || !info.contains('`')).then_some(Self { marker, length, columns, info })
    }

    /// True where the line closes the block that this fence opened.
    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        let (columns, rest) = unindented(line);
        let is_fence = |(marker, length, behind): (char, usize, &str)| {
            marker == self.marker && length >= self.length && behind.trim().is_empty()
        };
        columns <= self.most_indented() && run(rest).is_some_and(is_fence)
    }

    /// The language that the fence names, `python` in `python title="a.py"` and in `{.python}`; empty without one.
    pub(super) fn language(&self) -> &'a str {
        let info = self.info.trim_start_matches(['{', '.', ' ']);
        let is_end = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '#'));
        info.split(is_end).next().unwrap_or_default()
    }

    /// Columns before the fence.
    pub(super) fn indentation(&self) -> usize {
        self.columns
    }

    /// Most columns before a fence that closes this one's block.
    fn most_indented(&self) -> usize {
        if self.columns > MOST_INDENTED { self.columns + MOST_INDENTED } else { MOST_INDENTED }
    }
}

/// The columns before a line's text, and the text.
fn unindented(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches([' ', '\t']);
    let wider = |columns: usize, c: char| if c == '\t' { columns + TAB - columns % TAB } else { columns + 1 };
    (line[..line.len() - rest.len()].chars().fold(0, wider), rest)
}

/// The character and the length of the fence that a text starts with, and what follows it.
fn run(text: &str) -> Option<(char, usize, &str)> {
    let marker = text.chars().next().filter(|first| matches!(first, '`' | '~'))?;
    let behind = text.trim_start_matches(marker);
    let length = text.len() - behind.len();
    (length >= SHORTEST).then_some((marker, length, behind))
}

/// Columns of the marker of a list item that a text starts with, such as `- ` and `2. `, and what follows it.
fn list_marker(text: &str) -> Option<(usize, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let ends: &[char] = if digits == 0 { &['-', '*', '+'] } else { &['.', ')'] };
    let behind = text[digits..].strip_prefix(ends)?;
    let rest = behind.trim_start_matches(' ');
    (digits <= 9 && rest.len() < behind.len()).then_some((text.len() - rest.len(), rest))
}
