//! The ranks of a run as one of them sees them: who there is, what they exchange, and the words where one fails.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use learner::ranks::Ranks;
use policy::dist::cuda::{Cuda, Gpu};
use policy::dist::{
    Axis, Backend, DistError, Environment, Fingerprint, GraphGroup, Job, ProcessGroup, Shape, Store, Traffic, Watch,
};
use policy::{ContextParallel, PolicyError, ShardGroups};
use rollout::RolloutError;
use tch::Device;

use crate::config::ParallelSection;
use crate::failure::Usage;
use crate::interrupt::Interrupt;

/// Key of the rank that failed last, and first part of the key of each one's reason.
const FAILED: &str = "failed";

/// Longest time between two looks at what another rank has said.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Time until the first look whether the others have come.
const FIRST_LOOK: Duration = Duration::from_millis(5);

/// Another rank has said that it failed.
#[derive(Debug)]
struct PeerFailed {
    rank: String,
    reason: String,
}

impl fmt::Display for PeerFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rank {} failed: {}", self.rank, self.reason)
    }
}

impl std::error::Error for PeerFailed {}

/// Ranks that have met and are the same run.
#[derive(Debug)]
pub(crate) struct Team {
    job: Arc<Job>,
    shape: Shape,
    /// What carries tensors between ranks.
    backend: Backend,
    /// All ranks, for orders and replies.
    orders: ProcessGroup,
    /// Ranks that have the shares of all models.
    tensor: Option<Arc<GraphGroup>>,
    timeout: Duration,
    interrupt: Interrupt,
    /// Step that the ranks are at, counted from 1.
    step: Cell<u64>,
    /// How often this rank has come to each place that ranks wait for one another at.
    comings: RefCell<HashMap<String, usize>>,
}

impl Team {
    /// Meets the other ranks.
    ///
    /// # Errors
    /// As [`super::run_on_ranks`].
    pub(super) fn meet(
        environment: &Environment,
        section: &ParallelSection,
        device: Device,
        fingerprint: Fingerprint,
        interrupt: Interrupt,
    ) -> Result<Self> {
        let timeout = section.timeout();
        let shape = section.layout().resolve(environment.world_size);
        let shape = shape.map_err(|error| Usage::error(format!("parallel: {error}")))?;
        let job = Arc::new(Job::start(environment, &fingerprint, timeout)?);
        let all = shape.peers(job.rank(), &Axis::ALL);
        let orders = job.group("orders", all, Backend::Gloo, timeout)?;
        let shares = shape.peers(job.rank(), &[Axis::Tensor]);
        let backend = Backend::of(device);
        let tensor = (shares.len() > 1).then(|| job.group("tensor", shares, backend, timeout)).transpose()?;
        let tensor = tensor.map(GraphGroup::new);
        let (step, comings) = (Cell::new(0), RefCell::default());
        Ok(Self { job, shape, backend, orders, tensor, timeout, interrupt, step, comings })
    }

    /// The job, which outlives what its ranks do together.
    pub(super) fn job(&self) -> Arc<Job> {
        self.job.clone()
    }

    /// This process's rank, from 0.
    pub(crate) fn rank(&self) -> usize {
        self.job.rank()
    }

    /// Number of ranks.
    pub(crate) fn size(&self) -> usize {
        self.job.world_size()
    }

    /// True on the rank that decides.
    pub(crate) fn is_leader(&self) -> bool {
        self.rank() == 0
    }

    /// Longest wait for another rank.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What the user asked of this process.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Lengths of the axes.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The ranks that learn from different sequences, in a group for this caller alone; where sequences are cut too,
    /// with the ranks that have their stretches.
    ///
    /// # Errors
    /// Not all came within the time-out.
    pub(crate) fn learning(&self) -> Result<Ranks> {
        let ranks = self.scoring()?;
        if self.shape.length(Axis::Context) == 1 {
            return Ok(ranks);
        }
        Ok(ranks.with_context(ContextParallel::new(&GraphGroup::new(self.group("context", &[Axis::Context])?))))
    }

    /// The same for whole sequences.
    ///
    /// # Errors
    /// Not all came within the time-out.
    pub(crate) fn scoring(&self) -> Result<Ranks> {
        let ranks = Ranks::new(self.group("data", &[Axis::Replica, Axis::Shard])?);
        Ok(match &self.tensor {
            None => ranks,
            Some(tensor) => ranks.with_tensor(tensor),
        })
    }

    /// The ranks that have the shares of all models; none where each has whole products.
    pub(super) fn tensor(&self) -> Option<&Arc<GraphGroup>> {
        self.tensor.as_ref()
    }

    /// The groups of a weight store: the ranks that have a piece each, and where there are several copies the ranks
    /// that have this rank's piece.
    ///
    /// # Errors
    /// Not all came within the time-out.
    pub(super) fn of_weights(&self) -> Result<ShardGroups> {
        let shard = self.group("shard", &[Axis::Shard])?;
        let replica = self.group("replica", &[Axis::Replica, Axis::Context])?;
        Ok(ShardGroups { shard, replica: (replica.size() > 1).then_some(replica) })
    }

    fn group(&self, name: &str, axes: &[Axis]) -> Result<ProcessGroup> {
        let ranks = self.shape.peers(self.rank(), axes);
        self.await_all(&format!("group/{name}/{}", ranks[0]), ranks.len())?;
        Ok(self.job.group(name, ranks, self.backend, self.timeout)?)
    }

    /// Says that this rank has loaded its models, and waits for the others.
    ///
    /// # Errors
    /// One failed, or is not heard of within the time-out.
    pub(crate) fn await_loaded(&self) -> Result<()> {
        self.await_all("loaded", self.size())
    }

    /// Waits until so many ranks have come to a place that each of them comes to as often. Unlike an exchange it ends
    /// as soon as a rank says that it failed.
    fn await_all(&self, place: &str, num_ranks: usize) -> Result<()> {
        let expected = {
            let mut comings = self.comings.borrow_mut();
            let count = comings.entry(place.to_owned()).or_insert(0);
            *count += 1;
            (*count * num_ranks) as i64
        };
        let (key, begun, mut pause) = (format!("at/{place}"), Instant::now(), FIRST_LOOK);
        let mut come = self.store().add(&key, 1)?;
        while come < expected {
            self.verify()?; // a signal to stop is for the end of the first step
            let waited = begun.elapsed();
            if waited >= self.timeout {
                let (group, rank) = (format!("`{place}`"), self.rank());
                let (operation, number) = ("the coming of its ranks", None);
                let reason = format!("{} of {num_ranks} did not come", expected - come);
                return Err(DistError::Collective { group, operation, number, rank, waited, reason }.into());
            }
            std::thread::sleep(pause);
            pause = (2 * pause).min(LOOK);
            come = self.store().add(&key, 0)?;
        }
        Ok(())
    }

    /// Makes this rank's GPU, where it has one, that of the calling thread, so that no call of CUDA wakes up another.
    ///
    /// # Errors
    /// CUDA cannot.
    pub(crate) fn enter_device(&self) -> Result<()> {
        match self.backend {
            Backend::Nccl { device } => Ok(Gpu::new(device)?.enter()?),
            _ => Ok(()),
        }
    }

    /// Has this rank write what its GPU did last into the run's folder `dir` when an operation between GPUs fails.
    pub(crate) fn keep_flight_record(&self, dir: &Path) {
        if let (Backend::Nccl { .. }, Ok(cuda)) = (self.backend, Cuda::load()) {
            self.job.keep_flight_record(cuda, dir.join(FLIGHT_RECORD));
        }
    }

    /// What the launcher told this process.
    pub(crate) fn environment(&self) -> &Environment {
        self.job.environment()
    }

    /// The job's store.
    pub(super) fn store(&self) -> &Store {
        self.job.store()
    }

    /// A reader of where all ranks stand.
    pub(super) fn watch(&self) -> Result<Watch, DistError> {
        self.job.watch()
    }

    /// Says what this rank does now, for whoever looks for one that hangs. `step` is kept where there is none.
    pub(crate) fn enter(&self, step: Option<u64>, phase: &str) {
        self.step.set(step.unwrap_or(self.step.get()));
        self.job.board().enter(self.step.get(), phase);
    }

    /// Bytes and waiting since the last call.
    pub(crate) fn take_traffic(&self) -> Traffic {
        self.job.meter().take()
    }

    /// Gives each rank its order, in the order of the ranks; rank 0's own stays here and may be empty.
    ///
    /// # Errors
    /// A rank is gone.
    pub(crate) fn send(&self, orders: &[Vec<u8>]) -> Result<(), DistError> {
        self.orders.scatter_bytes(orders, 0).map(drop)
    }

    /// The next order of rank 0.
    ///
    /// # Errors
    /// Rank 0 is gone.
    pub(crate) fn receive(&self) -> Result<Vec<u8>, DistError> {
        self.orders.scatter_bytes(&[], 0)
    }

    /// The replies of all ranks, on rank 0; on others nothing.
    ///
    /// # Errors
    /// A rank is gone.
    pub(crate) fn gather(&self, reply: &[u8]) -> Result<Vec<Vec<u8>>, DistError> {
        self.orders.gather_bytes(reply, 0)
    }

    /// The words of a failure on this rank. What failed here is told to the others; where another rank has said what
    /// failed there, that is all there is to say; where an exchange failed, whoever failed first is named, and where
    /// all ranks stand is said.
    pub(crate) fn fail(&self, error: anyhow::Error) -> anyhow::Error {
        let rank = self.rank();
        if let Some(peer) = error.chain().find_map(|cause| cause.downcast_ref::<PeerFailed>()) {
            return anyhow!("rank {rank}: {peer}");
        }
        let is_ours = !error.chain().any(is_of_peers);
        if is_ours {
            let _ = self.job.store().set(&failure_key(rank), format!("{error:#}").as_bytes());
            let _ = self.job.store().set(FAILED, rank.to_string().as_bytes());
            return error.context(format!("rank {rank}"));
        }
        let table = self.job.survey();
        let mut text = format!("rank {rank}: {error:#}");
        for (other, reason) in self.failures() {
            text.push_str(&format!("\nrank {other} failed: {reason}"));
        }
        anyhow!("{text}\n{}", table.trim_end())
    }

    /// The other ranks that have said why they failed.
    fn failures(&self) -> Vec<(usize, String)> {
        let reason = |rank: usize| self.job.store().try_get(&failure_key(rank)).ok().flatten();
        let others = (0..self.size()).filter(|other| *other != self.rank());
        others.filter_map(|rank| Some((rank, String::from_utf8_lossy(&reason(rank)?).into_owned()))).collect()
    }

    /// Holds all other ranks to have said nothing of a failure.
    ///
    /// # Errors
    /// One has, in its words.
    pub(super) fn verify(&self) -> Result<()> {
        let Some(rank) = self.store().try_get(FAILED)? else { return Ok(()) };
        let rank = String::from_utf8_lossy(&rank).into_owned();
        let reason = self.store().try_get(&failure_key(&rank))?.unwrap_or_default();
        Err(PeerFailed { rank, reason: String::from_utf8_lossy(&reason).into_owned() }.into())
    }
}

/// Folder within a run's for what GPUs did before an operation between them failed.
const FLIGHT_RECORD: &str = "flight-record";

fn failure_key(rank: impl fmt::Display) -> String {
    format!("{FAILED}/{rank}")
}

/// True of an exchange with other ranks that failed; weights and engines have the error within their own.
fn is_of_peers(cause: &(dyn std::error::Error + 'static)) -> bool {
    let of_policy = match cause.downcast_ref() {
        Some(RolloutError::Ranks(error)) => Some(error),
        _ => cause.downcast_ref::<PolicyError>(),
    };
    let shared = match of_policy {
        Some(PolicyError::Ranks(error)) => Some(error),
        _ => cause.downcast_ref::<Arc<DistError>>(),
    };
    let error = shared.map(Arc::as_ref).or(cause.downcast_ref());
    matches!(error, Some(DistError::Collective { .. } | DistError::Store { .. }))
}
