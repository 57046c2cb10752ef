//! Forms of a command, as documents write them, made into commands that a parser can be asked about.
//!
//! `[--json]` may be there, `show | check` is one or the other, `N` is a number, and words in capitals stand for a
//! user's own.

/// The commands that a form stands for: one for each alternative, with all that may be there.
///
/// ```
/// assert_eq!(guide::forms("trainer data show | check FILE [--limit N]"), [
///     "trainer data show FILE --limit 1",
///     "trainer data check FILE --limit 1",
/// ]);
/// ```
#[must_use]
pub fn forms(synopsis: &str) -> Vec<String> {
    let text = synopsis.split(" #").next().unwrap_or(synopsis).replace(['[', ']'], "");
    let mut forms: Vec<Vec<&str>> = vec![Vec::new()];
    let mut words = text.split_whitespace().map(|word| if word == "N" { "1" } else { word }).peekable();
    while let Some(word) = words.next() {
        let mut choices = vec![word];
        while words.next_if_eq(&"|").is_some() {
            choices.extend(words.next());
        }
        forms = choices
            .iter()
            .flat_map(|choice| forms.iter().map(move |form| form.iter().copied().chain([*choice]).collect()))
            .collect();
    }
    forms.iter().map(|form| form.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_commands_of_their_own() {
        assert_eq!(
            forms("trainer sandbox serve | run | grade   # a server"),
            ["trainer sandbox serve", "trainer sandbox run", "trainer sandbox grade",]
        );
        assert_eq!(
            forms("trainer config check FILE [--gpus N] [--json]"),
            ["trainer config check FILE --gpus 1 --json"]
        );
    }
}
