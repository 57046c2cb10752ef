//! Evaluates what the programs compute, by a grammar of its own.

/// The value of an expression of whole numbers, `x`, `+ - *` and parentheses.
pub(crate) fn value(expression: &str, x: i64) -> i64 {
    let tokens: Vec<char> = expression.chars().filter(|letter| *letter != ' ').collect();
    let mut rest = &tokens[..];
    let value = sum(&mut rest, x);
    assert!(rest.is_empty(), "left over in {expression}: {rest:?}");
    value
}

fn sum(rest: &mut &[char], x: i64) -> i64 {
    let mut total = product(rest, x);
    while let Some(sign @ ('+' | '-')) = rest.first() {
        *rest = &rest[1..];
        let term = product(rest, x);
        total += if *sign == '+' { term } else { -term };
    }
    total
}

fn product(rest: &mut &[char], x: i64) -> i64 {
    let mut total = atom(rest, x);
    while rest.first() == Some(&'*') {
        *rest = &rest[1..];
        total *= atom(rest, x);
    }
    total
}

fn atom(rest: &mut &[char], x: i64) -> i64 {
    let (first, after) = rest.split_first().expect("an operand");
    *rest = after;
    match first {
        'x' => x,
        '(' => {
            let total = sum(rest, x);
            assert_eq!(rest.first(), Some(&')'));
            *rest = &rest[1..];
            total
        }
        digit => i64::from(digit.to_digit(10).expect("a one-digit number")),
    }
}
