//! The meaning of an answer as a tree in one vector: children stand before their parents, and a subtree is contiguous,
//! so that a walk is a loop over indices and deeply nested input does not reach the stack.

use super::arithmetic::{Rational, Residues};
use super::unit::Unit;

/// An index into [`Expression::nodes`].
pub(crate) type Id = u32;

/// A number as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal {
    /// The value, where it fits.
    pub(crate) exact: Option<Rational>,
    /// The value modulo the primes, where it does not fit.
    pub(crate) long: Option<Residues>,
    /// The nearest floating-point number.
    pub(crate) approximate: f64,
    /// For a decimal its digits after the point (negative: zeros before it), and its significant digits.
    pub(crate) decimal: Option<(i32, u32)>,
    /// The digits of a whole number, to be read in another base.
    pub(crate) digits: Option<i128>,
}

/// A function of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Arccot,
    Arcsec,
    Arccsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Arsinh,
    Arcosh,
    Artanh,
    Arcoth,
    Sign,
    Ln,
    Log10,
    Exp,
    Abs,
    Floor,
    Ceil,
    Sqrt,
    Factorial,
    DoubleFactorial,
    Percent,
    Degree,
}

impl Function {
    /// The inverse function, as in `\sin^{-1}`.
    pub(crate) fn inverse(self) -> Option<Self> {
        match self {
            Self::Sin => Some(Self::Arcsin),
            Self::Cos => Some(Self::Arccos),
            Self::Tan => Some(Self::Arctan),
            Self::Cot => Some(Self::Arccot),
            Self::Sec => Some(Self::Arcsec),
            Self::Csc => Some(Self::Arccsc),
            Self::Sinh => Some(Self::Arsinh),
            Self::Cosh => Some(Self::Arcosh),
            Self::Tanh => Some(Self::Artanh),
            Self::Coth => Some(Self::Arcoth),
            _ => None,
        }
    }
}

/// An operation on two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    PlusMinus,
    MinusPlus,
    Ratio,
    /// Degree, radicand.
    Root,
    /// Base, argument.
    Log,
    Binomial,
    /// Stirling number of the second kind: elements, subsets.
    Subsets,
    Union,
    Intersection,
    Difference,
}

/// Relation of two members of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Approximate,
    In,
    NotIn,
    Congruent,
    Subset,
    Maps,
}

impl Relation {
    /// True for a relation that orders its sides.
    pub(crate) fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }

    /// The relation with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            other => other,
        }
    }
}

/// Sign or word between the members of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    Comma,
    And,
    Or,
}

/// A bracket of a tuple or interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    Round,
    Square,
}

/// A known constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    Pi,
    E,
    I,
    Infinity,
    EmptySet,
    Reals,
    Undefined,
    /// The left side that a relation lacks: `= 5`.
    Unnamed,
}

/// A range of [`Expression::items`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Items {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// A node of an expression.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// An index into [`Expression::literals`].
    Number(u32),
    /// A name, by its hash.
    Variable(u64),
    Constant(Constant),
    Negate(Id),
    /// `±` (true) or `∓` before an operand.
    Sign(bool, Id),
    Call(Function, Id),
    Binary(Binary, Id, Id),
    /// A term that is compared but not computed (a sum, an integral, `f(…)`): its tag and its argument.
    Opaque(u64, Id),
    List(Separator, Items),
    Tuple(Bracket, Bracket, Items),
    Set(Items),
    /// `{ name | condition }`.
    SetBuilder(Id, Id),
    /// Rows, columns, and the start in [`Expression::items`] of the members, row after row.
    Matrix(u16, u16, u32),
    /// `a < b <= c`: members in the items, relations from the given start in [`Expression::relations`].
    Chain(Items, u32),
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expression {
    pub(crate) nodes: Vec<Node>,
    /// The first node of each node's subtree.
    pub(crate) first: Vec<Id>,
    pub(crate) items: Vec<Id>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) literals: Vec<Literal>,
    /// Operands that stand in brackets, in ascending order.
    pub(crate) bracketed: Vec<Id>,
    /// Units, each with the last node that was read before it; they are no part of the tree.
    pub(crate) units: Vec<(Id, Unit)>,
    /// Hashes of the words for what is counted, which are no part of the tree.
    pub(crate) words: Vec<u64>,
    /// True where an ellipsis stands in the answer.
    pub(crate) has_ellipsis: bool,
    pub(crate) root: Id,
}

impl Expression {
    pub(crate) fn node(&self, id: Id) -> Node {
        self.nodes[id as usize]
    }

    pub(crate) fn members(&self, items: Items) -> &[Id] {
        &self.items[items.start as usize..(items.start + items.len) as usize]
    }

    /// Adds a node over a subtree that begins at `first`.
    pub(crate) fn push(&mut self, node: Node, first: Id) -> Id {
        let id = self.nodes.len() as Id;
        self.nodes.push(node);
        self.first.push(first.min(id));
        id
    }

    pub(crate) fn leaf(&mut self, node: Node) -> Id {
        let id = self.nodes.len() as Id;
        self.push(node, id)
    }

    pub(crate) fn store(&mut self, members: &[Id]) -> Items {
        let start = self.items.len() as u32;
        self.items.extend_from_slice(members);
        Items { start, len: members.len() as u32 }
    }

    /// The nodes of the subtree under `id`.
    pub(crate) fn subtree(&self, id: Id) -> impl Iterator<Item = Node> + '_ {
        self.nodes[self.first[id as usize] as usize..=id as usize].iter().copied()
    }

    /// True where two answers count the same, or one says less of it: `14 right triangles`, `14 triangles`. What is
    /// counted is not measured.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        let counts = |answer: &Self| !answer.words.is_empty() && answer.units.is_empty();
        let measures = |answer: &Self| answer.words.is_empty() && !answer.units.is_empty();
        if (counts(self) && measures(other)) || (measures(self) && counts(other)) {
            return false;
        }
        let among = |words: &[u64], others: &[u64]| words.iter().all(|word| others.contains(word));
        among(&self.words, &other.words) || among(&other.words, &self.words)
    }

    /// The units under a node.
    pub(crate) fn units_of(&self, id: Id) -> impl Iterator<Item = Unit> + '_ {
        let range = self.first[id as usize]..=id;
        self.units.iter().filter(move |(at, _)| range.contains(at)).map(|(_, unit)| *unit)
    }

    /// True for the number -1.
    pub(crate) fn is_minus_one(&self, id: Id) -> bool {
        let Node::Negate(inner) = self.node(id) else { return false };
        matches!(self.node(inner), Node::Number(at) if self.literals[at as usize].exact == Some(Rational::ONE))
    }

    /// The names under a node, sorted.
    pub(crate) fn names(&self, id: Id) -> Vec<u64> {
        let mut names: Vec<u64> = self
            .subtree(id)
            .filter_map(|node| if let Node::Variable(name) = node { Some(name) } else { None })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// True where a written number stands under a node.
    pub(crate) fn has_numbers(&self, id: Id) -> bool {
        self.subtree(id).any(|node| matches!(node, Node::Number(_)))
    }

    /// True where a plus-minus stands under a node.
    pub(crate) fn has_signs(&self, id: Id) -> bool {
        self.subtree(id)
            .any(|node| matches!(node, Node::Sign(..) | Node::Binary(Binary::PlusMinus | Binary::MinusPlus, ..)))
    }

    /// True for an operand in brackets of its own.
    pub(crate) fn is_bracketed(&self, id: Id) -> bool {
        self.bracketed.binary_search(&id).is_ok()
    }
}
