//! Languages of Latin and Cyrillic letters, told by the n-gram models of the lingua crate. The models are part of the
//! binary; a page of one is read when a text first needs it.

use std::sync::LazyLock;

use lingua::{Language, LanguageDetector, LanguageDetectorBuilder};

use super::super::marks::plain;
use super::spelling::{count_frequent, foreign_share};

/// Words that are looked at. A language shows in far fewer, and the time grows with them.
const MAX_WORDS: usize = 32;
/// Frequent words are counted in texts of up to so many words: longer ones need no help.
const MAX_SHORT: usize = 16;
/// How much likelier a language is for each of its frequent words. Four of them are as good as any more.
const WORD_FACTOR: f64 = 3.0;
const MAX_FREQUENT: usize = 4;
/// Greatest share of words whose letters a language does not write.
const MAX_FOREIGN: f64 = 0.2;
/// Least confidence in a language, as a share of that in the likeliest one, at which it may be the text's.
const LEAST_SHARE: f64 = 0.02;
/// Texts of fewer words are too short to be told from English.
const MIN_WORDS: usize = 3;
/// Least confidence in English, as a share of that in the likeliest language, at which a text may be English.
const ENGLISH_SHARE: f64 = 0.5;

const LATIN_LANGUAGES: [Language; 14] = [
    Language::Dutch,
    Language::English,
    Language::Finnish,
    Language::French,
    Language::German,
    Language::Indonesian,
    Language::Italian,
    Language::Polish,
    Language::Portuguese,
    Language::Spanish,
    Language::Swahili,
    Language::Swedish,
    Language::Turkish,
    Language::Vietnamese,
];
const CYRILLIC_LANGUAGES: [Language; 3] = [Language::Bulgarian, Language::Russian, Language::Ukrainian];

static LATIN: LazyLock<LanguageDetector> =
    LazyLock::new(|| LanguageDetectorBuilder::from_languages(&LATIN_LANGUAGES).build());
static CYRILLIC: LazyLock<LanguageDetector> =
    LazyLock::new(|| LanguageDetectorBuilder::from_languages(&CYRILLIC_LANGUAGES).build());

pub(super) fn detect_latin(text: &str) -> Option<&'static str> {
    likeliest(&LATIN, text)
}

pub(super) fn detect_cyrillic(text: &str) -> Option<&'static str> {
    likeliest(&CYRILLIC, text)
}

/// True unless another language is likelier by far, or the letters are no English ones.
pub(super) fn may_be_english(text: &str) -> bool {
    let words = sample(text);
    if words.len() < MIN_WORDS {
        return foreign_share(&words, Language::English) <= MAX_FOREIGN;
    }
    let confidences = confidences(&LATIN, &words);
    let best = confidences.iter().map(|(_, confidence)| *confidence).fold(0.0, f64::max);
    let english = confidences.iter().find(|(language, _)| *language == Language::English);
    english.is_some_and(|(_, english)| *english > 0.0 && *english >= best * ENGLISH_SHARE)
}

fn likeliest(detector: &LanguageDetector, text: &str) -> Option<&'static str> {
    let confidences = confidences(detector, &sample(text));
    let (language, confidence) = confidences.into_iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    (confidence > 0.0).then(|| code(language))
}

/// The confidence in each language: the models', corrected by the text's spelling.
fn confidences(detector: &LanguageDetector, words: &[String]) -> Vec<(Language, f64)> {
    let mut confidences = detector.compute_language_confidence_values(words.join(" "));
    let best = confidences.first().map_or(0.0, |(_, confidence)| *confidence);
    for (language, confidence) in &mut confidences {
        if *confidence < best * LEAST_SHARE || foreign_share(words, *language) > MAX_FOREIGN {
            *confidence = 0.0;
        } else if words.len() <= MAX_SHORT {
            let num_frequent = count_frequent(words, *language).min(MAX_FREQUENT);
            *confidence *= WORD_FACTOR.powi(num_frequent as i32);
        }
    }
    confidences
}

/// Up to [`MAX_WORDS`] words from all over the text, lower case, without the marks around them and without addresses.
fn sample(text: &str) -> Vec<String> {
    let is_word = |word: &&str| word.contains(char::is_alphabetic) && !word.contains("://") && !word.contains('@');
    let num_words = text.split_whitespace().filter(is_word).count();
    let step = num_words.div_ceil(MAX_WORDS).max(1);
    let bare = |word: &str| plain(word.trim_matches(|c: char| !c.is_alphabetic())).to_lowercase();
    text.split_whitespace().filter(is_word).step_by(step).map(bare).collect()
}

fn code(language: Language) -> &'static str {
    match language {
        Language::Bulgarian => "bg",
        Language::Dutch => "nl",
        Language::English => "en",
        Language::Finnish => "fi",
        Language::French => "fr",
        Language::German => "de",
        Language::Indonesian => "id",
        Language::Italian => "it",
        Language::Polish => "pl",
        Language::Portuguese => "pt",
        Language::Russian => "ru",
        Language::Spanish => "es",
        Language::Swahili => "sw",
        Language::Swedish => "sv",
        Language::Turkish => "tr",
        Language::Ukrainian => "uk",
        Language::Vietnamese => "vi",
    }
}
