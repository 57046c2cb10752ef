//! The writing system of a text, by the Unicode blocks of its letters.

use std::collections::BTreeMap;

/// A script, named where several of the listed languages are written in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    /// The script of one language, by its code.
    Alone(&'static str),
}

const JAPANESE: Script = Script::Alone("ja");
const HAN: Script = Script::Alone("zh");

/// The script of at least half of the letters; `None` where no script has half. Han with a tenth of kana is Japanese.
/// A character of Chinese, Japanese or Korean counts as two letters: it is a syllable at least.
pub(super) fn main_script(text: &str) -> Option<Script> {
    let mut counts = BTreeMap::new();
    let mut num_letters = 0_usize;
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        let weight = if c >= '\u{3040}' { 2 } else { 1 };
        num_letters += weight;
        if let Some(script) = script_of(c) {
            *counts.entry(script).or_insert(0_usize) += weight;
        }
    }
    let count = |script| counts.get(&script).copied().unwrap_or(0);
    let (kana, han) = (count(JAPANESE), count(HAN));
    if (kana + han) * 2 >= num_letters && kana * 10 >= kana + han && kana > 0 {
        return Some(JAPANESE);
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| count * 2 >= num_letters)
        .map(|(script, _)| script)
}

fn script_of(c: char) -> Option<Script> {
    Some(match c {
        'A'..='Z' | 'a'..='z' | '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Alone("el"),
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Alone("he"),
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' => {
            Script::Arabic
        }
        '\u{900}'..='\u{97f}' => Script::Devanagari,
        '\u{980}'..='\u{9ff}' => Script::Alone("bn"),
        '\u{a00}'..='\u{a7f}' => Script::Alone("pa"),
        '\u{a80}'..='\u{aff}' => Script::Alone("gu"),
        '\u{b80}'..='\u{bff}' => Script::Alone("ta"),
        '\u{c00}'..='\u{c7f}' => Script::Alone("te"),
        '\u{c80}'..='\u{cff}' => Script::Alone("kn"),
        '\u{d00}'..='\u{d7f}' => Script::Alone("ml"),
        '\u{e00}'..='\u{e7f}' => Script::Alone("th"),
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => Script::Alone("ko"),
        '\u{3040}'..='\u{30ff}' => JAPANESE,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => HAN,
        _ => return None,
    })
}
