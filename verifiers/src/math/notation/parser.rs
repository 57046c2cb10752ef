//! From tokens to an expression, by operator precedence with stacks of its own: depth of input costs memory, not stack.

use super::{
    lexer::{Lexed, lex, name_hash},
    token::{self, Command, Delimiter, Token},
};
use crate::math::{
    budget::Unreadable,
    expression::{Binary, Bracket, Constant, Expression, Function, Id, Node, Relation, Separator},
};

/// Reads an answer.
pub(in crate::math) fn parse(source: &str, max_digits: usize) -> Result<Expression, Unreadable> {
    let Lexed { tokens, literals, unit, num_words, words, has_ellipsis } = lex(source, max_digits)?;
    let expression = Expression { literals, unit, num_words, words, has_ellipsis, ..Expression::default() };
    let mut parser = Parser { out: expression, frames: Vec::new(), operands: Vec::new(), operators: Vec::new() };
    parser.open(Kind::Whole);
    for (at, token) in tokens.iter().enumerate() {
        parser.token(*token, tokens.get(at + 1).copied())?;
    }
    parser.finish()
}

/// What an open frame will become.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Group(Delimiter),
    /// A command that wants so many more arguments; those it has are operands of the frame.
    Command(Command, u8),
    /// `\sin^`: the exponent of a function, before its argument.
    FunctionPower(Function),
    /// A matrix, with its columns once a row is whole.
    Matrix {
        lists: bool,
        columns: Option<u16>,
        rows: u16,
    },
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// Where its operands and operators begin.
    operands: usize,
    operators: usize,
    /// Items that are whole, and what separates them.
    items: Vec<Id>,
    separator: Separator,
    /// Whether the last separator was a word that joins: something must follow.
    is_joining: bool,
    /// Members and relations of the chain that is being read.
    chain: Vec<Id>,
    relations: Vec<Relation>,
    /// What stands before "such that".
    subject: Option<Id>,
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
    fn open(&mut self, kind: Kind) {
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
        });
    }

    fn frame(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn kind(&self) -> Kind {
        self.frames.last().map_or(Kind::Whole, |frame| frame.kind)
    }

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
                    None => self.out.leaf(Node::Constant(crate::math::expression::Constant::Unnamed)),
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

    /// Ends the item that is being read, if there is one.
    fn item(&mut self) -> Result<Option<Id>, Unreadable> {
        self.reduce(0)?;
        let start = self.frames.last().map_or(0, |frame| frame.operands);
        let operand = if self.operands.len() > start { self.operands.pop() } else { None };
        if self.operands.len() > start {
            return Err(INCOMPLETE);
        }
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

    fn separate(&mut self, separator: Separator) -> Result_ {
        if matches!(self.kind(), Kind::Command(..) | Kind::FunctionPower(_)) {
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

    fn such_that(&mut self) -> Result_ {
        let item = self.item()?;
        self.frame().subject = item;
        Ok(())
    }

    fn bar(&mut self) -> Result_ {
        if !self.has_operand() {
            self.open(Kind::Group(Delimiter::Bar));
            return Ok(());
        }
        let closes = self.kind() == Kind::Group(Delimiter::Bar);
        if closes {
            return self.close(Delimiter::Bar);
        }
        if self.kind() == Kind::Group(Delimiter::Curly) {
            return self.such_that();
        }
        self.implicit();
        self.open(Kind::Group(Delimiter::Bar));
        Ok(())
    }

    fn close(&mut self, delimiter: Delimiter) -> Result_ {
        let Kind::Group(open) = self.kind() else { return Err(BRACKETS) };
        let last = self.item()?;
        let Some(mut frame) = self.frames.pop() else { return Err(BRACKETS) };
        frame.items.extend(last);
        let is_half_open =
            matches!((open, delimiter), (Delimiter::Round, Delimiter::Square) | (Delimiter::Square, Delimiter::Round));
        if open != delimiter && !(is_half_open && frame.items.len() == 2) {
            return Err(BRACKETS);
        }
        if frame.items.is_empty() && open == Delimiter::Invisible {
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

    /// Whether the brackets hold the argument of `f`, `g` or `h`.
    fn is_application(&self) -> bool {
        let Some(name) = self.operands.last() else { return false };
        let is_function = matches!(self.out.node(*name), Node::Variable(name)
            if ["f", "g", "h"].iter().any(|letter| name_hash(letter) == name));
        is_function && self.operators.last() == Some(&Operator::Binary(Binary::Mul)) && self.has_operand_before()
    }

    /// Whether the last operator was put between a name and its argument: it is the frame's and has only its left operand.
    fn has_operand_before(&self) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        self.operators.len() > frame.operators && self.operands.len() > frame.operands
    }

    fn application(&mut self, argument: Id) -> Result_ {
        self.operators.pop();
        let Some(name) = self.operands.pop() else { return Err(INCOMPLETE) };
        let Node::Variable(tag) = self.out.node(name) else { return Err(INCOMPLETE) };
        // The name stands before the argument and is no operand any more.
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

    fn cell(&mut self) -> Result_ {
        if !matches!(self.kind(), Kind::Matrix { .. }) {
            return Err(Unreadable::Notation("a cell outside of a matrix"));
        }
        let item = self.item()?.ok_or(Unreadable::Notation("an empty cell"))?;
        self.frame().items.push(item);
        Ok(())
    }

    fn row(&mut self) -> Result_ {
        let Kind::Matrix { lists, columns, rows } = self.kind() else {
            return Err(Unreadable::Notation("a row outside of a matrix"));
        };
        let Some(item) = self.item()? else {
            return Ok(()); // a line break at the end
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
        frame.kind = Kind::Matrix { lists, columns: Some(width as u16), rows: rows + 1 };
        Ok(())
    }

    fn end_matrix(&mut self) -> Result_ {
        self.row()?;
        let Kind::Matrix { lists, columns: Some(columns), rows } = self.kind() else {
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

    fn finish(mut self) -> Result<Expression, Unreadable> {
        let last = self.item()?;
        if self.kind() != Kind::Whole || self.frames.len() != 1 {
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
