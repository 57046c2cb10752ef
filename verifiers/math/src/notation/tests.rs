//! Answers as they are written, each beside another way to write it, another answer, or one that is not read.

use super::parse;
use crate::MathPolicy;
use crate::comparison::{Outcome, compare};
use crate::sides::Sides;

/// True where two answers are the same; none where one of them is not read.
fn same(gold: &str, answer: &str) -> Option<bool> {
    let read = Sides { gold, completion: answer }.map(|text| parse(text, 100));
    let (Ok(gold), Ok(completion)) = (read.gold, read.completion) else { return None };
    let outcome = compare(Sides { gold: &gold, completion: &completion }, &MathPolicy::default()).ok()?;
    Some(matches!(outcome, Outcome::Equal(_)))
}

fn assert_same(pairs: &[(&str, &str)]) {
    for (gold, answer) in pairs {
        assert_eq!(same(gold, answer), Some(true), "{gold} | {answer}");
    }
}

fn assert_different(pairs: &[(&str, &str)]) {
    for (gold, answer) in pairs {
        assert_eq!(same(gold, answer), Some(false), "{gold} | {answer}");
    }
}

fn assert_unread(answers: &[&str]) {
    for answer in answers {
        assert!(parse(answer, 100).is_err(), "{answer}");
    }
}

#[test]
fn what_is_counted_may_stand_beside_a_number() {
    assert_same(&[
        ("14", r"14 \text{ pencils}"),
        ("14", "14 pencils"),
        ("6", r"6 \text{ red marbles}"),
        ("3", r"3 \text{ bags of rice}"),
        ("9", r"9 \text{ years old}"),
        ("8", r"8 \text{ in total}"),
        ("4", r"\text{the number of boxes is } 4"),
        ("4", r"\text{Area} = 4 \text{ m}^2"),
        ("2, 5", r"\text{minimum: } 2, \text{maximum: } 5"),
        ("7", r"7^{\text{th}}"),
        ("11", "11个"),
        ("4", r"4 \text{ prime numbers}"),
        (r"\frac34", r"\frac{3}{4} \text{ of a cup}"),
        (r"\frac12", r"P(\text{red}) = \frac12"),
        ("5", "5 m/s"),
        ("7", r"7 \text{ if } x > 0"),
    ]);
    assert_different(&[("14", r"15 \text{ pencils}"), ("20", "June 20"), ("2", r"2 \text{ or } 3")]);
}

#[test]
fn a_word_that_denies_or_hedges_or_is_not_known_is_never_dropped() {
    assert_unread(&[
        r"\text{maybe } 7",
        r"\text{perhaps } 7",
        r"\text{not } 7",
        r"7 \text{ is wrong}",
        r"\text{almost } 7",
        r"7 \text{ blorps}",
        "7 blorps",
        r"\text{twice } 7",
        r"\text{double } 7",
        r"\text{sum } 7",
        r"\text{square } 7",
        r"7 \text{ apples } 2",
        r"7 \text{ of}",
        r"\text{half of } 7",
        r"7 \text{ prime}",
        r"7 \text{ double}",
        r"\frac12 \text{ of a dozen}",
        r"7 \text{ for free}",
        r"7 \text{ for blorp in } \mathbb{Z}",
        r"\text{more } 7",
        "7?",
        "7 # 2",
        r"7\,2",
        "{7}2",
        "7{2}",
        r"0.\overline{7}2",
        "七龘",
    ]);
}

#[test]
fn words_for_operations_are_operations() {
    assert_same(&[
        ("49", r"7 \text{ squared}"),
        ("8", r"2 \text{ cubed}"),
        ("-7", r"\text{negative } 7"),
        ("12", r"3 \text{ times } 4"),
        ("7", r"3 \text{ plus } 4"),
        ("3", r"12 \text{ divided by } 4"),
        (r"x \ge 7", r"\text{at least } 7"),
        ("x < 7", r"\text{less than } 7"),
    ]);
    assert_different(&[("7", r"7 \text{ squared}"), ("7", r"\text{minus } 7"), ("7", r"\text{more than } 7")]);
}

#[test]
fn number_words_count() {
    assert_same(&[
        ("3200000", r"3.2 \text{ million}"),
        ("3200000", r"\$3.2 \text{ million}"),
        ("36", r"\text{three dozen eggs}"),
        ("400", r"4 \text{ hundred}"),
        ("70000", "7万"),
        ("350000000", "3.5亿"),
        ("45", r"\text{forty-five}"),
        ("317", r"\text{three hundred and seventeen}"),
        ("2000000", r"\text{two million}"),
        (r"\frac34", r"\text{three quarters}"),
        (r"\frac12", r"\text{half}"),
        ("25", "二十五"),
    ]);
    assert_different(&[
        ("3.2", r"3.2 \text{ million}"),
        ("3000000", r"3.2 \text{ million}"),
        ("3", r"3 \text{ dozen}"),
        ("5", r"5 \text{ thousand}"),
    ]);
}

#[test]
fn units_agree_or_are_left_out() {
    assert_same(&[
        (r"6 \text{ cm}", "6"),
        (r"6 \text{ cm}^2", r"6 \text{ square centimeters}"),
        (r"6 \text{ cm}^2", r"6\,\mathrm{cm}^{2}"),
        (r"6 \text{ m}^2", r"60000 \text{ cm}^2"),
        (r"3 \text{ hours}", r"180 \text{ min}"),
        (r"2.5 \text{ kg}", r"2500 \text{ grams}"),
        (r"4 \text{ L}", r"4000 \text{ cm}^3"),
        (r"\$3", r"300 \text{ cents}"),
        (r"54 \text{ km/h}", r"15 \text{ m/s}"),
        (r"54 \text{ km/h}", r"54 \frac{\text{km}}{\text{h}}"),
        (r"60 \text{ mph}", r"60 \text{ miles per hour}"),
        (r"5 \text{ N}", r"5\,\mathrm{kg}\cdot\mathrm{m}\cdot\mathrm{s}^{-2}"),
        (r"5 \text{ ft } 2 \text{ in}", r"62 \text{ inches}"),
        (r"2 \text{ h and } 15 \text{ min}", r"135 \text{ minutes}"),
        (r"20^\circ\text{C}", r"20 \text{ degrees Celsius}"),
        (r"9 \text{ square units}", r"9 \text{ cm}^2"),
        (r"3 \text{ cm}, 4 \text{ cm}", r"30 \text{ mm}, 40 \text{ mm}"),
        ("6平方厘米", r"6 \text{ cm}^2"),
    ]);
    assert_different(&[
        (r"6 \text{ cm}^2", r"6 \text{ cm}^3"),
        (r"6 \text{ cm}^2", r"6 \text{ cm}"),
        (r"6 \text{ cm}", r"6 \text{ m}"),
        (r"6 \text{ cm}", r"6 \text{ kg}"),
        (r"\$6", r"€6"),
        (r"20^\circ\text{C}", r"20^\circ\text{F}"),
        (r"9 \text{ square units}", r"9 \text{ cm}"),
        (r"6 \text{ dollars per hour}", r"\$6"),
        (r"3 \text{ cm}, 4 \text{ cm}", r"3 \text{ m}, 4 \text{ m}"),
    ]);
    assert_eq!(same("15", r"3 \text{ cm} \times 5 \text{ cm}"), Some(false));
    assert_unread(&[r"3 \text{ cm } 5", r"\text{cm}", r"3 \text{ per } 5"]);
}

#[test]
fn a_function_is_a_function_in_every_dress() {
    assert_same(&[
        (r"\cos x", r"\mathrm{cos}\,x"),
        (r"\cos x", r"\operatorname{cos} x"),
        (r"\cos x", r"\text{cos}(x)"),
        (r"\cos x", r"{\rm cos}\,x"),
        (r"\tan x", r"\operatorname{tg} x"),
        (r"\cot x", r"\mathrm{ctg}\,x"),
        (r"\csc x", r"\operatorname{cosec} x"),
        (r"\sinh x", r"\operatorname{sh} x"),
        (r"\arctan x", r"\operatorname{arctg} x"),
        (r"\arccos x", r"\cos^{-1} x"),
        (r"\arccos x", r"{\cos}^{-1}(x)"),
        (r"\arccos x", r"\text{cos}^{ -1 }(x)"),
        (r"\operatorname{artanh} x", r"\tanh^{-1} x"),
        (r"\operatorname{arccot} x", r"\cot^{-1} x"),
        (r"3", r"\operatorname{log}_2 8"),
        ("7-3i", r"7-3\mathrm{i}"),
        ("e^{2x}", r"\mathrm{e}^{2x}"),
        ("dx", r"\mathrm{d}x"),
    ]);
    assert_different(&[
        (r"\arccos x", r"(\cos x)^{-1}"),
        (r"\sin x", r"\mathrm{cos}\,x"),
        ("7", r"7-3\mathrm{i}"),
        ("7+3i", r"7-3\mathrm{i}"),
    ]);
    assert_unread(&[r"\operatorname{foo}(x)", r"\foo", r"2\foo{3}", r"\mathrm{gub}\,x"]);
}

#[test]
fn indices_are_kept() {
    assert_same(&[(r"a_{\max}", r"a_{\text{max}}"), ("a_1+a_2", "a_2+a_1"), ("(x+1)_n", "(1+x)_n")]);
    assert_different(&[
        ("a", "a_1"),
        ("a_1", "a_2"),
        (r"\frac25", r"\frac{2}{5}_8"),
        (r"\frac25", r"\frac25_8"),
        ("7", "7_x"),
        ("9", "9_3"),
        (r"\sqrt2", r"\sqrt{2}_5"),
        ("(x+1)", "(x+1)_n"),
        (r"\pi", r"\pi_4"),
    ]);
}

#[test]
fn decoration_is_seen_through() {
    for decorated in [
        r"\underline{8}",
        r"\textcolor{red}{8}",
        r"\color{red}8",
        r"{\color{red} 8}",
        r"\LARGE 8",
        r"\boxed{\fbox{8}}",
        r"\displaystyle 8",
        r"\mathbf{8}",
        r"\textbf{8}",
        r"\mbox{8}",
        r"\phantom{3}8",
        r"8\hspace{2em}",
        r"\left. 8 \right.",
        r"\,8\;\quad",
        "8{}",
    ] {
        assert_eq!(same("8", decorated), Some(true), "{decorated}");
        assert_eq!(same("9", decorated), Some(false), "{decorated}");
    }
    assert_unread(&[r"\cancel{8}", r"\not 8"]);
}

#[test]
fn thousands_stand_in_no_interval_or_pair() {
    assert_same(&[
        ("2600", "2,600"),
        ("2600", r"2\!,\!600"),
        ("2600", "{2,600}"),
        (r"\frac{2600}{7}", r"\frac{2,600}{7}"),
        ("[1, 600]", "[1,600]"),
        ("(2,600)", "(2, 600)"),
        ("(1000, 2000)", "(1,000, 2,000)"),
        ("(2600, 5)", "(2{,}600,5)"),
    ]);
    assert_different(&[
        ("192", "[0,192]"),
        ("415", "(0,415)"),
        ("2600", "(2,600)"),
        ("2600", "[2,600]"),
        ("192", "0,192"),
        ("2600", r"\{2,600\}"),
    ]);
}

#[test]
fn notation_of_training_sets_is_read() {
    assert_same(&[
        (r"\frac{3}{5}", r"{3 \over 5}"),
        (r"\frac{3}{5}", r"3 \over 5"),
        (r"1+\frac{x}{2}", r"1+{x\over 2}"),
        ("1", r"2{1 \over 2}"),
        (r"\frac35", r"\nicefrac{3}{5}"),
        (r"\binom{6}{2}", r"{6 \choose 2}"),
        (r"\binom{6}{2}", r"\left({6 \atop 2}\right)"),
        ("25", r"{5 \brace 3}"),
        (r"\sqrt[3]{5}", r"\root 3 \of 5"),
        (r"\sqrt[n]{5}", r"\root{n}\of{5}"),
        (r"x^{2/5}", r"\sqrt[5]{x}^2"),
        (r"\frac{\pi}{6}", r"\pi \div 6"),
        ("13", "(1101)_2"),
        ("13", r"1101_{\text{two}}"),
        ("171", "AB_{16}"),
        (r"\frac59", r"0.\overline{5}"),
        (r"\frac59", "0.(5)"),
        (r"\frac59", r"0.555\ldots"),
        (r"(-\infty,4)\cup(4,9)", r"(-\infty,9)\setminus\{4\}"),
        (r"\{1,4\}", r"\{4,1,4\}"),
        ("3½", r"\frac72"),
    ]);
    assert_different(&[
        (r"\frac{5}{3}", r"{3 \over 5}"),
        ("1101", "(1101)_2"),
        (r"\{1,4\}", r"\{4,4\}"),
        ("1,4", "4,1,4"),
    ]);
}

#[test]
fn matrices_are_read_and_worked_out() {
    assert_same(&[
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\[2pt]2\\\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\*2\\ [1ex]\end{bmatrix}"),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\pmatrix{1&2\cr}"),
        (r"\begin{pmatrix}3\\6\end{pmatrix}", r"3\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{pmatrix}\frac12\\1\end{pmatrix}", r"\frac12\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{pmatrix}-1\\-2\end{pmatrix}", r"-\begin{pmatrix}1\\2\end{pmatrix}"),
        (
            r"\begin{pmatrix}19&22\\43&50\end{pmatrix}",
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}5&6\\7&8\end{pmatrix}",
        ),
        (r"\begin{pmatrix}4\\6\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}+\begin{pmatrix}3\\4\end{pmatrix}"),
    ]);
    assert_different(&[(r"\begin{pmatrix}1\\2\end{pmatrix}", r"3\begin{pmatrix}1\\2\end{pmatrix}")]);
    assert_unread(&[r"\begin{pmatrix}1\\2\end{pmatrix}\begin{pmatrix}1\\2\end{pmatrix}"]);
    // The rows of an interval are no space.
    assert_same(&[(r"\begin{cases}[1,2]\\ [2,3]\end{cases}", r"\begin{cases}[1,2]\\[2,3]\end{cases}")]);
}
