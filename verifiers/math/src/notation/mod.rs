//! Reading: from LaTeX, Unicode or plain notation to an [`Expression`](super::expression::Expression). This module
//! computes no values.

mod lexer;
mod number;
mod parser;
mod token;

pub(crate) use self::parser::parse;

#[cfg(test)]
mod tests;
