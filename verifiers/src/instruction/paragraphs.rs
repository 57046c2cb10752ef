//! Paragraphs between blank lines, and the word that one begins with.

use super::marks::plain;

/// The paragraphs of a text: what stands between blank lines, however many there are.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            is_open = false;
        } else if is_open {
            let paragraph: &mut String = paragraphs.last_mut().expect("an open paragraph is the last");
            paragraph.push('\n');
            paragraph.push_str(line);
        } else {
            paragraphs.push(line.to_owned());
            is_open = true;
        }
    }
    paragraphs
}

/// True where the text begins with the word, in any case and whatever marks stand around it: `“Ice`, `**Ice**` and
/// `Ice:` begin with `ice`. A word goes on through a hyphen and ends at an apostrophe, as in the published checker:
/// `ice-cold` does not begin with `ice`, `it's` begins with `it`.
pub(super) fn begins_with_word(text: &str, word: &str) -> bool {
    let text = normal(text);
    let word = normal(word);
    let Some(rest) = text.strip_prefix(&word) else {
        return false;
    };
    let mut rest = rest.chars();
    match (rest.next(), rest.next()) {
        (None, _) => true,
        (Some('+' | '#'), _) => false,
        (Some('-' | '_' | '&' | '@'), Some(next)) => !is_of_word(next),
        (Some(next), _) => !is_of_word(next),
    }
}

/// Lower case, plain marks, single spaces, nothing before the first letter or digit.
fn normal(text: &str) -> String {
    let text = plain(text).to_lowercase();
    let start = text.find(char::is_alphanumeric).unwrap_or_default();
    let mut normal = String::with_capacity(text.len());
    for word in text[start..].split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(word);
    }
    normal
}

/// Letters, digits, and the marks of Indic and Arabic scripts that stand within a word.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{200c}' | '\u{200d}')
        || matches!(c, '\u{900}'..='\u{d7f}' if !matches!(c, '\u{964}' | '\u{965}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_divide() {
        for text in ["a\n\nb", "\n\na\n\n\n\nb\n\n", "a\n \t\nb", "a\r\n\r\nb", "a\n\n\nb"] {
            assert_eq!(paragraphs(text), ["a", "b"], "{text:?}");
        }
        assert_eq!(paragraphs("a\nb\n\nc"), ["a\nb", "c"]);
        assert!(paragraphs(" \n\n").is_empty());
    }

    #[test]
    fn marks_stand_around_a_word() {
        for text in [
            "Ice",
            "ice grew",
            "Ice: it",
            "“Ice grew.”",
            "**Ice** grew",
            "*Ice*",
            "__Ice__ it",
            "(Ice)",
            "# Ice",
            "- Ice",
            "> Ice",
            "¡Ice!",
            "«Ice»",
            "Ice's end",
            "Ice’s end",
            "ICE; and",
            "Ice—and",
            "Ice - and",
            "Ice…",
            "[Ice](url)",
            "'Ice'",
            "Ice/snow",
            "Ice-",
        ] {
            assert!(begins_with_word(text, "ice"), "{text}");
        }
        for text in ["Icebergs", "The ice", "Ice-cold", "Ice_cold", "", "**", "ic", "Ice2", "1. Ice", "Icé", "Ice++"] {
            assert!(!begins_with_word(text, "ice"), "{text}");
        }
        assert!(begins_with_word("It’s so", "it's"));
        assert!(begins_with_word("Ice\ncream is", "Ice Cream"));
        assert!(begins_with_word("**C++** is", "C++"));
        assert!(begins_with_word("यह घर", "यह") && !begins_with_word("यहाँ घर", "यह"));
    }
}
