//! Reading: from LaTeX, Unicode or plain notation to an [`Expression`](super::expression::Expression). What the expression is
//! worth is not its business.

mod lexer;
mod number;
mod parser;
mod token;
mod unit;

pub(crate) use lexer::name_hash;
pub(crate) use parser::parse;
pub(crate) use unit::Unit;
