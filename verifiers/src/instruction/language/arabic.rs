//! Arabic, Persian and Urdu, told by their letters: each has common ones that the others do not write.

/// Letters of Urdu alone.
const URDU: &str = "ٹڈڑںےۓہھۃ";
/// Letters of Persian and Urdu: the four sounds that Arabic lacks.
const PERSIAN_SOUNDS: &str = "پچژگ";
/// Their forms of kaf and yeh; Persian keyboards of old write those of Arabic.
const PERSIAN_FORMS: &str = "کی";
/// Letters of Arabic alone: teh marbuta, its forms of kaf and yeh, alef with a hamza below.
const ARABIC: &str = "ةىيكإ";
/// Words of Persian that have none of its letters.
const PERSIAN_WORDS: [&str; 9] = ["را", "در", "از", "به", "است", "با", "دارم", "دارد", "شما"];
/// Letters of Pashto, Kurdish, Uyghur and Sindhi.
const OTHERS: &str = "ټډړږښېۍځڅۆێڕڵۇۈەٻڀڄڃڇڌڏڙ";

/// The code of the language; `None` where letters of another one are frequent.
pub(super) fn detect(text: &str) -> Option<&'static str> {
    let count = |letters: &str| text.chars().filter(|c| letters.contains(*c)).count();
    let num_words = text.split_whitespace().count();
    let (urdu, arabic) = (count(URDU), count(ARABIC));
    let sounds = count(PERSIAN_SOUNDS);
    let persian = sounds + count(PERSIAN_FORMS);
    if count(OTHERS) * 3 > num_words {
        return None;
    }
    // A name of the one may stand in a text of the other: a letter in every eighth word is no name.
    if urdu * 8 > num_words && urdu * 2 > arabic {
        return Some("ur");
    }
    let has_persian_word = text.split(|c: char| !c.is_alphanumeric()).any(|word| PERSIAN_WORDS.contains(&word));
    let is_persian = persian > arabic || sounds * 8 > num_words || (arabic == 0 && has_persian_word);
    Some(if is_persian { "fa" } else { "ar" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_tell_the_three() {
        for (text, code) in [
            ("صباح الخير أيها الأصدقاء الأعزاء!", Some("ar")),
            ("الشمس مشرقة اليوم.", Some("ar")),
            ("أراك غدا.", Some("ar")),
            ("صبح بخیر دوستان عزیز!", Some("fa")),
            ("امروز هوا آفتابی است.", Some("fa")),
            ("این کتاب خیلی جالب است.", Some("fa")),
            ("در را ببند.", Some("fa")),
            ("هوا سرد است.", Some("fa")),
            ("صبح بخیر پیارے دوستو!", Some("ur")),
            ("سالگرہ مبارک ہو!", Some("ur")),
            ("یہ کتاب بہت دلچسپ ہے۔", Some("ur")),
            ("زه ښه یم، ته څنګه یې؟", None),
        ] {
            assert_eq!(detect(text), code, "{text}");
        }
    }
}
