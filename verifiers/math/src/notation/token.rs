//! The words of mathematical notation, whichever way they were written: LaTeX commands, Unicode signs or plain names.

use crate::expression::{Constant, Function, Relation, Separator};

/// A pair of brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// A group without meaning of its own: `{}`.
    Invisible,
    Round,
    Square,
    Curly,
    Bar,
    Floor,
    Ceil,
}

/// A command with arguments in invisible brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Fraction,
    Binomial,
    Sqrt,
    /// Degree, then radicand.
    Root,
    /// A logarithm with its base; the argument follows as of a function.
    LogBase,
}

impl Command {
    pub(crate) fn num_arguments(self) -> u8 {
        match self {
            Self::Sqrt | Self::LogBase => 1,
            _ => 2,
        }
    }
}

/// A token of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token {
    Number(u32),
    Variable(u64),
    Constant(Constant),
    Function(Function),
    Command(Command),
    /// Hash of a sum, integral or limit with its bounds; the body follows.
    Bounded(u64),
    Open(Delimiter),
    Close(Delimiter),
    /// `|`: it opens, closes, or means "such that".
    Bar,
    Plus,
    Minus,
    PlusMinus,
    MinusPlus,
    Times,
    Over,
    Power,
    Postfix(Function),
    Colon,
    Comma,
    Semicolon,
    Conjunction(Separator),
    Relation(Relation),
    Union,
    Intersection,
    Difference,
    SuchThat,
    /// The beginning of a matrix; true for `cases`.
    MatrixBegin(bool),
    MatrixEnd,
    Cell,
    Row,
}

impl Token {
    /// True for a token with which an operand may end.
    pub(crate) fn ends_operand(self) -> bool {
        matches!(
            self,
            Self::Number(_)
                | Self::Variable(_)
                | Self::Constant(_)
                | Self::Close(_)
                | Self::Postfix(_)
                | Self::MatrixEnd
        )
    }

    /// True for a token that is an operand by itself.
    pub(crate) fn is_atom(self) -> bool {
        matches!(self, Self::Number(_) | Self::Variable(_) | Self::Constant(_))
    }
}

/// The LaTeX name of a Greek letter.
pub(crate) fn greek(letter: char) -> &'static str {
    const NAMES: [(char, &str); 22] = [
        ('α', "alpha"),
        ('β', "beta"),
        ('γ', "gamma"),
        ('δ', "delta"),
        ('ε', "epsilon"),
        ('ζ', "zeta"),
        ('η', "eta"),
        ('θ', "theta"),
        ('κ', "kappa"),
        ('λ', "lambda"),
        ('μ', "mu"),
        ('ν', "nu"),
        ('ξ', "xi"),
        ('ρ', "rho"),
        ('σ', "sigma"),
        ('τ', "tau"),
        ('φ', "phi"),
        ('χ', "chi"),
        ('ψ', "psi"),
        ('ω', "omega"),
        ('Δ', "Delta"),
        ('Ω', "Omega"),
    ];
    NAMES.iter().find(|(sign, _)| *sign == letter).map_or("greek", |(_, name)| name)
}

/// The token of a LaTeX command (without its backslash) or a Unicode sign.
pub(crate) fn symbol(name: &str) -> Option<Token> {
    use Token::*;

    use crate::expression::Function::*;
    Some(match name {
        "cdot" | "times" | "ast" | "×" | "·" | "⋅" | "∗" | "•" => Times,
        "div" | "÷" => Over,
        "pm" | "±" => PlusMinus,
        "mp" | "∓" => MinusPlus,
        "−" | "–" | "—" | "－" => Minus,
        "＋" => Plus,
        "pi" | "π" => Token::Constant(self::Constant::Pi),
        "infty" | "∞" | "infin" => Token::Constant(self::Constant::Infinity),
        "emptyset" | "varnothing" | "∅" => Token::Constant(self::Constant::EmptySet),
        "ℝ" => Token::Constant(self::Constant::Reals),
        "le" | "leq" | "leqslant" | "≤" | "⩽" | "≦" => Relation(self::Relation::LessEqual),
        "ge" | "geq" | "geqslant" | "≥" | "⩾" | "≧" => Relation(self::Relation::GreaterEqual),
        "lt" | "＜" => Relation(self::Relation::Less),
        "gt" | "＞" => Relation(self::Relation::Greater),
        "ne" | "neq" | "≠" => Relation(self::Relation::NotEqual),
        "approx" | "≈" | "simeq" | "doteq" => Relation(self::Relation::Approximate),
        "in" | "∈" => Relation(self::Relation::In),
        "notin" | "∉" => Relation(self::Relation::NotIn),
        "equiv" | "cong" | "≡" => Relation(self::Relation::Congruent),
        "subset" | "subseteq" | "⊂" | "⊆" | "parallel" | "perp" | "sim" | "mid!" => {
            Relation(self::Relation::Subset)
        }
        "to" | "mapsto" | "rightarrow" | "Rightarrow" | "implies" | "iff" | "Leftrightarrow" | "→" | "⇒" => {
            Relation(self::Relation::Maps)
        }
        "＝" => Relation(self::Relation::Equal),
        "cup" | "bigcup" | "∪" => Union,
        "cap" | "bigcap" | "∩" => Intersection,
        "setminus" | "backslash" | "∖" => Difference,
        "mid" => SuchThat,
        "lor" | "vee" | "∨" => Conjunction(Separator::Or),
        "land" | "wedge" | "∧" => Conjunction(Separator::And),
        "lbrace" => Open(Delimiter::Curly),
        "rbrace" => Close(Delimiter::Curly),
        "lbrack" => Open(Delimiter::Square),
        "rbrack" => Close(Delimiter::Square),
        "lfloor" | "⌊" => Open(Delimiter::Floor),
        "rfloor" | "⌋" => Close(Delimiter::Floor),
        "lceil" | "⌈" => Open(Delimiter::Ceil),
        "rceil" | "⌉" => Close(Delimiter::Ceil),
        "lvert" => Open(Delimiter::Bar),
        "rvert" => Close(Delimiter::Bar),
        "vert" | "|" | "Vert" => Bar,
        "（" | "langle" => Open(Delimiter::Round),
        "）" | "rangle" => Close(Delimiter::Round),
        "，" | "、" => Comma,
        "；" => Semicolon,
        "：" | "colon" => Colon,
        "degree" | "circ" | "°" | "deg" | "degrees" => Postfix(Degree),
        "%" | "％" => Postfix(Percent),
        "!" | "！" => Postfix(Factorial),
        "sin" => Token::Function(Sin),
        "cos" => Token::Function(Cos),
        "tan" | "tg" => Token::Function(Tan),
        "cot" | "ctg" => Token::Function(Cot),
        "sec" => Token::Function(Sec),
        "csc" => Token::Function(Csc),
        "arcsin" | "asin" => Token::Function(Arcsin),
        "arccos" | "acos" => Token::Function(Arccos),
        "arctan" | "atan" | "arctg" => Token::Function(Arctan),
        "sinh" => Token::Function(Sinh),
        "cosh" => Token::Function(Cosh),
        "tanh" => Token::Function(Tanh),
        "ln" => Token::Function(Ln),
        "log" => Token::Function(Ln),
        "lg" => Token::Function(Log10),
        "exp" => Token::Function(Exp),
        _ => return None,
    })
}
