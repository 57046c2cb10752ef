//! A template's source as Jinja2 reads it, rewritten for minijinja: line ends, `{% generation %}` blocks, and text
//! literals with Python's escapes or side by side. Raw blocks, comments and the text itself stay as they are, and no
//! line moves, so that errors name the line of the file.

/// A filter around the body of a `{% generation %}` block. The block around it keeps what the body sets to itself.
pub(super) const GENERATION_FILTER: &str = "generation_block__";

/// The source for minijinja, and true where it has `{% generation %}` blocks.
pub(super) fn rewrite(source: &str) -> (String, bool) {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut rewriter = Rewriter { rest: &source, out: String::with_capacity(source.len()), has_generation: false };
    while let Some(start) = rewriter.next_tag() {
        rewriter.copy(start);
        match rewriter.rest.as_bytes()[1] {
            b'#' => rewriter.copy_through("#}"),
            b'{' => rewriter.expression("}}"),
            _ => rewriter.block(),
        }
    }
    rewriter.copy(rewriter.rest.len());
    (rewriter.out, rewriter.has_generation)
}

struct Rewriter<'a> {
    rest: &'a str,
    out: String,
    has_generation: bool,
}

impl Rewriter<'_> {
    /// Place of the next `{{`, `{%` or `{#`.
    fn next_tag(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        bytes.windows(2).position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
    }

    fn copy(&mut self, num_bytes: usize) {
        let (copied, rest) = self.rest.split_at(num_bytes);
        self.out.push_str(copied);
        self.rest = rest;
    }

    fn copy_through(&mut self, end: &str) {
        let end = self.rest.get(2..).and_then(|rest| rest.find(end)).map(|at| at + 2 + end.len());
        self.copy(end.unwrap_or(self.rest.len()));
    }

    /// A tag `{% … %}`, which is at the start of the rest.
    fn block(&mut self) {
        if let Some(tag) = BareTag::read(self.rest) {
            match tag.name {
                "raw" => return self.raw(tag.num_bytes),
                "generation" | "endgeneration" => {
                    let BareTag { name, open, close, num_bytes } = tag;
                    let written = match name {
                        "generation" => format!("{{%{open} with %}}{{% filter {GENERATION_FILTER} {close}%}}"),
                        _ => format!("{{%{open} endfilter %}}{{% endwith {close}%}}"),
                    };
                    let num_lines = self.rest[..num_bytes].matches('\n').count();
                    // Line breaks inside the tag are kept there.
                    self.out.push_str(&written.replacen("%}", &format!("{}%}}", "\n".repeat(num_lines)), 1));
                    self.rest = &self.rest[num_bytes..];
                    self.has_generation = true;
                    return;
                }
                _ => {}
            }
        }
        self.expression("%}");
    }

    /// A raw block, up to the end of `{% endraw %}`.
    fn raw(&mut self, opening: usize) {
        let mut at = opening;
        while let Some(next) = self.rest[at..].find("{%") {
            at += next;
            match BareTag::read(&self.rest[at..]) {
                Some(tag) if tag.name == "endraw" => return self.copy(at + tag.num_bytes),
                _ => at += 2,
            }
        }
        self.copy(self.rest.len());
    }

    /// Code between delimiters, up to `end` outside of brackets and text literals.
    fn expression(&mut self, end: &str) {
        self.copy(2);
        let mut depth = 0usize;
        while let Some(c) = self.rest.chars().next() {
            if depth == 0 && self.rest.starts_with(end) {
                return self.copy(end.len());
            }
            match c {
                '\'' | '"' => {
                    if !self.literals() {
                        return self.copy(self.rest.len());
                    }
                    continue;
                }
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.copy(c.len_utf8());
        }
    }

    /// A text literal with those that follow it directly, which Jinja2 reads as one; false where one does not end.
    fn literals(&mut self) -> bool {
        let Some(first) = literal_length(self.rest) else { return false };
        let (mut end, mut after) = (first, first);
        let mut value = unescape(&self.rest[1..first - 1]);
        let mut num_literals = 1;
        loop {
            after += self.rest[after..].len() - self.rest[after..].trim_start().len();
            match self.rest[after..].starts_with(['\'', '"']).then(|| literal_length(&self.rest[after..])) {
                Some(Some(length)) => {
                    value.push_str(&unescape(&self.rest[after + 1..after + length - 1]));
                    after += length;
                    end = after;
                    num_literals += 1;
                }
                _ => break,
            }
        }
        let written = &self.rest[..end];
        if num_literals == 1 && !written.contains('\\') {
            self.copy(end);
            return true;
        }
        self.out.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        self.out.push_str(&"\n".repeat(written.matches('\n').count()));
        self.rest = &self.rest[end..];
        true
    }
}

/// A tag that holds no more than a name, as `{%- generation -%}`.
struct BareTag<'a> {
    name: &'a str,
    /// `-`, `+` or nothing behind `{%`.
    open: &'a str,
    /// The same before `%}`.
    close: &'a str,
    num_bytes: usize,
}

impl<'a> BareTag<'a> {
    fn read(source: &'a str) -> Option<Self> {
        let sign = |text: &'a str| text.split_at(usize::from(text.starts_with(['-', '+'])));
        let (open, rest) = sign(source.strip_prefix("{%")?);
        let rest = rest.trim_start();
        let (name, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic())?);
        let (close, rest) = sign(rest.trim_start());
        let rest = rest.strip_prefix("%}")?;
        Some(Self { name, open, close, num_bytes: source.len() - rest.len() })
    }
}

/// Number of bytes of the literal at the start, its quotes included; none where it does not end.
fn literal_length(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == bytes[0] => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The text of a literal, by Python's escapes. An escape that Python does not know stays as it is.
fn unescape(literal: &str) -> String {
    let mut text = String::with_capacity(literal.len());
    let mut high_surrogate: Option<u32> = None;
    let mut rest = literal;
    while let Some(c) = rest.chars().next() {
        let (num_bytes, escaped) = if c == '\\' { escape(rest) } else { (c.len_utf8(), Escaped::Char(c)) };
        match (escaped, high_surrogate.take()) {
            (Escaped::Char(c), _) => text.push(c),
            (Escaped::Nothing, _) => {}
            (Escaped::Surrogate(low @ 0xDC00..), Some(high)) => {
                let code = 0x1_0000_u32 + (((high - 0xD800) << 10) | (low - 0xDC00));
                text.extend(char::from_u32(code));
            }
            (Escaped::Surrogate(high), _) => high_surrogate = Some(high),
            (Escaped::Unknown, _) => text.push_str(&rest[..num_bytes]),
        }
        rest = &rest[num_bytes..];
    }
    text
}

enum Escaped {
    Char(char),
    /// Half of a character that UTF-16 writes in two.
    Surrogate(u32),
    /// A line break that the literal hides.
    Nothing,
    Unknown,
}

/// The escape at the start of `source`, with its length in bytes.
fn escape(source: &str) -> (usize, Escaped) {
    let Some(kind) = source[1..].chars().next() else { return (1, Escaped::Unknown) };
    let simple = |c| (2, Escaped::Char(c));
    let code = |start: usize, num_digits: usize, radix: u32| {
        let digits = source.get(start..start + num_digits).filter(|digits| digits.chars().all(|c| c.is_digit(radix)));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        let escaped = match code {
            Some(code @ 0xD800..0xE000) => Escaped::Surrogate(code),
            Some(code) => char::from_u32(code).map_or(Escaped::Unknown, Escaped::Char),
            None => return (1 + kind.len_utf8(), Escaped::Unknown),
        };
        (start + num_digits, escaped)
    };
    match kind {
        'n' => simple('\n'),
        't' => simple('\t'),
        'r' => simple('\r'),
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'v' => simple('\u{b}'),
        '\\' | '\'' | '"' => simple(kind),
        '\n' => (2, Escaped::Nothing),
        'x' => code(2, 2, 16),
        'u' => code(2, 4, 16),
        'U' => code(2, 8, 16),
        '0'..='7' => {
            let num_digits = source[1..].chars().take(3).take_while(|c| c.is_digit(8)).count();
            code(1, num_digits, 8)
        }
        _ => (1 + kind.len_utf8(), Escaped::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_blocks_keep_their_whitespace_control() {
        let (written, has_generation) = rewrite("a {%- generation -%} b {% endgeneration+%}");
        assert_eq!(written, "a {%- with %}{% filter generation_block__ -%} b {% endfilter %}{% endwith +%}");
        assert!(has_generation);
    }

    #[test]
    fn only_tags_are_rewritten() {
        for source in [
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{{ 'a' 'b' }}{%- endraw %}",
            "{{ '{% generation %}' }}",
            "{% set x = '{% endgeneration %}' %}{{ {'a': {'b': \"}}\"}} }}",
            "{% generation of text %}",
            "{{ 'open",
            "text 'a' 'b' {",
        ] {
            assert_eq!(rewrite(source), (source.to_owned(), false));
        }
    }

    #[test]
    fn literals_are_pythons() {
        let cases = [
            (r"{{ 'a\/b\d' }}", r#"{{ "a\\/b\\d" }}"#),
            (r"{{ '\x41\101\u00e9\ud83e\uddee\U0001F9EE\'' }}", "{{ \"AAé🧮🧮'\" }}"),
            ("{{ 'a' \"b\"\n 'c' }}", "{{ \"abc\"\n }}"),
            ("{{ x | f('a\\\nb') }}", "{{ x | f(\"ab\"\n) }}"),
            ("a\r\nb\rc", "a\nb\nc"),
        ];
        for (source, expected) in cases {
            assert_eq!(rewrite(source).0, expected);
        }
    }
}
