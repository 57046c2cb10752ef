//! The tail of the noncentral t distribution, on which the exact power of a t test stands.
//!
//! Lenth 1989, "Algorithm AS 243: Cumulative distribution function of the noncentral t distribution": for t >= 0 with
//! noncentrality d and `x = t^2 / (t^2 + df)`,
//! `P(T <= t) = Φ(-d) + 1/2 Σ_j [p_j I_x(j + 1/2, df/2) + q_j I_x(j + 1, df/2)]`,
//! `p_j = exp(-d^2/2) (d^2/2)^j / j!` and `q_j = d exp(-d^2/2) (d^2/2)^j / (√2 Γ(j + 3/2))`.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::ln_gamma;

use crate::normal::normal_tail;

/// The largest noncentrality for which the first terms of the series are no zeros.
pub(crate) const LARGEST: f64 = 37.0;

/// The probability of at most `t`, for `df` degrees of freedom. Beyond a noncentrality of 37 it is taken as 0 or 1.
pub(crate) fn noncentral_t_below(t: f64, df: f64, noncentrality: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - noncentral_t_below(-t, df, -noncentrality);
    }
    if noncentrality.abs() > LARGEST {
        return if noncentrality > 0.0 { 0.0 } else { 1.0 };
    }
    let x = t * t / (t * t + df);
    let half = noncentrality * noncentrality / 2.0;
    let mut even = (-half).exp();
    let mut odd = noncentrality * (-half - ln_gamma(1.5)).exp() / std::f64::consts::SQRT_2;
    let mut sum = 0.0;
    // The weights are Poisson's around `half`: past it by a dozen deviations nothing is left.
    let last = half + 12.0 * half.sqrt() + 30.0;
    let mut j = 0.0;
    while j <= last && x > 0.0 {
        sum += even * beta_reg(j + 0.5, df / 2.0, x) + odd * beta_reg(j + 1.0, df / 2.0, x);
        j += 1.0;
        even *= half / j;
        odd *= half / (j + 0.5);
    }
    (normal_tail(noncentrality) + sum / 2.0).clamp(0.0, 1.0)
}
