//! The backslash: the commands of LaTeX and its escaped signs.

use super::state::{Brace, Lexer};
use crate::arithmetic::mix;
use crate::expression::{Constant, Function, Relation};
use crate::name::name_hash;
use crate::notation::token::{Command, Delimiter, Token, symbol};
use crate::unit;
use crate::unreadable::Unreadable;

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
            | "biggr" | "middle" => {
                self.spaces();
                self.eat(b".");
            }
            "frac" | "dfrac" | "tfrac" | "cfrac" => self.open_command(Command::Fraction),
            "binom" | "dbinom" | "tbinom" => self.open_command(Command::Binomial),
            "sqrt" => {
                self.spaces();
                if self.eat(b"[") {
                    self.open_command(Command::Root);
                    self.pending = 0;
                    self.open_degrees.push(self.braces.len());
                    self.emit(Token::Open(Delimiter::Invisible));
                } else {
                    self.open_command(Command::Sqrt);
                }
            }
            "log" => {
                self.spaces();
                if self.eat(b"_") {
                    self.spaces();
                    self.open_command(Command::LogBase);
                } else {
                    self.emit(Token::Function(Function::Ln));
                }
            }
            "sum" | "prod" | "int" | "lim" | "iint" | "oint" | "limsup" | "sup" => self.bounded(name),
            "text" | "textbf" | "textit" | "textrm" | "textnormal" | "mbox" | "hbox" | "operatorname" | "mathop"
            | "mathrm" | "mathbf" | "mathit" | "mathsf" | "rm" | "bf" | "boldsymbol" | "bm" | "textsf" | "texttt" => {
                self.spaces();
                if self.eat(b"{") {
                    self.braces.push(Brace::Text);
                }
            }
            "boxed" | "fbox" | "displaystyle" | "textstyle" | "mathstrut" | "ensuremath" => {
                self.spaces();
                if self.eat(b"{") {
                    self.braces.push(Brace::Transparent(self.pending));
                    self.pending = 0;
                }
            }
            "mathbb" | "mathcal" | "mathscr" | "mathfrak" => match self.raw_argument() {
                "R" => self.emit(Token::Constant(Constant::Reals)),
                set => self.variable(set),
            },
            "overline" | "vec" | "hat" | "bar" | "widehat" | "tilde" | "underline" | "overrightarrow" | "dot" => {
                let argument = self.raw_argument();
                self.emit(Token::Variable(mix(name_hash(name) ^ name_hash(argument))));
            }
            "begin" => self.begin()?,
            "end" => {
                self.raw_argument();
                self.matrix_depth = self.matrix_depth.saturating_sub(1);
                self.emit(Token::MatrixEnd);
            }
            "ldots" | "dots" | "cdots" | "dotsc" | "vdots" => self.ellipsis(),
            "forall" | "exists" => self.skipping = Some(self.bracket_depth),
            "quad" | "qquad" | "limits" | "nolimits" | "phantom" | "hspace" | "vspace" | "label" | "tag" => {
                if !name.starts_with("q") && !name.ends_with("limits") {
                    self.raw_argument();
                }
            }
            "circ" if !self.after_operand() => {}
            "triangle" | "angle" | "odot" | "therefore" | "because" | "checkmark" | "square" | "blacksquare" => {}
            "bmod" | "pmod" | "mod" => {
                let argument = self.raw_argument();
                self.emit(Token::Relation(Relation::Congruent));
                self.emit(Token::Variable(mix(name_hash("mod") ^ name_hash(argument))));
            }
            "pounds" | "euro" | "yen" => {}
            _ => match symbol(name) {
                Some(token) => self.emit(token),
                None => self.variable(name),
            },
        }
        Ok(())
    }

    fn open_command(&mut self, command: Command) {
        let outer = self.pending.saturating_sub(1);
        self.emit(Token::Command(command));
        self.pending = outer + command.num_arguments();
        self.spaces();
    }

    /// Reads a sign after a backslash.
    fn control_sign(&mut self) -> Result<(), Unreadable> {
        let Some(byte) = self.bytes.get(self.at).copied() else { return Ok(()) };
        match byte {
            b'{' => self.emit(Token::Open(Delimiter::Curly)),
            b'}' => self.emit(Token::Close(Delimiter::Curly)),
            b'%' => self.emit(Token::Postfix(Function::Percent)),
            b'|' => self.emit(Token::Bar),
            b'$' => self.out.unit = unit::find("dollars"),
            b'\\' if self.matrix_depth > 0 => {
                self.emit(Token::Row);
            }
            // The second backslash begins a command that was escaped once too often.
            b'\\' => return Ok(()),
            0x80.. => return Ok(()),
            _ => {}
        }
        self.at += 1;
        Ok(())
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
            if self.source[self.at..].trim_start().starts_with("\\limits") {
                break;
            }
        }
        self.emit(Token::Bounded(tag));
    }

    fn begin(&mut self) -> Result<(), Unreadable> {
        let name = self.raw_argument();
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
