//! What the name of a data file tells: its split, its place among shards, its order.
//!
//! | name | split | shard |
//! | --- | --- | --- |
//! | `data/train-00000-of-00009.parquet` | `train` | 0 of 9 |
//! | `train_prefs-00000-of-00001.parquet` | `train_prefs` | 0 of 1 |
//! | `test/data-00000-of-00002.arrow`, `test/0000.parquet` | `test`, by the folder | 0 of 2; none |
//! | `gsm8k-train.arrow`, `test2.jsonl` | `train`, `test`: a word of the name | none |
//! | `validation/physics.jsonl` | `validation`, by the folder | none |
//! | `ifeval_input_data.jsonl` | none | none |

use std::cmp::Ordering;
use std::path::Path;

/// Words that name a split wherever they stand in a name; words of a row name the same one.
const SPLITS: [&[&str]; 3] =
    [&["train", "training"], &["validation", "valid", "val", "dev"], &["test", "testing", "eval", "evaluation"]];

/// Names that files of any split have.
const GENERIC: [&str; 6] = ["", "data", "dataset", "default", "part", "shard"];

/// What a data file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataName {
    /// The name without endings and shard.
    pub(super) stem: String,
    /// The split that the name, or else the folders', tell.
    pub(super) split: Option<String>,
    /// The shard's number, and how many there are.
    pub(super) shard: Option<(u64, u64)>,
}

impl DataName {
    /// The name of a file, given from the folder on in which it was found.
    pub(super) fn of(path: &Path) -> Self {
        let text = path.file_name().unwrap_or_default().to_string_lossy();
        let text = text.split_once('.').map_or(&*text, |(stem, _)| stem);
        let (stem, shard) = match shard(text) {
            Some((stem, number, count)) => (stem, Some((number, count))),
            None => (text, None),
        };
        let numbered = |c: char| c.is_ascii_digit() || "-_ ".contains(c);
        let is_generic = GENERIC.contains(&stem.trim_end_matches(numbered));
        let own = if is_generic { None } else { own_split(stem, shard.is_some()) };
        let split = own.or_else(|| folder_split(path, is_generic));
        Self { stem: stem.to_owned(), split, shard }
    }

    /// Whether the name is of this split, exactly.
    pub(super) fn is_of(&self, split: &str) -> bool {
        self.split.as_deref() == Some(split) || self.stem == split
    }

    /// Whether the name's split means the same (`val` and `validation`).
    pub(super) fn means(&self, split: &str) -> bool {
        let group = |word: &str| SPLITS.iter().position(|words| words.contains(&word));
        self.split.as_deref().and_then(group).is_some_and(|own| group(split) == Some(own))
    }
}

/// A name's stem, shard number and count, of `train-00000-of-00009`; older files have a hash behind it.
fn shard(name: &str) -> Option<(&str, u64, u64)> {
    let (rest, count) = name.rsplit_once("-of-").or_else(|| name.rsplit_once("_of_"))?;
    let stem = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = rest[stem.len()..].parse().ok()?;
    let count = count.split_once('-').map_or(count, |(count, _)| count).parse().ok()?;
    Some((stem.trim_end_matches(['-', '_']), number, count))
}

/// The split that a file's own name tells.
fn own_split(stem: &str, is_shard: bool) -> Option<String> {
    let mut words = stem.split(|c: char| "-_ ".contains(c) || c.is_ascii_digit()).filter(|word| !word.is_empty());
    let first = words.clone().next()?;
    let numbered = |c: char| c.is_ascii_digit() || "-_ ".contains(c);
    if is_split(first) {
        // `train_prefs` is a split of its own, `test2` the second part of one.
        let whole = stem.trim_end_matches(numbered);
        return Some(if is_split(whole) { whole.to_owned() } else { stem.to_owned() });
    }
    // Shards are named by their split, whatever it is called.
    words.rfind(|word| is_split(word)).or(is_shard.then_some(stem)).map(str::to_owned)
}

/// The split that the folders' names tell, the nearest first.
fn folder_split(path: &Path, is_generic: bool) -> Option<String> {
    let mut folders = path.parent()?.iter().rev().map(|name| name.to_string_lossy()).peekable();
    // In a saved dictionary of data sets, the folder is called as the split, whatever that is.
    if is_generic && let Some(folder) = folders.peek().filter(|folder| !GENERIC.contains(&&***folder)) {
        return Some(folder.to_string());
    }
    folders.find(|folder| is_split(folder)).map(|folder| folder.to_string())
}

fn is_split(word: &str) -> bool {
    SPLITS.iter().any(|words| words.contains(&word))
}

/// The order of paths by their names, with numbers by their value: `test2` before `test10`.
pub(super) fn natural_order(left: &Path, right: &Path) -> Ordering {
    let keys = |path: &Path| path.iter().map(|name| parts(&name.to_string_lossy())).collect::<Vec<_>>();
    keys(left).cmp(&keys(right)).then_with(|| left.cmp(right))
}

/// A name in parts, each a character or a number without its leading zeros, which is longer the greater it is.
fn parts(name: &str) -> Vec<(char, usize, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let num_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (part, after) = rest.split_at(num_digits.max(first.len_utf8()));
        if num_digits > 0 {
            let digits = part.trim_start_matches('0');
            parts.push(('0', digits.len(), digits.to_owned()));
        } else {
            parts.push((first, 0, String::new()));
        }
        rest = after;
    }
    parts
}
