//! Asterisks of one line of markdown: bullets, rules and highlights.
//!
//! Runs of asterisks are paired from the left. With an odd number of runs one stands alone: the `* ` that the line
//! begins with where there is one, the last otherwise.

/// True for a line that begins with `-` or a single `*`, as in `* item`; a divider (`---`, `* * *`, a table's rule) and
/// a line that opens with an emphasis (`*so* it is`) have no bullet.
pub(super) fn has_bullet(line: &str) -> bool {
    let line = line.trim();
    if is_divider(line) {
        return false;
    }
    match line.strip_prefix('*') {
        None => line.starts_with('-'),
        Some(rest) if rest.starts_with('*') => false,
        Some(rest) => rest.is_empty() || rest.starts_with(char::is_whitespace) || runs(line).len() % 2 == 1,
    }
}

/// The number of highlights in a line: `*so*`, `**so**` or `***so***`, with text between.
pub(super) fn count_highlights(line: &str) -> usize {
    let line = line.trim();
    let mut runs = runs(line);
    let bullet = line.strip_prefix('*').filter(|rest| rest.starts_with(char::is_whitespace));
    if runs.len() % 2 == 1 && bullet.is_some() {
        runs.remove(0);
    }
    runs.chunks_exact(2).filter(|pair| !line[pair[0].end..pair[1].start].trim().is_empty()).count()
}

struct Run {
    start: usize,
    end: usize,
}

/// The runs of one to three asterisks; a run of four is the end of one highlight and the beginning of the next.
fn runs(line: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = 0;
    while let Some(at) = line[start..].find('*') {
        let begin = start + at;
        let length = line[begin..].bytes().take_while(|byte| *byte == b'*').count();
        let end = begin + length;
        if length == 4 {
            runs.push(Run { start: begin, end: begin + 2 });
            runs.push(Run { start: begin + 2, end });
        } else {
            runs.push(Run { start: begin, end });
        }
        start = end;
    }
    runs
}

fn is_divider(line: &str) -> bool {
    let num_marks = line.chars().filter(|c| matches!(c, '-' | '*')).count();
    num_marks >= 3 && line.chars().all(|c| matches!(c, '-' | '*' | '|' | ':') || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bullets_are_told_from_dividers_and_emphasis() {
        for line in
            ["* a", "  * a", "- a", "-a", "*a", "*\ta", "* *a* b", "*a *b* c", "- **a**", "* **a**: b", "-", "*"]
        {
            assert!(has_bullet(line), "{line}");
        }
        for line in
            ["", "a", "**a** b", "*a* b", "*a b*", "---", "- - -", "* * *", "***", "--- | ---", "+ a", "1. a", "•a"]
        {
            assert!(!has_bullet(line), "{line}");
        }
    }

    #[test]
    fn highlights_are_counted_once() {
        for (line, count) in [
            ("*a* and **b**", 2),
            ("***a***", 1),
            ("* **a**: b", 1),
            ("* a *b* c", 1),
            ("* a", 0),
            ("* a *", 1),
            ("**a****b**", 2),
            ("*a", 0),
            ("a * b", 0),
            ("* *", 0),
            ("****", 0),
            ("- *a* *b* *c*", 3),
            ("*a **b** c", 1),
            ("*a* * b", 1),
        ] {
            assert_eq!(count_highlights(line), count, "{line}");
        }
    }
}
