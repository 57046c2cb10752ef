//! The programs that are timed: a trivial one, one that holds 16 MB, and numeric ones.

/// The trivial program.
pub(super) const TRIVIAL: &str = "print(1)";

/// A program that holds and writes 16 MB.
pub(super) const SIXTEEN_MEGABYTES: &str = "x = b'x' * (16 << 20)\nprint(len(x))";

/// Numeric programs by name, each a few tenths of a second on a current machine.
pub(super) const NUMERIC: [(&str, &str); 6] = [
    ("integer loop", "total = 0\nfor i in range(4_000_000):\n    total = (total * 31 + i) % 1_000_003\nprint(total)"),
    (
        "float loop",
        "x, y = 0.0, 1.0\nfor i in range(3_000_000):\n    x, y = x * 0.99 + y * 0.01, y * 0.98 + 0.02\nprint(x, y)",
    ),
    (
        "sieve",
        concat!(
            "n = 3_000_000\nsieve = bytearray([1]) * n\nfor i in range(2, int(n ** 0.5) + 1):\n",
            "    if sieve[i]:\n        sieve[i * i::i] = bytes(len(range(i * i, n, i)))\n",
            "print(sum(1 for flag in sieve if flag))",
        ),
    ),
    ("recursion", "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(28))"),
    (
        "matrix product",
        concat!(
            "n = 120\na = [[i * j % 7 for j in range(n)] for i in range(n)]\n",
            "b = [list(column) for column in zip(*a)]\n",
            "c = [[sum(x * y for x, y in zip(row, column)) for column in b] for row in a]\n",
            "print(c[3][5])",
        ),
    ),
    (
        "words and dictionaries",
        concat!(
            "counts = {}\nfor i in range(500_000):\n    word = str(i * 7919 % 10_007)\n",
            "    counts[word] = counts.get(word, 0) + 1\nprint(sorted(counts.items())[:3])",
        ),
    ),
];
