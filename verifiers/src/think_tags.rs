//! The thinking tags of a completion, told apart from text that only mentions them. It must not know where the thinking
//! ends.
//!
//! A tag in a string is a string: in an argument of a tool call, in a line of code, in a quotation. How a model means
//! it can only be told from the text around it. A tag is
//! - *quoted*, and no tag, within a complete tool call, and directly between two quotation marks or backticks;
//! - *doubtful* within a longer quotation on its line (as in `"stop at </think> always"`), within a closed code fence,
//!   and in a string of a tool call that is not complete;
//! - *written* anywhere else.

use std::ops::Range;

use crate::tool_call::parsing::closed_calls;

/// Opens the thinking.
pub(crate) const OPEN: &str = "<think>";
/// Closes the thinking; the answer follows.
pub(crate) const CLOSE: &str = "</think>";

/// One tag that is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThinkTag {
    /// The byte at which it begins.
    pub(crate) at: usize,
    /// True for [`CLOSE`].
    pub(crate) closes: bool,
    /// True where the text around it may only quote it.
    pub(crate) is_doubtful: bool,
}

/// The thinking tags of `text`, in order, without those that are quoted.
pub(crate) fn think_tags(text: &str) -> Vec<ThinkTag> {
    let calls = closed_calls(text);
    let fences = closed_fences(text);
    let mut tags = Vec::new();
    let mut in_call = false;
    for (start, line) in lines(text) {
        let mut quotes = Quotes::default();
        let last_quote = line.rfind('"');
        let last_tick = line.rfind('`');
        let mut skipped = 0;
        for (at, byte) in line.bytes().enumerate() {
            if at < skipped || !matches!(byte, b'"' | b'`' | b'\\' | b'<') {
                continue;
            }
            let rest = &line[at..];
            match byte {
                b'"' => quotes.in_string = !quotes.in_string,
                b'`' => {
                    quotes.in_code = !quotes.in_code;
                    skipped = at + rest.len() - rest.trim_start_matches('`').len();
                }
                b'\\' if quotes.in_string => skipped = at + 2,
                _ => {}
            }
            if !quotes.in_string && rest.starts_with("<tool_call>") {
                in_call = true;
            } else if !quotes.in_string && rest.starts_with("</tool_call>") {
                in_call = false;
            }
            let closes = rest.starts_with(CLOSE);
            if !closes && !rest.starts_with(OPEN) {
                continue;
            }
            let end = at + if closes { CLOSE.len() } else { OPEN.len() };
            if is_within(&calls, start + at) || quotes.enclose(&line[..at], &line[end..]) {
                continue;
            }
            let in_string = quotes.in_string && (in_call || last_quote > Some(at));
            let in_code = quotes.in_code && last_tick > Some(at);
            let is_doubtful = in_string || in_code || is_within(&fences, start + at);
            tags.push(ThinkTag { at: start + at, closes, is_doubtful });
        }
    }
    tags
}

/// What is open at a place within a line.
#[derive(Default)]
struct Quotes {
    /// True after an odd number of double quotes that no backslash escapes.
    in_string: bool,
    /// True after an odd number of runs of backticks.
    in_code: bool,
}

impl Quotes {
    /// True for a tag that a quotation mark opens right before it and its partner closes right behind it.
    fn enclose(&self, before: &str, behind: &str) -> bool {
        let (Some(opening), Some(closing)) =
            (before.chars().next_back(), behind.trim_start_matches('\\').chars().next())
        else {
            return false;
        };
        match (opening, closing) {
            ('"', '"') => self.in_string,
            ('`', '`') => self.in_code,
            ('\'', '\'') => !before[..before.len() - 1].ends_with(char::is_alphanumeric),
            ('“' | '„', '”' | '“') | ('‘' | '‚', '’' | '‘') | ('«', '»') | ('「', '」') => true,
            _ => false,
        }
    }
}

fn is_within(ranges: &[Range<usize>], at: usize) -> bool {
    let before = ranges.partition_point(|range| range.end <= at);
    ranges.get(before).is_some_and(|range| range.contains(&at))
}

/// The lines of `text` with the byte at which each begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some((start, line))
    })
}

/// The code blocks between two fences (CommonMark 0.31, section 4.5), in bytes. One that is never closed is none. A
/// fence begins a line, or an answer that begins within a line.
fn closed_fences(text: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut opened: Option<(usize, char, usize)> = None;
    for (start, line) in lines(text) {
        let line_or_answer = line.rsplit_once(CLOSE).map_or(line, |(_, answer)| answer);
        let fence = line_or_answer.trim_start_matches(' ');
        let Some(mark) = fence.chars().next().filter(|mark| matches!(mark, '`' | '~')) else {
            continue;
        };
        let info = fence.trim_start_matches(mark);
        let length = fence.len() - info.len();
        match opened {
            None if length >= 3 && !(mark == '`' && info.contains('`')) => opened = Some((start, mark, length)),
            Some((from, opening, at_least)) if mark == opening && length >= at_least && info.trim().is_empty() => {
                blocks.push(from..start + line.len());
                opened = None;
            }
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The standing of each tag, as letters: `w`ritten or `d`oubtful; quoted ones are missing.
    fn standing(text: &str) -> String {
        think_tags(text).iter().map(|tag| if tag.is_doubtful { 'd' } else { 'w' }).collect()
    }

    #[test]
    fn tags_stand_where_they_are_written() {
        let text = "<think>a\n</think> b";
        let tag = |at, closes| ThinkTag { at, closes, is_doubtful: false };
        assert_eq!(think_tags(text), [tag(0, false), tag(9, true)]);
        for (text, expected) in [
            ("a</think>b", "w"),
            ("say \"yes\"</think>\"No\"", "w"),
            ("a 5\" pipe\n</think>\n", "w"),
            ("it's</think>'t was", "w"),
            ("</think", ""),
            ("<thinking>", ""),
            ("`x`</think>`y`", "w"),
            ("```\nopen\n</think>", "w"),
        ] {
            assert_eq!(standing(text), expected, "{text}");
        }
    }

    #[test]
    fn mentions_are_not_tags() {
        for text in [
            "end it with \"</think>\" please",
            "the tag `</think>` ends it",
            "``</think>`` and '</think>' and “</think>” and «</think>»",
            r#"{"a": "say \"</think>\" now"}"#,
            r#"<tool_call>{"a": "at </think> and <think>"}</tool_call>"#,
            "<tool_call>\n{\"a\":\n\"\\\"</think>\"}\n</tool_call>",
        ] {
            assert_eq!(standing(text), "", "{text}");
        }
    }

    #[test]
    fn longer_quotations_leave_a_doubt() {
        for text in [
            r#"print("stop at </think> always")"#,
            r#"<tool_call>{"a": "stop at </think> always"}"#,
            r#"<tool_call>{"a": "stop at </think> always"#,
            "`a </think> b`",
            "```\nstop at </think>\n```",
            "~~~~text\n</think>\n~~~\n~~~~~\n",
        ] {
            assert_eq!(standing(text), "d", "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_tag_is_where_it_is_said_to_be(text in r#"(</?think>|</?tool_call>|["'`\\{}:]|\n|```|\PC){0,40}"#) {
            let tags = think_tags(&text);
            for tag in &tags {
                let expected = if tag.closes { CLOSE } else { OPEN };
                prop_assert!(text[tag.at..].starts_with(expected));
            }
            prop_assert!(tags.windows(2).all(|pair| pair[0].at < pair[1].at));
        }
    }
}
