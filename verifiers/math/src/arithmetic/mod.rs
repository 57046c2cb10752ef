//! Numbers for computing answers: exact rationals, residues modulo two primes, and complex floating point with a bound
//! of its error.

mod complex;
mod field;
mod rational;

pub(crate) use self::complex::{Complex, gamma};
pub(crate) use self::field::{Residues, mix};
pub(crate) use self::rational::Rational;
