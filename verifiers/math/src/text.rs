//! Answers as text: a canonical form without spacing and fonts, and answers that are words and nothing else.

use std::sync::LazyLock;

use regex::Regex;

use crate::decoration;

/// Commands that only set the font of their argument, space it, or size a bracket.
const SILENT: [&str; 31] = [
    "text",
    "textbf",
    "textit",
    "textrm",
    "mathrm",
    "mathbf",
    "mathit",
    "mbox",
    "operatorname",
    "textnormal",
    "boxed",
    "left",
    "right",
    "big",
    "Big",
    "bigl",
    "bigr",
    "Bigl",
    "Bigr",
    "bigg",
    "Bigg",
    "quad",
    "qquad",
    "displaystyle",
    "textstyle",
    "limits",
    "rm",
    "bf",
    "mathsf",
    "texttt",
    "hbox",
];

/// Commands around words.
pub(crate) const FONTS: [&str; 8] = ["textbf", "textit", "textrm", "text", "mathrm", "mathbf", "mbox", "boldsymbol"];

/// The canonical text of an answer, without spaces, dollar signs, fonts and the signs that end a sentence; `\dfrac`
/// becomes `\frac`. Equal texts are equal answers.
pub(crate) fn canonical(answer: &str) -> String {
    let answer = decoration::without(answer);
    let mut text = String::with_capacity(answer.len());
    let mut rest = answer.trim();
    while let Some(c) = rest.chars().next() {
        if c != '\\' {
            if c.is_whitespace() {
                // One space stays between two digits: `1 2` is not 12.
                let after = rest.trim_start();
                if text.ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit()) {
                    text.push(' ');
                }
                rest = after;
                continue;
            }
            if c != '$' {
                text.push(if matches!(c, '−' | '–') { '-' } else { c });
            }
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let after = &rest[1..];
        let len = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = &after[..len];
        rest = &after[len..];
        if name.is_empty() {
            let Some(sign) = after.chars().next() else { break };
            let is_space = matches!(sign, ',' | ';' | ':' | ' ' | '\n');
            let after_sign = &after[sign.len_utf8()..];
            if is_space
                && text.ends_with(|c: char| c.is_ascii_digit())
                && after_sign.starts_with(|c: char| c.is_ascii_digit())
            {
                text.push(' ');
            }
            if !is_space && !matches!(sign, '!' | '(' | ')' | '[' | ']') {
                text.push('\\');
                text.push(sign);
            }
            rest = &after[sign.len_utf8()..];
        } else if !SILENT.contains(&name) {
            text.push('\\');
            text.push_str(match name {
                "dfrac" | "tfrac" => "frac",
                "leq" => "le",
                "geq" => "ge",
                name => name,
            });
            // A space stays where the command would run into the letters behind it.
            if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == ' ') {
                text.push(' ');
            }
        }
    }
    let end = text.trim_end_matches(['.', ',', ';', '。']).len();
    text.truncate(end);
    while text.starts_with('{') && text.ends_with('}') && !text[1..text.len() - 1].contains(['{', '}']) {
        text = text[1..text.len() - 1].to_owned();
    }
    text
}

/// The letters of a text in lower case, where it is words and nothing else: no number, no operator, no command.
pub(crate) fn words(canonical: &str) -> Option<String> {
    let is_word = |c: char| {
        c.is_alphabetic() || matches!(c, '{' | '}' | '(' | ')' | '.' | ',' | ';' | ':' | '\'' | '’' | '"' | '-' | '?')
    };
    let has_letters = canonical.chars().filter(|c| c.is_alphabetic()).nth(1).is_some();
    (has_letters && canonical.chars().all(is_word))
        .then(|| canonical.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect())
}

/// The one letter of a text, in lower case, where it is nothing else, in brackets or not: a choice, or a name.
pub(crate) fn letter(canonical: &str) -> Option<char> {
    let inner = canonical.trim_matches(['(', ')', '{', '}', '.', '[', ']']);
    let mut chars = inner.chars();
    let letter = chars.next().filter(char::is_ascii_alphabetic)?;
    chars.next().is_none().then(|| letter.to_ascii_lowercase())
}

/// One number with a decimal comma, `2,74`, written with a point, `2.74`.
pub(crate) fn with_decimal_point(answer: &str) -> Option<String> {
    let trimmed = answer.trim().trim_matches('$').trim();
    let (whole, decimals) = trimmed.split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.len() < 20 && text.bytes().all(|b| b.is_ascii_digit());
    (digits(whole.trim_start_matches('-')) && digits(decimals)).then(|| format!("{whole}.{decimals}"))
}

/// True where the text says that there is no solution: `∅`, or words.
pub(crate) fn is_nothing(canonical: &str, words: Option<&str>) -> bool {
    const SIGNS: [&str; 5] = ["\\emptyset", "\\varnothing", "∅", "\\{\\}", "无解"];
    const WORDS: [&str; 7] =
        ["nosolution", "nosolutions", "norealsolution", "norealsolutions", "emptyset", "theemptyset", "nosuchnumber"];
    SIGNS.contains(&canonical) || words.is_some_and(|words| WORDS.contains(&words))
}

/// True where the words say that there is no value.
pub(crate) fn is_undefined(words: Option<&str>) -> bool {
    words.is_some_and(|words| ["undefined", "doesnotexist", "dne", "notdefined"].contains(&words))
}

/// The answer without `k ∈ ℤ` at its end, in brackets or behind a comma: the range of a letter is no part of the
/// answer.
pub(crate) fn without_range(answer: &str) -> &str {
    static RANGE: LazyLock<Regex> = LazyLock::new(|| {
        let set = r"(?:\\(?:mathbb|mathbf|mathrm)\s*\{?\s*[ZN]\s*\}?|ℤ|ℕ|[ZN]\b)(?:\s*[_^]\s*(?:\{[^{}]*\}|[*+]))?";
        let condition = format!(r"[a-z]\s*(?:\\in\b|∈)\s*{set}");
        Regex::new(&format!(
            r"(?:\\(?:left|quad|qquad|text\{{[ a-z]*\}}|[ ,;])|[\s,;，(])+{condition}[\s.)$]*(?:\\right\))?\s*$"
        ))
        .expect("the pattern is constant")
    });
    if !answer.contains("\\in") && !answer.contains('∈') {
        return answer;
    }
    match RANGE.find(answer) {
        Some(range) if range.start() > 0 => &answer[..range.start()],
        _ => answer,
    }
}
