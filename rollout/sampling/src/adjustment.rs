//! What a request does to single logits before temperature and filters: a bias, penalties, a ban.
//!
//! In this order, on a token's logit l:
//! - bias: l + b (`SequenceBiasLogitsProcessor` of transformers; `logit_bias` of OpenAI's API).
//! - repetition penalty p of a token that stands in prompt or completion: l p where l < 0, else l / p (CTRL, arXiv
//!   1909.05858; `RepetitionPenaltyLogitsProcessor` of transformers, `repetition_penalty` of vLLM).
//! - presence and frequency penalty of a token that stands n > 0 times in the completion: l - n f - p (OpenAI's API;
//!   `presence_penalty` and `frequency_penalty` of vLLM).
//! - ban: negative infinity.

/// What is done to one token's logit. The default changes nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// The token, a column of the logits.
    pub id: u32,
    /// Added first.
    pub bias: f32,
    /// The repetition penalty, above 0; 1 where the token does not stand in prompt or completion.
    pub repetition: f32,
    /// Subtracted then: the presence penalty, and the frequency penalty times the token's number.
    pub penalty: f32,
    /// True where the token must not be drawn.
    pub is_banned: bool,
}

impl Adjustment {
    /// One that leaves the token's logit as it is.
    pub fn none(id: u32) -> Self {
        Self { id, bias: 0.0, repetition: 1.0, penalty: 0.0, is_banned: false }
    }

    /// The token's logit after it.
    pub fn of(&self, logit: f32) -> f32 {
        if self.is_banned {
            return f32::NEG_INFINITY;
        }
        let biased = logit + self.bias;
        let repeated = if biased < 0.0 { biased * self.repetition } else { biased / self.repetition };
        repeated - self.penalty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_its_formula() {
        let none = Adjustment::none(3);
        assert_eq!(none.of(-1.5), -1.5);
        assert_eq!(Adjustment { bias: 2.0, ..none }.of(-1.5), 0.5);
        assert_eq!(Adjustment { repetition: 2.0, ..none }.of(-1.5), -3.0);
        assert_eq!(Adjustment { repetition: 2.0, ..none }.of(1.5), 0.75);
        assert_eq!(Adjustment { penalty: 0.5, ..none }.of(1.5), 1.0);
        assert_eq!(Adjustment { is_banned: true, bias: 9.0, ..none }.of(1.5), f32::NEG_INFINITY);
    }

    #[test]
    fn the_bias_comes_before_the_repetition_penalty_and_that_before_the_others() {
        let all = Adjustment { id: 0, bias: -2.0, repetition: 2.0, penalty: 0.25, is_banned: false };
        assert_eq!(all.of(1.5), (1.5 - 2.0) * 2.0 - 0.25);
    }
}
