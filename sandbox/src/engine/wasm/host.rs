//! The host's side of one instance: its files, its memory's account, and for a judge the candidate that it asks.

use std::time::{SystemTime, UNIX_EPOCH};

pub(super) use bindings::{Ending, Python, PythonImports, PythonPre};
use bytes::Bytes;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostWallClock, I32Exit, WasiCtx, WasiCtxView, WasiView};

use super::counting_clock::CountingClock;
use super::ended::Ended;
use super::filesystem::{Devices, FilesystemView, SharedTree};
use super::memory_account::MemoryAccount;
use super::output_buffers::OutputBuffers;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/engine/wasm/guest/world.wit",
        imports: { "leave": async | trappable, default: async },
        exports: { default: async },
    });
}

/// "Random" bytes of a repeatable run, given over and over.
const REPEATED: &[u8; 32] = b"these bytes come again and again";

/// The program that a judge asks; it runs in an instance of its own.
#[wasmtime_wasi::async_trait]
pub(super) trait Peer: Send {
    /// The program's answer; `None` once it has ended.
    async fn ask(&mut self, request: String) -> Option<String>;

    /// Ends the program, if it has not ended yet.
    fn end(self: Box<Self>) -> Ended;
}

/// State of one instance that the guest's imports work on.
pub(super) struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    files: SharedTree,
    /// Printed bytes.
    pub(super) output: OutputBuffers,
    /// Bytes of linear memory, and their limit.
    pub(super) memory: MemoryAccount,
    /// A judge's candidate; `None` for a candidate.
    pub(super) peer: Option<Box<dyn Peer>>,
}

impl Host {
    /// A host with `stdin` to read, `output` to print to, `memory_bytes` of memory and `file_bytes` for files.
    ///
    /// A repeatable one has the same clocks and random numbers every time.
    pub(super) fn new(
        stdin: String,
        output: OutputBuffers,
        memory_bytes: u64,
        file_bytes: u64,
        is_repeatable: bool,
    ) -> Self {
        let mut wasi = WasiCtx::builder();
        let stdin = Bytes::from(stdin);
        let devices = Devices::new(stdin.clone(), output.clone(), is_repeatable);
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
        Self {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            files: SharedTree::new(file_bytes, devices, now),
            output,
            memory: MemoryAccount::new(limit),
            peer: None,
        }
    }

    /// The host of an instance that has no job yet.
    pub(super) fn idle() -> Self {
        Self::new(String::new(), OutputBuffers::with_room(0), u64::MAX, 0, false)
    }

    /// The files, as the linked `wasi:filesystem` takes them.
    pub(super) fn files(&mut self) -> FilesystemView<'_> {
        FilesystemView::new(&self.files, &mut self.table)
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
