//! Expressions: how a layout says what a value is made of.
//!
//! ```text
//! answer | after('####') | remove(',')          a column, then steps
//! reward_model.ground_truth | json | .[0]       nested columns; `.` is the value so far
//! f'{context?}\n\n{question}'                   a text with holes
//! [a, b] | join(', ')      {input: .x}          lists and objects
//! level >= 4 and subject in ['Algebra']         conditions; `is null`, `like 'a*'`, `not`, `or`
//! ```
//! A column with blanks in its name stands in backticks, a text in quotes of either kind. `name?` may be absent or
//! null; what is made of it then is null too.

mod comparison;
mod evaluation;
mod lexer;
mod node;
mod parser;

pub(crate) use self::comparison::fits;
pub(crate) use self::evaluation::{Columns, evaluate, evaluate_condition};
pub(crate) use self::node::Node;
pub(crate) use self::parser::parse;
