//! The numbers that answers are computed with: exact rationals, residues modulo two primes, and complex floating point with
//! a bound of its error.

mod complex;
mod field;
mod rational;

pub(in crate::math) use complex::{Complex, gamma};
pub(in crate::math) use field::{Residues, mix};
pub(in crate::math) use rational::Rational;
