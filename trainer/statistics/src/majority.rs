//! majority@j: the score of the answer that most of j samples give.
//!
//! Samples without an answer do not vote, and a task that nobody answers scores 0. Among answers with as many votes the
//! mean of their scores counts, as if ties were broken at random. With j below the number of samples it is the mean
//! over all subsets of j samples, those without an answer too (Wang et al. 2022, "Self-Consistency Improves Chain of
//! Thought Reasoning", arXiv:2203.11171, takes all samples).

use std::collections::BTreeMap;

/// One answer of a task: the number of samples that give it, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Number of samples.
    pub votes: usize,
    /// Score of the answer, 0..=1.
    pub score: f64,
}

/// The answers of a task's samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ballot {
    /// The answers, each with at least one vote.
    pub candidates: Vec<Candidate>,
    /// Number of samples without an answer.
    pub num_silent: usize,
}

impl Ballot {
    /// Counts samples: the answer's class, `None` without an answer, and the sample's score. The score of a class is
    /// the mean of its samples', which are alike where the verifier judges equal answers alike.
    pub fn count(samples: impl IntoIterator<Item = (Option<u32>, f64)>) -> Self {
        let mut classes: BTreeMap<u32, (usize, f64)> = BTreeMap::new();
        let mut num_silent = 0;
        for (class, score) in samples {
            match class {
                Some(class) => {
                    let (votes, sum) = classes.entry(class).or_default();
                    *votes += 1;
                    *sum += score;
                }
                None => num_silent += 1,
            }
        }
        let candidate = |(votes, sum)| Candidate { votes, score: sum / votes as f64 };
        Self { candidates: classes.into_values().map(candidate).collect(), num_silent }
    }

    /// Number of samples.
    pub fn num_samples(&self) -> usize {
        self.candidates.iter().map(|candidate| candidate.votes).sum::<usize>() + self.num_silent
    }

    /// The majority's score over all samples.
    pub fn majority(&self) -> f64 {
        let most = self.candidates.iter().map(|candidate| candidate.votes).max();
        let tied = || self.candidates.iter().filter(|candidate| Some(candidate.votes) == most);
        match tied().count() {
            0 => 0.0,
            count => tied().map(|candidate| candidate.score).sum::<f64>() / count as f64,
        }
    }

    /// The majority's score over j samples, on average over all subsets of j; `None` where there are fewer than j.
    /// For up to 1,000 samples: the numbers of subsets have to fit into a float.
    pub fn majority_at(&self, j: usize) -> Option<f64> {
        let num_samples = self.num_samples();
        if j == num_samples && j > 0 {
            return Some(self.majority());
        }
        (1..num_samples).contains(&j).then(|| {
            let won: f64 = (0..self.candidates.len())
                .filter(|index| self.candidates[*index].score > 0.0)
                .map(|index| self.candidates[index].score * self.subsets_won(index, j))
                .sum();
            won / choose(num_samples, j)
        })
    }

    /// Number of subsets of j samples in which a candidate has the most votes, shared where others have as many.
    fn subsets_won(&self, winner: usize, j: usize) -> f64 {
        let most = self.candidates[winner].votes.min(j);
        (1..=most).map(|votes| self.subsets_won_with(winner, votes, j)).sum()
    }

    fn subsets_won_with(&self, winner: usize, votes: usize, j: usize) -> f64 {
        // By samples taken and candidates tied with the winner: number of subsets.
        let mut ways = BTreeMap::from([((votes, 0), choose(self.candidates[winner].votes, votes))]);
        for (index, other) in self.candidates.iter().enumerate() {
            if index == winner {
                continue;
            }
            let mut grown = BTreeMap::new();
            for ((taken, tied), number) in ways {
                for more in 0..=other.votes.min(votes).min(j - taken) {
                    let place = (taken + more, tied + usize::from(more == votes));
                    *grown.entry(place).or_insert(0.0) += number * choose(other.votes, more);
                }
            }
            ways = grown;
        }
        let shared = |((taken, tied), number): ((usize, usize), f64)| {
            number * choose(self.num_silent, j - taken) / (tied as f64 + 1.0)
        };
        ways.into_iter().map(shared).sum()
    }
}

/// Number of subsets of `k` of `n` things.
fn choose(n: usize, k: usize) -> f64 {
    if k > n {
        return 0.0;
    }
    // Every partial product is a number of subsets, a whole number, so that small ones are exact.
    (0..k.min(n - k)).fold(1.0, |product, index| product * (n - index) as f64 / (index as f64 + 1.0))
}
