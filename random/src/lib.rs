//! Addressed randomness: a number is looked up by its address, never drawn from a shared stream.
//!
//! The same address gives the same number on every machine, in every order of calls and after every restart, so that a
//! shuffle, a generated task or a sampled token does not depend on what was made before it.
//!
//! - [`KeyedRng`] holds the numbers of a key, a tuple such as (seed, stream name, index).
//! - [`SampleAddress`] gives the numbers by which the tokens of a completion are sampled.
//! - [`shuffled_places`] walks through items, each epoch in an order of its own.
//!
//! ```
//! use random::{KeyedRng, SampleAddress};
//!
//! let die = |throw: u64| 1 + KeyedRng::new(&[17_u64.into(), "die".into(), throw.into()]).below(6);
//! assert_eq!(die(3), die(3));
//!
//! let address = SampleAddress { seed: 17, draw: 3, sample: 0 };
//! assert!((0.0..1.0).contains(&address.numbers().at(5)));
//! ```
//!
//! This crate knows nothing of what the numbers decide. They are not for secrets.

mod key;
mod keyed;
mod mix;
mod order;
mod philox;
mod sample;

pub use self::key::Key;
pub use self::keyed::KeyedRng;
pub use self::mix::{fnv1a, hash_bytes};
pub use self::order::shuffled_places;
pub use self::sample::{SampleAddress, SampleNumbers};
