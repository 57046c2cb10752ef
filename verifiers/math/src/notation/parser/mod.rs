//! From tokens to an expression, by operator precedence with stacks of its own: depth of input costs memory, not stack.

mod frame;

use frame::{Frame, Kind};

use super::lexer::{Lexed, lex};
use super::token::{self, Command, Delimiter, Token};
use crate::expression::{Binary, Expression, Function, Id, Node, Separator};
use crate::unreadable::Unreadable;

/// Reads an answer.
pub(crate) fn parse(source: &str, max_digits: usize) -> Result<Expression, Unreadable> {
    let Lexed { tokens, literals, unit, num_words, words, has_ellipsis } = lex(source, max_digits)?;
    let expression = Expression { literals, unit, num_words, words, has_ellipsis, ..Expression::default() };
    let mut parser = Parser { out: expression, frames: Vec::new(), operands: Vec::new(), operators: Vec::new() };
    parser.open(Kind::Whole);
    for (at, token) in tokens.iter().enumerate() {
        parser.token(*token, tokens.get(at + 1).copied())?;
    }
    parser.finish()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Binary(Binary),
    /// Multiplication without a sign, inside a function's argument.
    Inner,
    Negate,
    /// A negative exponent.
    NegatePower,
    Sign(Binary),
    Function(Function),
    /// A function and the node of its power.
    FunctionPower(Function, Id),
    Log(Id),
    Bounded(u64),
}

impl Operator {
    fn precedence(self) -> u8 {
        match self {
            Self::Binary(Binary::Union | Binary::Intersection | Binary::Difference) => 3,
            Self::Binary(Binary::Ratio) => 4,
            Self::Binary(Binary::Add | Binary::Sub | Binary::PlusMinus | Binary::MinusPlus) => 5,
            Self::Bounded(_) => 6,
            Self::Binary(Binary::Mul | Binary::Div) | Self::Negate | Self::Sign(_) => 7,
            Self::Function(_) | Self::FunctionPower(..) | Self::Log(_) => 8,
            Self::Inner => 9,
            Self::Binary(_) | Self::NegatePower => 10,
        }
    }
}

struct Parser {
    out: Expression,
    frames: Vec<Frame>,
    operands: Vec<Id>,
    operators: Vec<Operator>,
}

type Result_ = Result<(), Unreadable>;

const INCOMPLETE: Unreadable = Unreadable::Notation("an operator lacks an operand");
const BRACKETS: Unreadable = Unreadable::Notation("brackets do not match");

impl Parser {
    /// Whether an operator may follow: the frame holds one operand more than operators want.
    fn has_operand(&self) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        if matches!(frame.kind, Kind::Command(..)) {
            return false;
        }
        let wanted = self.operators[frame.operators..]
            .iter()
            .filter(|o| matches!(o, Operator::Binary(_) | Operator::Inner))
            .count();
        self.operands.len() - frame.operands > wanted
    }

    fn token(&mut self, token: Token, next: Option<Token>) -> Result_ {
        use Token::*;
        match token {
            Number(literal) => self.operand_token(Node::Number(literal)),
            Variable(name) => self.operand_token(Node::Variable(name)),
            Constant(constant) => self.operand_token(Node::Constant(constant)),
            Function(function) => {
                self.implicit_before(true);
                if next == Some(Power) {
                    self.open(Kind::FunctionPower(function));
                } else {
                    self.operators.push(Operator::Function(function));
                }
                Ok(())
            }
            Command(command) => {
                self.implicit_before(command == token::Command::LogBase);
                self.open(Kind::Command(command, command.num_arguments()));
                Ok(())
            }
            Bounded(tag) => {
                self.implicit();
                self.operators.push(Operator::Bounded(tag));
                Ok(())
            }
            Open(delimiter) => {
                self.implicit();
                self.open(Kind::Group(delimiter));
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
            Power if matches!(self.kind(), Kind::FunctionPower(_)) => Ok(()),
            Power => self.binary(Binary::Pow),
            Postfix(function) => {
                if !self.has_operand() {
                    return Err(INCOMPLETE);
                }
                // It belongs to the last operand alone, but a percent sign to all that was multiplied.
                let Some(operand) = self.operands.pop() else { return Err(INCOMPLETE) };
                let first = self.out.first[operand as usize];
                let node = self.out.push(Node::Call(function, operand), first);
                self.operands.push(node);
                Ok(())
            }
            // "Minimum: 1": what stood before were words.
            Colon if !self.has_operand() => Ok(()),
            Colon if self.kind() == Kind::Group(Delimiter::Curly) => self.such_that(),
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
                // "≈ 11", "= 5": what it is of is understood.
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
                self.open(Kind::Matrix { lists, columns: None, rows: 0 });
                Ok(())
            }
            Cell => self.cell(),
            Row => self.row(),
            MatrixEnd => self.end_matrix(),
        }
    }

    /// Puts a multiplication between two operands that stand side by side.
    fn implicit(&mut self) {
        self.implicit_before(false);
    }

    /// As [`Self::implicit`]; what comes may be a function, which ends the argument of the one before.
    fn implicit_before(&mut self, function: bool) {
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
        // A function of a bracket or before another function has its argument already.
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

    fn operand_token(&mut self, node: Node) -> Result_ {
        self.implicit();
        let id = self.out.leaf(node);
        self.operand(id)
    }

    /// A whole operand: the argument of a command that waits for one, or one more in its frame.
    fn operand(&mut self, id: Id) -> Result_ {
        self.operands.push(id);
        match self.kind() {
            Kind::Command(command, wanted) => {
                if wanted > 1 {
                    self.frame().kind = Kind::Command(command, wanted - 1);
                    return Ok(());
                }
                let Some(frame) = self.frames.pop() else { return Err(BRACKETS) };
                let arguments = self.operands.split_off(frame.operands);
                self.operators.truncate(frame.operators);
                self.command(command, &arguments)
            }
            Kind::FunctionPower(function) => {
                let Some(frame) = self.frames.pop() else { return Err(BRACKETS) };
                let power = self.operands.pop().ok_or(INCOMPLETE)?;
                let negated = self.operators.split_off(frame.operators).len() % 2 == 1;
                let inverse = negated && self.out.is_one(power);
                self.operators.push(match function.inverse().filter(|_| inverse) {
                    Some(inverse) => Operator::Function(inverse),
                    None => {
                        let first = self.out.first[power as usize];
                        let power = if negated { self.out.push(Node::Negate(power), first) } else { power };
                        Operator::FunctionPower(function, power)
                    }
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, command: Command, arguments: &[Id]) -> Result_ {
        let (Some(a), Some(b)) = (arguments.first().copied(), arguments.last().copied()) else {
            return Err(INCOMPLETE);
        };
        let first = self.out.first[a as usize];
        let node = match command {
            Command::Fraction => Node::Binary(Binary::Div, a, b),
            Command::Binomial => Node::Binary(Binary::Binomial, a, b),
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

    fn binary(&mut self, operator: Binary) -> Result_ {
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

    /// Applies the operators of the frame that bind at least as tightly.
    fn reduce(&mut self, precedence: u8) -> Result_ {
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

    fn apply(&mut self, operator: Operator) -> Result_ {
        let b = self.pop()?;
        let first = self.out.first[b as usize];
        let (node, first) = match operator {
            Operator::Binary(binary) => {
                let a = self.pop()?;
                (Node::Binary(binary, a, b), self.out.first[a as usize])
            }
            Operator::Inner => {
                let a = self.pop()?;
                (Node::Binary(Binary::Mul, a, b), self.out.first[a as usize])
            }
            Operator::Negate | Operator::NegatePower => (Node::Negate(b), first),
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
