//! From tokens to an expression, by operator precedence with stacks of its own: nested input costs memory, not stack.

mod closing;
mod frame;
mod matrices;
mod operator;
mod reduction;
mod state;

use self::frame::FrameKind;
use self::operator::Operator;
use self::state::{BRACKETS, INCOMPLETE, Parser};
use super::lexer::{Lexed, lex};
use super::token::{self, Command, Delimiter, Token};
use crate::decoration;
use crate::expression::{Binary, Expression, Function, Id, Node, Separator};
use crate::unreadable::Unreadable;

/// Reads an answer; numbers may have at most `max_digits` digits.
pub(crate) fn parse(source: &str, max_digits: usize) -> Result<Expression, Unreadable> {
    let Lexed { tokens, literals, units, words, has_ellipsis } = lex(&decoration::without(source), max_digits)?;
    let expression = Expression { literals, words, has_ellipsis, ..Expression::default() };
    let mut parser = Parser::new(expression, units);
    parser.open(FrameKind::Whole);
    for (at, token) in tokens.iter().enumerate() {
        parser.token(*token, tokens.get(at + 1).copied())?;
    }
    parser.finish()
}

impl Parser {
    fn token(&mut self, token: Token, next: Option<Token>) -> Result<(), Unreadable> {
        use Token::*;
        match token {
            Number(literal) => self.operand_token(Node::Number(literal)),
            Variable(name) => self.operand_token(Node::Variable(name)),
            Constant(constant) => self.operand_token(Node::Constant(constant)),
            Function(function) => {
                self.implicit_before(true);
                if next == Some(Power) {
                    self.open(FrameKind::FunctionPower(function));
                } else {
                    self.operators.push(Operator::Function(function));
                }
                Ok(())
            }
            Command(command) => {
                self.implicit_before(command == token::Command::LogBase);
                self.open(FrameKind::Command(command, command.num_arguments()));
                Ok(())
            }
            Bounded(tag) => {
                self.implicit();
                self.operators.push(Operator::Bounded(tag));
                Ok(())
            }
            Open(delimiter) => {
                self.implicit();
                self.open(FrameKind::Group(delimiter));
                Ok(())
            }
            Close(delimiter) => self.close(delimiter),
            Bar => self.bar(),
            Plus if !self.has_operand() => Ok(()),
            Plus => self.binary(Binary::Add),
            Minus if !self.has_operand() => {
                let in_power = matches!(self.operators.last(), Some(Operator::Binary(Binary::Pow)));
                let in_power = in_power && self.frames.last().is_some_and(|f| self.operators.len() > f.operators);
                self.operators.push(if in_power { Operator::NegatePower } else { Operator::Negate });
                Ok(())
            }
            Minus => self.binary(Binary::Sub),
            PlusMinus | MinusPlus => {
                let sign = if token == PlusMinus { Binary::PlusMinus } else { Binary::MinusPlus };
                if self.has_operand() {
                    return self.binary(sign);
                }
                self.operators.push(Operator::Sign(sign));
                Ok(())
            }
            Times => self.binary(Binary::Mul),
            Over => self.binary(Binary::Div),
            Power if matches!(self.kind(), FrameKind::FunctionPower(_)) => Ok(()),
            Power => self.binary(Binary::Pow),
            // A postfix sign belongs to the last operand alone.
            Postfix(function) => {
                if !self.has_operand() {
                    return Err(INCOMPLETE);
                }
                let Some(operand) = self.operands.pop() else { return Err(INCOMPLETE) };
                let first = self.out.first[operand as usize];
                let node = self.out.push(Node::Call(function, operand), first);
                self.operands.push(node);
                Ok(())
            }
            Index(tag) => {
                let Some(operand) = self.operands.pop().filter(|_| !self.is_command()) else { return Err(INCOMPLETE) };
                let first = self.out.first[operand as usize];
                let node = self.out.push(Node::Opaque(tag, operand), first);
                self.operands.push(node);
                Ok(())
            }
            Unit(unit) => {
                let Some(last) = self.out.nodes.len().checked_sub(1) else { return Err(INCOMPLETE) };
                self.out.units.push((last as Id, self.units[unit as usize]));
                Ok(())
            }
            Infix(command) => self.infix(command),
            // Words stood before the colon, as in "Minimum: 1".
            Colon if !self.has_operand() => Ok(()),
            Colon if self.kind() == FrameKind::Group(Delimiter::Curly) => self.such_that(),
            Colon => self.binary(Binary::Ratio),
            SuchThat => self.such_that(),
            Union => self.binary(Binary::Union),
            Intersection => self.binary(Binary::Intersection),
            Difference => self.binary(Binary::Difference),
            Comma | Semicolon => self.separate(Separator::Comma),
            Conjunction(separator) => self.separate(separator),
            Relation(relation) => {
                self.reduce(0)?;
                let operand = match self.has_operand() {
                    true => self.operands.pop(),
                    false => None,
                };
                // The left side is understood in "≈ 11" and "= 5".
                let operand = match operand {
                    Some(operand) => operand,
                    None => self.out.leaf(Node::Constant(crate::expression::Constant::Unnamed)),
                };
                let frame = self.frame();
                frame.chain.push(operand);
                frame.relations.push(relation);
                Ok(())
            }
            MatrixBegin(lists) => {
                self.implicit();
                self.open(FrameKind::Matrix { lists, columns: None, rows: 0 });
                Ok(())
            }
            Cell => self.cell(),
            Row => self.row(),
            MatrixEnd => self.end_matrix(),
        }
    }

    fn operand_token(&mut self, node: Node) -> Result<(), Unreadable> {
        self.implicit();
        let id = self.out.leaf(node);
        self.operand(id)
    }

    /// Takes a whole operand: the argument of a command that waits for one, or one more in its frame.
    fn operand(&mut self, id: Id) -> Result<(), Unreadable> {
        self.operands.push(id);
        match self.kind() {
            FrameKind::Command(command, wanted) => {
                if wanted > 1 {
                    self.frame().kind = FrameKind::Command(command, wanted - 1);
                    return Ok(());
                }
                let Some(frame) = self.frames.pop() else { return Err(BRACKETS) };
                let arguments = self.operands.split_off(frame.operands);
                self.operators.truncate(frame.operators);
                self.command(command, &arguments)
            }
            FrameKind::FunctionPower(function) => {
                let Some(frame) = self.frames.pop() else { return Err(BRACKETS) };
                let power = self.operands.pop().ok_or(INCOMPLETE)?;
                let negated = self.operators.split_off(frame.operators).len() % 2 == 1;
                let first = self.out.first[power as usize];
                let power = if negated { self.out.push(Node::Negate(power), first) } else { power };
                let inverse = function.inverse().filter(|_| self.out.is_minus_one(power));
                self.operators.push(match inverse {
                    Some(inverse) => Operator::Function(inverse),
                    None => Operator::FunctionPower(function, power),
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, command: Command, arguments: &[Id]) -> Result<(), Unreadable> {
        let (Some(a), Some(b)) = (arguments.first().copied(), arguments.last().copied()) else {
            return Err(INCOMPLETE);
        };
        let first = self.out.first[a as usize];
        let node = match command {
            Command::Fraction => Node::Binary(Binary::Div, a, b),
            Command::Binomial => Node::Binary(Binary::Binomial, a, b),
            Command::Subsets => Node::Binary(Binary::Subsets, a, b),
            Command::Sqrt => Node::Call(Function::Sqrt, a),
            Command::Root => Node::Binary(Binary::Root, a, b),
            Command::LogBase => {
                self.operators.push(Operator::Log(a));
                return Ok(());
            }
        };
        let id = self.out.push(node, first);
        self.operand(id)
    }
}
