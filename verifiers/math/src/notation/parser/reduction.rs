//! Operators meet their operands: implicit multiplication, and reduction by precedence.

use super::operator::Operator;
use super::state::{INCOMPLETE, Parser};
use crate::expression::{Binary, Id, Node};
use crate::unreadable::Unreadable;

impl Parser {
    /// Puts a multiplication between two operands that stand side by side.
    pub(super) fn implicit(&mut self) {
        self.implicit_before(false);
    }

    /// Does the same as [`Self::implicit`]; `function` is true before a function, which ends the argument of one before
    /// it.
    pub(super) fn implicit_before(&mut self, function: bool) {
        if !self.has_operand() {
            return;
        }
        let start = self.frames.last().map_or(0, |frame| frame.operators);
        let in_function = self.operators[start..]
            .iter()
            .rev()
            .take_while(|o| o.precedence() >= 8)
            .any(|o| matches!(o, Operator::Function(_) | Operator::FunctionPower(..) | Operator::Log(_)));
        let operator = if in_function { Operator::Inner } else { Operator::Binary(Binary::Mul) };
        // A function has its argument already where a bracket stands behind it, and before another function.
        let closed = in_function && (function || self.argument_is_closed());
        let operator = if closed { Operator::Binary(Binary::Mul) } else { operator };
        if self.reduce(operator.precedence()).is_ok() {
            self.operators.push(operator);
        }
    }

    fn argument_is_closed(&self) -> bool {
        let Some(last) = self.operands.last() else { return false };
        let is_applied = matches!(
            self.operators.last(),
            Some(Operator::Function(_) | Operator::FunctionPower(..) | Operator::Log(_))
        );
        is_applied && self.out.bracketed.last() == Some(last)
    }

    pub(super) fn binary(&mut self, operator: Binary) -> Result<(), Unreadable> {
        if !self.has_operand() {
            return Err(INCOMPLETE);
        }
        let operator = Operator::Binary(operator);
        // Powers bind to the right.
        let precedence = operator.precedence() + u8::from(operator == Operator::Binary(Binary::Pow));
        self.reduce(precedence)?;
        self.operators.push(operator);
        Ok(())
    }

    /// Applies the operators of the frame that bind at least as tightly as `precedence`.
    pub(super) fn reduce(&mut self, precedence: u8) -> Result<(), Unreadable> {
        let start = self.frames.last().map_or(0, |frame| frame.operators);
        while self.operators.len() > start {
            let Some(operator) = self.operators.last().copied() else { break };
            if operator.precedence() < precedence {
                break;
            }
            self.operators.pop();
            self.apply(operator)?;
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Unreadable> {
        let start = self.frames.last().map_or(0, |frame| frame.operands);
        if self.operands.len() <= start {
            return Err(INCOMPLETE);
        }
        self.operands.pop().ok_or(INCOMPLETE)
    }

    fn apply(&mut self, operator: Operator) -> Result<(), Unreadable> {
        let b = self.pop()?;
        let first = self.out.first[b as usize];
        let (node, first) = match operator {
            Operator::Binary(binary) => {
                let a = self.pop()?;
                if let Some(matrix) = self.matrix_operation(binary, a, b)? {
                    self.operands.push(matrix);
                    return Ok(());
                }
                (Node::Binary(binary, a, b), self.out.first[a as usize])
            }
            Operator::Inner => {
                let a = self.pop()?;
                (Node::Binary(Binary::Mul, a, b), self.out.first[a as usize])
            }
            Operator::Negate | Operator::NegatePower => {
                if let Some(matrix) = self.negated_matrix(b)? {
                    self.operands.push(matrix);
                    return Ok(());
                }
                (Node::Negate(b), first)
            }
            Operator::Sign(sign) => (Node::Sign(sign == Binary::PlusMinus, b), first),
            Operator::Function(function) => (Node::Call(function, b), first),
            Operator::FunctionPower(function, power) => {
                let first = first.min(self.out.first[power as usize]);
                let call = self.out.push(Node::Call(function, b), first);
                (Node::Binary(Binary::Pow, call, power), first)
            }
            Operator::Log(base) => (Node::Binary(Binary::Log, base, b), first.min(self.out.first[base as usize])),
            Operator::Bounded(tag) => (Node::Opaque(tag, b), first),
        };
        let id = self.out.push(node, first);
        self.operands.push(id);
        Ok(())
    }
}
