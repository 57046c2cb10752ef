//! Sentences of English text by rule: a full stop, question mark or exclamation mark ends a sentence where white space
//! and text that can begin a sentence follow, unless the stop belongs to an abbreviation or an initial.

/// Abbreviations, lower case, that seldom end a sentence.
const ABBREVIATIONS: [&str; 28] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "cf", "no", "vol", "fig", "gen",
    "col", "sgt", "capt", "lt", "rev", "hon", "inc", "ltd", "co", "approx", "dept",
];

/// The number of sentences; a text without an end mark is one, an empty text none.
pub(super) fn count_sentences(text: &str) -> usize {
    let mut count = 0;
    // True once a letter or digit has followed the last end.
    let mut is_open = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        is_open |= c.is_alphanumeric();
        if !matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '।') || !is_open {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((next, mark)) = chars.peek().copied() {
            if !matches!(mark, '.' | '!' | '?' | '"' | '\'' | '”' | '’' | ')' | ']' | '*' | '…') {
                break;
            }
            end = next + mark.len_utf8();
            chars.next();
        }
        if ends_here(&text[..at], c, &text[end..]) {
            count += 1;
            is_open = false;
        }
    }
    count + usize::from(is_open)
}

fn ends_here(before: &str, mark: char, after: &str) -> bool {
    if matches!(mark, '。' | '！' | '？' | '।') {
        return true;
    }
    if !after.is_empty() && !after.starts_with(char::is_whitespace) {
        return false;
    }
    let Some(next) = after.trim_start().chars().next() else {
        return true;
    };
    if mark != '.' {
        return !next.is_lowercase();
    }
    let is_new_line = after.trim_start_matches([' ', '\t']).starts_with('\n');
    let word = before
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“'))
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
    let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let is_list_marker = is_number && before[..before.len() - word.len()].trim_end_matches([' ', '\t']).ends_with('\n');
    if is_list_marker || (is_number && before.len() == word.len()) {
        return false;
    }
    if !is_new_line && (is_initial || ABBREVIATIONS.contains(&word.as_str())) {
        return false;
    }
    is_new_line || !next.is_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        for (text, count) in [
            ("", 0),
            ("...", 0),
            ("One", 1),
            ("One. Two.", 2),
            ("One! Two? Three", 3),
            ("He said \"go.\" She went.", 2),
            ("Mr. Smith met J. Doe at 3.5 km. Fine.", 2),
            ("See www.example.com for more. Thanks.", 2),
            ("e.g. this one", 1),
            ("1. First thing.\n2. Second thing.", 2),
            ("Wait... what?", 1),
            ("Well... No.", 2),
            ("Wirklich?! Ja.", 2),
            ("是。不是。", 2),
        ] {
            assert_eq!(count_sentences(text), count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_counts_more_than_marks(text in r"([.!?…]|[a-zA-Z0-9]| |\n|\PC){0,60}") {
            let marks = text.chars().filter(|c| !c.is_alphanumeric()).count();
            prop_assert!(count_sentences(&text) <= marks + 1);
        }
    }
}
