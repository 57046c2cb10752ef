//! What a token is drawn from: temperature and filters, which the caller has validated.

/// What is drawn from: the softmax over a temperature, cut by filters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f64,
    /// Keeps this many likeliest tokens, and any equal to the last. 0 is off.
    pub top_k: usize,
    /// Keeps the smallest set of tokens whose probability reaches this mass, in `(0, 1]`. 1 is off.
    pub top_p: f64,
    /// Drops tokens less likely than this share of the likeliest one, in `[0, 1]`. 0 is off.
    pub min_p: f64,
}

impl Distribution {
    /// True where a filter may drop tokens.
    pub fn has_filter(&self) -> bool {
        self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0
    }
}
