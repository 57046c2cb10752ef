//! What an answer says, as a tree in one vector: children stand before their parents, and a subtree is contiguous, so that
//! whatever walks it is a loop over indices and no input depth reaches the stack.

use super::arithmetic::{Rational, Residues};
use super::notation::Unit;

/// An index into [`Expression::nodes`].
pub(crate) type Id = u32;

/// A number as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal {
    /// The value, where it fits.
    pub exact: Option<Rational>,
    /// The value modulo the primes, where it does not fit.
    pub long: Option<Residues>,
    /// The nearest floating-point number.
    pub approximate: f64,
    /// Where written as a decimal: digits after the point (negative: zeros before it), and significant digits.
    pub decimal: Option<(i32, u32)>,
    /// The digits of a whole number, for reading them in another base.
    pub digits: Option<i128>,
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
    Sinh,
    Cosh,
    Tanh,
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
    /// The function that its `^{-1}` names.
    pub fn inverse(self) -> Option<Self> {
        match self {
            Self::Sin => Some(Self::Arcsin),
            Self::Cos => Some(Self::Arccos),
            Self::Tan => Some(Self::Arctan),
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
    Union,
    Intersection,
    Difference,
}

/// How two members of a chain are related.
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
    /// Whether it orders its sides.
    pub fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }

    /// The relation with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            other => other,
        }
    }
}

/// What stands between the members of a list.
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
    /// What a relation without a left side is about: `= 5`.
    Unnamed,
}

/// Members in [`Expression::items`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Items {
    pub start: u32,
    pub len: u32,
}

/// One node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Number(u32),
    /// A name, by its hash.
    Variable(u64),
    Constant(Constant),
    Negate(Id),
    /// `±` (true) or `∓` before an operand.
    Sign(bool, Id),
    Call(Function, Id),
    Binary(Binary, Id, Id),
    /// What is compared but not computed (a sum, an integral, `f(…)`): its tag and its argument.
    Opaque(u64, Id),
    List(Separator, Items),
    Tuple(Bracket, Bracket, Items),
    Set(Items),
    /// `{ name | condition }`.
    SetBuilder(Id, Id),
    /// Rows, columns; row after row in the items.
    Matrix(u16, u16, u32),
    /// `a < b <= c`: members in the items, relations from the given start in [`Expression::relations`].
    Chain(Items, u32),
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expression {
    pub nodes: Vec<Node>,
    /// The first node of each node's subtree.
    pub first: Vec<Id>,
    pub items: Vec<Id>,
    pub relations: Vec<Relation>,
    pub literals: Vec<Literal>,
    /// Operands that stand in brackets, in ascending order.
    pub bracketed: Vec<Id>,
    /// The last unit that was set aside.
    pub unit: Option<Unit>,
    /// Words that were set aside.
    pub num_words: usize,
    /// Their hashes, joined; 0 without words.
    pub words: u64,
    /// Whether an ellipsis stands in it.
    pub has_ellipsis: bool,
    pub root: Id,
}

impl Expression {
    pub fn node(&self, id: Id) -> Node {
        self.nodes[id as usize]
    }

    pub fn members(&self, items: Items) -> &[Id] {
        &self.items[items.start as usize..(items.start + items.len) as usize]
    }

    /// Adds a node over a subtree that begins at `first`.
    pub fn push(&mut self, node: Node, first: Id) -> Id {
        let id = self.nodes.len() as Id;
        self.nodes.push(node);
        self.first.push(first.min(id));
        id
    }

    pub fn leaf(&mut self, node: Node) -> Id {
        let id = self.nodes.len() as Id;
        self.push(node, id)
    }

    pub fn store(&mut self, members: &[Id]) -> Items {
        let start = self.items.len() as u32;
        self.items.extend_from_slice(members);
        Items { start, len: members.len() as u32 }
    }

    /// The nodes of the subtree under `id`.
    pub fn subtree(&self, id: Id) -> impl Iterator<Item = Node> + '_ {
        self.nodes[self.first[id as usize] as usize..=id as usize].iter().copied()
    }

    /// Whether the node is the number 1.
    pub fn is_one(&self, id: Id) -> bool {
        matches!(self.node(id), Node::Number(at) if self.literals[at as usize].exact == Some(Rational::ONE))
    }

    /// The names under a node, sorted.
    pub fn names(&self, id: Id) -> Vec<u64> {
        let mut names: Vec<u64> = self
            .subtree(id)
            .filter_map(|node| if let Node::Variable(name) = node { Some(name) } else { None })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether a number was written under a node.
    pub fn has_numbers(&self, id: Id) -> bool {
        self.subtree(id).any(|node| matches!(node, Node::Number(_)))
    }

    /// Whether a plus-minus stands under a node.
    pub fn has_signs(&self, id: Id) -> bool {
        self.subtree(id)
            .any(|node| matches!(node, Node::Sign(..) | Node::Binary(Binary::PlusMinus | Binary::MinusPlus, ..)))
    }

    /// Whether the operand stands in brackets of its own.
    pub fn is_bracketed(&self, id: Id) -> bool {
        self.bracketed.binary_search(&id).is_ok()
    }
}
