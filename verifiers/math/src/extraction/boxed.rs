//! The rule `boxed`: the last `\boxed{}` or `\fbox{}`, with its nested braces. Boxes that follow each other with
//! nothing but connectives between them are one answer list. One pass with a stack of braces, whatever the nesting.

use std::borrow::Cow;
use std::ops::Range;

use super::finding::Finding;
use super::{connective, denial, plain_text};

/// Most times that the search begins again in the paragraph behind a box that is never closed.
const MOST_RESTARTS: usize = 8;

/// A box, as byte ranges: the whole of it with its command, and its content.
struct Boxed {
    whole: Range<usize>,
    content: Range<usize>,
}

/// The last box's content, or the list over several boxes; an error where the last one is never closed.
pub(super) fn find(text: &str) -> Finding<'_> {
    let mut text = text;
    for _ in 0..MOST_RESTARTS {
        let Some(first) = first_box(text) else {
            return Ok(None);
        };
        let (boxes, open) = boxes(text, first);
        match open {
            None => return Ok(last_list(text, &boxes)),
            Some(open) => match text[open..].find("\n\n") {
                // This box was given up with its paragraph; a later one may still be whole.
                Some(end) if first_box(&text[open + end..]).is_some() => text = &text[open + end..],
                _ => return Err("the last \\boxed{ is never closed"),
            },
        }
    }
    Err("the boxes are never closed")
}

/// The text behind the last box.
pub(super) fn behind(text: &str) -> &str {
    let Some(first) = first_box(text) else { return "" };
    let (boxes, _) = boxes(text, first);
    boxes.last().map_or("", |last| &text[last.whole.end..])
}

/// The content of a gold text's boxes; a box that is never closed ends where the text ends.
pub(super) fn find_lenient(text: &str) -> Option<Cow<'_, str>> {
    let first = first_box(text)?;
    let (boxes, open) = boxes(text, first);
    match open {
        None => last_list(text, &boxes),
        Some(open) => {
            let brace = text[open..].find('{')? + open;
            Some(text[brace + 1..].trim().into())
        }
    }
}

fn first_box(text: &str) -> Option<usize> {
    let positions = ["\\boxed", "\\fbox"].map(|command| text.find(command));
    positions.into_iter().flatten().min()
}

/// The outermost boxes from `first` on, and the place of the first box that is never closed.
fn boxes(text: &str, first: usize) -> (Vec<Boxed>, Option<usize>) {
    let bytes = text.as_bytes();
    let mut found: Vec<Boxed> = Vec::new();
    // For each open brace the beginnings of its box and of the content; nothing for a plain brace.
    let mut open: Vec<Option<(usize, usize)>> = Vec::new();
    let mut boxes_open = 0_usize;
    let mut at = first;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => match box_content(text, at) {
                Some(BoxContent::Braced(content)) => {
                    open.push(Some((at, content)));
                    boxes_open += 1;
                    at = content;
                }
                Some(BoxContent::Bare(content)) => {
                    if boxes_open == 0 {
                        found.push(Boxed { whole: at..content.end, content: content.clone() });
                    }
                    at = content.end;
                }
                // An escaped brace does not nest. In text that was escaped twice, the second backslash begins a box.
                None => at += if box_content(text, at + 1).is_some() { 1 } else { 2 },
            },
            b'{' => {
                open.push(None);
                at += 1;
            }
            b'}' => {
                at += 1;
                if let Some(Some((start, content))) = open.pop() {
                    boxes_open -= 1;
                    if boxes_open == 0 {
                        found.push(Boxed { whole: start..at, content: content..at - 1 });
                    }
                }
            }
            _ => at += 1,
        }
    }
    (found, open.into_iter().flatten().next().map(|(start, _)| start))
}

enum BoxContent {
    /// Beginning of the content, behind the brace.
    Braced(usize),
    /// Range of the content in `\boxed 5`.
    Bare(Range<usize>),
}

/// The content of the box that begins at `at`.
fn box_content(text: &str, at: usize) -> Option<BoxContent> {
    let command =
        ["\\boxed", "\\fbox"].into_iter().find(|command| text.as_bytes()[at..].starts_with(command.as_bytes()))?;
    let after = &text[at + command.len()..];
    let spaces = after.len() - after.trim_start_matches(' ').len();
    let start = at + command.len() + spaces;
    let rest = &text[start..];
    if rest.starts_with('{') {
        return Some(BoxContent::Braced(start + 1));
    }
    let is_command = spaces == 0 && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    let end = rest.find(|c: char| c.is_whitespace() || c == '$').unwrap_or(rest.len());
    let end = ["\\)", "\\]"].iter().filter_map(|delimiter| rest[..end].find(delimiter)).min().unwrap_or(end);
    let content = rest[..end].trim_end_matches(['.', ',', ';']);
    // A box has braces or a value behind it: "the \boxed command" has neither.
    let is_value = content.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '\\' | '.' | '('));
    (!is_command && is_value).then(|| BoxContent::Bare(start..start + content.len()))
}

/// The last box that is neither empty nor denied, with the boxes before it that form a list with it.
fn last_list<'a>(text: &'a str, boxes: &[Boxed]) -> Option<Cow<'a, str>> {
    let is_empty = |found: &Boxed| {
        text[found.content.clone()].trim().is_empty() || denial::is_denied_before(&text[..found.whole.start])
    };
    let Some(last) = boxes.iter().rposition(|found| !is_empty(found)) else {
        return boxes.last().map(|_| Cow::Borrowed(""));
    };
    let mut first = last;
    while first > 0 {
        let gap = &text[boxes[first - 1].whole.end..boxes[first].whole.start];
        if is_empty(&boxes[first - 1]) || !connective::joins(connective::without_name(gap)) {
            break;
        }
        first -= 1;
    }
    let mut members: Vec<&str> = Vec::new();
    for found in &boxes[first..=last] {
        let content = unwrap(text[found.content.clone()].trim());
        if members.last() != Some(&content) {
            members.push(content);
        }
    }
    let joined: Cow<'_, str> = if let [only] = members[..] { only.into() } else { members.join(", ").into() };
    Some(plain_text::with_scale(joined, &text[boxes[last].whole.end..]))
}

/// The content of the innermost box, where one box fills another.
fn unwrap(content: &str) -> &str {
    let mut content = content;
    // Each round scans the content once: a bound on the rounds keeps the search linear.
    for _ in 0..4 {
        if !content.starts_with("\\boxed") && !content.starts_with("\\fbox") {
            break;
        }
        match (boxes(content, 0), content.len()) {
            ((inner, None), length) if inner.len() == 1 && inner[0].whole == (0..length) => {
                content = content[inner[0].content.clone()].trim();
            }
            _ => break,
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(text: &str, answer: &str) {
        assert_eq!(find(text), Ok(Some(Cow::Borrowed(answer))), "{text}");
    }

    #[test]
    fn the_last_box_counts_with_its_nested_braces() {
        finds(r"first \boxed{1}, so \boxed{\frac{1}{2}}.", r"\frac{1}{2}");
        finds(r"\fbox{ 3 }", "3");
        finds(r"\boxed {4}", "4");
        finds(r"\boxed{\{1, 2\}}", r"\{1, 2\}");
        finds(r"\boxed{5 \fbox{6}}", r"5 \fbox{6}");
        finds(r"\boxed{\fbox{6}}", "6");
        finds(r"\\boxed{7}", "7");
        finds(r"{ open, \boxed{2}", "2");
        finds(r"Put it in \boxed{}. It is \boxed{2}, in a \boxed{}.", "2");
        finds(r"$\boxed 9.$", "9");
        finds(r"\boxed\frac{1}{2}", r"\frac{1}{2}");
    }

    #[test]
    fn a_box_that_is_denied_does_not_count() {
        finds(r"It is \boxed{17}, not \boxed{18}.", "17");
        finds(r"It is not $\boxed{18}$ but $\boxed{17}$.", "17");
        finds(r"The answer is not $\boxed{17}$.", "");
    }

    #[test]
    fn boxes_that_are_joined_form_a_list() {
        finds(r"\(\boxed{1}\) and \(\boxed{-2}\).", "1, -2");
        finds(r"$\boxed{1}\boxed{2}$", "1, 2");
        finds(r"\boxed{1}, \boxed{2}, and \boxed{3}", "1, 2, 3");
        finds(r"$\boxed{2}$或$\boxed{3}$", "2, 3");
        finds(r"\($y_1 = \boxed{x} \) and \( y_2 = \boxed{2x} \)", "x, 2x");
        finds(r"x &= \boxed{3} \\ y &= \boxed{4}", "3, 4");
        finds(r"$$\boxed{(3, 3)} \text{ for part (a) and } \boxed{(1, 1)}$$", "(3, 3), (1, 1)");
        finds(r"\boxed{5}, \boxed{5}", "5");
    }

    #[test]
    fn boxes_with_words_between_them_do_not() {
        finds(r"It was \boxed{1}. No, it is \boxed{2}.", "2");
        finds(r"\boxed{1} no no no \boxed{2}", "2");
        finds(r"$\boxed{5}+\boxed{6}=\boxed{11}$", "11");
    }

    #[test]
    fn a_percent_sign_behind_the_box_belongs_to_it() {
        finds(r"$\boxed{28}\%$", r"28\%");
        finds(r"$\boxed{28}$ percent", r"28\%");
        finds(r"\boxed{28\%}%", r"28\%");
    }

    #[test]
    fn a_box_that_is_never_closed_is_no_answer() {
        for text in [r"\boxed{1} and \boxed{2", r"\boxed{x + \boxed{5}", r"\boxed{1}\boxed{", r"\boxed{{1}"] {
            assert!(find(text).is_err(), "{text}");
        }
        finds("\\boxed{1 oh no\n\nAgain: \\boxed{2}", "2");
        assert_eq!(find("no box, a \\boxed command"), Ok(None));
        assert_eq!(find("\\boxed{}"), Ok(Some("".into())));
    }

    #[test]
    fn a_given_answer_may_end_early() {
        assert_eq!(find_lenient(r"\\boxed{W = 1 \\text{ and } W = -1"), Some(r"W = 1 \\text{ and } W = -1".into()));
        assert_eq!(find_lenient("5"), None);
    }
}
