//! The claims of a completion: boxes, JSON and sentences that name the answer. The last of them counts.

use std::sync::LazyLock;

use regex::Regex;

use super::chosen::Chosen;
use super::options::{Options, behind_marks, undecorated};

/// What leads up to an answer that follows: "the answer is", "correct option would be", "Answer:".
static LEAD: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?ix)
        (?: \b (?: answer | choice | option | letter ) \b [*"'\s]*
            (?: is | are | would\ be | should\ be | must\ be ) \b \s* :?
          | "? \b (?: final[\ _] )? answer "? [*_\s]* : [*_]* )"#;
    Regex::new(pattern).expect("the pattern is fixed")
});

/// A heading that is "answer" and nothing else; the answer stands below it.
static HEADING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?im)^[#*\s]*(?:final\s+|correct\s+)?answer[*\s]*$").expect("the pattern is fixed"));

/// What names a letter first: "option C is correct", "(C) is the correct answer".
static VERDICT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?x)
        \(? \b ([A-Za-z0-9]{1,3}) \b \)? [*]* \s+ is \s+ (?: (?:clearly|indeed|therefore|thus) \s+ )?
        (?: correct | right | the \s+ (?: correct | right | best ) \s+ (?: answer | option | choice | one ) ) \b";
    Regex::new(pattern).expect("the pattern is fixed")
});

/// Words between a lead and the letter that say nothing of their own.
const FILLERS: &str = "clearly therefore thus most likely probably definitely indeed simply obviously then hence \
                       option choice letter answer number statement the either";

/// Words that may follow a bare `A` or `I` which is a letter and no word.
const CONNECTIVES: &str = "because since as for due given which that and or by from with where but in";

/// The last claim of a completion.
pub(super) fn last_claim(answer: &str, options: &Options) -> Option<Chosen> {
    let last_line = answer.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let boxes = boxes(answer).filter_map(|(at, content)| Some((at, of_box(content, options)?)));
    let claims = LEAD.find_iter(answer).filter(|lead| !is_supposed(&answer[..lead.start()])).filter_map(|lead| {
        let found = of_text(&answer[lead.end()..], lead.as_str().contains(':'), options);
        // A lead with a colon on the last line is where the answer stands, if there is one.
        let is_last = lead.start() >= last_line && lead.as_str().contains(':');
        Some((lead.start(), found.or(is_last.then_some(Chosen::Unclear))?))
    });
    let headed = HEADING.find_iter(answer).filter_map(|heading| {
        let found = of_text(&answer[heading.end()..], true, options)?;
        Some((heading.start(), found))
    });
    let verdicts = VERDICT.captures_iter(answer).filter_map(|captures| {
        let letter = captures.get(1)?;
        let before = answer[..captures.get(0)?.start()].trim_end().to_ascii_lowercase();
        if ["nor", "or", "and", "if", "whether", ","].iter().any(|word| before.ends_with(word)) {
            return None; // "neither A nor B is correct"
        }
        Some((letter.start(), Chosen::Option(options.lettered(letter.as_str(), false)?)))
    });
    // Of claims at one place, as a box behind a lead is, the later rule reads the same letter.
    boxes.chain(claims).chain(headed).chain(verdicts).max_by_key(|(at, _)| *at).map(|(_, found)| found)
}

/// True where a sentence that begins so only supposes what follows: "if the".
fn is_supposed(before: &str) -> bool {
    let words: Vec<&str> = before.split_whitespace().rev().take(3).collect();
    words
        .iter()
        .any(|word| ["if", "whether", "suppose", "assume"].iter().any(|if_word| word.eq_ignore_ascii_case(if_word)))
}

/// The boxes of a completion: where each begins and what stands in it.
fn boxes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("\\boxed{").filter_map(|(at, command)| {
        let content = &text[at + command.len()..];
        let mut depth = 1_usize;
        let end = content.bytes().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some((at, &content[..end]))
    })
}

/// The option that stands in a box: a letter, one with its option's text behind it, or the text. A box of anything else
/// is no claim.
fn of_box(content: &str, options: &Options) -> Option<Chosen> {
    let content = undecorated(content);
    if let Some(index) = options.with_text(content) {
        return Some(Chosen::Option(index));
    }
    let (index, rest) = options.leading(behind_marks(content).0, true)?;
    if names_another(rest, options) {
        return Some(Chosen::Unclear);
    }
    is_mark(rest).then_some(Chosen::Option(index))
}

/// The option that a text begins with, behind a lead: a letter or an option's whole text.
fn of_text(text: &str, has_colon: bool, options: &Options) -> Option<Chosen> {
    let mut text = text;
    loop {
        let (rest, is_marked) = behind_marks(text.trim_start_matches([':', '*', ' ', '\n', '\t', '\r']));
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let alone = rest[..line_end].trim_end_matches([' ', '.', ')', '}', '*', '$', '"', '`', '\\', '\r']);
        let any_case = is_marked || has_colon && options.lettered(alone, true).is_some();
        if let Some((index, behind)) = options.leading(rest, any_case) {
            let is_claim = is_marked || !is_word(options.letter(index), behind);
            return is_claim.then(|| match names_another(behind, options) {
                true => Chosen::Unclear,
                false => Chosen::Option(index),
            });
        }
        if let Some(index) = with_text(&text[text.len() - text.trim_start_matches([':', ' ']).len()..], options) {
            return Some(Chosen::Option(index));
        }
        let word_end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let word = rest[..word_end].to_ascii_lowercase();
        if !FILLERS.split(' ').any(|filler| filler == word) {
            return None;
        }
        text = &rest[word_end..];
    }
}

/// The option whose text the line or the sentence that `text` begins with is.
fn with_text(text: &str, options: &Options) -> Option<usize> {
    let text = text.trim_start();
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    let sentence = &line[..line.find(". ").unwrap_or(line.len())];
    let value = line.strip_prefix('"').and_then(|value| value.split_once('"')).map(|(value, _)| value);
    [Some(line), Some(sentence), value].into_iter().flatten().find_map(|text| options.with_text(text))
}

/// True for a bare `A` or `I` that what follows shows to be a word.
fn is_word(letter: &str, behind: &str) -> bool {
    if !matches!(letter, "A" | "I") || !behind.starts_with(' ') {
        return false;
    }
    let next = behind.trim_start();
    let end = next.find(|c: char| !c.is_alphabetic()).unwrap_or(next.len());
    end > 0 && next.starts_with(|c: char| c.is_lowercase()) && !CONNECTIVES.split(' ').any(|word| word == &next[..end])
}

/// True where another letter is named in one breath: `, B`, `or B`, `and (B)`. "B and A distracts" goes on with a verb.
fn names_another(behind: &str, options: &Options) -> bool {
    let behind = behind.trim_start_matches([')', '}', '*', '$', '"', '`', ' ', '\\']);
    let joined = ["or ", "and ", "& ", "/", ",", "&"].iter().find_map(|joint| behind.strip_prefix(joint));
    let Some(rest) = joined else { return false };
    let rest = rest.trim_start();
    let rest = ["or ", "and "].iter().find_map(|joint| rest.strip_prefix(joint)).unwrap_or(rest);
    let (rest, is_marked) = behind_marks(rest);
    let Some((_, after)) = options.leading(rest, false) else { return false };
    is_marked || !after.trim_start().starts_with(|c: char| c.is_lowercase())
}

/// True where nothing follows a letter, or what sets it apart from what follows.
fn is_mark(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with(['.', ')', ':', '}', ','])
}
