//! The languages that can be detected: script, function words, and letters that no other language of the script has.

use super::script::Script;

pub(super) struct Language {
    /// The ISO 639-1 code.
    pub(super) code: &'static str,
    pub(super) script: Script,
    /// Frequent function words, lower case; empty for a language with a script of its own.
    pub(super) words: &'static [&'static str],
    /// Letters that no other language of the script has, lower case.
    pub(super) letters: &'static str,
}

impl Language {
    /// True for a function word of the language and for a word with a letter that only this language has.
    pub(super) fn claims(&self, word: &str) -> bool {
        self.words.contains(&word) || word.contains(|c| self.letters.contains(c))
    }
}

const fn own_script(code: &'static str, script: Script) -> Language {
    shared(code, script, &[], "")
}

const fn shared(code: &'static str, script: Script, words: &'static [&'static str], letters: &'static str) -> Language {
    Language { code, script, words, letters }
}

pub(super) const LANGUAGES: &[Language] = &[
    own_script("el", Script::Greek),
    own_script("he", Script::Hebrew),
    own_script("bn", Script::Bengali),
    own_script("pa", Script::Gurmukhi),
    own_script("gu", Script::Gujarati),
    own_script("ta", Script::Tamil),
    own_script("te", Script::Telugu),
    own_script("kn", Script::Kannada),
    own_script("ml", Script::Malayalam),
    own_script("th", Script::Thai),
    own_script("ko", Script::Hangul),
    own_script("ja", Script::Japanese),
    own_script("zh", Script::Han),
    shared(
        "hi",
        Script::Devanagari,
        &[
            "है",
            "हैं",
            "में",
            "की",
            "के",
            "और",
            "का",
            "से",
            "को",
            "यह",
            "पर",
            "नहीं",
            "एक",
            "लिए",
            "था",
            "थे",
            "भी",
            "कि",
            "हो",
            "इस",
        ],
        "",
    ),
    shared(
        "mr",
        Script::Devanagari,
        &[
            "आहे",
            "आहेत",
            "आणि",
            "ते",
            "हे",
            "ही",
            "या",
            "होते",
            "होता",
            "नाही",
            "मी",
            "तुम्ही",
            "आपण",
            "किंवा",
            "तर",
            "असे",
            "एक",
            "मध्ये",
            "करा",
            "साठी",
        ],
        "ळ",
    ),
    shared(
        "ne",
        Script::Devanagari,
        &[
            "छ",
            "छन्",
            "हो",
            "र",
            "यो",
            "लागि",
            "पनि",
            "तपाईं",
            "तपाईँ",
            "हुन्छ",
            "गर्न",
            "गर्नुहोस्",
            "भएको",
            "थियो",
            "मा",
            "एक",
            "एउटा",
            "हामी",
            "यहाँ",
            "गरेको",
        ],
        "",
    ),
    shared(
        "ar",
        Script::Arabic,
        &[
            "في", "من", "على", "إلى", "أن", "هذا", "هذه", "التي", "الذي", "كان", "عن", "مع", "لا", "هو", "هي", "ذلك",
            "كل", "ما",
        ],
        "ةى",
    ),
    shared(
        "fa",
        Script::Arabic,
        &[
            "در", "به", "از", "که", "این", "را", "با", "است", "برای", "آن", "یک", "بود", "ما", "هم", "تا", "شما",
            "شود", "می", "ها", "خود",
        ],
        "",
    ),
    shared(
        "ur",
        Script::Arabic,
        &["کے", "میں", "ہے", "اور", "کی", "کا", "سے", "کو", "ہیں", "یہ", "نے", "پر", "کہ", "بھی", "ایک", "تھا", "نہیں"],
        "ٹڈڑںےہھ",
    ),
    shared(
        "ru",
        Script::Cyrillic,
        &[
            "и", "в", "не", "что", "это", "как", "но", "для", "или", "был", "было", "его", "все", "она", "они", "на",
            "с", "по", "так", "мы", "от", "за",
        ],
        "ыэё",
    ),
    shared(
        "bg",
        Script::Cyrillic,
        &[
            "и",
            "в",
            "не",
            "на",
            "се",
            "да",
            "от",
            "че",
            "са",
            "това",
            "които",
            "ще",
            "като",
            "за",
            "с",
            "е",
            "по",
            "те",
            "но",
            "беше",
            "си",
            "към",
        ],
        "ъ",
    ),
    shared(
        "uk",
        Script::Cyrillic,
        &[
            "і", "в", "не", "що", "це", "як", "але", "для", "або", "був", "було", "його", "все", "вона", "вони", "на",
            "з", "та", "у", "до", "від", "за",
        ],
        "іїєґ",
    ),
    shared(
        "en",
        Script::Latin,
        &[
            "the", "of", "and", "to", "is", "that", "it", "was", "for", "on", "are", "with", "as", "his", "they", "at",
            "be", "this", "have", "from", "or", "had", "by", "not", "but", "what", "all", "were", "when", "we",
            "there", "can", "an", "your", "which", "their", "you", "i", "my", "will", "in", "a",
        ],
        "",
    ),
    shared(
        "de",
        Script::Latin,
        &[
            "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "zu", "mit", "sich", "auf", "für", "von", "dem",
            "den", "des", "auch", "wir", "sie", "ich", "es", "im", "haben", "wird", "aber", "in", "einen", "oder",
        ],
        "ß",
    ),
    shared(
        "fr",
        Script::Latin,
        &[
            "le", "la", "les", "des", "et", "est", "une", "un", "du", "dans", "que", "qui", "pour", "pas", "sur",
            "avec", "ce", "il", "elle", "sont", "mais", "ou", "nous", "vous", "au", "de", "en", "je",
        ],
        "œ",
    ),
    shared(
        "es",
        Script::Latin,
        &[
            "el", "la", "los", "las", "de", "que", "y", "en", "un", "una", "es", "no", "por", "con", "para", "se",
            "del", "como", "pero", "su", "más", "está", "o", "al", "son", "lo",
        ],
        "ñ¿¡",
    ),
    shared(
        "it",
        Script::Latin,
        &[
            "il", "lo", "la", "gli", "le", "di", "che", "e", "è", "un", "una", "non", "per", "con", "sono", "del",
            "della", "nella", "anche", "ma", "si", "nel", "più", "dei", "questo", "ho", "da",
        ],
        "",
    ),
    shared(
        "pt",
        Script::Latin,
        &[
            "o", "a", "os", "as", "de", "que", "e", "do", "da", "em", "um", "uma", "não", "com", "para", "por", "mais",
            "dos", "se", "na", "no", "mas", "também", "é", "ele", "ela", "são", "você", "ao",
        ],
        "ãõ",
    ),
    shared(
        "nl",
        Script::Latin,
        &[
            "de", "het", "een", "en", "van", "is", "niet", "dat", "op", "te", "zijn", "voor", "met", "maar", "ik",
            "ook", "aan", "er", "wij", "deze", "mijn", "naar", "wordt", "als",
        ],
        "",
    ),
    shared(
        "sv",
        Script::Latin,
        &[
            "och", "att", "det", "som", "är", "en", "på", "för", "av", "inte", "den", "med", "till", "jag", "ett",
            "har", "om", "de", "men", "vi", "var", "från",
        ],
        "",
    ),
    shared(
        "fi",
        Script::Latin,
        &[
            "ja", "on", "ei", "että", "se", "hän", "oli", "mutta", "kun", "niin", "ovat", "myös", "tai", "joka",
            "minä", "olin", "ole", "kuin", "mitä", "tämä", "voi", "olen", "sen",
        ],
        "",
    ),
    shared(
        "pl",
        Script::Latin,
        &[
            "i", "w", "nie", "na", "się", "z", "do", "że", "to", "jest", "jak", "ale", "po", "co", "od", "przez",
            "dla", "tak", "są", "być",
        ],
        "łąęśźż",
    ),
    shared(
        "tr",
        Script::Latin,
        &[
            "ve", "bir", "bu", "için", "ile", "de", "da", "çok", "daha", "gibi", "olarak", "olan", "ne", "ama", "var",
            "değil", "en", "kadar", "ben", "sonra",
        ],
        "ğış",
    ),
    shared(
        "id",
        Script::Latin,
        &[
            "yang", "dan", "di", "itu", "dengan", "untuk", "tidak", "ini", "dari", "dalam", "akan", "pada", "juga",
            "saya", "ke", "karena", "adalah", "bisa", "ada", "mereka",
        ],
        "",
    ),
    shared(
        "sw",
        Script::Latin,
        &[
            "na", "ya", "wa", "kwa", "ni", "katika", "za", "kuwa", "hii", "lakini", "pia", "hiyo", "cha", "watu",
            "huo", "yake", "sana", "kama", "au", "hizi", "vya", "mimi", "yangu",
        ],
        "",
    ),
    shared(
        "vi",
        Script::Latin,
        &[
            "là", "và", "của", "không", "một", "có", "những", "được", "cho", "này", "trong", "người", "với", "các",
            "để", "tôi",
        ],
        "đơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    ),
];
