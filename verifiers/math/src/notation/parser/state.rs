//! The state of the parser: open frames, and the operands and operators that wait.

use super::frame::{Frame, FrameKind};
use super::operator::Operator;
use crate::expression::{Expression, Id, Separator};
use crate::unit::Unit;
use crate::unreadable::Unreadable;

pub(super) const INCOMPLETE: Unreadable = Unreadable::Notation("an operator lacks an operand");
pub(super) const BRACKETS: Unreadable = Unreadable::Notation("brackets do not match");

/// Stacks of the parser, and the expression so far.
pub(super) struct Parser {
    pub(super) out: Expression,
    pub(super) frames: Vec<Frame>,
    pub(super) operands: Vec<Id>,
    pub(super) operators: Vec<Operator>,
    pub(super) units: Vec<Unit>,
}

impl Parser {
    pub(super) fn new(out: Expression, units: Vec<Unit>) -> Self {
        Self { out, frames: Vec::new(), operands: Vec::new(), operators: Vec::new(), units }
    }

    pub(super) fn open(&mut self, kind: FrameKind) {
        self.frames.push(Frame {
            kind,
            operands: self.operands.len(),
            operators: self.operators.len(),
            items: Vec::new(),
            separator: Separator::Comma,
            is_joining: false,
            chain: Vec::new(),
            relations: Vec::new(),
            subject: None,
            infix: None,
        });
    }

    pub(super) fn frame(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    pub(super) fn kind(&self) -> FrameKind {
        self.frames.last().map_or(FrameKind::Whole, |frame| frame.kind)
    }

    /// True in a frame that takes the arguments of a command.
    pub(super) fn is_command(&self) -> bool {
        matches!(self.kind(), FrameKind::Command(..) | FrameKind::FunctionPower(_))
    }

    /// True where an operator may follow: the frame holds one operand more than its operators want.
    pub(super) fn has_operand(&self) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        if matches!(frame.kind, FrameKind::Command(..)) {
            return false;
        }
        let wanted = self.operators[frame.operators..]
            .iter()
            .filter(|o| matches!(o, Operator::Binary(_) | Operator::Inner))
            .count();
        self.operands.len() - frame.operands > wanted
    }
}
