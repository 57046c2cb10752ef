//! Closing: what a frame becomes when its item, bracket, matrix or the answer ends.

use super::frame::{Frame, FrameKind};
use super::operator::Operator;
use super::state::{BRACKETS, INCOMPLETE, Parser};
use crate::expression::{Binary, Bracket, Constant, Expression, Function, Id, Node, Separator};
use crate::name::name_hash;
use crate::notation::token::{Command, Delimiter};
use crate::unreadable::Unreadable;

impl Parser {
    /// Ends the item that is being read, if there is one.
    fn item(&mut self) -> Result<Option<Id>, Unreadable> {
        self.reduce(0)?;
        let start = self.frames.last().map_or(0, |frame| frame.operands);
        let operand = if self.operands.len() > start { self.operands.pop() } else { None };
        if self.operands.len() > start {
            return Err(INCOMPLETE);
        }
        let operand = match (self.frame().infix.take(), operand) {
            (Some((command, first)), Some(second)) => Some(self.infix_command(command, first, second)?),
            (Some(_), None) => return Err(INCOMPLETE),
            (None, operand) => operand,
        };
        let chain = std::mem::take(&mut self.frame().chain);
        let relations = std::mem::take(&mut self.frame().relations);
        let subject = self.frame().subject.take();
        let mut item = operand;
        if !chain.is_empty() {
            let Some(last) = operand else { return Err(INCOMPLETE) };
            let first = self.out.first[chain[0] as usize];
            let mut members = chain;
            members.push(last);
            let items = self.out.store(&members);
            let start = self.out.relations.len() as u32;
            self.out.relations.extend(relations);
            item = Some(self.out.push(Node::Chain(items, start), first));
        }
        Ok(match (subject, item) {
            (Some(subject), Some(condition)) => {
                let first = self.out.first[subject as usize];
                Some(self.out.push(Node::SetBuilder(subject, condition), first))
            }
            (Some(subject), None) => Some(subject),
            (None, item) => item,
        })
    }

    /// Takes what stands before a command between its arguments; the rest of the group is its second argument.
    pub(super) fn infix(&mut self, command: Command) -> Result<(), Unreadable> {
        self.reduce(0)?;
        if self.is_command() || self.frame().infix.is_some() || !self.has_operand() {
            return Err(INCOMPLETE);
        }
        let operand = self.operands.pop().ok_or(INCOMPLETE)?;
        self.frame().infix = Some((command, operand));
        Ok(())
    }

    fn infix_command(&mut self, command: Command, a: Id, b: Id) -> Result<Id, Unreadable> {
        let first = self.out.first[a as usize];
        let operator = match command {
            Command::Fraction => Binary::Div,
            Command::Binomial => Binary::Binomial,
            Command::Subsets => Binary::Subsets,
            _ => return Err(INCOMPLETE),
        };
        Ok(self.out.push(Node::Binary(operator, a, b), first))
    }

    pub(super) fn separate(&mut self, separator: Separator) -> Result<(), Unreadable> {
        if matches!(self.kind(), FrameKind::Command(..) | FrameKind::FunctionPower(_)) {
            return Err(INCOMPLETE);
        }
        let item = self.item()?;
        let frame = self.frame();
        frame.items.extend(item);
        frame.is_joining = separator != Separator::Comma;
        if separator != Separator::Comma {
            frame.separator = separator;
        }
        Ok(())
    }

    pub(super) fn such_that(&mut self) -> Result<(), Unreadable> {
        let item = self.item()?;
        self.frame().subject = item;
        Ok(())
    }

    pub(super) fn bar(&mut self) -> Result<(), Unreadable> {
        if !self.has_operand() {
            self.open(FrameKind::Group(Delimiter::Bar));
            return Ok(());
        }
        let closes = self.kind() == FrameKind::Group(Delimiter::Bar);
        if closes {
            return self.close(Delimiter::Bar);
        }
        if self.kind() == FrameKind::Group(Delimiter::Curly) {
            return self.such_that();
        }
        self.implicit();
        self.open(FrameKind::Group(Delimiter::Bar));
        Ok(())
    }

    pub(super) fn close(&mut self, delimiter: Delimiter) -> Result<(), Unreadable> {
        let FrameKind::Group(open) = self.kind() else { return Err(BRACKETS) };
        let last = self.item()?;
        let Some(mut frame) = self.frames.pop() else { return Err(BRACKETS) };
        frame.items.extend(last);
        let is_half_open =
            matches!((open, delimiter), (Delimiter::Round, Delimiter::Square) | (Delimiter::Square, Delimiter::Round));
        if open != delimiter && !(is_half_open && frame.items.len() == 2) {
            return Err(BRACKETS);
        }
        if frame.items.is_empty() && open == Delimiter::Invisible {
            self.withdraw_product();
            return Ok(());
        }
        let id = self.bracketed(open, delimiter, &frame)?;
        if open == Delimiter::Round && self.is_application() {
            return self.application(id);
        }
        self.operand(id)?;
        self.out.bracketed.push(id);
        Ok(())
    }

    /// Takes back the multiplication that was put before a group, which turned out to be empty.
    fn withdraw_product(&mut self) {
        let start = self.frames.last().map_or(0, |frame| frame.operands);
        let wanted = self.operators[self.frames.last().map_or(0, |frame| frame.operators)..]
            .iter()
            .filter(|operator| matches!(operator, Operator::Binary(_) | Operator::Inner))
            .count();
        let lacks_operand = self.operands.len() - start == wanted && wanted > 0;
        let is_product = matches!(self.operators.last(), Some(Operator::Binary(Binary::Mul) | Operator::Inner));
        if lacks_operand && is_product {
            self.operators.pop();
        }
    }

    /// True where the brackets hold the argument of `f`, `g` or `h`.
    fn is_application(&self) -> bool {
        let Some(name) = self.operands.last() else { return false };
        let is_function = matches!(self.out.node(*name), Node::Variable(name)
            if ["f", "g", "h"].iter().any(|letter| name_hash(letter) == name));
        is_function && self.operators.last() == Some(&Operator::Binary(Binary::Mul)) && self.has_operand_before()
    }

    /// True where the last operator is the frame's, and stands between a name and its argument.
    fn has_operand_before(&self) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        self.operators.len() > frame.operators && self.operands.len() > frame.operands
    }

    fn application(&mut self, argument: Id) -> Result<(), Unreadable> {
        self.operators.pop();
        let Some(name) = self.operands.pop() else { return Err(INCOMPLETE) };
        let Node::Variable(tag) = self.out.node(name) else { return Err(INCOMPLETE) };
        // The name's node stays before the argument, but is a name no longer.
        self.out.nodes[name as usize] = Node::Constant(Constant::Unnamed);
        let call = self.out.push(Node::Opaque(tag, argument), name);
        self.operand(call)
    }

    fn bracketed(&mut self, open: Delimiter, close: Delimiter, frame: &Frame) -> Result<Id, Unreadable> {
        let bracket = |delimiter| if delimiter == Delimiter::Square { Bracket::Square } else { Bracket::Round };
        let single = (frame.items.len() == 1).then(|| frame.items[0]);
        let Some(first) = frame.items.first().map(|item| self.out.first[*item as usize]) else {
            return match open {
                Delimiter::Curly => Ok(self.out.leaf(Node::Constant(Constant::EmptySet))),
                _ => Err(Unreadable::Notation("brackets with nothing in them")),
            };
        };
        let function = match open {
            Delimiter::Bar => Some(Function::Abs),
            Delimiter::Floor => Some(Function::Floor),
            Delimiter::Ceil => Some(Function::Ceil),
            _ => None,
        };
        if let Some(function) = function {
            let argument = single.ok_or(BRACKETS)?;
            return Ok(self.out.push(Node::Call(function, argument), first));
        }
        if open == Delimiter::Curly {
            if let Some(builder) = single.filter(|item| matches!(self.out.node(*item), Node::SetBuilder(..))) {
                return Ok(builder);
            }
            let items = self.out.store(&frame.items);
            return Ok(self.out.push(Node::Set(items), first));
        }
        if let Some(single) = single {
            return Ok(single);
        }
        let items = self.out.store(&frame.items);
        let node = match open {
            Delimiter::Invisible => Node::List(frame.separator, items),
            _ => Node::Tuple(bracket(open), bracket(close), items),
        };
        Ok(self.out.push(node, first))
    }

    pub(super) fn cell(&mut self) -> Result<(), Unreadable> {
        if !matches!(self.kind(), FrameKind::Matrix { .. }) {
            return Err(Unreadable::Notation("a cell outside of a matrix"));
        }
        let item = self.item()?.ok_or(Unreadable::Notation("an empty cell"))?;
        self.frame().items.push(item);
        Ok(())
    }

    pub(super) fn row(&mut self) -> Result<(), Unreadable> {
        let FrameKind::Matrix { lists, columns, rows } = self.kind() else {
            return Err(Unreadable::Notation("a row outside of a matrix"));
        };
        let Some(item) = self.item()? else {
            return Ok(()); // a line break stands at the end
        };
        let frame = self.frame();
        frame.items.push(item);
        let width = match columns {
            Some(columns) => usize::from(columns),
            None => frame.items.len(),
        };
        if width == 0 || width > 1000 || rows == 1000 || frame.items.len() != width * (usize::from(rows) + 1) {
            return Err(Unreadable::Notation("the rows of a matrix differ in length"));
        }
        frame.kind = FrameKind::Matrix { lists, columns: Some(width as u16), rows: rows + 1 };
        Ok(())
    }

    pub(super) fn end_matrix(&mut self) -> Result<(), Unreadable> {
        self.row()?;
        let FrameKind::Matrix { lists, columns: Some(columns), rows } = self.kind() else {
            return Err(Unreadable::Notation("an empty matrix"));
        };
        let Some(frame) = self.frames.pop() else { return Err(BRACKETS) };
        let first = self.out.first[frame.items[0] as usize];
        let items = self.out.store(&frame.items);
        let node = if lists && columns == 1 {
            Node::List(Separator::And, items)
        } else {
            Node::Matrix(rows, columns, items.start)
        };
        let id = self.out.push(node, first);
        self.operand(id)
    }

    pub(super) fn finish(mut self) -> Result<Expression, Unreadable> {
        let last = self.item()?;
        if self.kind() != FrameKind::Whole || self.frames.len() != 1 {
            return Err(BRACKETS);
        }
        let Some(mut frame) = self.frames.pop() else { return Err(BRACKETS) };
        if frame.is_joining && last.is_none() {
            return Err(Unreadable::Notation("nothing follows what joins a list"));
        }
        frame.items.extend(last);
        self.out.root = match frame.items.as_slice() {
            [] => return Err(Unreadable::Notation("there is nothing to compute")),
            [single] => *single,
            items => {
                let first = self.out.first[items[0] as usize];
                let items = self.out.store(items);
                self.out.push(Node::List(frame.separator, items), first)
            }
        };
        Ok(self.out)
    }
}
