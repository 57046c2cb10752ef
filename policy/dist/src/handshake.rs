//! The handshake of a job's ranks: each is there once, and all agree on their fingerprint, or none starts.
//!
//! Every rank leaves a card in the store. Rank 0 collects them, decides, and leaves the verdict, which all read.

use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::DistError;
use crate::fingerprint::Fingerprint;
use crate::store::{Store, loopback_of_several_hosts};

/// Time between two looks of rank 0 at who has come.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Time for rank 0's verdict to arrive after the time-out has passed on the others.
const VERDICT_GRACE: Duration = Duration::from_secs(2);

const VERDICT: &str = "handshake/verdict";
const DUPLICATE: &str = "handshake/duplicate";

/// What a rank says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    host: String,
    process: u32,
    fingerprint: Fingerprint,
}

/// Returns once all ranks have come and agree.
///
/// # Errors
/// A rank is missing at the time-out, there twice, or has another fingerprint than rank 0: [`DistError::Refused`], on
/// every rank with the same words.
pub(crate) fn shake_hands(
    store: &Store,
    environment: &Environment,
    fingerprint: &Fingerprint,
) -> Result<(), DistError> {
    let (rank, timeout) = (environment.rank, store.timeout());
    let refused = |reason: String| DistError::Refused { rank, reason };
    let host = nix::unistd::gethostname().map_or("an unknown host".into(), |name| name.to_string_lossy().into_owned());
    let card = Card { host, process: std::process::id(), fingerprint: fingerprint.clone() };
    if store.add(&format!("handshake/count/{rank}"), 1)? > 1 {
        let first = match store.get(&card_key(rank), VERDICT_GRACE).ok().and_then(|text| read_card(&text)) {
            Some(first) => format!("process {} on {}", first.process, first.host),
            None => "another process".into(),
        };
        let reason = format!(
            "rank {rank} is there twice: {first}, and process {} on {}; give each process a RANK of its own",
            card.process, card.host
        );
        store.set(DUPLICATE, reason.as_bytes())?;
        return Err(refused(reason));
    }
    let text =
        serde_json::to_vec(&card).map_err(|error| refused(format!("its fingerprint cannot be written: {error}")))?;
    store.set(&card_key(rank), &text)?;
    let verdict = if rank == 0 {
        let verdict = decide(store, environment)?;
        store.set(VERDICT, verdict.as_bytes())?;
        verdict
    } else {
        let verdict = store.get(VERDICT, timeout + VERDICT_GRACE);
        let verdict = verdict.map_err(|error| refused(format!("rank 0, which decides, says nothing: {error}")))?;
        String::from_utf8_lossy(&verdict).into_owned()
    };
    if verdict.is_empty() { Ok(()) } else { Err(refused(verdict)) }
}

/// Collects the cards and says why the job does not start; empty where it does.
fn decide(store: &Store, environment: &Environment) -> Result<String, DistError> {
    let (begun, world_size) = (Instant::now(), environment.world_size);
    let mut cards: Vec<Option<Card>> = std::iter::repeat_with(|| None).take(world_size).collect();
    loop {
        if let Some(reason) = store.try_get(DUPLICATE)? {
            return Ok(String::from_utf8_lossy(&reason).into_owned());
        }
        for (rank, card) in cards.iter_mut().enumerate().filter(|(_, card)| card.is_none()) {
            *card = store.try_get(&card_key(rank))?.as_deref().and_then(read_card);
        }
        if cards.iter().all(Option::is_some) {
            return Ok(differences(&cards.into_iter().flatten().collect::<Vec<_>>()));
        }
        if begun.elapsed() >= store.timeout() {
            let missing = cards.iter().enumerate().filter(|(_, card)| card.is_none());
            let missing = missing.map(|(rank, _)| rank.to_string()).collect::<Vec<_>>().join(", ");
            let seconds = store.timeout().as_secs_f64();
            let hint = loopback_of_several_hosts(environment);
            return Ok(format!(
                "not there after {seconds:.1} s: rank {missing} of {world_size}; look at their logs{hint}"
            ));
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Why a rank cannot start, or what the ranks' cards have that rank 0's has not; empty where they agree.
fn differences(cards: &[Card]) -> String {
    let of_all = |before: &str, what: &dyn Fn(&Card) -> Option<String>| -> Vec<String> {
        let of_rank = |(rank, card): (usize, &Card)| {
            let Card { host, process, .. } = card;
            what(card).map(|words| format!("{before}rank {rank} (process {process} on {host}) {words}"))
        };
        cards.iter().enumerate().filter_map(of_rank).collect()
    };
    let faults = of_all("", &|card| card.fingerprint.fault().map(|reason| format!("cannot start: {reason}")));
    if !faults.is_empty() {
        return some_of(&faults);
    }
    let differences = of_all("on ", &|card| {
        let differences = card.fingerprint.differences(&cards[0].fingerprint);
        (!differences.is_empty()).then(|| differences.join(", "))
    });
    if differences.is_empty() {
        return String::new();
    }
    format!("the ranks differ from rank 0: {}", some_of(&differences))
}

/// Words of several ranks, of which no more than some are written out.
fn some_of(of_ranks: &[String]) -> String {
    const MOST: usize = 8;
    match of_ranks.len().saturating_sub(MOST) {
        0 => of_ranks.join("; "),
        more => format!("{}; and {more} ranks more", of_ranks[..MOST].join("; ")),
    }
}

fn read_card(text: &[u8]) -> Option<Card> {
    serde_json::from_slice(text).ok()
}

fn card_key(rank: usize) -> String {
    format!("handshake/card/{rank}")
}
