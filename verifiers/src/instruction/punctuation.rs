//! `punctuation`: an answer without commas.

use super::arguments::Unjudged;
use super::check::Check;

pub(super) fn check_of(kind: &str) -> Option<Result<Check, Unjudged>> {
    (kind == "no_comma").then(|| Ok(Box::new(|answer: &str| !answer.contains(',')) as Check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comma_is_too_many() {
        let no_comma = check_of("no_comma").unwrap().unwrap();
        assert!(no_comma("one; two"));
        assert!(!no_comma("one, two"));
    }
}
