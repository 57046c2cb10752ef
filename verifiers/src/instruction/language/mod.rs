//! `language`: an answer in the language that was asked for.
//!
//! The script of most letters tells a language that has a script of its own. Where languages share one, the n-gram
//! models of the lingua crate tell those of Latin and Cyrillic letters (`models`), spelling tells Arabic, Persian and
//! Urdu (`arabic`), and endings and function words tell Hindi, Marathi and Nepali (`devanagari`), of which lingua has
//! two and confuses them. A text without letters has no language; languages that are not listed are unknown.

mod arabic;
mod devanagari;
mod models;
mod script;
mod spelling;

use self::script::{Script, main_script};
use super::arguments::{Arguments, Unjudged};
use super::check::Check;

/// Languages that can be told, by ISO 639-1 code.
const LANGUAGES: [&str; 36] = [
    "ar", "bg", "bn", "de", "el", "en", "es", "fa", "fi", "fr", "gu", "he", "hi", "id", "it", "ja", "kn", "ko", "ml",
    "mr", "ne", "nl", "pa", "pl", "pt", "ru", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh",
];

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    (kind == "response_language").then(|| response_language(arguments))
}

fn response_language(arguments: &Arguments) -> Result<Check, Unjudged> {
    let code = arguments.text("language")?;
    // zh-cn and zh-tw count as zh: `detect` does not tell them apart.
    let base = code.split('-').next().unwrap_or(code).to_lowercase();
    if !LANGUAGES.contains(&base.as_str()) {
        return Err(Unjudged::Unsupported(format!("the language `{code}`; known: {}", LANGUAGES.join(", "))));
    }
    Ok(Box::new(move |answer| detect(answer) == Some(base.as_str())))
}

/// The ISO 639-1 code of the text's language; `None` for a text without letters, or of a script with no listed
/// language.
pub(crate) fn detect(text: &str) -> Option<&'static str> {
    match main_script(text)? {
        Script::Latin => models::detect_latin(text),
        Script::Cyrillic => models::detect_cyrillic(text),
        Script::Arabic => arabic::detect(text),
        Script::Devanagari => Some(devanagari::detect(text)),
        Script::Alone(code) => Some(code),
    }
}

/// True unless another language is likelier by far: names and capitals are no one's.
pub(super) fn may_be_english(text: &str) -> bool {
    match main_script(text) {
        Some(Script::Latin) => models::may_be_english(text),
        Some(_) => false,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A short sentence of each listed language.
    const SENTENCES: [(&str, &str); 36] = [
        ("ar", "اسمي آنا."),
        ("bg", "Времето е хубаво днес."),
        ("bn", "এটি একটি বাড়ি।"),
        ("de", "Es ist kalt."),
        ("el", "Αυτό είναι ένα σπίτι."),
        ("en", "It is cold."),
        ("es", "Hace frío."),
        ("fa", "هوا سرد است."),
        ("fi", "Minä rakastan sinua."),
        ("fr", "Le chat dort."),
        ("gu", "આ એક ઘર છે."),
        ("he", "זה בית."),
        ("hi", "यह एक घर है और इसमें लोग हैं।"),
        ("id", "Cuaca hari ini dingin."),
        ("it", "Come stai?"),
        ("ja", "これは家です。"),
        ("kn", "ಇದು ಒಂದು ಮನೆ."),
        ("ko", "이것은 집입니다."),
        ("ml", "ഇത് ഒരു വീടാണ്."),
        ("mr", "हे एक घर आहे आणि ते मोठे आहे."),
        ("ne", "यो एउटा घर हो र यहाँ मानिसहरू छन्।"),
        ("nl", "Het is koud."),
        ("pa", "ਇਹ ਇੱਕ ਘਰ ਹੈ।"),
        ("pl", "Kot śpi."),
        ("pt", "O gato dorme."),
        ("ru", "Птицы поют в саду."),
        ("sv", "Hej, hur mår du?"),
        ("sw", "Jina langu ni Anna."),
        ("ta", "இது ஒரு வீடு."),
        ("te", "ఇది ఒక ఇల్లు."),
        ("th", "นี่คือบ้าน"),
        ("tr", "Hava bugün çok soğuk."),
        ("uk", "Мене звати Анна."),
        ("ur", "میرا نام انا ہے۔"),
        ("vi", "Con mèo đang ngủ."),
        ("zh", "这是一个房子。"),
    ];

    #[test]
    fn languages_are_told_apart() {
        for (code, text) in SENTENCES {
            assert_eq!(detect(text), Some(code), "{text}");
        }
        assert_eq!(SENTENCES.map(|(code, _)| code), LANGUAGES);
    }

    #[test]
    fn a_text_without_letters_has_no_language() {
        for text in ["", "1234", "***", "♪"] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn short_texts_and_names_may_be_english() {
        for text in ["HELLO", "yes! no! maybe?", "NASA AND ESA MET.", "the café is naïve", "1234", "sure!"] {
            assert!(may_be_english(text), "{text}");
        }
        for (code, text) in SENTENCES.iter().filter(|(code, text)| *code != "en" && text.matches(' ').count() > 1) {
            assert!(!may_be_english(text), "{code} {text}");
        }
    }

    #[test]
    fn an_unknown_language_is_an_error() {
        let kwargs = json!({"language": "tlh"});
        assert!(matches!(response_language(&Arguments::new(&kwargs)), Err(Unjudged::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn never_panics(text in r"\PC{0,60}") {
            detect(&text);
            may_be_english(&text);
        }
    }
}
