//! What an instance holds of the host: its files, its memory's account, and for a judge the candidate it asks.

use std::time::{SystemTime, UNIX_EPOCH};

pub(super) use bindings::{Ending, Python, PythonImports, PythonPre};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostWallClock, I32Exit, WasiCtx, WasiCtxView, WasiView};

use super::clock::CountingClock;
use super::files::{Files, FilesView};
use super::interpreter::Peer;
use super::output::Output;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/engine/wasm/guest/world.wit",
        imports: { "leave": async | trappable, default: async },
        exports: { default: async },
    });
}

/// Elements of one table, at most; the interpreter has some ten thousand functions.
const TABLE_ELEMENTS: usize = 60_000;
/// The "random" bytes of a run that can be repeated, over and over.
const REPEATED: &[u8; 32] = b"these bytes come again and again";

/// The host's side of one instance.
pub(super) struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    files: Files,
    /// What it printed.
    pub output: Output,
    /// What it holds.
    pub memory: Memory,
    /// A judge's candidate; `None` for a candidate.
    pub peer: Option<Box<Peer>>,
}

impl Host {
    /// A host that gives `stdin`, takes as much output as `output` has room for, and has `memory_bytes` of memory and
    /// `file_bytes` for files.
    ///
    /// A repeatable one has the same clocks and random numbers every time.
    pub fn new(stdin: String, output: Output, memory_bytes: u64, file_bytes: u64, is_repeatable: bool) -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.stdin(MemoryInputPipe::new(stdin)).stdout(output.stdout()).stderr(output.stderr());
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        if is_repeatable {
            wasi.wall_clock(CountingClock::default()).monotonic_clock(CountingClock::default());
            wasi.secure_random(Deterministic::new(REPEATED.to_vec()));
            wasi.insecure_random(Deterministic::new(REPEATED.to_vec())).insecure_random_seed(0);
        }
        let counting = CountingClock::default();
        let since_epoch = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = move || if is_repeatable { HostWallClock::now(&counting) } else { since_epoch() };
        let limit = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        let memory = Memory { limit, held: 0, is_denied: false };
        Self {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            files: Files::new(file_bytes, now),
            output,
            memory,
            peer: None,
        }
    }

    /// The host of an instance that has no job yet.
    pub fn idle() -> Self {
        Self::new(String::new(), Output::with_room(0), u64::MAX, 0, false)
    }

    /// Its files.
    pub fn files(&mut self) -> FilesView<'_> {
        self.files.view(&mut self.table)
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl PythonImports for Host {
    async fn leave(&mut self, status: i32) -> wasmtime::Result<()> {
        Err(I32Exit(status).into())
    }

    async fn ask(&mut self, request: String) -> Option<String> {
        match &mut self.peer {
            Some(peer) => peer.ask(request).await,
            None => None,
        }
    }
}

/// The account of an instance's linear memories, which never shrink.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    /// Bytes that are held.
    pub held: usize,
    /// Whether more was asked for than may be had.
    pub is_denied: bool,
}

impl Memory {
    /// Counts what was held under another account.
    pub fn take_over(&mut self, other: &Memory) {
        self.held += other.held;
        self.is_denied |= self.held > self.limit;
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held + desired.saturating_sub(current);
        let is_granted = held <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.held = held;
        } else {
            self.is_denied = true;
        }
        Ok(is_granted)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= maximum.unwrap_or(usize::MAX).min(TABLE_ELEMENTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let mut memory = Memory { limit: 100, held: 0, is_denied: false };
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 30, None).unwrap());
        assert!(!memory.memory_growing(60, 80, None).unwrap());
        assert!(memory.is_denied && memory.held == 90);
        let mut smaller = Memory { limit: 89, held: 0, is_denied: false };
        smaller.take_over(&memory);
        assert!(smaller.is_denied && smaller.held == 90);
    }
}
