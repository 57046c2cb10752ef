//! Meanings of words.

use crate::unit::Unit;

/// Meaning of a word beside a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Word {
    Unit(Unit),
    /// "square", "cubic": the power of the unit behind it.
    UnitPower(i8),
    /// "per", between two units.
    Per,
    /// "squared", "cubed": the power of what stands before it.
    Power(i8),
    /// "five": a number.
    Cardinal(i128),
    /// "million", "dozen": it multiplies the number before it.
    Scale(i128),
    /// "half", "thirds": one part of so many.
    Part(i128),
    /// Something that is counted: `5 apples`.
    Noun,
    /// Says what the value is of, before "is", a colon or an equals sign: "minimum", "area".
    Label,
    /// Changes nothing: "exactly", "in total", "red".
    Filler,
    Article,
    /// "of": behind what is counted, before what it is counted of.
    Of,
    /// "prime", "double": the kind of a noun, which must follow.
    Kind,
    /// "is", "equals".
    Equals,
    Approximately,
    Plus,
    Minus,
    Times,
    DividedBy,
    And,
    Or,
    Percent,
    Degree,
    Infinity,
    Undefined,
    /// "more", "greater": with "than" a relation.
    More,
    /// "less", "fewer": with "than" a relation.
    Less,
    /// "at": with "least" or "most" a relation.
    At,
    /// "if", "for all": a condition begins, up to the next comma.
    Condition,
    /// "all", "integer": a word of conditions alone.
    Quantifier,
    /// "June": a name beside the number, which is then another thing.
    Name,
}
