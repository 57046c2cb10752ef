//! The weaker rules: a letter on the last line, in bold, or at the beginning.

use super::chosen::Chosen;
use super::options::{Options, behind_marks, undecorated};

/// The letter that the last line is or begins with, with its mark; or the option whose text the line is.
pub(super) fn closing_line(answer: &str, options: &Options) -> Option<Chosen> {
    let line = answer.trim().lines().next_back()?;
    let alone = undecorated(line);
    let alone = alone.strip_suffix('.').unwrap_or(alone);
    let bracketed = alone.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).map(undecorated);
    let letter = match bracketed {
        Some(letter) => options.lettered(letter, true),
        None => options.lettered(undecorated(alone), false),
    };
    let is_only_marked = || !answer.trim().lines().any(|other| is_other(other, line, options));
    letter
        .or_else(|| options.with_text(line))
        .or_else(|| marked(line, options).filter(|_| is_only_marked()))
        .map(Chosen::Option)
}

/// The letter of all that stands in bold and is one, alone or with its option's text.
pub(super) fn bold(answer: &str, options: &Options) -> Option<Chosen> {
    let mut chosen = None;
    for part in answer.split("**").skip(1).step_by(2) {
        let text = undecorated(part);
        let text = text.strip_prefix("Option ").or(text.strip_prefix("option ")).unwrap_or(text);
        let alone = text.trim_start_matches('(').trim_end_matches(['.', ')', ':']);
        let Some(index) = options.lettered(alone, false).or_else(|| marked(text, options)) else { continue };
        if chosen.is_some_and(|chosen| chosen != index) {
            return Some(Chosen::Unclear);
        }
        chosen = Some(index);
    }
    chosen.map(Chosen::Option)
}

/// The letter that the first line begins with, with its mark, where no other line begins with another.
pub(super) fn opening_line(answer: &str, options: &Options) -> Option<Chosen> {
    let mut lines = answer.trim().lines();
    let first = lines.next()?;
    let index = marked(first, options)?;
    (!lines.any(|line| is_other(line, first, options))).then_some(Chosen::Option(index))
}

/// True for a line that begins with another option's letter than `line` does: options are listed.
fn is_other(other: &str, line: &str, options: &Options) -> bool {
    marked(other, options).is_some_and(|index| marked(line, options) != Some(index))
}

/// The letter that a line begins with and that a full stop, a bracket or a colon sets apart.
fn marked(line: &str, options: &Options) -> Option<usize> {
    let (text, _) = behind_marks(line);
    let (index, rest) = options.leading(text, false)?;
    let rest = rest.trim_start_matches('*');
    rest.starts_with(['.', ')', ':']).then_some(index)
}
