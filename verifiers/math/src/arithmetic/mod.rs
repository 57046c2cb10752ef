//! Numbers for computing answers: exact rationals, residues modulo two primes, and complex floating point with a bound
//! of its error.

mod complex;
mod field;
mod rational;

pub(crate) use complex::{Complex, gamma};
pub(crate) use field::{Residues, mix};
pub(crate) use rational::Rational;
