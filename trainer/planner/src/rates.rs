//! Rates of a machine, and what is assumed of a run that no configuration says.
//!
//! The defaults are of an H100 or H200: what its maker states, times a share of it that training and sampling reach.
//! They are assumptions, and printed as such; [`Rates::measured`] has those of a machine at hand.

use serde::{Deserialize, Serialize};

/// Rates of one GPU and its links, and assumptions of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Operations a second of dense matrix products in bfloat16. 989e12: NVIDIA's data sheet of the H100 SXM and H200.
    pub operations_per_second: f64,
    /// Share of these in forward and backward passes over packed sequences. 0.4 is usual for 32B models on many GPUs.
    pub update_utilisation: f64,
    /// Share of them while a token is sampled for many sequences at once.
    pub sampling_utilisation: f64,
    /// Bytes a second of the memory. 3.35e12: the same data sheet, of the H100 SXM.
    pub memory_bytes_per_second: f64,
    /// Share of these where weights and cache are read for a token.
    pub memory_utilisation: f64,
    /// Times that a number which a block keeps goes through memory in one pass; 0 where `update_utilisation` is a share
    /// of all that passes do, as by default. 6: on a CPU, as measured.
    pub state_accesses: f64,
    /// Bytes a second into one GPU from those of its host. 450e9 by the data sheet, 360e9 as measured between two.
    pub within_host_bytes_per_second: f64,
    /// Bytes a second into one GPU from other hosts. 40e9: eight tenths of an adapter of 400 Gb/s for each.
    pub between_hosts_bytes_per_second: f64,
    /// Bytes a second between a GPU and page-locked memory of its host, one way at a time. 50e9: eight tenths of the
    /// 63e9 that 16 lanes of PCIe 5.0 carry.
    pub host_bytes_per_second: f64,
    /// Seconds from the start of an operation between ranks to its first byte.
    pub link_seconds: f64,
    /// Seconds that the host takes to launch one operation on the GPU.
    pub launch_seconds: f64,
    /// Launches of one block while a token is sampled.
    pub launches_per_block: f64,
    /// Mean length of a completion, as a share of the longest.
    pub mean_completion: f64,
    /// Draws for each group that is learned from, where those with equal rewards are replaced; at most
    /// `dynamic_sampling.max_rounds`.
    pub draws_per_group: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            operations_per_second: 989e12,
            update_utilisation: 0.4,
            sampling_utilisation: 0.4,
            memory_bytes_per_second: 3.35e12,
            memory_utilisation: 0.6,
            state_accesses: 0.0,
            within_host_bytes_per_second: 360e9,
            between_hosts_bytes_per_second: 40e9,
            host_bytes_per_second: 50e9,
            link_seconds: 20e-6,
            launch_seconds: 5e-6,
            launches_per_block: 16.0,
            mean_completion: 0.5,
            draws_per_group: 1.5,
        }
    }
}

/// What was measured on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Operations a second of matrix products, by one process alone.
    pub operations_per_second: f64,
    /// Bytes a second of a copy in memory, read and written counted.
    pub copied_bytes_per_second: f64,
    /// Bytes a second from one process to another.
    pub exchanged_bytes_per_second: f64,
    /// Seconds of an exchange of next to nothing.
    pub exchange_seconds: f64,
    /// Seconds of a tensor operation on next to nothing.
    pub launch_seconds: f64,
}

impl Rates {
    /// The rates of one of `num_ranks` ranks on a machine with room for `num_rooms` of them: cores for as many without
    /// one taking from another. Products and memory are shared by those beyond; what was measured is reached.
    pub fn measured(measured: &Measured, num_ranks: u64, num_rooms: u64) -> Self {
        let share = (num_rooms as f64 / num_ranks.max(1) as f64).min(1.0);
        Self {
            operations_per_second: measured.operations_per_second * share,
            update_utilisation: 1.0,
            sampling_utilisation: 1.0,
            memory_bytes_per_second: measured.copied_bytes_per_second * share,
            memory_utilisation: 1.0,
            state_accesses: 6.0,
            within_host_bytes_per_second: measured.exchanged_bytes_per_second * share,
            between_hosts_bytes_per_second: measured.exchanged_bytes_per_second * share,
            link_seconds: measured.exchange_seconds,
            launch_seconds: measured.launch_seconds,
            ..Self::default()
        }
    }

    /// # Errors
    /// A rate is not above 0, or a share is above 1; the message names it.
    pub fn validate(&self) -> Result<(), String> {
        let above = [
            ("operations_per_second", self.operations_per_second),
            ("memory_bytes_per_second", self.memory_bytes_per_second),
            ("within_host_bytes_per_second", self.within_host_bytes_per_second),
            ("between_hosts_bytes_per_second", self.between_hosts_bytes_per_second),
            ("host_bytes_per_second", self.host_bytes_per_second),
        ];
        let shares = [
            ("update_utilisation", self.update_utilisation),
            ("sampling_utilisation", self.sampling_utilisation),
            ("memory_utilisation", self.memory_utilisation),
            ("mean_completion", self.mean_completion),
        ];
        let from_zero = [
            ("state_accesses", self.state_accesses),
            ("link_seconds", self.link_seconds),
            ("launch_seconds", self.launch_seconds),
            ("launches_per_block", self.launches_per_block),
        ];
        for (name, value) in above.iter().chain(&shares) {
            if !(value.is_finite() && *value > 0.0) {
                return Err(format!("{name} is {value}; give more than 0"));
            }
        }
        if let Some((name, value)) = shares.iter().find(|(_, value)| *value > 1.0) {
            return Err(format!("{name} is {value}; it is a share, 1 at most"));
        }
        if let Some((name, value)) = from_zero.iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            return Err(format!("{name} is {value}; give 0 or more"));
        }
        if !(self.draws_per_group.is_finite() && self.draws_per_group >= 1.0) {
            return Err(format!("draws_per_group is {}; give 1 or more", self.draws_per_group));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_beyond_the_rooms_share_them() {
        let measured = Measured {
            operations_per_second: 1e11,
            copied_bytes_per_second: 1e10,
            exchanged_bytes_per_second: 1e9,
            exchange_seconds: 1e-4,
            launch_seconds: 1e-6,
        };
        let rate = |ranks| Rates::measured(&measured, ranks, 2).operations_per_second;
        assert_eq!([rate(1), rate(2), rate(4)], [1e11, 1e11, 5e10]);
        assert_eq!(Rates::measured(&measured, 4, 2).within_host_bytes_per_second, 5e8);
        assert!(Rates::measured(&measured, 4, 2).validate().is_ok() && Rates::default().validate().is_ok());
    }

    #[test]
    fn rates_that_mean_nothing_are_refused_by_name() {
        let wrong = |change: fn(&mut Rates)| {
            let mut rates = Rates::default();
            change(&mut rates);
            rates.validate().unwrap_err()
        };
        assert!(wrong(|rates| rates.operations_per_second = 0.0).contains("operations_per_second"));
        assert!(wrong(|rates| rates.update_utilisation = 1.5).contains("update_utilisation"));
        assert!(wrong(|rates| rates.link_seconds = f64::NAN).contains("link_seconds"));
        assert!(wrong(|rates| rates.draws_per_group = 0.5).contains("draws_per_group"));
    }
}
