//! Output as a page shows it, held against what a command printed.
//!
//! `…` stands for any text, and alone on its line for any number of lines. Blanks in a row count as one. A number with
//! a decimal point or an exponent is a measurement: it stands for any such number, with any sign, unless the page is
//! exact. A whole number stands for itself.

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// A measured number stands for any other.
    Shapes,
    /// Every number stands for itself.
    Exactly,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    Blank,
    Measured,
    Character(char),
}

const ANY: &str = "…";

/// The first shown line for which there is none printed, as its index; the number of shown lines where more was printed
/// than is shown. `None` where all is as shown.
#[must_use]
pub fn first_difference(shown: &[String], printed: &str, compared: Compared) -> Option<usize> {
    let printed: Vec<Vec<Part>> = trimmed(printed.lines()).into_iter().map(|line| parts(line, compared)).collect();
    let shown = trimmed(shown.iter().map(String::as_str));
    // Numbers of printed lines that the shown ones so far may stand for.
    let mut reached = vec![false; printed.len() + 1];
    reached[0] = true;
    for (index, line) in shown.iter().enumerate() {
        let mut next = vec![false; printed.len() + 1];
        if line.trim() == ANY {
            let mut is_behind = false;
            for (number, next) in next.iter_mut().enumerate() {
                is_behind |= reached[number];
                *next = is_behind;
            }
        } else {
            let pattern = parts(line, compared);
            for (number, candidate) in printed.iter().enumerate() {
                next[number + 1] = reached[number] && is_as_shown(&pattern, candidate);
            }
        }
        if !next.contains(&true) {
            return Some(index);
        }
        reached = next;
    }
    (!reached[printed.len()]).then_some(shown.len())
}

/// Lines without the empty ones at the end.
fn trimmed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut lines: Vec<&str> = lines.map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

/// True where `line` is what `pattern` shows; a wildcard is tried again with one part more where the rest does not fit.
fn is_as_shown(pattern: &[Part], line: &[Part]) -> bool {
    let (mut at, mut in_line, mut again) = (0, 0, None);
    while in_line < line.len() {
        match pattern.get(at) {
            Some(Part::Any) => {
                again = Some((at, in_line));
                at += 1;
            }
            Some(part) if *part == line[in_line] => {
                at += 1;
                in_line += 1;
            }
            _ => {
                let Some((wildcard, taken)) = again else { return false };
                again = Some((wildcard, taken + 1));
                at = wildcard + 1;
                in_line = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|part| *part == Part::Any)
}

fn parts(line: &str, compared: Compared) -> Vec<Part> {
    let characters: Vec<char> = line.trim_end().chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let is_within_word = at > 0 && characters[at - 1].is_alphanumeric();
        let length = if is_within_word { None } else { measured(&characters[at..]) };
        match (length, characters[at]) {
            (Some(length), _) if compared == Compared::Shapes => {
                parts.push(Part::Measured);
                at += length;
                continue;
            }
            (_, '…') => parts.push(Part::Any),
            (_, character) if character.is_whitespace() => {
                if parts.last() != Some(&Part::Blank) {
                    parts.push(Part::Blank);
                }
            }
            (_, character) => parts.push(Part::Character(character)),
        }
        at += 1;
    }
    parts
}

/// Length of a number with a decimal point or an exponent that begins here, its sign included.
fn measured(characters: &[char]) -> Option<usize> {
    let digits = |from: usize| characters[from..].iter().take_while(|character| character.is_ascii_digit()).count();
    let is = |at: usize, wanted: &[char]| characters.get(at).is_some_and(|character| wanted.contains(character));
    let sign = usize::from(is(0, &['-', '+', '−']));
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    if is(end, &['.']) && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if is(end, &['e']) {
        let exponent = end + 1 + usize::from(is(end + 1, &['-', '+']));
        if exponent <= characters.len() && digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    let is_measured = end > sign + whole;
    (is_measured && !characters.get(end).is_some_and(|next| next.is_alphanumeric())).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(shown: &str, printed: &str, compared: Compared) -> Option<usize> {
        first_difference(&shown.lines().map(str::to_owned).collect::<Vec<_>>(), printed, compared)
    }

    #[test]
    fn measured_numbers_are_shapes_and_whole_ones_are_themselves() {
        let same = |shown: &str, printed: &str| difference(shown, printed, Compared::Shapes).is_none();
        assert!(same("step 2 loss 1.25 in 0.3 s", "step 2  loss -17.0 in 12.25 s  \n\n"));
        assert!(same("lr 1e-3", "lr 2.5e-10"));
        assert!(!same("step 2 loss 1.25", "step 3 loss 1.25"));
        assert!(!same("loss 1.25", "loss 1"));
        assert!(!same("loss 1.25", "loss nan"));
        assert!(same("in step_4.json", "in step_4.json") && !same("in step_4.json", "in step_5.json"));
        assert!(!same("v1.5x", "v2.5x"));
        let exactly = |shown: &str, printed: &str| difference(shown, printed, Compared::Exactly).is_none();
        assert!(exactly("loss 1.25 …", "loss 1.25 and more") && !exactly("loss 1.25", "loss 1.26"));
    }

    #[test]
    fn dots_stand_for_text_and_alone_for_lines() {
        let at = |shown: &str, printed: &str| difference(shown, printed, Compared::Shapes);
        assert_eq!(at("…\nlast", "a\nb\nlast"), None);
        assert_eq!(at("…\nlast", "last"), None);
        assert_eq!(at("a\n…\nb\n…", "a\nb\nc\nb\nd"), None);
        assert_eq!(at("in …/run of 3", "in /tmp/x/run of 3"), None);
        assert_eq!(at("a…b…c", "a b b c c"), None);
        assert_eq!(at("a…b", "a b c"), Some(0));
        assert_eq!(at("a\nb", "a\nc"), Some(1));
        assert_eq!(at("a", "a\nb"), Some(1));
        assert_eq!(at("a\nb", "a"), Some(1));
        assert_eq!(at("…", ""), None);
        assert_eq!(at("", ""), None);
    }
}
