//! Compares printed text as LiveCodeBench does: both texts are stripped and must have the same number of lines, and
//! each line is stripped; a line is right if it is equal, or if its elements are equal as decimals. `nan` is no
//! decimal, so it equals nothing but itself.

use sandbox_api::shorten;

use super::SHOWN;
use super::decimal::Decimal;

/// Compares printed text with the expected text; `Err` says in a few words what is wrong.
pub(crate) fn printed(printed: &str, expected: &str) -> Result<(), String> {
    let got: Vec<&str> = printed.trim().split('\n').map(str::trim).collect();
    let want: Vec<&str> = expected.trim().split('\n').map(str::trim).collect();
    if got.len() != want.len() {
        let (got_lines, want_lines) = (got.len(), want.len());
        return Err(format!(
            "printed {got_lines} lines, expected {want_lines}: got {:?}, expected {:?}",
            shorten(printed.trim(), SHOWN),
            shorten(expected.trim(), SHOWN)
        ));
    }
    for (index, (got, want)) in got.iter().zip(&want).enumerate() {
        if got != want && !same_decimals(got, want) {
            let line = index + 1;
            return Err(format!("line {line}: got {:?}, expected {:?}", shorten(got, SHOWN), shorten(want, SHOWN)));
        }
    }
    Ok(())
}

fn same_decimals(got: &str, want: &str) -> bool {
    let mut got = got.split_whitespace().map(Decimal::read);
    let mut want = want.split_whitespace().map(Decimal::read);
    loop {
        match (got.next(), want.next()) {
            (None, None) => return true,
            (Some(Some(got)), Some(Some(want))) if got == want => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_lines_are_stripped_exact_or_decimal() {
        assert!(printed("  a b \n c\n\n", "a b\nc").is_ok());
        assert!(printed("1.0 2e1", "1 20").is_ok());
        assert!(printed("0.1", "0.10000000000000000001").is_err());
        assert!(printed("a  b", "a b").is_err());
        assert!(printed("1\n2", "1").unwrap_err().contains("2 lines, expected 1"));
        assert!(printed("1 2", "1").is_err());
        assert!(printed("", "").is_ok());
        assert!(printed("nan", "1").is_err());
        assert!(printed("1e999999999", "1").is_err());
        assert!(printed("-0.0 0e-4990 00 100 1.50e1 +7.", "0 0 -0 1e2 15 7").is_ok());
        assert!(printed("-1", "1").is_err() && printed("10", "1").is_err() && printed(".", "0").is_err());
        assert!(printed("1e9223372036854775807", "10e9223372036854775807").is_err());
    }
}
