//! Populations of tasks: pass rates from a Beta distribution.

use random::KeyedRng;

/// Tasks whose pass rates are `Beta(mean concentration, (1 - mean) concentration)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    pub name: &'static str,
    pub mean: f64,
    concentration: f64,
}

/// Means of a half and of nine tenths, tasks nearly alike and tasks mostly all or nothing.
pub(crate) const POPULATIONS: [Population; 4] = [
    Population { name: "mean 0.5, low spread", mean: 0.5, concentration: 50.0 },
    Population { name: "mean 0.5, high spread", mean: 0.5, concentration: 1.0 },
    Population { name: "mean 0.9, low spread", mean: 0.9, concentration: 50.0 },
    Population { name: "mean 0.9, high spread", mean: 0.9, concentration: 1.0 },
];

impl Population {
    /// The pass rate of a task.
    pub(crate) fn rate(&self, rng: &mut KeyedRng) -> f64 {
        let passing = gamma(rng, self.mean * self.concentration);
        let failing = gamma(rng, (1.0 - self.mean) * self.concentration);
        passing / (passing + failing)
    }
}

/// A Gamma number of scale 1 (Marsaglia and Tsang 2000, "A simple method for generating gamma variables").
fn gamma(rng: &mut KeyedRng, shape: f64) -> f64 {
    if shape < 1.0 {
        return gamma(rng, shape + 1.0) * (1.0 - rng.uniform()).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let cube = (1.0 + c * x).powi(3);
        if cube > 0.0 && (1.0 - rng.uniform()).ln() < 0.5 * x * x + d - d * cube + d * cube.ln() {
            return d * cube;
        }
    }
}

/// A normal number (Box and Muller 1958).
pub(crate) fn normal(rng: &mut KeyedRng) -> f64 {
    (-2.0 * (1.0 - rng.uniform()).ln()).sqrt() * (std::f64::consts::TAU * rng.uniform()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_mean_and_the_spread_of_their_distribution() {
        for (number, population) in (0_u64..).zip(POPULATIONS) {
            let mut rng = KeyedRng::new(&[number.into()]);
            let rates: Vec<f64> = (0..20_000).map(|_| population.rate(&mut rng)).collect();
            let mean = rates.iter().sum::<f64>() / 20_000.0;
            let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / 20_000.0;
            let expected = population.mean * (1.0 - population.mean) / (population.concentration + 1.0);
            assert!((mean - population.mean).abs() < 0.01, "{population:?}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{population:?}: {variance} and not {expected}");
        }
    }
}
