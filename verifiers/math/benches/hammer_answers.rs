//! Hammers the maths verifier with random and mutated answers, on every core:
//! `cargo bench -p math-verifier --bench hammer_answers -- 1000000 [seed]`.
//!
//! Prints counts by kind of verdict and the distribution of the time of a pair; ends with an error where a pair makes
//! the verifier panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use math_verifier::{MathConfig, MathVerdictKind, verify};
use random::KeyedRng;
use rayon::prelude::*;

/// Answers that are mutated and crossed.
const SEEDS: [&str; 44] = [
    "42",
    "-3.50",
    "1,234,567",
    r"\frac{1}{2}",
    r"2\frac{3}{4}",
    r"\sqrt[3]{x^2+1}",
    "x^2-5x+6",
    "(x-2)(x-3)",
    "(1, 2)",
    "[0, 1)",
    r"(-\infty, 3] \cup (5, \infty)",
    r"\{1, 2, 3\}",
    r"\{x \mid x > 2\}",
    r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
    "1011_2",
    r"12.5\%",
    r"5 \text{ cm}",
    r"\$3.99",
    "3:4",
    "10:45",
    "(C)",
    r"\text{Monday}",
    r"\infty",
    r"\emptyset",
    "x = 2, y = 3",
    r"y = 2x + \pi",
    r"x \ge 5",
    r"\sin^2 x + \cos^2 x",
    r"e^{i\pi}",
    r"\log_2 8",
    "10!",
    r"\binom{10}{3}",
    r"2^{200}+1",
    r"\sum_{k=1}^{n} k",
    r"\int_0^1 x\,dx",
    r"3 \pm 2\sqrt{2}",
    r"|x-1|",
    "2+3i",
    r"45^\circ",
    r"\frac{\pi}{4}",
    "9^{9^9}",
    r"\boxed{7}",
    r"1.2 \times 10^{5}",
    r"x \equiv 3 \pmod{7}",
];

/// Pieces that a mutation puts in, and of which random answers are made.
const PIECES: [&str; 70] = [
    "0",
    "1",
    "2",
    "9",
    "10",
    "999999999",
    ".",
    ",",
    "-",
    "+",
    "*",
    "/",
    "^",
    "_",
    "=",
    "<",
    ">",
    "!",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    "$",
    "\\",
    "\\\\",
    "&",
    ":",
    ";",
    " ",
    "\n",
    "x",
    "y",
    "n",
    "e",
    "i",
    r"\pi",
    r"\frac",
    r"\sqrt",
    r"\left(",
    r"\right)",
    r"\sin",
    r"\log",
    r"\ln",
    r"\infty",
    r"\cup",
    r"\cap",
    r"\in",
    r"\le",
    r"\ge",
    r"\neq",
    r"\pm",
    r"\cdot",
    r"\times",
    r"\text{",
    r"\mathrm{",
    r"\{",
    r"\}",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\boxed{",
    "^{",
    "_{",
    "×",
    "½",
    "π",
    "答案是",
];

/// Pairs where the command line gives no number.
const NUM_PAIRS: u64 = 100_000;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut arguments = arguments.map(|argument| argument.parse::<u64>());
    let (num_pairs, seed) = match (arguments.next(), arguments.next()) {
        (None, None) => (NUM_PAIRS, 0),
        (Some(Ok(num_pairs)), None) => (num_pairs, 0),
        (Some(Ok(num_pairs)), Some(Ok(seed))) => (num_pairs, seed),
        _ => {
            eprintln!("usage: hammer_answers [NUM_PAIRS [SEED]]");
            return ExitCode::from(2);
        }
    };
    let config = MathConfig::default();
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let met: Vec<Met> = (0..num_pairs).into_par_iter().map(|index| Met::of(seed, index, &config)).collect();
    report(&met, started.elapsed());
    let panics: Vec<&Met> = met.iter().filter(|met| met.kind.is_none()).collect();
    for met in panics.iter().take(10) {
        let (gold, completion) = pair(seed, met.index);
        eprintln!("panic at {}: {gold:?} {completion:?}", met.index);
    }
    if panics.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Outcome of one pair; the kind is missing where it made the verifier panic.
struct Met {
    index: u64,
    kind: Option<MathVerdictKind>,
    elapsed: Duration,
}

impl Met {
    fn of(seed: u64, index: u64, config: &MathConfig) -> Self {
        let (gold, completion) = pair(seed, index);
        let started = Instant::now();
        let kind = catch_unwind(AssertUnwindSafe(|| verify(&gold, &completion, config).kind)).ok();
        Self { index, kind, elapsed: started.elapsed() }
    }
}

fn report(met: &[Met], elapsed: Duration) {
    println!("{} pairs in {:.1} s", met.len(), elapsed.as_secs_f64());
    for kind in MathVerdictKind::ALL.iter().copied() {
        println!("{:<20} {}", kind.as_str(), met.iter().filter(|met| met.kind == Some(kind)).count());
    }
    println!("{:<20} {}", "panics", met.iter().filter(|met| met.kind.is_none()).count());
    let mut times: Vec<Duration> = met.iter().map(|met| met.elapsed).collect();
    times.sort_unstable();
    for (name, share) in [("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("slowest", 1.0)] {
        if let Some(last) = times.len().checked_sub(1) {
            let time = times[((last as f64) * share) as usize];
            println!("{name:<20} {:.3} ms", time.as_secs_f64() * 1e3);
        }
    }
    if let Some(slowest) = met.iter().max_by_key(|met| met.elapsed) {
        println!("slowest pair         {}", slowest.index);
    }
}

/// The pair of an index: the same on every machine.
fn pair(seed: u64, index: u64) -> (String, String) {
    let mut rng = KeyedRng::new(&["hammer".into(), seed.into(), index.into()]);
    let gold = if rng.chance(0.5) { rng.choose(&SEEDS).to_owned() } else { answer(&mut rng) };
    let answer = if rng.chance(0.1) { gold.clone() } else { answer(&mut rng) };
    let completion = match rng.below(4) {
        0 => answer,
        1 => format!("The answer is {answer}."),
        2 => format!("So ${answer}$ it is"),
        _ => format!(r"<think>{answer}</think>So \boxed{{{answer}}}."),
    };
    (gold, completion)
}

fn answer(rng: &mut KeyedRng) -> String {
    if rng.chance(0.3) {
        return (0..rng.below(30)).map(|_| piece(rng)).collect();
    }
    let mut text = rng.choose(&SEEDS).to_owned();
    for _ in 0..rng.below(7) {
        text = mutated(&text, rng);
    }
    text
}

fn piece(rng: &mut KeyedRng) -> String {
    if rng.chance(0.02) {
        let code = rng.below(0x11_0000) as u32;
        return char::from_u32(code).unwrap_or('?').to_string();
    }
    rng.choose(&PIECES).to_owned()
}

fn mutated(text: &str, rng: &mut KeyedRng) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut place = || rng.below(chars.len() as u64 + 1) as usize;
    let (a, b) = (place(), place());
    let (low, high) = (a.min(b), a.max(b));
    let part = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    let (head, middle, tail) = (part(0, low), part(low, high), part(high, chars.len()));
    match rng.below(7) {
        0 => head + &tail,
        1 => format!("{head}{middle}{middle}{tail}"),
        2 => format!("{head}{}{middle}{tail}", piece(rng)),
        3 => format!("{head}{}{tail}", piece(rng)),
        4 => format!("{head}{}{tail}", rng.choose(&SEEDS)),
        5 => {
            let depth = rng.below(60) as usize;
            let (open, close) =
                rng.choose(&[("(", ")"), ("{", "}"), (r"\sqrt{", "}"), (r"\frac{1}{", "}"), ("2^{", "}"), ("-(", ")")]);
            format!("{}{text}{}", open.repeat(depth), close.repeat(depth))
        }
        _ => format!("{tail}{middle}{head}"),
    }
}
