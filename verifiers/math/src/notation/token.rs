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
    /// The number of ways to part a set into subsets, `{n \brace k}`.
    Subsets,
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
    /// An index behind an operand that is no name, by its hash.
    Index(u64),
    /// A unit behind its quantity, by its place in the lexer's list.
    Unit(u32),
    /// A command between its arguments, which are the rest of its group: `a \over b`.
    Infix(Command),
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
                | Self::Index(_)
                | Self::Unit(_)
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

    use crate::expression::Function::{Degree, Factorial, Percent};
    Some(match name {
        "cdot" | "times" | "ast" | "cdotp" | "bullet" | "star" | "×" | "·" | "⋅" | "∗" | "•" => Times,
        "div" | "÷" => Over,
        "pm" | "±" => PlusMinus,
        "mp" | "∓" => MinusPlus,
        "−" | "–" | "—" | "－" => Minus,
        "＋" => Plus,
        "pi" | "π" => Token::Constant(self::Constant::Pi),
        "infty" | "∞" | "infin" => Token::Constant(self::Constant::Infinity),
        "emptyset" | "varnothing" | "∅" => Token::Constant(self::Constant::EmptySet),
        "ℝ" | "Reals" | "reals" => Token::Constant(self::Constant::Reals),
        "le" | "leq" | "leqslant" | "≤" | "⩽" | "≦" => Relation(self::Relation::LessEqual),
        "ge" | "geq" | "geqslant" | "≥" | "⩾" | "≧" => Relation(self::Relation::GreaterEqual),
        "lt" | "less" | "＜" => Relation(self::Relation::Less),
        "gt" | "greater" | "＞" => Relation(self::Relation::Greater),
        "ne" | "neq" | "≠" => Relation(self::Relation::NotEqual),
        "approx" | "≈" | "simeq" | "doteq" => Relation(self::Relation::Approximate),
        "in" | "isin" | "∈" => Relation(self::Relation::In),
        "notin" | "∉" => Relation(self::Relation::NotIn),
        "equiv" | "cong" | "≡" => Relation(self::Relation::Congruent),
        "subset" | "subseteq" | "⊂" | "⊆" | "parallel" | "perp" | "sim" => Relation(self::Relation::Subset),
        "to" | "mapsto" | "longrightarrow" | "longmapsto" | "rightarrow" | "Rightarrow" | "implies" | "iff"
        | "Leftrightarrow" | "→" | "⇒" => Relation(self::Relation::Maps),
        "＝" => Relation(self::Relation::Equal),
        "cup" | "bigcup" | "cupdot" | "sqcup" | "∪" => Union,
        "cap" | "bigcap" | "∩" => Intersection,
        "setminus" | "smallsetminus" | "backslash" | "∖" => Difference,
        "mid" => SuchThat,
        "lor" | "vee" | "∨" => Conjunction(Separator::Or),
        "land" | "wedge" | "∧" => Conjunction(Separator::And),
        "lbrace" | "｛" => Open(Delimiter::Curly),
        "rbrace" | "｝" => Close(Delimiter::Curly),
        "lbrack" | "［" | "【" => Open(Delimiter::Square),
        "rbrack" | "］" | "】" => Close(Delimiter::Square),
        "lfloor" | "⌊" => Open(Delimiter::Floor),
        "rfloor" | "⌋" => Close(Delimiter::Floor),
        "lceil" | "⌈" => Open(Delimiter::Ceil),
        "rceil" | "⌉" => Close(Delimiter::Ceil),
        "lvert" => Open(Delimiter::Bar),
        "rvert" => Close(Delimiter::Bar),
        "vert" | "|" | "Vert" => Bar,
        "（" | "langle" | "lparen" => Open(Delimiter::Round),
        "）" | "rangle" | "rparen" => Close(Delimiter::Round),
        "，" | "、" => Comma,
        "；" => Semicolon,
        "：" | "colon" => Colon,
        "degree" | "circ" | "°" | "º" | "textdegree" => Postfix(Degree),
        "%" | "％" => Postfix(Percent),
        "!" | "！" => Postfix(Factorial),
        _ => return None,
    })
}

/// The function of a name, in any of the spellings in use; `is_upright` is false for plain letters, of which the
/// shortest are more often a product of names.
pub(crate) fn function(name: &str, is_upright: bool) -> Option<Function> {
    use Function::*;

    Some(match name {
        "sin" | "Sin" | "sen" => Sin,
        "cos" | "Cos" => Cos,
        "tan" | "Tan" | "tg" => Tan,
        "cot" | "Cot" | "ctg" | "cotg" | "cotan" | "ctan" => Cot,
        "sec" | "Sec" => Sec,
        "csc" | "Csc" | "cosec" => Csc,
        "arcsin" | "asin" | "Arcsin" | "arcsen" => Arcsin,
        "arccos" | "acos" | "Arccos" => Arccos,
        "arctan" | "atan" | "arctg" | "Arctan" => Arctan,
        "arccot" | "acot" | "arcctg" | "arccotg" => Arccot,
        "arcsec" | "asec" => Arcsec,
        "arccsc" | "acsc" | "arccosec" => Arccsc,
        "sinh" => Sinh,
        "cosh" => Cosh,
        "tanh" | "tgh" => Tanh,
        "coth" | "ctgh" | "cth" => Coth,
        "sech" => Sech,
        "csch" | "cosech" => Csch,
        "sh" | "ch" | "th" if is_upright => match name {
            "sh" => Sinh,
            "ch" => Cosh,
            _ => Tanh,
        },
        "arsinh" | "arcsinh" | "asinh" | "arsh" | "arcsh" => Arsinh,
        "arcosh" | "arccosh" | "acosh" | "arch" | "arcch" => Arcosh,
        "artanh" | "arctanh" | "atanh" | "arth" | "arcth" => Artanh,
        "arcoth" | "arccoth" | "acoth" => Arcoth,
        "ln" | "Ln" | "log" | "Log" => Ln,
        "lg" => Log10,
        "exp" | "Exp" => Exp,
        "sgn" | "sign" | "signum" => Sign,
        _ => return None,
    })
}

/// The name of a letter that LaTeX has a command for; letters that differ in their shape alone have one name.
pub(crate) fn greek_name(command: &str) -> Option<&'static str> {
    const NAMES: [&str; 41] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "omicron", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta",
        "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "hbar", "ell", "aleph", "nabla", "partial",
        "imath", "jmath",
    ];
    let name = match command {
        "varepsilon" => "epsilon",
        "vartheta" => "theta",
        "varphi" => "phi",
        "varrho" => "rho",
        "varsigma" => "sigma",
        "varkappa" => "kappa",
        "mho" => return Some("mho"),
        other => other,
    };
    NAMES.into_iter().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_the_names_of_many_countries() {
        for (names, expected) in [
            ("tan tg", Function::Tan),
            ("cot ctg cotg", Function::Cot),
            ("csc cosec", Function::Csc),
            ("arctan arctg atan", Function::Arctan),
            ("arccot arcctg", Function::Arccot),
            ("sinh sh", Function::Sinh),
            ("arsinh arcsinh arsh", Function::Arsinh),
        ] {
            for name in names.split(' ') {
                assert_eq!(function(name, true), Some(expected), "{name}");
            }
        }
        assert_eq!(function("sh", false), None);
        assert_eq!(function("foo", true), None);
    }

    #[test]
    fn letters_are_known_by_their_commands() {
        assert_eq!(greek_name("varphi"), greek_name("phi"));
        assert_eq!(greek_name("foo"), None);
    }
}
