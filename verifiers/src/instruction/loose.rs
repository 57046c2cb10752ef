//! IFEval's loose variants of an answer: whole, without its first line, its last line or both, each with and without
//! asterisks.

/// The eight variants, the answer itself first.
pub(super) fn variants(answer: &str) -> Vec<String> {
    let lines: Vec<&str> = answer.split('\n').collect();
    let range = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().join("\n").trim().to_owned();
    let num_lines = lines.len();
    let plain = [answer.to_owned(), range(1, num_lines), range(0, num_lines - 1), range(1, num_lines - 1)];
    let without_asterisks = plain.clone().map(|variant| variant.replace('*', ""));
    plain.into_iter().chain(without_asterisks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_eight() {
        let variants = variants("*a*\nb\nc");
        assert_eq!(variants, ["*a*\nb\nc", "b\nc", "*a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b"]);
    }

    #[test]
    fn one_line_leaves_nothing_to_drop() {
        assert_eq!(variants("a"), ["a", "", "", "", "a", "", "", ""]);
    }
}
