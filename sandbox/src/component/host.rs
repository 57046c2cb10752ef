//! What a component meets outside of itself: the interfaces that its language's library imports, with nothing behind
//! them. Clocks count readings, random bytes are always the same, there are no files, no network and no waiting.

use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{self, DynPollable};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::engine::wasm::{CountingClock, MemoryAccount};

/// The "random" bytes, given over and over.
const REPEATED: &[u8; 32] = b"these bytes come again and again";
/// Bytes of printed text that are kept; a write beyond them fails.
const PRINTED_BYTES: usize = 64 << 10;
/// The interface whose functions wait for time to pass, as the runtime links it.
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// The host of one call.
pub(super) struct ComponentHost {
    wasi: WasiCtx,
    table: ResourceTable,
    printed: MemoryOutputPipe,
    /// Bytes of linear memory, and their limit.
    pub memory: MemoryAccount,
}

impl ComponentHost {
    /// A host that grants `memory_bytes` of memory.
    pub(super) fn new(memory_bytes: u64) -> Self {
        let printed = MemoryOutputPipe::new(PRINTED_BYTES);
        let mut wasi = WasiCtx::builder();
        wasi.stderr(printed.clone());
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        wasi.wall_clock(CountingClock::default()).monotonic_clock(CountingClock::default());
        wasi.secure_random(Deterministic::new(REPEATED.to_vec()));
        wasi.insecure_random(Deterministic::new(REPEATED.to_vec())).insecure_random_seed(0);
        let memory = MemoryAccount::new(usize::try_from(memory_bytes).unwrap_or(usize::MAX));
        Self { wasi: wasi.build(), table: ResourceTable::new(), printed, memory }
    }

    /// The last lines that the component wrote to its standard error: a panic's words.
    pub(super) fn last_words(&self) -> String {
        let printed = self.printed.contents();
        let text = String::from_utf8_lossy(&printed);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        sandbox_api::cut(&lines[lines.len().saturating_sub(4)..].join(" / "))
    }
}

impl WasiView for ComponentHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Links the host's interfaces.
pub(super) fn add_to_linker(linker: &mut Linker<ComponentHost>) -> wasmtime::Result<()> {
    p2::add_to_linker_sync(linker)?;
    // A wait would end by the machine's clock and not by fuel.
    linker.allow_shadowing(true);
    let mut clock = linker.instance(MONOTONIC_CLOCK)?;
    for wait in ["subscribe-instant", "subscribe-duration"] {
        clock.func_wrap(wait, |_, (_,): (u64,)| -> wasmtime::Result<(Resource<DynPollable>,)> {
            Err(wasmtime::Error::msg("it waits for time to pass, which a component may not"))
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}
