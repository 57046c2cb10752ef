//! Rows of numbers in memory that is another's.

/// Rows of numbers, each of which begins `stride` numbers behind the one before.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row's beginning on.
    pub numbers: &'a [f32],
    /// Numbers from a row's beginning to the next one's.
    pub stride: usize,
}
