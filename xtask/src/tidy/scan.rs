//! Rust source as a list of words and signs, without comments, strings and what is compiled for tests alone.
//!
//! Knows just enough of the language for the rules of this folder. It is no parser: macros are read as they stand.

/// A word (identifier, keyword, number) or one sign; `::` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub text: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// The tokens of `source`. Strings and characters are left out, as comments are.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let characters: Vec<char> = source.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < characters.len() {
        let next = skipped(&characters, at).unwrap_or(at).min(characters.len());
        if next > at {
            line += characters[at..next].iter().filter(|character| **character == '\n').count();
            at = next;
            continue;
        }
        let start = at;
        if is_word(characters[at]) {
            while at < characters.len() && is_word(characters[at]) {
                at += 1;
            }
        } else {
            at += if characters[at..].starts_with(&[':', ':']) { 2 } else { 1 };
        }
        tokens.push(Token { text: characters[start..at].iter().collect(), line });
    }
    tokens
}

/// The tokens of `source` without items under `#[cfg(test)]`, and the names of modules that were left out with them.
pub(super) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut test_modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let Some(item) = after_test_attribute(tokens, at) else {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        };
        at = item;
        let end = end_of_item(tokens, at);
        let words: Vec<&str> = tokens[at..end].iter().map(|token| token.text.as_str()).collect();
        if let [.., "mod", name, ";"] = words[..] {
            test_modules.push(name.to_owned());
        }
        at = end;
    }
    (kept, test_modules)
}

/// True where the tokens from `at` on are `texts`.
pub(super) fn matches(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    tokens.len() >= at + texts.len() && tokens[at..].iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// The token after an attribute that begins at `at` and keeps something for tests, as in `#[cfg(all(test, unix))]`.
fn after_test_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    if !matches(tokens, at, &["#", "[", "cfg", "("]) {
        return None;
    }
    let end = at + tokens[at..].iter().position(|token| token.text == "]")?;
    let has = |word: &str| tokens[at..end].iter().any(|token| token.text == word);
    (has("test") && !has("not")).then_some(end + 1)
}

/// Words that begin an item; before any other word stands a field, an arm or an element of a list.
const ITEMS: [&str; 13] =
    ["async", "const", "enum", "extern", "fn", "impl", "mod", "static", "struct", "trait", "type", "unsafe", "use"];

/// The first token after what begins at `at`: after an item's `;` or the brace that ends its body; after the comma of a
/// field, an arm or an element, or at the bracket around it.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    // Attributes and `pub(...)` come before the word that tells.
    let first = tokens[at..].iter().find(|token| token.text != "pub").map(|token| token.text.as_str());
    let is_item = first.is_none_or(|word| ITEMS.contains(&word) || word == "#" || word == "(");
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" if depth == 0 => return at,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && is_item && tokens[at].text == "}" {
                    // `use a::{b, c};`
                    return at + 1 + usize::from(matches(tokens, at + 1, &[";"]));
                }
            }
            ";" if depth == 0 => return at + 1,
            "," if depth == 0 && !is_item => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The place after the white space, comment, string or character literal that stands at `at`.
fn skipped(characters: &[char], at: usize) -> Option<usize> {
    let rest = &characters[at..];
    match rest {
        [blank, ..] if blank.is_whitespace() => Some(at + 1),
        ['/', '/', ..] => Some(at + rest.iter().position(|character| *character == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => Some(at + comment_length(rest)),
        ['"', ..] => Some(at + string_length(rest)),
        ['b' | 'c', '"', ..] => Some(at + 1 + string_length(&rest[1..])),
        ['r', '"' | '#', ..] => raw_string_length(&rest[1..]).map(|length| at + 1 + length),
        ['b' | 'c', 'r', '"' | '#', ..] => raw_string_length(&rest[2..]).map(|length| at + 2 + length),
        ['\'', '\\', _, end @ ..] => {
            Some(at + 3 + end.iter().position(|character| *character == '\'').unwrap_or(0) + 1)
        }
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

/// Length of a block comment with those inside it.
fn comment_length(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Length from the first `#` or quotation mark on; `None` for a raw identifier.
fn raw_string_length(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|character| **character == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut at = hashes + 1;
    while at < rest.len() {
        if rest[at] == '"' && rest[at + 1..].iter().take_while(|character| **character == '#').count() >= hashes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &[Token]) -> String {
        tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_strings_and_characters_are_left_out() {
        let source =
            "use a::b; // use c::d;\n/* e::f /* g */ h */ let i = \"j::\\\"k\"; r#\"l::\"m\"# 'n' '\\'' 'o: loop {}";
        assert_eq!(texts(&tokens(source)), "use a :: b ; let i = ; ' o : loop { }");
        assert_eq!(tokens("a\n\"\n\"b").last().unwrap().line, 3);
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let source = concat!(
            "a; #[cfg(test)] mod tests { b(); { c } } d; #[cfg(test)] mod e; #[cfg(test)] #[x] fn f(g: h) { } ",
            "#[cfg(all(test, unix))] pub(crate) use b::{c, d}; #[cfg(not(test))] i"
        );
        let (kept, modules) = without_tests(&tokens(source));
        assert_eq!(texts(&kept), "a ; d ; # [ cfg ( not ( test ) ) ] i");
        assert_eq!(modules, ["e"]);
        assert_eq!(without_tests(&tokens("#[cfg(test)] pub(crate) mod f;")).1, ["f"]);
        let (kept, _) = without_tests(&tokens("struct S { #[cfg(test)] a: Vec<u8>, b: C } D { #[cfg(test)] e }"));
        assert_eq!(texts(&kept), "struct S { b : C } D { }");
    }

    #[test]
    fn source_that_breaks_off_is_read_to_its_end() {
        for source in ["'\\", "'\\x", "\"\\", "r#\"", "/* /*", "b'", "#[cfg(test)]"] {
            without_tests(&tokens(source));
        }
    }
}
