//! The beats of a rank: where it stands, told to the store every second; and the reading of all ranks' beats.
//!
//! Each has a connection of its own, so that neither waits for what the trainer asks of the store. What the beats mean
//! is said in `standing.rs`.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::board::Board;
use crate::error::DistError;
use crate::standing::{Beat, Sighting, standing_table};
use crate::store::Store;

/// Time from a beat to the next.
pub const BEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Time between the two readings of a survey, in which a rank that lives has two beats.
const READING_INTERVAL: Duration = Duration::from_millis(2200);

/// Time-out of a reader's calls: who asks where the ranks stand has waited for long enough already.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The thread that tells the store where this rank stands, until it is dropped.
///
/// It ends by itself when the store no longer answers: who reads beats then is told so by the store.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// The thread ends when its receiver is gone.
    _stop: Sender<()>,
}

impl Heartbeat {
    /// Begins, over a connection of its own to the job's store.
    pub(crate) fn start(store: &Store, rank: usize, board: Arc<Board>) -> Result<Self, DistError> {
        let client = store.client(store.timeout())?;
        let (stop, stopped) = mpsc::channel::<()>();
        let beat = move || {
            for count in 1.. {
                let beat = Beat { count, place: board.place() };
                let text = serde_json::to_vec(&beat).unwrap_or_default();
                if client.set(&key(rank), &text).is_err() {
                    return;
                }
                if stopped.recv_timeout(BEAT_INTERVAL) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("heartbeat".into())
            .spawn(beat)
            .map_err(|error| DistError::Launch(format!("no thread could be started: {error}")))?;
        Ok(Self { _stop: stop })
    }
}

/// A reader of all ranks' beats, over a connection of its own.
///
/// The ages that it gives are by its own clock: a rank whose count does not rise between two readings is not heard of,
/// whatever its clock says.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    seen: Vec<Seen>,
}

/// What a reader knows of a rank.
#[derive(Debug, Clone)]
struct Seen {
    beat: Option<Beat>,
    /// When the count last rose, or when the watch began.
    risen_at: Instant,
    /// True where it rose at the last reading.
    has_risen: bool,
}

impl Watch {
    /// A reader of the beats of `world_size` ranks, connected anew to the store.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn new(store: &Store, world_size: usize) -> Result<Self, DistError> {
        let unseen = Seen { beat: None, risen_at: Instant::now(), has_risen: false };
        Ok(Self { store: store.client(ANSWER_WITHIN)?, seen: vec![unseen; world_size] })
    }

    /// Reads every rank's last beat.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn read(&mut self) -> Result<Vec<Sighting>, DistError> {
        (0..self.seen.len()).map(|rank| self.sighting(rank)).collect()
    }

    /// Reads the last beat of one rank of the job.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn sighting(&mut self, rank: usize) -> Result<Sighting, DistError> {
        let text = self.store.try_get(&key(rank))?;
        let beat: Option<Beat> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let count = |beat: &Option<Beat>| beat.as_ref().map(|beat| beat.count);
        let seen = &mut self.seen[rank];
        seen.has_risen = count(&beat) > count(&seen.beat);
        if seen.has_risen {
            (seen.beat, seen.risen_at) = (beat, Instant::now());
        }
        let silent_for = (!seen.has_risen).then(|| seen.risen_at.elapsed());
        Ok(Sighting { rank, beat: seen.beat.clone(), silent_for })
    }

    /// The table of where all ranks stand, from two readings two seconds apart.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn survey(&mut self) -> Result<String, DistError> {
        self.read()?;
        thread::sleep(READING_INTERVAL);
        Ok(standing_table(&self.read()?))
    }
}

fn key(rank: usize) -> String {
    format!("beat/{rank}")
}
