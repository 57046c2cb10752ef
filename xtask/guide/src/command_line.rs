//! A line of a shell taken apart: the programs that it starts, each with its words.
//!
//! As far as documents go: quotes, backslashes, comments, redirections, variables before a program, and what joins
//! programs. Variables and substitutions stay as they are written.

/// Programs of a command in their order, each as its words: `A=1 trainer eval "a b" | wc -l` has `trainer eval` with
/// one word more, and `wc -l`.
#[must_use]
pub fn programs(command: &str) -> Vec<Vec<String>> {
    let mut programs = vec![Vec::new()];
    let mut is_target = false;
    for word in words(command) {
        match word {
            Word::Joint => programs.push(Vec::new()),
            Word::Redirection => is_target = true,
            Word::Plain(_) if is_target => is_target = false,
            Word::Plain(text) => {
                if let Some(program) = programs.last_mut()
                    && !(program.is_empty() && is_assignment(&text))
                {
                    program.push(text);
                }
            }
        }
    }
    programs.retain(|program| !program.is_empty());
    programs
}

/// True where the shell waits for more: a backslash at the end, or a quote that is not closed.
pub(crate) fn is_open(command: &str) -> bool {
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '\\') | (Some('"'), '\\') => match characters.next() {
                None => return true,
                Some(_) => continue,
            },
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    quote.is_some()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|character| character.is_ascii_uppercase() || character == '_')
    })
}

enum Word {
    Plain(String),
    /// `|`, `&&`, `||`, `;`, `&` or a line's end.
    Joint,
    /// What has a file behind it: `>`, `>>`, `<`, `2>`.
    Redirection,
}

fn words(command: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut open: Option<String> = None;
    let mut characters = command.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                // A line's end behind it joins two lines.
                if let Some(next) = characters.next().filter(|next| *next != '\n') {
                    open.get_or_insert_default().push(next);
                }
            }
            '\'' | '"' => {
                let word = open.get_or_insert_default();
                while let Some(quoted) = characters.next().filter(|quoted| *quoted != character) {
                    let escaped = if quoted == '\\' && character == '"' { characters.next() } else { None };
                    word.push(escaped.unwrap_or(quoted));
                }
            }
            '#' if open.is_none() => while characters.next_if(|next| *next != '\n').is_some() {},
            '|' | '&' | ';' | '\n' => {
                words.extend(open.take().map(Word::Plain));
                words.push(Word::Joint);
            }
            '>' | '<' => {
                words.extend(open.take().filter(|word| word.parse::<u8>().is_err()).map(Word::Plain));
                while characters.next_if(|next| ['>', '&'].contains(next)).is_some() {}
                words.push(Word::Redirection);
            }
            blank if blank.is_whitespace() => words.extend(open.take().map(Word::Plain)),
            other => open.get_or_insert_default().push(other),
        }
    }
    words.extend(open.map(Word::Plain));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_their_words() {
        let of = |command: &str| programs(command).iter().map(|words| words.join("~")).collect::<Vec<_>>().join(" / ");
        assert_eq!(
            of("trainer eval --data 'a b' \\\n  --json \"c\\\"d\"  # all of it"),
            "trainer~eval~--data~a b~--json~c\"d"
        );
        assert_eq!(of("A=1 trainer eval | wc -l && cd x; ls"), "trainer~eval / wc~-l / cd~x / ls");
        assert_eq!(of("trainer verify < a.jsonl 2> err >> out.txt --x"), "trainer~verify~--x");
        assert_eq!(of("trainer eval --set a=1 2>&1"), "trainer~eval~--set~a=1");
        assert_eq!(of("trainer verify-math '1/2' ''"), "trainer~verify-math~1/2~");
        assert_eq!(of("# nothing"), "");
    }

    #[test]
    fn a_shell_waits_for_the_rest_of_an_open_command() {
        for open in ["ls \\", "python3 -c 'import json", "echo \"a\\\"", "echo \"it's"] {
            assert!(is_open(open), "{open}");
        }
        for whole in ["ls", "python3 -c 'a\nb'", "echo \\\\", "echo \"it's\"", "echo 'a\\'"] {
            assert!(!is_open(whole), "{whole}");
        }
    }
}
