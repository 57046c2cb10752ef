//! Rules that an instruction prompt may carry, in the types of IFEval (Zhou et al.,
//! "Instruction-Following Evaluation for Large Language Models", arXiv:2311.07911), so that the
//! verifier `ifeval` judges them.

use random::KeyedRng;
use serde_json::{Value, json};

const ENDINGS: [&str; 4] = ["That is all.", "Have a nice day.", "See you soon.", "Good luck."];
const KEYWORDS: [&str; 6] = ["great", "good", "nice", "fine", "lovely", "simple"];
const FORBIDDEN: [&str; 3] = ["sure", "here", "and"];
const LONG: [u32; 2] = [14, 15];
/// A plain answer has 8 or 9 words, a bare list 3 or 4.
const SHORT: u32 = 8;

/// A rule with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Lowercase,
    Capitals,
    NoCommas,
    Ending(&'static str),
    Quotes,
    Keyword(&'static str),
    Forbidden(&'static str),
    AtLeastWords(u32),
    LessThanWords(u32),
    /// The number of bullet points, which is the number of items in the list.
    Bullets(usize),
    Title,
    Postscript,
}

impl Rule {
    /// One rule, or a rule of letter case with a second one of another kind; the two can always be kept together.
    pub(super) fn draw_some(num_items: usize, two_rules_share: f64, rng: &mut KeyedRng) -> Vec<Self> {
        let case = rng.choose(&[Self::Lowercase, Self::Capitals]);
        let other = Self::draw_other(num_items, rng);
        if rng.chance(two_rules_share) {
            vec![case, other]
        } else if rng.chance(0.2) {
            vec![case]
        } else {
            vec![other]
        }
    }

    /// Each rule with each of its parameters is equally likely, since a rule with more parameters takes more to learn.
    fn draw_other(num_items: usize, rng: &mut KeyedRng) -> Self {
        let mut rules = vec![
            Self::NoCommas,
            Self::Quotes,
            Self::LessThanWords(SHORT),
            Self::Bullets(num_items),
            Self::Title,
            Self::Postscript,
        ];
        rules.extend(ENDINGS.map(Self::Ending));
        rules.extend(KEYWORDS.map(Self::Keyword));
        rules.extend(FORBIDDEN.map(Self::Forbidden));
        rules.extend(LONG.map(Self::AtLeastWords));
        rng.choose(&rules)
    }

    /// The rule as the prompt states it.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Lowercase => "Use only small letters.".to_owned(),
            Self::Capitals => "Use only capital letters.".to_owned(),
            Self::NoCommas => "Do not use commas.".to_owned(),
            Self::Ending(phrase) => format!("End with: {phrase}"),
            Self::Quotes => "Put it in double quotes.".to_owned(),
            Self::Keyword(word) => format!("Use the word {word}."),
            Self::Forbidden(word) => format!("Do not use the word {word}."),
            Self::AtLeastWords(number) => format!("Use at least {number} words."),
            Self::LessThanWords(number) => format!("Use less than {number} words."),
            Self::Bullets(number) => format!("Use {number} bullet points with *."),
            Self::Title => "Add a title in << and >>.".to_owned(),
            Self::Postscript => "Add a line with P.S. at the end.".to_owned(),
        }
    }

    /// The rule as a thought names it.
    pub(super) fn thought(self) -> String {
        match self {
            Self::Lowercase => "small letters".to_owned(),
            Self::Capitals => "capital letters".to_owned(),
            Self::NoCommas => "no commas".to_owned(),
            Self::Ending(phrase) => format!("end with {phrase}"),
            Self::Quotes => "double quotes".to_owned(),
            Self::Keyword(word) => format!("use {word}"),
            Self::Forbidden(word) => format!("no {word}"),
            Self::AtLeastWords(_) => "many words".to_owned(),
            Self::LessThanWords(_) => "few words".to_owned(),
            Self::Bullets(_) => "bullet points".to_owned(),
            Self::Title => "title".to_owned(),
            Self::Postscript => "P.S.".to_owned(),
        }
    }

    /// The rule's type in IFEval.
    pub(super) fn instruction_id(self) -> &'static str {
        match self {
            Self::Lowercase => "change_case:english_lowercase",
            Self::Capitals => "change_case:english_capital",
            Self::NoCommas => "punctuation:no_comma",
            Self::Ending(_) => "startend:end_checker",
            Self::Quotes => "startend:quotation",
            Self::Keyword(_) => "keywords:existence",
            Self::Forbidden(_) => "keywords:forbidden_words",
            Self::AtLeastWords(_) | Self::LessThanWords(_) => "length_constraints:number_words",
            Self::Bullets(_) => "detectable_format:number_bullet_lists",
            Self::Title => "detectable_format:title",
            Self::Postscript => "detectable_content:postscript",
        }
    }

    /// The rule's parameters, in IFEval's names.
    pub(super) fn kwargs(self) -> Value {
        match self {
            Self::Lowercase | Self::Capitals | Self::NoCommas | Self::Quotes | Self::Title => {
                json!({})
            }
            Self::Ending(phrase) => json!({"end_phrase": phrase}),
            Self::Keyword(word) => json!({"keywords": [word]}),
            Self::Forbidden(word) => json!({"forbidden_words": [word]}),
            Self::AtLeastWords(number) => json!({"relation": "at least", "num_words": number}),
            Self::LessThanWords(number) => json!({"relation": "less than", "num_words": number}),
            Self::Bullets(number) => json!({"num_bullets": number}),
            Self::Postscript => json!({"postscript_marker": "P.S."}),
        }
    }
}
