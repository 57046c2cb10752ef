//! Reading: from LaTeX, Unicode or plain notation to an [`Expression`](super::expression::Expression). What the expression is
//! worth is not its business.

mod lexer;
mod number;
mod parser;
mod token;
mod unit;

pub(in crate::math) use lexer::name_hash;
pub(in crate::math) use parser::parse;
pub(in crate::math) use unit::Unit;
