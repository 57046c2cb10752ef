//! Denial: a value that the words around it reject is no answer: "not 17", "23 would be wrong", "rather than 18".

/// Bytes on either side of a value that are looked at.
const REACH: usize = 120;

/// Words that deny what they stand before.
const DENIERS: [&str; 10] =
    ["except", "excluding", "not", "cannot", "never", "neither", "nor", "unlike", "isnt", "cant"];

/// Words that may stand between a denier and the value.
const LINKS: [&str; 45] = [
    "be", "been", "going", "equal", "to", "the", "a", "an", "of", "it", "answer", "value", "number", "result", "total",
    "sum", "really", "actually", "exactly", "quite", "simply", "possibly", "cost", "weigh", "take", "need", "leave",
    "give", "get", "make", "have", "mean", "say", "come", "out", "option", "choice", "final", "correct", "right", "as",
    "large", "at", "all", "=",
];

/// Phrases of two words that deny the value behind them.
const PHRASES: [[&str; 2]; 10] = [
    ["rather", "than"],
    ["instead", "of"],
    ["other", "than"],
    ["opposed", "to"],
    ["different", "from"],
    ["anything", "but"],
    ["far", "from"],
    ["rule", "out"],
    ["ruled", "out"],
    ["no", "longer"],
];

/// Phrases that deny all that follows in their clause.
const DOUBTS: [&str; 11] = [
    "n't think",
    "not think",
    "n't believe",
    "not believe",
    "i doubt",
    "we doubt",
    "doubtful",
    "unlikely that",
    "not true that",
    "wrong to say",
    "not the case that",
];

/// Endings of a text that deny the value behind it, in Chinese.
const CHINESE: [&str; 8] = ["不是", "并非", "不等于", "不为", "而非", "不可能是", "不应是", "不可能为"];

/// Verbs of which a value is the subject.
const VERBS: [&str; 19] = [
    "is", "are", "was", "were", "be", "been", "seems", "looks", "remains", "must", "would", "could", "can", "will",
    "should", "might", "may", "have", "has",
];

/// Words between a verb and what it says.
const ADVERBS: [&str; 10] =
    ["clearly", "obviously", "definitely", "simply", "also", "surely", "just", "probably", "therefore", "thus"];

/// Words that reject the subject.
const REJECTIONS: [&str; 10] =
    ["wrong", "incorrect", "false", "invalid", "impossible", "mistaken", "untrue", "too", "excluded", "rejected"];

/// Words behind "is not" or "cannot be" that reject the subject; any other word says something about it.
const REJECTED: [&str; 17] = [
    "the",
    "an",
    "a",
    "right",
    "correct",
    "it",
    "possible",
    "valid",
    "true",
    "acceptable",
    "what",
    "our",
    "my",
    "work",
    "fit",
    "allowed",
    "enough",
];

/// True where the text before a value, or the text behind it, denies it.
pub(super) fn is_denied(before: &str, after: &str) -> bool {
    is_denied_before(before) || is_denied_behind(after)
}

/// True where a text ends in words that deny what follows.
pub(super) fn is_denied_before(before: &str) -> bool {
    let mut start = before.len().saturating_sub(REACH);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let near = &before[start..];
    let clause = near.rfind(is_boundary).map_or(near, |at| near[at..].trim_start_matches(is_boundary));
    // Most clauses deny nothing: look closer only where the letters of a denial stand.
    if !clause.contains(['n', 'N', 'd', 'D', 'f', 'u', 'x', '不', '非']) {
        return false;
    }
    let clause = clause.trim_end_matches([' ', '$', '*', '_', '"', '“', '(', '[', '\\', '{']);
    if CHINESE.iter().any(|ending| clause.ends_with(ending)) {
        return true;
    }
    let lower = clause.to_lowercase().replace('’', "'");
    let mut last = lower.rsplit(char::is_whitespace).map(bare).filter(|word| !word.is_empty());
    if let (Some(second), Some(first)) = (last.next(), last.next())
        && PHRASES.contains(&[first, second])
    {
        return true;
    }
    let turned = ["but ", "hence ", "therefore ", "instead it "]
        .iter()
        .filter_map(|turn| lower.rfind(turn).map(|at| at + turn.len()))
        .max()
        .map_or(lower.as_str(), |at| &lower[at..]);
    if DOUBTS.iter().any(|doubt| turned.contains(doubt)) {
        return true;
    }
    let words: Vec<&str> = turned.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
    words
        .iter()
        .rev()
        .find(|word| !LINKS.contains(word))
        .is_some_and(|word| DENIERS.contains(word) || word.ends_with("n't"))
}

fn is_denied_behind(after: &str) -> bool {
    let mut end = after.len().min(REACH);
    while !after.is_char_boundary(end) {
        end -= 1;
    }
    let near = after[..end].trim_start_matches([' ', '$', '*', '_', '"', '”', ')', ']', '\\', '}']);
    let clause = &near[..near.find(is_boundary).unwrap_or(near.len())];
    if clause.is_empty() {
        let rest = near.trim_start_matches('(');
        return rest.len() < near.len() && REJECTIONS.iter().any(|word| bare(first(rest)) == *word);
    }
    let lower = clause.to_lowercase().replace('’', "'");
    let mut words = lower.split_whitespace().map(bare).filter(|word| !ADVERBS.contains(word)).peekable();
    let is_verb = |word: &str| VERBS.contains(&word) || word == "cannot" || word.ends_with("n't");
    // One word may stand between: what is counted.
    if words.peek().is_some_and(|word| !is_verb(word)) {
        words.next();
    }
    let mut is_negative = false;
    let mut has_verb = false;
    for word in words {
        if word == "cannot" || word.ends_with("n't") || word == "not" && has_verb {
            is_negative = true;
        } else if !VERBS.contains(&word) {
            return has_verb && REJECTIONS.contains(&word) || is_negative && REJECTED.contains(&word);
        }
        has_verb = true;
    }
    is_negative
}

fn is_boundary(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\n' | '(' | '。' | '，' | '；' | '：')
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '=')
}

fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_before_a_value_deny_it() {
        for before in [
            "The answer is not ",
            "Not ",
            "It cannot be ",
            "it isn't ",
            "It isn’t the number $",
            "18 rather than ",
            "instead of **",
            "does not equal ",
            "it was never ",
            "neither ",
            "I don't think the total is ",
            "I doubt it is ",
            "答案不是",
            "It could not possibly be ",
            "It is not going to be ",
            "It is anything but ",
            "It is far from ",
        ] {
            assert!(is_denied_before(before), "{before}");
        }
    }

    #[test]
    fn other_words_before_a_value_do_not() {
        for before in [
            "",
            "The answer is ",
            "not 18 but ",
            "It is not hard: ",
            "If not, then ",
            "The one that does not fit is ",
            "Not all are left, so there are ",
            "There are no more than ",
            "He had nothing but ",
            "Knowing this we get ",
            "I have no doubt that it is ",
            "It is undoubtedly ",
            "one and ",
        ] {
            assert!(!is_denied_before(before), "{before}");
        }
    }

    #[test]
    fn words_behind_a_value_deny_it() {
        for after in [
            " would be wrong.",
            " is incorrect",
            " apples is not the answer",
            " is too large",
            " cannot be right",
            " can't be.",
            "$ isn't correct",
            " would clearly be wrong",
            " (wrong)",
            " is wrong, 18 is right",
        ] {
            assert!(is_denied_behind(after), "{after}");
        }
    }

    #[test]
    fn other_words_behind_a_value_do_not() {
        for after in [
            "",
            ".",
            " is right",
            " apples that were not eaten",
            ", not 18",
            " were left, and none was wrong",
            " is not divisible by 4",
            " (see above)",
            " of them would be enough",
        ] {
            assert!(!is_denied_behind(after), "{after}");
        }
    }
}
