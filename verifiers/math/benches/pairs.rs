//! Throughput of the maths verifier: pairs judged in a second, on one core.
//!
//! Two sets of pairs are made here: integers and amounts as GSM8K's answers are, and expressions, points, intervals and
//! matrices as MATH's are. `PONDER_MATH_PAIRS=FILE` times the lists of pairs of a JSON file beside them: an object of
//! lists of `[gold, answer]`, each list a benchmark of its own.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use math_verifier::{MathConfig, verify};
use random::KeyedRng;

/// A final answer and a whole completion.
type Pair = (String, String);

const NUM_PAIRS: usize = 1000;

fn gsm8k_like() -> Vec<Pair> {
    let mut rng = KeyedRng::new(&["bench".into(), "gsm8k".into()]);
    let pair = |_| {
        let value = rng.below(2000);
        let answer = if rng.chance(0.8) { value } else { rng.below(2000) };
        let shown = match rng.below(5) {
            0 => format!("{answer}.00"),
            1 => format!(r"\${answer}"),
            2 => format!(r"{answer} \text{{ apples}}"),
            3 if answer >= 1000 => format!("{},{:03}", answer / 1000, answer % 1000),
            _ => answer.to_string(),
        };
        (value.to_string(), format!(r"She has {answer} of them in the end. The answer is $\boxed{{{shown}}}$."))
    };
    (0..NUM_PAIRS).map(pair).collect()
}

/// Golds as they stand in answer keys, each with an answer that equals it and one that does not.
const MATH_LIKE: [[&str; 3]; 20] = [
    [r"\frac{7}{12}", r"\dfrac{14}{24}", r"\frac{7}{13}"],
    [r"3\sqrt{5}", r"\sqrt{45}", r"5\sqrt{3}"],
    [r"\left(2, \frac{\pi}{3}\right)", r"(2,\pi/3)", r"\left(3, \frac{\pi}{3}\right)"],
    ["x^2-5x+6", "(x-2)(x-3)", "(x-2)(x+3)"],
    [r"(-\infty,-2)\cup(5,\infty)", r"\left(-\infty, -2\right) \cup \left(5, \infty\right)", r"[-2,5]"],
    [
        r"\begin{pmatrix}1&-2\\0&4\end{pmatrix}",
        r"\begin{bmatrix} 1 & -2 \\ 0 & 4 \end{bmatrix}",
        r"\begin{pmatrix}1&2\\0&4\end{pmatrix}",
    ],
    ["-1, 3, 7", "7, -1, 3", "-1, 3"],
    [r"\{2,4,6\}", r"\{6, 4, 2\}", r"\{2,4,8\}"],
    ["x = 4", "4", "-4"],
    [r"45^\circ", r"45^{\circ}", r"54^\circ"],
    [r"12.5\%", r"\frac{25}{2}\%", r"13\%"],
    [r"1011_2", r"1011_{2}", r"1101_2"],
    [r"\frac{a+b}{2}", r"\frac{1}{2}a+\frac{b}{2}", r"\frac{a-b}{2}"],
    [r"2+3i", "3i+2", "2-3i"],
    [r"\text{(C)}", "C", "D"],
    [r"y = 2x - 3", r"y=-3+2x", r"y=2x+3"],
    [r"\sin^2 x", r"1-\cos^2 x", r"\cos^2 x"],
    [r"e^{2\pi i/3}", r"e^{\frac{2\pi i}{3}}", r"e^{\pi i/3}"],
    [r"\log_2 10", r"1+\log_2 5", r"\log_2 5"],
    [r"10!", "3628800", "362880"],
];

fn math_like() -> Vec<Pair> {
    let mut rng = KeyedRng::new(&["bench".into(), "math".into()]);
    let pair = |i: usize| {
        // Every third pair is an integer, as in MATH itself.
        if i.is_multiple_of(3) {
            let value = rng.below(500);
            return (value.to_string(), boxed(&value.to_string()));
        }
        let [gold, right, wrong] = MATH_LIKE[rng.below(MATH_LIKE.len() as u64) as usize];
        let answer = match rng.below(4) {
            0 => wrong,
            1 => right,
            _ => gold,
        };
        (gold.to_owned(), boxed(answer))
    };
    (0..NUM_PAIRS).map(pair).collect()
}

fn boxed(answer: &str) -> String {
    format!("We add the two equations and divide by the factor that they share, so $\\boxed{{{answer}}}$.")
}

/// The lists of the file that the environment names.
fn from_file() -> BTreeMap<String, Vec<Pair>> {
    let Some(path) = std::env::var_os("PONDER_MATH_PAIRS") else {
        return BTreeMap::new();
    };
    let text = std::fs::read_to_string(&path).expect("PONDER_MATH_PAIRS names a file");
    let lists: BTreeMap<String, Vec<serde_json::Value>> = serde_json::from_str(&text).expect("an object of lists");
    let pair = |value: &serde_json::Value| {
        let [gold, answer] = value.as_array()?.as_slice() else { return None };
        Some((gold.as_str()?.to_owned(), boxed(answer.as_str()?)))
    };
    let lists = lists.iter().map(|(name, list)| (name.clone(), list.iter().filter_map(pair).collect::<Vec<_>>()));
    lists.filter(|(_, pairs)| !pairs.is_empty()).collect()
}

fn throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("math");
    let config = MathConfig::default();
    let mut lists = from_file();
    lists.insert("gsm8k_like".to_owned(), gsm8k_like());
    lists.insert("math_like".to_owned(), math_like());
    for (name, pairs) in lists {
        group.throughput(Throughput::Elements(pairs.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for (gold, completion) in &pairs {
                    black_box(verify(black_box(gold), black_box(completion), &config));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
