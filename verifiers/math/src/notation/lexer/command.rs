//! The backslash: the commands of LaTeX and its escaped signs.

use super::state::{Brace, Lexer};
use crate::arithmetic::mix;
use crate::decoration;
use crate::expression::{Constant, Function, Relation};
use crate::name::name_hash;
use crate::notation::token::{Command, Delimiter, Token, function, greek_name, symbol};
use crate::unreadable::Unreadable;
use crate::vocabulary;

const UNKNOWN: Unreadable = Unreadable::Notation("holds a command that is not known");

impl Lexer<'_> {
    pub(super) fn command(&mut self) -> Result<(), Unreadable> {
        self.at += 1;
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        let source = self.source;
        let name = &source[start..self.at];
        if name.is_empty() {
            return self.control_sign();
        }
        match name {
            "left" | "right" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "Bigl" | "Bigr" | "biggl"
            | "biggr" | "Biggl" | "Biggr" | "bigm" | "Bigm" | "biggm" | "Biggm" | "middle" => {
                self.spaces();
                self.eat(b".");
            }
            "frac" | "dfrac" | "tfrac" if self.after_operand() && self.unit_fraction() => {}
            "frac" | "dfrac" | "tfrac" | "cfrac" | "nicefrac" | "sfrac" | "flatfrac" | "xfrac" | "textfrac" => {
                self.open_command(Command::Fraction);
            }
            "binom" | "dbinom" | "tbinom" => self.open_command(Command::Binomial),
            "over" => self.emit(Token::Infix(Command::Fraction)),
            "choose" | "atop" => self.emit(Token::Infix(Command::Binomial)),
            "brace" => self.emit(Token::Infix(Command::Subsets)),
            "sqrt" => {
                self.spaces();
                if self.eat(b"[") {
                    self.open_root();
                } else {
                    self.open_command(Command::Sqrt);
                }
            }
            "root" => self.open_root(),
            "of" if self.open_degrees.last() == Some(&self.braces.len()) => self.close_degree(),
            "log" => {
                self.spaces();
                if self.eat(b"_") {
                    self.spaces();
                    self.open_command(Command::LogBase);
                } else {
                    self.emit(Token::Function(Function::Ln));
                }
            }
            "sum" | "prod" | "int" | "lim" | "iint" | "iiint" | "oint" | "limsup" | "liminf" | "sup" => {
                self.bounded(name);
            }
            "text" | "textbf" | "textit" | "textrm" | "textnormal" | "mbox" | "hbox" | "textsf" | "texttt"
            | "textup" | "textsl" | "intertext" | "textsc" | "unit" | "si" => self.open_letters(Brace::Text),
            "mathrm" | "operatorname" | "mathop" | "mathsf" | "mathtt" | "mathup" | "rm" | "sf" => {
                self.eat(b"*");
                self.open_letters(Brace::Upright);
            }
            "mathbb" | "mathcal" | "mathscr" | "mathfrak" => match self.raw_argument() {
                "R" => self.emit(Token::Constant(Constant::Reals)),
                set => self.variable(set),
            },
            "overline" | "vec" | "hat" | "bar" | "widehat" | "tilde" | "widetilde" | "overrightarrow" | "dot"
            | "ddot" | "overleftrightarrow" | "wideparen" | "overparen" | "overarc" => {
                let argument = self.raw_argument();
                self.emit(Token::Variable(mix(name_hash(name) ^ name_hash(argument))));
            }
            "begin" => self.begin()?,
            "end" => {
                self.raw_argument();
                self.matrix_depth = self.matrix_depth.saturating_sub(1);
                self.emit(Token::MatrixEnd);
            }
            "pmatrix" | "matrix" | "bmatrix" | "cases" => {
                self.spaces();
                if !self.eat(b"{") {
                    return Err(UNKNOWN);
                }
                self.braces.push(Brace::Matrix);
                self.matrix_depth += 1;
                self.emit(Token::MatrixBegin(name == "cases"));
            }
            "cr" | "newline" | "tabularnewline" if self.matrix_depth > 0 => self.emit(Token::Row),
            "newline" | "par" | "linebreak" => {}
            "ldots" | "dots" | "cdots" | "dotsc" | "dotsb" | "dotsm" | "dotsi" | "dotso" | "vdots" | "ddots" => {
                self.ellipsis();
            }
            "forall" | "exists" => {
                self.begin_condition();
                self.skipping = self.skipping.map(|(depth, _)| (depth, true));
            }
            "quad" | "qquad" | "enspace" | "enskip" | "thinspace" | "medspace" | "thickspace" | "negthinspace"
            | "negmedspace" | "negthickspace" | "space" | "nobreakspace" | "null" | "empty" => {}
            "circ" if !self.after_operand() => {}
            "triangle" | "angle" | "measuredangle" | "odot" | "therefore" | "because" | "checkmark" | "square"
            | "blacksquare" | "Box" | "bigtriangleup" | "vartriangle" | "blacktriangle" | "qed" => {}
            "bmod" | "pmod" | "mod" | "pod" => {
                let argument = self.raw_argument();
                self.emit(Token::Relation(Relation::Congruent));
                self.emit(Token::Variable(mix(name_hash("mod") ^ name_hash(argument))));
            }
            "pounds" | "euro" | "yen" | "dollar" => {
                let sign = match name {
                    "pounds" => "£",
                    "euro" => "€",
                    "yen" => "¥",
                    _ => "$",
                };
                self.beside.currency = vocabulary::unit(sign);
            }
            "textdollar" => self.beside.currency = vocabulary::unit("$"),
            "not" => self.negated_relation()?,
            "prime" => self.prime(),
            _ => match (function(name, true), symbol(name), greek_name(name)) {
                (Some(function), ..) => self.emit(Token::Function(function)),
                (_, Some(Token::Times), _) => self.times(),
                (_, Some(token), _) => self.emit(token),
                (_, _, Some(name)) => self.variable(name),
                _ => return Err(UNKNOWN),
            },
        }
        self.check()
    }

    fn open_command(&mut self, command: Command) {
        let outer = self.pending.saturating_sub(1);
        self.emit(Token::Command(command));
        self.pending = outer + command.num_arguments();
        self.spaces();
    }

    /// Opens a root at its degree, `\sqrt[3]{x}` or `\root 3 \of {x}`.
    fn open_root(&mut self) {
        self.open_command(Command::Root);
        self.pending = 0;
        self.open_degrees.push(self.braces.len());
        self.emit(Token::Open(Delimiter::Invisible));
    }

    /// Ends a root's degree; its radicand follows.
    pub(super) fn close_degree(&mut self) {
        self.open_degrees.pop();
        self.emit(Token::Close(Delimiter::Invisible));
        self.pending = 1;
        self.spaces();
    }

    /// Opens a logarithm to a base, of which the name was read as a function's: `\mathrm{log}_2`.
    pub(super) fn open_logarithm(&mut self) {
        self.out.tokens.pop();
        self.spaces();
        self.open_command(Command::LogBase);
    }

    /// Opens the argument of a font, where it stands in braces.
    fn open_letters(&mut self, brace: Brace) {
        let start = self.at;
        self.spaces();
        if self.eat(b"{") {
            self.braces.push(brace);
        } else {
            self.at = start;
        }
    }

    /// Reads a multiplication sign; between two units it is none.
    pub(super) fn times(&mut self) {
        if !(self.after_unit() && self.next_unit_or_noun()) {
            self.emit(Token::Times);
        }
    }

    /// Reads the relation behind `\not`.
    fn negated_relation(&mut self) -> Result<(), Unreadable> {
        self.spaces();
        for (relation, negated) in [
            ("=", Relation::NotEqual),
            ("\\in", Relation::NotIn),
            ("\\le", Relation::Greater),
            ("\\ge", Relation::Less),
            ("<", Relation::GreaterEqual),
            (">", Relation::LessEqual),
        ] {
            let len = relation.len();
            if self.source[self.at..].starts_with(relation)
                && !(relation.starts_with('\\') && self.bytes.get(self.at + len).is_some_and(u8::is_ascii_alphabetic))
            {
                self.at += len;
                self.emit(Token::Relation(negated));
                return Ok(());
            }
        }
        Err(Unreadable::Notation("denies what is no relation"))
    }

    /// Reads a sign after a backslash.
    fn control_sign(&mut self) -> Result<(), Unreadable> {
        let Some(byte) = self.bytes.get(self.at).copied() else { return Ok(()) };
        match byte {
            b'{' => self.emit(Token::Open(Delimiter::Curly)),
            b'}' => self.emit(Token::Close(Delimiter::Curly)),
            b'%' if self.after_operand() => self.emit(Token::Postfix(Function::Percent)),
            b'%' => {}
            b'|' => self.emit(Token::Bar),
            b'$' => self.beside.currency = vocabulary::unit("$"),
            b'\\' => {
                let is_row = self.matrix_depth > 0;
                if let Some(end) = self.row_space() {
                    self.at = end;
                    if is_row {
                        self.emit(Token::Row);
                    }
                    return self.check();
                }
                if !is_row {
                    // The second backslash begins a command that was escaped once too often.
                    return Ok(());
                }
                self.emit(Token::Row);
            }
            b'#' | b'_' => return Err(UNKNOWN),
            0x80.. => return Ok(()),
            _ => {}
        }
        self.at += 1;
        self.check()
    }

    /// The end of a row's optional space, `\\[2pt]` or `\\*`, at the second backslash.
    fn row_space(&self) -> Option<usize> {
        let start = self.at + 1;
        let star = usize::from(self.bytes.get(start) == Some(&b'*'));
        let rest = &self.source[start + star..];
        let spaces = rest.len() - rest.trim_start().len();
        if rest[spaces..].starts_with('[')
            && let Some(end) = decoration::length(self.source, start + star + spaces + 1)
            && self.bytes.get(end) == Some(&b']')
        {
            return Some(end + 1);
        }
        (star > 0).then_some(start + star)
    }

    /// Reads a sum, product, integral or limit, of which the name and the bounds make the tag; its body follows.
    fn bounded(&mut self, name: &str) {
        let mut tag = name_hash(name);
        loop {
            self.spaces();
            let sign = self.bytes.get(self.at).copied();
            match sign {
                Some(b'_' | b'^') => {
                    self.at += 1;
                    let bound = name_hash(self.raw_argument());
                    tag = mix(tag ^ bound.rotate_left(u32::from(sign == Some(b'^')) + 3));
                }
                _ => break,
            }
        }
        self.emit(Token::Bounded(tag));
    }

    fn begin(&mut self) -> Result<(), Unreadable> {
        let name = self.raw_argument();
        while self.bytes.get(self.at) == Some(&b'[') {
            let Some(len) = self.source[self.at..].find(']').filter(|len| *len < 4) else { break };
            self.at += len + 1;
        }
        if name.starts_with("array") || name.starts_with("tabular") {
            self.raw_argument();
        }
        if name.starts_with("vmatrix") || name.starts_with("Vmatrix") {
            return Err(Unreadable::Notation("determinants are not computed"));
        }
        self.matrix_depth += 1;
        self.emit(Token::MatrixBegin(name == "cases"));
        Ok(())
    }
}
