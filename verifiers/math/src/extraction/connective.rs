//! Text that may stand between two members of an answer list: delimiters, spacing, separators, "and" and "or". This
//! file must not know what the members are.

/// Words that join answers.
const WORDS: [&str; 10] = ["and", "or", "as well as", "both", "und", "et", "和", "或", "与", "及"];

/// Signs and commands that mean nothing between two answers.
const SILENT: [&str; 29] = [
    "\\qquad",
    "\\quad",
    "\\newline",
    "\\hspace",
    "\\land",
    "\\lor",
    "\\wedge",
    "\\vee",
    "\\enspace",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\\\",
    "\\,",
    "\\;",
    "\\:",
    "\\!",
    "\\ ",
    "$",
    ",",
    ";",
    "&",
    "~",
    "、",
    "，",
    "；",
    "*",
    "\"",
];

/// Commands around words.
const TEXT_COMMANDS: [&str; 5] = ["\\text", "\\textrm", "\\mathrm", "\\mbox", "\\textbf"];

/// Longest gap that is looked at, in bytes.
const LONGEST: usize = 200;

/// True where `gap` does nothing but join the text on its two sides; an empty gap does.
pub(super) fn joins(gap: &str) -> bool {
    if gap.len() > LONGEST {
        return false;
    }
    let mut rest = gap.trim_start();
    while !rest.is_empty() {
        let Some(next) = skip_silent(rest).or_else(|| skip_word(rest)).or_else(|| skip_text(rest)) else {
            return false;
        };
        rest = next.trim_start();
    }
    true
}

/// The gap without a name and an equals sign at its end: `, y_2 =`, `\\ y &=`.
pub(super) fn without_name(gap: &str) -> &str {
    let trimmed = gap.trim_end_matches([' ', '\n', '&', '$', '(', '\\']);
    let Some(before) = trimmed.strip_suffix('=') else {
        return gap;
    };
    let name_start = before
        .trim_end_matches([' ', '&'])
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '{' | '}')))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let name = before[name_start..].trim_end_matches([' ', '&']);
    let letters = name.chars().take_while(char::is_ascii_alphabetic).count();
    // Words and numbers are no names.
    if letters == 1 { &before[..name_start] } else { gap }
}

fn skip_silent(text: &str) -> Option<&str> {
    SILENT.iter().find_map(|silent| text.strip_prefix(silent))
}

fn skip_word(text: &str) -> Option<&str> {
    WORDS.iter().find_map(|word| {
        let rest = text.strip_prefix(word)?;
        let runs_on = word.is_ascii() && rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        (!runs_on).then_some(rest)
    })
}

/// Skips `\text{…}` that is blank or ends in a word that joins.
fn skip_text(text: &str) -> Option<&str> {
    let rest = TEXT_COMMANDS.iter().find_map(|command| text.strip_prefix(command))?.trim_start().strip_prefix('{')?;
    let (content, rest) = rest.split_once('}')?;
    let content = content.trim().trim_end_matches(',');
    let joins = content.is_empty() || WORDS.iter().any(|word| content.ends_with(word));
    (joins && !content.contains(['{', '='])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_joins() {
        for gap in [
            "",
            " and ",
            ", ",
            "$ and $",
            "\\) or \\(",
            "$, $",
            "、",
            " \\quad \\text{and} \\quad ",
            "$和$",
            ",\\ ",
            " \\text{ for part (a) and } ",
            ", and ",
        ] {
            assert!(joins(gap), "{gap}");
        }
    }

    #[test]
    fn what_does_not() {
        for gap in [" no ", "+", " = ", ". ", " android ", "\\text{not}", " and then ", " 5 "] {
            assert!(!joins(gap), "{gap}");
        }
    }

    #[test]
    fn a_name_before_the_next_member_is_not_in_the_way() {
        assert_eq!(without_name(" and y_2 = "), " and ");
        assert_eq!(without_name("\\\\ y &= "), "\\\\ ");
        assert_eq!(without_name("x="), "");
        assert_eq!(without_name("+ 5 ="), "+ 5 =");
        assert_eq!(without_name(" so "), " so ");
    }
}
