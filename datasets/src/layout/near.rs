//! Names that come near to one that is not there, by edit distance (Levenshtein, 1966).

/// The names within a third of the length in edits, nearest first, three at most; case and the marks between words do
/// not count.
pub(crate) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = plain(wanted);
    let most = wanted.len().div_ceil(3);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| {
            let name_plain = plain(name);
            let contains = !name_plain.is_empty() && (name_plain.ends_with(&wanted) || wanted.ends_with(&name_plain));
            let edits = distance(&wanted, &name_plain);
            (if contains { edits.min(1) } else { edits }, name)
        })
        .filter(|(edits, _)| *edits <= most)
        .collect();
    found.sort_by_key(|(edits, _)| *edits);
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn a_slip_and_another_spelling_come_near_and_a_stranger_does_not() {
        let names = ["problem", "Solution", "answer", "Correct Answer"];
        assert_eq!(near("anwser", names.into_iter()), ["answer"]);
        assert_eq!(near("solution", names.into_iter()), ["Solution"]);
        assert_eq!(near("correct_answer", names.into_iter()), ["Correct Answer", "answer"]);
        assert!(near("messages", names.into_iter()).is_empty());
    }
}
