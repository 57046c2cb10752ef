//! Typographic marks and their plain forms. Word processors and models write `can’t` and `“so”` for `can't` and `"so"`:
//! both are the same words.

/// The text with plain apostrophes and quotation marks.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(plain_mark).collect()
}

/// The plain form of a mark; any other character as it is.
pub(super) fn plain_mark(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | 'ʻ' | '＇' | '′' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '＂' | '″' => '"',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_one_form() {
        assert_eq!(plain("„I can’t,“ she said: “it isnʼt.”"), "\"I can't,\" she said: \"it isn't.\"");
    }
}
