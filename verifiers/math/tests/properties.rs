//! Properties of the maths verifier that hold whatever the answers are. The polynomials are expanded here, by
//! arithmetic that shares nothing with the verifier's.

use std::collections::BTreeMap;

use math_verifier::{MathConfig, MathVerdictKind, verify};
use proptest::prelude::*;

fn judge(gold: &str, answer: &str) -> MathVerdictKind {
    let completion = format!(r"<think>hm</think>So it is $\boxed{{{answer}}}$.");
    verify(gold, &completion, &MathConfig::default()).kind
}

/// A polynomial in x and y as it is written.
#[derive(Debug, Clone)]
enum Expression {
    Number(i64),
    Variable(char),
    Sum(Box<Self>, Box<Self>),
    Difference(Box<Self>, Box<Self>),
    Product(Box<Self>, Box<Self>),
    Power(Box<Self>, u32),
}

use Expression::{Difference, Number, Power, Product, Sum, Variable};

/// Coefficients by the powers of x and y.
type Polynomial = BTreeMap<(u32, u32), i128>;

impl Expression {
    fn latex(&self) -> String {
        match self {
            Number(number) => number.to_string(),
            Variable(name) => name.to_string(),
            Sum(left, right) => format!("{}+{}", left.latex(), right.bracketed()),
            Difference(left, right) => format!("{} - {}", left.latex(), right.bracketed()),
            Product(left, right) => format!(r"{} \cdot {}", left.bracketed(), right.bracketed()),
            Power(base, exponent) => format!("{}^{{{exponent}}}", base.bracketed()),
        }
    }

    fn bracketed(&self) -> String {
        match self {
            Number(number) if *number >= 0 => self.latex(),
            Variable(_) => self.latex(),
            _ => format!(r"\left({}\right)", self.latex()),
        }
    }

    fn expand(&self) -> Polynomial {
        match self {
            Number(number) => BTreeMap::from([((0, 0), i128::from(*number))]),
            Variable('x') => BTreeMap::from([((1, 0), 1)]),
            Variable(_) => BTreeMap::from([((0, 1), 1)]),
            Sum(left, right) => add(&left.expand(), &right.expand(), 1),
            Difference(left, right) => add(&left.expand(), &right.expand(), -1),
            Product(left, right) => multiply(&left.expand(), &right.expand()),
            Power(base, exponent) => {
                let base = base.expand();
                (0..*exponent).fold(BTreeMap::from([((0, 0), 1)]), |power, _| multiply(&power, &base))
            }
        }
    }
}

fn add(left: &Polynomial, right: &Polynomial, sign: i128) -> Polynomial {
    let mut sum = left.clone();
    for (powers, coefficient) in right {
        *sum.entry(*powers).or_default() += sign * coefficient;
    }
    sum
}

fn multiply(left: &Polynomial, right: &Polynomial) -> Polynomial {
    let mut product = Polynomial::new();
    for ((x, y), a) in left {
        for ((u, v), b) in right {
            *product.entry((x + u, y + v)).or_default() += a * b;
        }
    }
    product
}

/// `3x^{2}y - 5`, the terms in the order of their powers.
fn write(polynomial: &Polynomial) -> String {
    let mut text = String::new();
    for ((x, y), coefficient) in polynomial.iter().filter(|(_, coefficient)| **coefficient != 0) {
        let sign = if *coefficient < 0 { "-" } else { "+" };
        text.push_str(&format!("{sign}{}", coefficient.unsigned_abs()));
        for (name, power) in [("x", x), ("y", y)] {
            match power {
                0 => {}
                1 => text.push_str(name),
                _ => text.push_str(&format!("{name}^{{{power}}}")),
            }
        }
    }
    match text.strip_prefix('+') {
        Some(rest) => rest.to_owned(),
        None if text.is_empty() => "0".to_owned(),
        None => text,
    }
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![(-9_i64..10).prop_map(Number), prop_oneof![Just('x'), Just('y')].prop_map(Variable)];
    // 0^0 is no number: exponents begin at 1.
    leaf.prop_recursive(4, 12, 2, |inner| {
        let pair = || (inner.clone(), inner.clone()).prop_map(|(left, right)| (Box::new(left), Box::new(right)));
        prop_oneof![
            pair().prop_map(|(left, right)| Sum(left, right)),
            pair().prop_map(|(left, right)| Difference(left, right)),
            pair().prop_map(|(left, right)| Product(left, right)),
            (inner.clone(), 1_u32..4).prop_map(|(base, exponent)| Power(Box::new(base), exponent)),
        ]
    })
}

/// An answer of one of the types that are more than a polynomial.
fn answer() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![
            (-99_i64..100).prop_map(|n| n.to_string()),
            (1_i64..9, 2_i64..9).prop_map(|(a, b)| format!(r"\frac{{{a}}}{{{b}}}"))
        ]
    };
    prop_oneof![
        (value(), value()).prop_map(|(a, b)| format!("({a}, {b})")),
        (value(), value()).prop_map(|(a, b)| format!(r"\{{{a}, {b}\}}")),
        (value(), value(), value(), value())
            .prop_map(|(a, b, c, d)| format!(r"\begin{{pmatrix}} {a} & {b} \\ {c} & {d} \end{{pmatrix}}")),
        (2_u32..50).prop_map(|n| format!(r"\sqrt{{{n}}}")),
        (value(), value()).prop_map(|(a, b)| format!(r"{a}\pi + {b}\sqrt{{3}}")),
        value().prop_map(|a| format!(r"x \ge {a}")),
        (0_i64..50, 51_i64..99).prop_map(|(a, b)| format!(r"[{a}, {b})")),
        (0_i64..50, 51_i64..99).prop_map(|(a, b)| format!(r"(-\infty, {a}] \cup ({b}, \infty)")),
        (1_u32..100).prop_map(|n| format!(r"{n}\%")),
        (0_u32..64).prop_map(|n| format!("{n:b}_2")),
        (1_u32..20, 1_u32..20).prop_map(|(a, b)| format!("{a}:{b}")),
        (0_u32..180).prop_map(|n| format!(r"{n}^\circ")),
        (1_u32..500).prop_map(|n| format!(r"{n} \text{{ cm}}")),
        prop_oneof![Just("A"), Just("(B)"), Just(r"\text{Monday}"), Just(r"\infty"), Just(r"\emptyset")]
            .prop_map(str::to_owned),
        expression().prop_map(|expression| expression.latex()),
    ]
}

/// A word that no table knows.
fn nonsense() -> impl Strategy<Value = String> {
    "z[qxvw][bdgkmpt][aou][qxz]{1,3}[aou]"
}

/// The answer in a dress that changes nothing.
fn decorated(answer: &str, decoration: usize) -> String {
    match decoration {
        0 => format!(r"\boxed{{{answer}}}"),
        1 => format!(r"\underline{{{answer}}}"),
        2 => format!(r"\textcolor{{red}}{{{answer}}}"),
        3 => format!(r"{{\Large {answer}}}"),
        4 => format!(r"\displaystyle {answer}"),
        5 => format!(r"\fbox{{{answer}}}"),
        6 => format!(r"\, {answer} \;"),
        7 => format!(r"\color{{blue}} {answer}"),
        8 => format!(r"\phantom{{9}} {answer}"),
        9 => format!(r"\hspace{{1cm}} {answer} \quad"),
        10 => format!(r"\colorbox{{yellow}}{{$\displaystyle {answer}$}}"),
        11 => format!(r"\large{{{answer}}}"),
        _ => format!("  {answer}  "),
    }
}

const NUM_DECORATIONS: usize = 13;

const PIECES: [&str; 26] = [
    "{",
    "}",
    "(",
    ")",
    "\\",
    "$",
    "^",
    "_",
    ",",
    "=",
    "\\frac",
    "\\sqrt{",
    "\\left(",
    "\\right",
    "\\text{",
    "\\cup",
    "0",
    "9",
    "x",
    "-",
    "!",
    "%",
    "\\begin{pmatrix}",
    "\\\\",
    "&",
    "π",
];

proptest! {
    #[test]
    fn an_answer_equals_itself(answer in answer()) {
        prop_assert_eq!(judge(&answer, &answer), MathVerdictKind::Equal);
    }

    #[test]
    fn equality_has_no_direction(left in answer(), right in answer()) {
        let (there, back) = (judge(&left, &right), judge(&right, &left));
        prop_assert_eq!(there == MathVerdictKind::Equal, back == MathVerdictKind::Equal, "{:?} {:?}", there, back);
    }

    #[test]
    fn an_expression_equals_its_expansion(expression in expression()) {
        let (written, expanded) = (expression.latex(), write(&expression.expand()));
        prop_assert_eq!(judge(&expanded, &written), MathVerdictKind::Equal, "{} {}", expanded, written);
        prop_assert_eq!(judge(&written, &expanded), MathVerdictKind::Equal, "{} {}", expanded, written);
    }

    #[test]
    fn an_expression_differs_from_itself_plus_one(expression in expression()) {
        let one = BTreeMap::from([((0, 0), 1)]);
        let (written, plus_one) = (expression.latex(), write(&add(&expression.expand(), &one, 1)));
        prop_assert_eq!(judge(&written, &plus_one), MathVerdictKind::NotEqual, "{} {}", written, plus_one);
        prop_assert_eq!(judge(&plus_one, &written), MathVerdictKind::NotEqual, "{} {}", written, plus_one);
    }

    #[test]
    fn a_word_that_is_not_known_never_makes_an_answer_equal(
        gold in answer(), other in answer(), is_right in any::<bool>(), word in nonsense(), in_text in any::<bool>(),
        at in any::<prop::sample::Index>(), in_gold in any::<bool>(),
    ) {
        let answer = if is_right { &gold } else { &other };
        let changed = if in_gold { &gold } else { answer };
        let ends: Vec<usize> = changed.char_indices().map(|(at, _)| at).chain([changed.len()]).collect();
        let (head, tail) = changed.split_at(ends[at.index(ends.len())]);
        let word = if in_text { format!(r"\text{{ {word} }}") } else { format!(" {word} ") };
        let with_word = format!("{head}{word}{tail}");
        let before = judge(&gold, answer);
        let after = if in_gold { judge(&with_word, answer) } else { judge(&gold, &with_word) };
        prop_assert!(
            before == MathVerdictKind::Equal || after != MathVerdictKind::Equal,
            "{} {} {}: {:?}", gold, answer, with_word, after
        );
    }

    #[test]
    fn a_value_with_a_word_that_is_not_known_is_not_read(
        value in (1_i64..5000), word in nonsense(), in_text in any::<bool>(), is_before in any::<bool>(),
    ) {
        let gold = value.to_string();
        let word = if in_text { format!(r"\text{{ {word} }}") } else { format!(" {word} ") };
        let answer = if is_before { format!("{word}{gold}") } else { format!("{gold}{word}") };
        prop_assert_eq!(judge(&gold, &answer), MathVerdictKind::CompletionUnparsed, "{}", answer);
        prop_assert_ne!(judge(&answer, &gold), MathVerdictKind::Equal, "{}", answer);
    }

    #[test]
    fn decoration_never_changes_a_verdict(
        gold in answer(), other in answer(), is_right in any::<bool>(), first in 0..NUM_DECORATIONS,
        second in 0..NUM_DECORATIONS,
    ) {
        let answer = if is_right { &gold } else { &other };
        let verdict = judge(&gold, answer);
        let once = decorated(answer, first);
        let twice = decorated(&once, second);
        prop_assert_eq!(judge(&gold, &once), verdict, "{}", once);
        prop_assert_eq!(judge(&gold, &twice), verdict, "{}", twice);
        prop_assert_eq!(judge(&decorated(&gold, first), answer), verdict, "gold {}", decorated(&gold, first));
    }

    #[test]
    fn a_mutated_answer_has_a_verdict(
        gold in answer(), answer in answer(), at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        piece in prop::sample::select(&PIECES[..]), repeat in 1_usize..200,
    ) {
        let chars: Vec<char> = answer.chars().collect();
        let (at, to) = (at.index(chars.len() + 1), to.index(chars.len() + 1));
        let head: String = chars[..at].iter().collect();
        let tail: String = chars[to..].iter().collect();
        let mutated = format!("{head}{}{tail}", piece.repeat(repeat));
        let first = verify(&gold, &mutated, &MathConfig::default());
        prop_assert_eq!(&first, &verify(&gold, &mutated, &MathConfig::default()));
        // Nothing that a completion says makes a readable gold unreadable: that would be masked, not paid for.
        prop_assert_ne!(first.kind, MathVerdictKind::GoldUnparsed, "{} {}", gold, mutated);
        prop_assert_ne!(judge(&gold, &mutated), MathVerdictKind::GoldUnparsed, "{} {}", gold, mutated);
        judge(&mutated, &gold);
    }
}
