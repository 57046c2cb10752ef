//! The last `\boxed` of a solution.

/// The content of the last box. A box without braces holds the next word, as LaTeX reads it.
pub(super) fn last(text: &str) -> Result<&str, String> {
    let start = ["\\boxed", "\\fbox"].into_iter().filter_map(|name| Some(text.rfind(name)? + name.len())).max();
    let start = start.ok_or("no \\boxed stands in the text")?;
    let rest = text[start..].trim_start();
    let Some(inner) = rest.strip_prefix('{') else {
        let end = rest.find(|letter: char| letter.is_whitespace() || letter == '$').unwrap_or(rest.len());
        return Some(&rest[..end])
            .filter(|word| !word.is_empty())
            .ok_or_else(|| "the last \\boxed is empty".to_owned());
    };
    let (mut depth, mut is_escaped) = (1, false);
    for (at, letter) in inner.char_indices() {
        match letter {
            _ if is_escaped => {}
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
        if depth == 0 {
            return match inner[..at].trim() {
                "" => Err("the last \\boxed is empty".to_owned()),
                answer => Ok(answer),
            };
        }
    }
    Err("the last \\boxed is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::last;

    #[test]
    fn the_last_box_counts_with_braces_within() {
        assert_eq!(last(r"\boxed{1} so $\boxed{\frac{7}{10}}$."), Ok(r"\frac{7}{10}"));
        assert_eq!(last(r"\boxed{\{1, 2\}}"), Ok(r"\{1, 2\}"));
        assert_eq!(last(r"$\boxed 5$ it is"), Ok("5"));
        assert_eq!(last(r"\fbox{no}"), Ok("no"));
        assert!(last("none").is_err());
        assert!(last(r"\boxed{").is_err());
        assert!(last(r"\boxed{ }").is_err());
    }
}
