//! Decoration: commands of LaTeX that change how a formula looks and nothing else (size, colour, boxes, spacing).
//! Without them the answer is the same. This file must not know what a formula means.

use std::borrow::Cow;

/// Meaning of a command for the look of a formula.
enum Decoration {
    /// Without an argument: it is dropped.
    Declaration,
    /// The argument stays, in its braces, behind so many that are dropped.
    Wrapper(usize),
    /// Dropped with its argument, which is not seen or is a length.
    Unseen,
}

impl Decoration {
    fn of(command: &str) -> Option<Self> {
        Some(match command {
            "tiny" | "scriptsize" | "footnotesize" | "small" | "normalsize" | "large" | "Large" | "LARGE" | "huge"
            | "Huge" | "displaystyle" | "textstyle" | "scriptstyle" | "scriptscriptstyle" | "bf" | "it" | "sc"
            | "em" | "tt" | "bfseries" | "itshape" | "upshape" | "slshape" | "mdseries" | "rmfamily" | "sffamily"
            | "ttfamily" | "normalfont" | "boldmath" | "unboldmath" | "mathstrut" | "strut" | "nolimits" | "limits"
            | "displaylimits" | "nonumber" | "notag" | "noindent" | "centering" | "allowbreak" | "nobreak"
            | "relax" | "hfill" | "hfil" | "vfill" | "protect" | "hline" | "smallskip" | "medskip" | "bigskip" => {
                Self::Declaration
            }
            "boxed" | "fbox" | "framebox" | "mathbf" | "mathit" | "boldsymbol" | "bm" | "bold" | "pmb"
            | "mathnormal" | "underline" | "uline" | "underbar" | "emph" | "ensuremath" | "mathord" | "mathbin"
            | "mathrel" | "mathopen" | "mathclose" | "mathinner" | "mathpunct" | "smash" | "rlap" | "llap"
            | "mathrlap" | "mathllap" | "mathclap" | "hl" | "num" | "textmd" | "bbox" => Self::Wrapper(0),
            "textcolor" | "colorbox" | "raisebox" | "scalebox" | "style" | "class" | "cssId" | "href" => {
                Self::Wrapper(1)
            }
            "fcolorbox" | "resizebox" | "fontsize" => Self::Wrapper(2),
            "color" | "phantom" | "hphantom" | "vphantom" | "hspace" | "vspace" | "label" | "kern" | "mkern"
            | "mskip" | "hskip" | "tag" => Self::Unseen,
            _ => return None,
        })
    }
}

/// The answer without its decoration.
pub(crate) fn without(answer: &str) -> Cow<'_, str> {
    if !answer.contains('\\') {
        return answer.into();
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(offset) = answer[at..].find('\\') {
        let start = at + offset;
        let name = letters(&answer[start + 1..]);
        at = start + 1 + name.len();
        if name.is_empty() {
            at += answer[at..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        let Some(end) = decoration(answer, name, at) else { continue };
        out.push_str(&answer[copied..start]);
        // The command ended the word before it, and its name the letters behind it.
        if out.ends_with(|c: char| c.is_ascii_alphanumeric())
            && answer[end..].starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            out.push_str("\\,");
        }
        (copied, at) = (end, end);
    }
    if copied == 0 {
        return answer.into();
    }
    out.push_str(&answer[copied..]);
    out.into()
}

/// The end of what is dropped for the command `name`, which ends at `at`; none for a command that means something.
fn decoration(answer: &str, name: &str, at: usize) -> Option<usize> {
    match Decoration::of(name)? {
        Decoration::Declaration => Some(at),
        Decoration::Wrapper(num_dropped) => {
            let mut end = option(answer, at);
            for _ in 0..num_dropped {
                end = option(answer, argument(answer, end)?);
            }
            Some(end)
        }
        Decoration::Unseen => {
            let start = at + usize::from(answer[at..].starts_with('*'));
            argument(answer, option(answer, start)).or_else(|| length(answer, start))
        }
    }
}

fn letters(text: &str) -> &str {
    let len = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    &text[..len]
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The end of an optional argument in square brackets directly behind a command.
fn option(answer: &str, at: usize) -> usize {
    match answer[at..].strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(len) if !answer[at..at + len + 1].contains(['{', '}', '\\', '(', ',']) => at + len + 2,
        _ => at,
    }
}

/// The end of an argument in braces.
fn argument(answer: &str, at: usize) -> Option<usize> {
    let start = at + spaces(&answer[at..]);
    if !answer[start..].starts_with('{') {
        return None;
    }
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (offset, byte) in answer[start..].bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(start + offset + 1),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The end of a length without braces, such as `3pt` or `-1.5em`.
pub(crate) fn length(answer: &str, at: usize) -> Option<usize> {
    const UNITS: [&str; 10] = ["pt", "em", "ex", "mu", "cm", "mm", "in", "px", "pc", "bp"];
    let start = at + spaces(&answer[at..]);
    let digits = answer[start..].bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+')).count();
    let rest = &answer[start + digits..];
    let unit = UNITS.iter().find(|unit| rest.trim_start().starts_with(**unit))?;
    (digits > 0).then(|| start + digits + spaces(rest) + unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoration_comes_off_and_the_answer_stays() {
        for (decorated, plain) in [
            (r"\underline{6}", "{6}"),
            (r"\textcolor{blue}{6}", "{6}"),
            (r"\textcolor[rgb]{1,0,0}{6}", "{6}"),
            (r"\color{red} 6", " 6"),
            (r"\color{red}{6}", "{6}"),
            (r"\Large 6", " 6"),
            (r"\large\frac12", r"\frac12"),
            (r"\fcolorbox{red}{white}{$x$}", "{$x$}"),
            (r"\boxed{\boxed{6}}", "{{6}}"),
            (r"2\hspace*{1cm}3", r"2\,3"),
            (r"x\kern 3pt y", "x y"),
            (r"\phantom{00}7", "7"),
            (r"\mathbf{v}+\bm{w}", "{v}+{w}"),
            (r"7\tag{3}", "7"),
            (r"\bbox[5px]{7}", "{7}"),
            ("no command", "no command"),
        ] {
            assert_eq!(without(decorated), plain, "{decorated}");
        }
    }

    #[test]
    fn what_means_something_stays() {
        for answer in [r"\sqrt{6}", r"\frac{1}{2}", r"\overline{AB}", r"\largest", r"\\large", r"\cancel{6}", r"\color"]
        {
            assert_eq!(without(answer), answer, "{answer}");
        }
    }
}
