//! Typographic marks and their plain forms. Word processors and models write `can’t` and `“so”` for `can't` and `"so"`,
//! and spaces and hyphens at which no line breaks: the words are the same.

/// The text with plain apostrophes, quotation marks, hyphens and spaces.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(plain_mark).collect()
}

/// The plain form of a mark; any other character as it is.
pub(super) fn plain_mark(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | 'ʻ' | '＇' | '′' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '＂' | '″' => '"',
        '\u{2010}' | '\u{2011}' => '-',
        '\u{a0}' | '\u{2009}' | '\u{202f}' => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_one_form() {
        assert_eq!(plain("„I can’t,“ she said: “it isnʼt.”"), "\"I can't,\" she said: \"it isn't.\"");
        assert_eq!(plain("an e\u{2011}mail at 5\u{202f}p.m."), "an e-mail at 5 p.m.");
    }
}
