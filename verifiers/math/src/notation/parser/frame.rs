//! Frames: the parts of an answer that are open while it is read (brackets, commands, matrices, the answer itself).

use crate::expression::{Function, Id, Relation, Separator};
use crate::notation::token::{Command, Delimiter};

/// Kind of an open frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FrameKind {
    Whole,
    Group(Delimiter),
    /// A command and the number of arguments that it still wants; those it has are operands of the frame.
    Command(Command, u8),
    /// `\sin^`: the exponent of a function, before its argument.
    FunctionPower(Function),
    /// A matrix, with its number of columns once a row is whole.
    Matrix {
        /// True for `cases`, which is a list where it has one column.
        lists: bool,
        columns: Option<u16>,
        rows: u16,
    },
}

/// A part of the answer that is open: what was read of it so far.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Index of its first operand in the parser's stack.
    pub(super) operands: usize,
    /// Index of its first operator in the parser's stack.
    pub(super) operators: usize,
    /// Items that are whole.
    pub(super) items: Vec<Id>,
    pub(super) separator: Separator,
    /// True where the last separator was a word that joins: an item must follow.
    pub(super) is_joining: bool,
    /// Members, all but the last, of the chain that is being read.
    pub(super) chain: Vec<Id>,
    pub(super) relations: Vec<Relation>,
    /// The item before "such that".
    pub(super) subject: Option<Id>,
    /// A command that stands between its arguments, and the first of them.
    pub(super) infix: Option<(Command, Id)>,
}
