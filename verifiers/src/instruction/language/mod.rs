//! `language`: an answer in the language that was asked for.
//!
//! The script of most letters tells a language that has a script of its own; function words and letters of their own
//! (`table`) tell languages that share one. Texts too short to tell have no language, and languages outside the table
//! are unknown.

mod script;
mod table;

use self::script::main_script;
use self::table::{LANGUAGES, Language};
use super::arguments::{Arguments, Unjudged};
use super::check::Check;

/// Fewest function words that identify a language of a shared script.
const MIN_HITS: usize = 2;
/// Smallest share of function words among the words: one in this many.
const MIN_SHARE: usize = 20;
/// Only so many words are read: the first thousands tell enough.
const MAX_WORDS: usize = 5_000;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    (kind == "response_language").then_some(response_language)
}

fn response_language(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let code = arguments.text("language")?;
    // zh-cn and zh-tw count as zh: `detect` does not tell them apart.
    let base = code.split('-').next().unwrap_or(code);
    if !LANGUAGES.iter().any(|language| language.code == base) {
        return Err(Unjudged::Unsupported(format!("the language `{code}`")));
    }
    Ok(detect(answer) == Some(base))
}

/// The ISO 639-1 code of the text's language; `None` for a text that gives no clear sign.
pub(super) fn detect(text: &str) -> Option<&'static str> {
    let script = main_script(text)?;
    let candidates: Vec<&Language> = LANGUAGES.iter().filter(|language| language.script == script).collect();
    if let [only] = candidates[..] {
        return Some(only.code);
    }
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || is_punctuation(c))
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .collect();
    let mut best: Option<(&Language, usize)> = None;
    let mut is_tied = false;
    for language in candidates {
        let hits = words.iter().filter(|word| language.claims(word)).count();
        match best {
            Some((_, most)) if hits < most => {}
            Some((_, most)) if hits == most => is_tied = true,
            _ => {
                best = Some((language, hits));
                is_tied = false;
            }
        }
    }
    let (language, hits) = best?;
    let is_clear = !is_tied && hits >= MIN_HITS && hits * MIN_SHARE >= words.len();
    is_clear.then_some(language.code)
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '’' | '‘' | '“' | '”' | '„' | '«' | '»' | '।' | '،' | '؟' | '۔' | '–' | '—' | '…' | '¿' | '¡')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn languages_are_told_apart() {
        for (text, code) in [
            ("The answer is that it was not there for them.", "en"),
            ("Das ist nicht die Antwort, und wir haben sie auch nicht.", "de"),
            ("Il n'est pas dans la maison avec les autres, mais il est là.", "fr"),
            ("El perro no está en la casa, pero los gatos sí.", "es"),
            ("Il gatto non è nella casa, ma sono anche con gli altri.", "it"),
            ("Não é uma casa, mas os gatos também estão com ele.", "pt"),
            ("Het is niet de hond van mijn buurman, maar ik zie een kat.", "nl"),
            ("Hän on täällä, mutta se ei ole totta, ja minä olin myös.", "fi"),
            ("Habari ya leo ni nzuri kwa watu wa Kenya, lakini pia hiyo ni kweli.", "sw"),
            ("Tôi không biết, nhưng đây là một câu trả lời của những người bạn.", "vi"),
            ("यह एक घर है और इसमें लोग हैं।", "hi"),
            ("हे एक घर आहे आणि ते मोठे आहे.", "mr"),
            ("यो एउटा घर हो र यहाँ मानिसहरू छन्, तपाईं पनि आउनुहोस्।", "ne"),
            ("Это не то, что было, но она знает, как это сделать.", "ru"),
            ("Това не е къща, но ще се видим, защото те са тук.", "bg"),
            ("هذا هو البيت الذي كان في المدينة على النهر", "ar"),
            ("این یک خانه است که در شهر برای ما بود", "fa"),
            ("یہ ایک گھر ہے اور اس میں لوگ ہیں", "ur"),
            ("ಇದು ಒಂದು ಮನೆ", "kn"),
            ("ਇਹ ਇੱਕ ਘਰ ਹੈ", "pa"),
            ("ఇది ఒక ఇల్లు", "te"),
            ("இது ஒரு வீடு", "ta"),
            ("આ એક ઘર છે", "gu"),
            ("এটি একটি বাড়ি", "bn"),
            ("นี่คือบ้าน", "th"),
            ("이것은 집입니다", "ko"),
            ("これは家です", "ja"),
            ("这是一个房子", "zh"),
        ] {
            assert_eq!(detect(text), Some(code), "{text}");
        }
    }

    #[test]
    fn too_little_is_no_language() {
        for text in ["", "1234", "Hm.", "Kyoto Osaka Nara"] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_language_is_an_error() {
        let kwargs = json!({"language": "tlh"});
        let arguments = Arguments::new(&kwargs);
        assert!(matches!(response_language("nuqneH", &arguments), Err(Unjudged::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn never_panics(text in r"\PC{0,60}") {
            detect(&text);
        }
    }
}
