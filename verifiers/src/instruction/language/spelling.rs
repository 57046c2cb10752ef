//! Spelling of the languages of Latin and Cyrillic letters: letters beside a to z, and frequent words. N-gram models
//! need some length; a word or a letter tells more of three words than they do.

use lingua::Language;

/// Letters that a language writes beside a to z, lower case.
fn letters(language: Language) -> &'static str {
    match language {
        Language::Dutch => "áéèêëíïóöúü",
        Language::English => "àâçéèêëïñôöü",
        Language::Finnish => "äöåšž",
        Language::French => "àâæçéèêëîïôœùûüÿ",
        Language::German => "äöüßéèà",
        Language::Indonesian => "é",
        Language::Italian => "àèéìíîòóùú",
        Language::Polish => "ąćęłńóśźż",
        Language::Portuguese => "áâãàçéêíóôõúü",
        Language::Spanish => "áéíñóúü",
        Language::Swahili => "",
        Language::Swedish => "åäöéüà",
        Language::Turkish => "çğıi̇öşüâîû",
        Language::Bulgarian => "абвгдежзийклмнопрстуфхцчшщъьюя",
        Language::Russian => "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        Language::Ukrainian => "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        Language::Vietnamese => "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ",
    }
}

/// Words that are frequent in a language and mean nothing, or another thing, in its neighbours.
fn words(language: Language) -> &'static str {
    match language {
        Language::Dutch => "de het een en van is niet dat op te zijn voor met maar ik je mijn hoe wat er naar bij dit",
        Language::English => {
            "the of and to is that it was for on are with as at be this have i you my will in a how we"
        }
        Language::Finnish => "on ja ei se että hän minä sinä oli mutta ovat kun niin tämä mitä missä olen nyt",
        Language::French => {
            "le la les de des du et est un une dans pour que je tu il elle nous vous ne pas ce c'est mon où"
        }
        Language::German => "der die das und ist nicht ein eine zu mit auf für es ich du wir er sie wo wie mein im den",
        Language::Indonesian => "yang dan di itu ini dengan untuk tidak dari ke saya aku kamu adalah akan ada apa",
        Language::Italian => "il la le di che e è un una per non con sono mi ti si come lo gli ho dove del mio va",
        Language::Polish => "i w nie na się jest to z do że jak ale co mam gdzie dla ten ta mój od po",
        Language::Portuguese => {
            "o a os as de que e é um uma em não com para do da no na eu meu está faz muito tudo bem você"
        }
        Language::Spanish => "el la los las de que y en un una es no por con para me te se lo mi está dónde muy del yo",
        Language::Swahili => "na ya wa ni kwa la za sana kuna katika hii yangu yako cha leo kwamba lakini asante",
        Language::Swedish => "och att det är en ett som på jag du inte för med den har hur vad var min vi så",
        Language::Turkish => "ve bir bu çok için ile de da ne var değil ben sen o mi nasıl daha benim",
        Language::Vietnamese => "là và của có không tôi bạn một những được cho này với",
        Language::Bulgarian => "е на се да от че са това ще и в за с не ми си те много как къде аз той",
        Language::Russian => "и в не что это как на я с по он она мы у меня мой очень но где вы тебя",
        Language::Ukrainian => "і в не що це як на я з та він вона ми у мене мій дуже але де ви та тебе",
    }
}

/// The share of words with a letter that the language does not write: few for names, many for another language.
pub(super) fn foreign_share(text_words: &[String], language: Language) -> f64 {
    let letters = letters(language);
    let is_foreign = |c: char| c.is_alphabetic() && !c.is_ascii_alphabetic() && !letters.contains(c);
    let num_foreign = text_words.iter().filter(|word| word.contains(is_foreign)).count();
    num_foreign as f64 / text_words.len().max(1) as f64
}

/// The number of words of the text that are frequent in the language.
pub(super) fn count_frequent(text_words: &[String], language: Language) -> usize {
    let frequent: Vec<&str> = words(language).split(' ').collect();
    text_words.iter().filter(|word| frequent.contains(&word.as_str())).count()
}
