//! Intervals of a share at a number of independent samples: Wilson's and Agresti and Coull's.

/// The interval of Wilson 1927, "Probable inference, the law of succession, and statistical inference".
pub fn wilson(share: f64, count: f64, quantile: f64) -> [f64; 2] {
    let square = quantile.powi(2);
    let center = (share + square / (2.0 * count)) / (1.0 + square / count);
    let variance = share * (1.0 - share) / count + square / (4.0 * count * count);
    within_shares(center, quantile * variance.sqrt() / (1.0 + square / count))
}

/// The interval of Agresti and Coull 1998, "Approximate is better than exact for interval estimation of binomial
/// proportions": `quantile^2 / 2` passes and as many failures more, then the plain interval.
pub fn agresti_coull(share: f64, count: f64, quantile: f64) -> [f64; 2] {
    let total = count + quantile.powi(2);
    let center = (share * count + quantile.powi(2) / 2.0) / total;
    within_shares(center, quantile * (center * (1.0 - center) / total).sqrt())
}

fn within_shares(center: f64, reach: f64) -> [f64; 2] {
    [(center - reach).max(0.0), (center + reach).min(1.0)]
}
