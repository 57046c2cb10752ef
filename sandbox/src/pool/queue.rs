//! A bounded queue that is fair between clients: they take turns, however much each has waiting. Knows nothing of its
//! items.
//!
//! In a full queue a client with fewer items than another displaces the newest item of the client with the most; so no
//! client is kept out by another's backlog.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::lock::{lock, wait};

/// Result of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed<T> {
    /// The item waits.
    Waits,
    /// The item waits, and this item of another client had to leave.
    Displaced(T),
    /// There is no room for the item.
    Full(T),
    /// The queue takes no more items.
    Closed(T),
}

/// One client's items with their ids, the oldest first.
type Line<T> = VecDeque<(u64, T)>;

struct QueueState<T> {
    lines: HashMap<Arc<str>, Line<T>>,
    /// Clients that have items, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    len: usize,
    /// Items that were offered to idle threads.
    offered: Vec<T>,
    /// Number of threads that wait for an item.
    num_idle: usize,
    is_closed: bool,
}

/// The queue; threads wait for its items.
pub(super) struct FairQueue<T> {
    state: Mutex<QueueState<T>>,
    arrived: Condvar,
    capacity: usize,
}

impl<T> FairQueue<T> {
    /// A queue of at most `capacity` items.
    pub(super) fn new(capacity: usize) -> Self {
        let state = QueueState {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
            offered: Vec::new(),
            num_idle: 0,
            is_closed: false,
        };
        Self { state: Mutex::new(state), arrived: Condvar::new(), capacity }
    }

    /// Puts an item at the end of its client's line; `id` is what [`FairQueue::remove`] finds it by.
    pub(super) fn push(&self, client: &Arc<str>, id: u64, item: T) -> Pushed<T> {
        let mut state = self.state();
        if state.is_closed {
            return Pushed::Closed(item);
        }
        let mut displaced = None;
        if state.len >= self.capacity {
            let Some(longest) = state.longest_line_beyond(client) else {
                return Pushed::Full(item);
            };
            displaced = state.take(&longest, VecDeque::pop_back);
        }
        state.append(client, id, item);
        drop(state);
        self.arrived.notify_one();
        displaced.map_or(Pushed::Waits, Pushed::Displaced)
    }

    /// Makes at most `most` items, one for each idle thread. Offered items stand in no client's line, so they delay
    /// nothing that waits.
    pub(super) fn offer(&self, most: usize, make: impl Fn() -> T) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        let num_items = state.num_idle.saturating_sub(state.len + state.offered.len()).min(most);
        for _ in 0..num_items {
            state.offered.push(make());
            self.arrived.notify_one();
        }
    }

    /// Waits for the next item; `None` once the queue is closed.
    pub(super) fn pop(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(client) = state.turns.pop_front() {
                // Back into the turns before the item is taken: taking the last one removes the client from them.
                state.turns.push_back(client.clone());
                return state.take(&client, VecDeque::pop_front);
            }
            if let Some(item) = state.offered.pop() {
                return Some(item);
            }
            state.num_idle += 1;
            state = wait(&self.arrived, state);
            state.num_idle -= 1;
        }
    }

    /// Takes an item out of its client's line.
    pub(super) fn remove(&self, client: &Arc<str>, id: u64) -> Option<T> {
        self.state().take(client, |items| {
            let position = items.iter().position(|(other, _)| *other == id)?;
            items.remove(position)
        })
    }

    /// Number of items that wait, without offered ones.
    pub(super) fn len(&self) -> usize {
        self.state().len
    }

    /// Number of clients that have items.
    pub(super) fn clients(&self) -> usize {
        self.state().turns.len()
    }

    /// Takes no more items, drops those that wait, and wakes every thread.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.turns.clear();
        state.len = 0;
        let (lines, offered) = (std::mem::take(&mut state.lines), std::mem::take(&mut state.offered));
        drop(state);
        drop((lines, offered));
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, QueueState<T>> {
        lock(&self.state)
    }
}

impl<T> QueueState<T> {
    fn append(&mut self, client: &Arc<str>, id: u64, item: T) {
        let line = self.lines.entry(client.clone()).or_insert_with(|| {
            self.turns.push_back(client.clone());
            Line::new()
        });
        line.push_back((id, item));
        self.len += 1;
    }

    /// Takes the item that `pick` picks from a client's line, and drops the line where that was the last.
    fn take(&mut self, client: &Arc<str>, pick: impl FnOnce(&mut Line<T>) -> Option<(u64, T)>) -> Option<T> {
        let line = self.lines.get_mut(client)?;
        let (_, item) = pick(line)?;
        self.len -= 1;
        if line.is_empty() {
            self.lines.remove(client);
            self.turns.retain(|other| other != client);
        }
        Some(item)
    }

    /// The client with the longest line, where giving one place of it to `client` leaves it no shorter than `client`'s.
    fn longest_line_beyond(&self, client: &Arc<str>) -> Option<Arc<str>> {
        let own = self.lines.get(client).map_or(0, |line| line.len());
        let (longest, line) = self.lines.iter().max_by_key(|(_, line)| line.len())?;
        (line.len() > own + 1).then(|| longest.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(client: u8) -> Arc<str> {
        format!("client {client}").into()
    }

    #[test]
    fn clients_take_turns() {
        let queue = FairQueue::new(100);
        for id in 0..4 {
            assert_eq!(queue.push(&name(0), id, (0, id)), Pushed::Waits);
        }
        queue.push(&name(1), 10, (1, 10));
        queue.push(&name(2), 20, (2, 20));
        queue.push(&name(2), 21, (2, 21));
        assert_eq!((queue.len(), queue.clients()), (7, 3));
        let order: Vec<(u8, u64)> = (0..7).map(|_| queue.pop().unwrap()).collect();
        assert_eq!(order, [(0, 0), (1, 10), (2, 20), (0, 1), (2, 21), (0, 2), (0, 3)]);
        assert_eq!((queue.len(), queue.clients()), (0, 0));
    }

    #[test]
    fn a_full_queue_makes_room_for_who_has_less() {
        let queue = FairQueue::new(4);
        for id in 0..4 {
            queue.push(&name(0), id, id);
        }
        assert_eq!(queue.push(&name(0), 4, 4), Pushed::Full(4));
        assert_eq!(queue.push(&name(1), 5, 5), Pushed::Displaced(3), "the newest of the longest line gives way");
        assert_eq!(queue.push(&name(1), 6, 6), Pushed::Displaced(2));
        assert_eq!(queue.push(&name(1), 7, 7), Pushed::Full(7), "two each is fair");
        assert_eq!(queue.remove(&name(1), 5), Some(5));
        assert_eq!(queue.remove(&name(1), 5), None);
        assert_eq!(queue.push(&name(0), 8, 8), Pushed::Waits);
        queue.close();
        assert_eq!((queue.pop(), queue.len()), (None, 0));
        assert_eq!(queue.push(&name(0), 9, 9), Pushed::Closed(9));
    }

    #[test]
    fn only_idle_threads_are_offered_items() {
        let queue = FairQueue::new(4);
        queue.offer(2, || 1);
        queue.push(&name(0), 0, 0);
        assert_eq!((queue.pop(), queue.len()), (Some(0), 0), "no thread was idle");
        std::thread::scope(|scope| {
            let popped = [scope.spawn(|| queue.pop()), scope.spawn(|| queue.pop())];
            while queue.state().num_idle < 2 {
                std::thread::yield_now();
            }
            queue.offer(5, || 1);
            assert_eq!(popped.map(|thread| thread.join().unwrap()), [Some(1), Some(1)]);
        });
        assert_eq!(queue.state().num_idle, 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_each_clients_order_is_kept(
            pushes in proptest::collection::vec((0u8..4, any::<bool>()), 0..60)
        ) {
            let queue = FairQueue::new(16);
            let (mut waiting, mut popped) = (Vec::new(), Vec::new());
            for (id, (client, also_pops)) in pushes.into_iter().enumerate() {
                match queue.push(&name(client), id as u64, (client, id)) {
                    Pushed::Waits => waiting.push((client, id)),
                    Pushed::Displaced(other) => {
                        waiting.retain(|item| *item != other);
                        waiting.push((client, id));
                    }
                    Pushed::Full(item) => prop_assert_eq!(item, (client, id)),
                    Pushed::Closed(_) => prop_assert!(false, "nobody closed it"),
                }
                if also_pops && queue.len() > 0 {
                    popped.push(queue.pop().unwrap());
                }
                prop_assert!(queue.len() <= 16);
            }
            while queue.len() > 0 {
                popped.push(queue.pop().unwrap());
            }
            for client in 0..4 {
                let order: Vec<usize> = popped.iter().filter(|item| item.0 == client).map(|item| item.1).collect();
                prop_assert!(order.is_sorted());
            }
            popped.sort_unstable();
            waiting.sort_unstable();
            prop_assert_eq!(popped, waiting);
        }
    }
}
