//! Verdicts of whole answers: extraction, reading and comparison together, under each setting that changes them.

use super::*;

fn judge_boxed(gold: &str, answer: &str, config: &MathConfig) -> MathVerdict {
    verify(gold, &format!(r"<think>hm</think>The answer is \boxed{{{answer}}}."), config)
}

fn kind(gold: &str, answer: &str) -> MathVerdictKind {
    judge_boxed(gold, answer, &MathConfig::default()).kind
}

fn assert_equal(pairs: &[(&str, &str)]) {
    for (gold, answer) in pairs {
        assert_eq!(kind(gold, answer), MathVerdictKind::Equal, "{gold} | {answer}");
    }
}

fn assert_not_equal(pairs: &[(&str, &str)]) {
    for (gold, answer) in pairs {
        assert_eq!(kind(gold, answer), MathVerdictKind::NotEqual, "{gold} | {answer}");
    }
}

#[test]
fn numbers_are_compared_by_value() {
    assert_equal(&[
        ("0.5", r"\frac{1}{2}"),
        ("0.5", r"\frac12"),
        ("6", r"\frac.3.05"),
        ("1000", "1,000"),
        ("1000", "1 000"),
        (r"\frac{7}{3}", r"2\frac{1}{3}"),
        ("18", r"\$18.00"),
        ("2.74", "2,74"),
        (r"2^{100}", "1267650600228229401496703205376"),
        ("1011_2", "11_{10}"),
        (r"0.1\overline{6}", r"\frac16"),
        (r"1.5 \times 10^{3}", "1500"),
        ("3:4", r"\frac{3}{4}"),
        (r"\binom{5}{2}", "10"),
        ("4!", "24"),
    ]);
    assert_not_equal(&[
        ("42", "-42"),
        ("100000000000000000000", "100000000000000000001"),
        (r"2^{200}", r"2^{200}+1"),
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
        ("40/9", r"4 \frac{4}{9}\%"),
    ]);
}

#[test]
fn a_decimal_stands_for_what_it_rounds() {
    assert_equal(&[("6.67", r"\frac{20}{3}"), (r"41.4\%", r"\sqrt{2}-1"), (r"\frac{1}{3}", "0.3333")]);
    assert_not_equal(&[("5", "5.001"), (r"\frac{1}{3}", "0.3"), ("6.67", "6.7"), ("2.5", "2.46"), ("30.52", "30.5")]);
}

#[test]
fn expressions_are_compared_as_identities() {
    assert_equal(&[
        ("x^2+2x+1", "(x+1)^2"),
        (r"\frac{x+2}{7}", r"\frac{x}{7}+\frac{2}{7}"),
        (r"\sqrt{8}", r"2\sqrt 2"),
        (r"\sin^2 x + \cos^2 x", "1"),
        (r"2\arcsin\sqrt{a}", r"\arccos(1-2a)"),
        (r"\frac{\log 2}{\log 2-\log 3}", r"-\frac{\ln 2}{\ln 3-\ln 2}"),
        (r"\sqrt{1/n}", r"\frac{1}{\sqrt n}"),
        ("14 - i", "14.0 + -1.0i"),
        (r"e^{i\pi}", "-1"),
        (r"\frac{d!}{k(d-k)!}", r"\binom{d}{k}(k-1)!"),
        (r"0", r"2^{1000000000}-2^{1000000000}"),
        (r"\frac{x^{3}-1}{x-1}", "1+x+x^2"),
        (r"2\sin x\cos x", r"\sin 2x"),
        (r"x=\frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"\frac{\pi}{4}+n\pi \ (n \in \mathbb{Z})"),
    ]);
    assert_not_equal(&[
        ("x^2", "y^2"),
        ("|x|", "x"),
        (r"1-\frac1e", r"1+\frac1e"),
        (r"\sqrt{67}", r"\sqrt{67},-\sqrt{85}"),
        ("x+2n+1", "x+1"),
        (r"\lceil n/2 \rceil + 1", r"\lceil n/3 \rceil + 1"),
    ]);
}

#[test]
fn lists_tuples_matrices_and_names() {
    assert_equal(&[
        ("3,-3", r"\pm 3"),
        ("5,15", r"5 \text{ and } 15"),
        (r"\{1\pm\sqrt5, -2\}", r"\{-2, 1+\sqrt5, 1-\sqrt5\}"),
        ("x=2, x=-3", "x=-3, x=2"),
        ("a=1, b=2", "b=2, a=1"),
        ("-2,-1", "a=-2, b=-1"),
        ("1,2,3", "(x,y,z)=(1,2,3)"),
        ("p=5,q=2;p=7,q=2", "(5,2),(7,2)"),
        (r"\begin{pmatrix} -7 \\ 16 \end{pmatrix}", "(-7,16)"),
        ("11", "x=5+5+1=11"),
        ("f(x)=x+1", "x+1"),
        (r"7:32", "S_{ABC}:S=7:32"),
    ]);
    assert_not_equal(&[
        ("a=1, b=2", "a=2, b=1"),
        ("a=1, b=2", "2, 1"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", r"\{1,2\}"),
        ("1, 2", "1, 2, 2"),
        (r"1, 2, \ldots, n", r"1, 3, \ldots, n"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    ]);
}

#[test]
fn relations_and_sets_of_real_numbers() {
    assert_equal(&[
        ("2x+4y-3=0", r"y=-\frac12x+\frac34"),
        ("x<1", "-x>-1"),
        (r"x\ge5", r"[5,\infty)"),
        (r"4<m\le8 \text{ or } 10\le m<12", r"(4,8]\cup[10,12)"),
        (r"1\le|z|\le\frac32", r"[-\frac32,-1]\cup[1,\frac32]"),
        (r"\{x \mid x<\frac32\} - \{-6\}", r"(-\infty,-6)\cup(-6,\frac32)"),
        (r"x\ne5", r"(-\infty,5)\cup(5,\infty)"),
        (r"(1,3)\cup(2,4)", "(1,4)"),
        (r"x=\frac{\pi}{2}+k\pi", r"\frac{\pi}{2}+n\pi"),
    ]);
    assert_not_equal(&[
        ("x>1", "x>-1"),
        ("[0,1)", "[0,1]"),
        ("(0,9)", "[0,9)"),
        ("2x+z=1", "1"),
        (r"(1,2)\cup(2,3)", "(1,3)"),
        ("x^2+y^2=1", "x^2+y^2=2"),
    ]);
}

#[test]
fn words_letters_and_units() {
    assert_equal(&[
        (r"\text{Monday}", "monday"),
        (r"\text{(C)}", "C"),
        (r"\frac{41}{12}", r"\frac{41}{12}\text{ km}"),
        (r"864 \mbox{ inches}^2", "864"),
        (r"1 \text{ m}", r"100 \text{ cm}"),
        (r"3:30 \text{ p.m.}", "3:30 PM"),
        ("3:30", r"3:30 \text{ PM}"),
        (r"\emptyset", r"\text{no solution}"),
        (r"\text{DNE}", r"\text{undefined}"),
    ]);
    assert_not_equal(&[
        ("Monday", "Tuesday"),
        ("42", "Monday"),
        (r"\text{odd}", r"\text{even}"),
        (r"5 \text{ cm}", r"5 \text{ kg}"),
        (r"\text{more than } 5", r"\text{less than } 5"),
        ("not true", "false"),
        (r"3:30 \text{ AM}", r"3:30 \text{ PM}"),
        ("0", r"\emptyset"),
        (r"\frac13", r"\text{1:03 PM}"),
        (r"25\%", r"25^\circ"),
        (r"100^\circ", r"100 \text{ square units}"),
        ("20", "June 20"),
        ("1,3", "1.3"),
        ("0,1", "(0,1]"),
        (r"\pi", "3.14"),
    ]);
}

#[test]
fn what_is_too_large_costs_nothing_and_pays_nothing() {
    for answer in ["9^{9^{9^{9}}}", "1000000000!", "((9!)!)!", r"\binom{100000000}{50000000}", r"10^{5^{5^{5^{5^5}}}}"]
    {
        assert_eq!(kind("1", answer), MathVerdictKind::BudgetExceeded, "{answer}");
    }
    assert_eq!(kind("1", &"9".repeat(10_000)), MathVerdictKind::BudgetExceeded);
    assert_eq!(kind("1", &"{".repeat(100_000)), MathVerdictKind::NoAnswer);
    assert_eq!(kind("1", &format!("{}1{}", "(".repeat(8_000), ")".repeat(8_000))), MathVerdictKind::Equal);
}

#[test]
fn what_cannot_be_told_is_said() {
    for (gold, answer, expected) in [
        ("", "1", MathVerdictKind::GoldUnparsed),
        (r"\frac{1}{", "1", MathVerdictKind::GoldUnparsed),
        (r"\int_0^1 f(x) dx", "1", MathVerdictKind::GoldUnparsed),
        ("4", r"2 + ", MathVerdictKind::CompletionUnparsed),
        ("42", r"42 \text{ or anything}", MathVerdictKind::CompletionUnparsed),
        ("12", "1 2", MathVerdictKind::CompletionUnparsed),
        ("4", "", MathVerdictKind::NoAnswer),
    ] {
        assert_eq!(kind(gold, answer), expected, "{gold} | {answer}");
    }
}

#[test]
fn a_wall_of_text_is_quoted_in_part() {
    let reason = verify("4", &format!(r"\boxed{{{}}}", "é".repeat(900)), &MathConfig::default()).reason;
    assert!(reason.len() < 500, "{reason}");
}

#[test]
fn each_question_of_policy_has_a_switch() {
    type Switch = fn(&mut crate::MathPolicy);
    let cases: [(&str, &str, Switch); 10] = [
        (r"28\%", "28", |policy| policy.percent_sign_optional = false),
        (r"45^\circ", "45", |policy| policy.degree_sign_optional = false),
        (r"5 \text{ cm}", "5", |policy| policy.units_optional = false),
        (r"\$5", "5", |policy| policy.currency_optional = false),
        (r"\frac13", "0.333", |policy| policy.rounding_digits = 0),
        ("x<5", r"(-\infty,5)", |policy| policy.relations_as_sets = false),
        (r"\{1,2\}", "1,2", |policy| policy.sets_as_lists = false),
        ("1,2", "2,1", |policy| policy.lists_unordered = false),
        (r"k\pi", r"n\pi", |policy| policy.parameters_renamable = false),
        ("x^2", "x^2+C", |policy| policy.integration_constant_optional = true),
    ];
    for (gold, answer, switch) in cases {
        let mut config = MathConfig::default();
        let before = judge_boxed(gold, answer, &config).kind;
        switch(&mut config.policy);
        let after = judge_boxed(gold, answer, &config).kind;
        let equal = MathVerdictKind::Equal;
        assert_ne!(before == equal, after == equal, "{gold} | {answer}: {before:?} and {after:?}");
    }
}
