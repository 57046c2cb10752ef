//! `punctuation`: an answer without commas.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    (kind == "no_comma").then_some(no_comma)
}

fn no_comma(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    Ok(!answer.contains(','))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn one_comma_is_too_many() {
        let arguments = Arguments::new(&Value::Null);
        assert_eq!(no_comma("one; two", &arguments), Ok(true));
        assert_eq!(no_comma("one, two", &arguments), Ok(false));
    }
}
