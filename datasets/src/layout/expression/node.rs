//! The parts of an expression.

use serde_json::Value;

use crate::layout::step::ExpressionStep;

/// An expression.
#[derive(Debug)]
pub(crate) enum Node {
    /// A value that no row changes.
    Constant(Value),
    /// A value of the row, or of the value so far.
    Path {
        /// The place at which it begins.
        head: Head,
        /// The way from there.
        parts: Vec<Part>,
    },
    /// A text with holes.
    Template(Vec<Node>),
    /// A list of values.
    List(Vec<Node>),
    /// An object of values.
    Object(Vec<(String, Node)>),
    /// The second, with the value of the first for `.`.
    Pipe(Box<Node>, Box<Node>),
    /// A step on the value so far.
    Call(&'static ExpressionStep, Vec<Node>),
    /// The second where the first is true, or else the third.
    If(Box<[Node; 3]>),
    /// True where the value is not.
    Not(Box<Node>),
    /// True where both are.
    And(Box<Node>, Box<Node>),
    /// True where one is.
    Or(Box<Node>, Box<Node>),
    /// True where the comparison holds.
    Compare(Comparison, Box<Node>, Box<Node>),
    /// True where the value is null or absent.
    IsNull(Box<Node>),
    /// True where the list holds the value.
    In(Box<Node>, Box<Node>),
    /// True where the text fits the pattern (`*` for any text, `?` for a character).
    Like(Box<Node>, Box<Node>),
}

/// The beginning of a path.
#[derive(Debug)]
pub(crate) enum Head {
    /// A column, or a name of the layout's `[let]`.
    Column {
        /// Its name.
        name: String,
        /// True where it may be absent.
        is_optional: bool,
    },
    /// The value so far, `.`.
    Current,
    /// The name of the row's file, `$file`.
    File,
    /// The row's number over all files from 0, `$index`.
    Index,
}

/// A step on the way of a path.
#[derive(Debug)]
pub(crate) struct Part {
    /// The key or the place.
    pub(crate) key: Key,
    /// True where it may be absent.
    pub(crate) is_optional: bool,
}

/// A key of an object, or a place in a list.
#[derive(Debug)]
pub(crate) enum Key {
    /// A key.
    Name(String),
    /// A place from 0; from the end where it is negative.
    Place(i64),
}

/// A comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Node {
    /// True where the expression says itself that it may have no value: by `?` or a null.
    pub(crate) fn may_be_null(&self) -> bool {
        match self {
            Self::Constant(value) => value.is_null(),
            Self::Path { head, parts } => {
                matches!(head, Head::Column { is_optional: true, .. }) || parts.iter().any(|part| part.is_optional)
            }
            Self::Pipe(left, right) => left.may_be_null() || right.may_be_null(),
            Self::If(parts) => parts[1].may_be_null() || parts[2].may_be_null(),
            Self::Call(step, arguments) if step.name == "or" => arguments.iter().any(Self::may_be_null),
            _ => false,
        }
    }
}
