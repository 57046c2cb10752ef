//! Names that come near to one that is not there, by edit distance: letters added, removed, replaced, or swapped with
//! their neighbour (optimal string alignment; Damerau, 1964).
//!
//! Every message that suggests a name asks here. What the names stand for (columns, suites, keys) is unknown here.

/// Fewest letters of a name that counts as near to a longer one which begins with it.
const LEAST_BEGINNING: usize = 3;

/// The names within a third of the length in edits, nearest first, three at most; case and the marks between words do
/// not count, and a name at the beginning or the end of the other is near.
pub fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = plain(wanted);
    let most = wanted.len().div_ceil(3);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| {
            let name_plain = plain(name);
            let edits = distance(&wanted, &name_plain);
            (if contains(&wanted, &name_plain) { edits.min(1) } else { edits }, name)
        })
        .filter(|(edits, _)| *edits <= most)
        .collect();
    found.sort_by_key(|(edits, _)| *edits);
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// ` (did you mean `NAME`?)` with the nearest name, for the end of a message; nothing where none is near.
pub fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    near(wanted, names).first().map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// A message of `serde` about a key or a word that it does not know, with the nearest of those that it lists; any
/// other message as it is.
///
/// The words are those of [`serde::de::Error::unknown_field`] and [`serde::de::Error::unknown_variant`].
pub fn with_near_name(message: &str) -> String {
    match suggestion(message) {
        Some(suggestion) => format!("{}{suggestion}", message.trim_end()),
        None => message.to_owned(),
    }
}

fn suggestion(message: &str) -> Option<String> {
    // The line of the file, which TOML's messages show, stands before: take the last words that fit.
    let start = ["unknown field `", "unknown variant `"]
        .iter()
        .filter_map(|words| Some(message.rfind(words)? + words.len()))
        .max()?;
    let (wanted, rest) = message[start..].split_once("`, expected ")?;
    Some(did_you_mean(wanted, rest.split('`').skip(1).step_by(2)))
}

fn contains(wanted: &[char], name: &[char]) -> bool {
    let (short, long) = if wanted.len() < name.len() { (wanted, name) } else { (name, wanted) };
    !short.is_empty() && (long.ends_with(short) || (short.len() >= LEAST_BEGINNING && long.starts_with(short)))
}

fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut edits = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                edits = edits.min(before[j - 1] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_and_another_spelling_come_near_and_a_stranger_does_not() {
        let names = ["problem", "Solution", "answer", "Correct Answer"];
        assert_eq!(near("anwser", names.into_iter()), ["answer"]);
        assert_eq!(near("solution", names.into_iter()), ["Solution"]);
        assert_eq!(near("correct_answer", names.into_iter()), ["Correct Answer", "answer"]);
        assert!(near("messages", names.into_iter()).is_empty());
        assert_eq!(near("dri", ["dir", "seed"].into_iter()), ["dir"]);
        assert_eq!(near("prompts", ["samples_per_prompt", "prompts_per_step"].into_iter()), ["prompts_per_step"]);
        assert!(near("kl", ["kl_coefficient"].into_iter()).is_empty());
        assert_eq!(did_you_mean("gsm9k", ["gsm8k", "mmlu"].into_iter()), " (did you mean `gsm8k`?)");
        assert_eq!(did_you_mean("poetry", ["gsm8k", "mmlu"].into_iter()), "");
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        let edits = |a: &str, b: &str| distance(&plain(a), &plain(b));
        assert_eq!([edits("ab", "ba"), edits("abcd", "acbd"), edits("abc", "cab"), edits("", "ab")], [1, 1, 2, 2]);
    }

    #[test]
    fn the_messages_of_serde_get_a_suggestion() {
        use serde::de::Error as _;
        type Error = serde::de::value::Error;
        let field = Error::unknown_field("stps", &["steps", "seed", "head_chunk"]).to_string();
        assert!(with_near_name(&field).ends_with("`head_chunk` (did you mean `steps`?)"), "{field}");
        let variant = Error::unknown_variant("gropo", &["grpo", "ppo"]).to_string();
        assert!(with_near_name(&variant).ends_with("(did you mean `grpo`?)"), "{variant}");
        let only = Error::unknown_field("sorce", &["source"]).to_string();
        assert!(with_near_name(&only).ends_with("(did you mean `source`?)"), "{only}");
        for message in [
            Error::unknown_field("x", &[]).to_string(),
            Error::unknown_field("vibes", &["source"]).to_string(),
            Error::missing_field("source").to_string(),
        ] {
            assert_eq!(with_near_name(&message), message);
        }
        let shown = format!("1 | a = \"unknown field `b`, expected `c`\"\n  | ^\n{field}\n");
        assert!(with_near_name(&shown).ends_with("(did you mean `steps`?)"));
    }
}
