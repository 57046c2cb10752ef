//! Verifiers that come as WebAssembly components: loaded once, and run in a new instance a call under limits of fuel
//! and memory. It must not know what is judged.
//!
//! A call depends on its question alone. Fuel counts the instructions that a component executes, so that it ends at the
//! same one on every machine; memory is granted up to a limit; numbers that are no numbers have one form; clocks and
//! random bytes are the same in each call. No instance sees what another left behind.

mod error;
mod host;
mod interface;

use std::path::Path;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, InstancePre, Linker, TypedFunc};
use wasmtime::{Config, Engine, Store, Trap};
use wasmtime_wasi::I32Exit;

pub use self::error::ComponentError;
use self::host::ComponentHost;
pub use self::interface::{ComponentAnswer, ComponentKind, ComponentMessage, ComponentQuestion};

/// The function that a component exports.
const VERIFY: &str = "verify";
/// The interface, for whoever wrote a component of another.
const INTERFACE: &str = "a verifier exports `verify: func(judged: judged) -> result<verdict, string>` of the WIT \
    package `ponder:verifier` (verifiers/wit/verifier.wit)";

/// Limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct ComponentLimits {
    /// Units of fuel: about an instruction each.
    pub fuel: u64,
    /// Bytes of linear memory.
    pub memory_bytes: u64,
}

/// A verifier that is loaded.
pub struct VerifierComponent {
    pre: InstancePre<ComponentHost>,
    limits: ComponentLimits,
}

impl VerifierComponent {
    /// Compiles the component in a file, links it, and makes an instance of it, which shows whether it fits.
    ///
    /// # Errors
    /// [`ComponentError`]: the file cannot be read, holds no component, or one of another interface; it imports what
    /// there is not; its start exceeds a limit.
    pub fn load(path: &Path, limits: ComponentLimits) -> Result<Self, ComponentError> {
        let unusable = |problem: String| ComponentError::Unusable { path: path.to_owned(), problem };
        let bytes =
            std::fs::read(path).map_err(|source| ComponentError::Unreadable { path: path.to_owned(), source })?;
        if !bytes.starts_with(b"\0asm") {
            return Err(unusable("is no WebAssembly; give a component in its binary form".to_owned()));
        }
        if bytes.get(4..8) == Some(&[1, 0, 0, 0]) {
            let problem =
                "is a core module and no component: build for wasm32-wasip2, or run `wasm-tools component new`";
            return Err(unusable(problem.to_owned()));
        }
        let broken = |error: wasmtime::Error| unusable(format!("{error:#}"));
        let engine = Engine::new(&config()).map_err(broken)?;
        let compiled = Component::from_binary(&engine, &bytes).map_err(broken)?;
        if let Some(problem) = missing_export(&engine, &compiled) {
            return Err(unusable(problem));
        }
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(broken)?;
        let pre = linker
            .instantiate_pre(&compiled)
            .map_err(|error| unusable(format!("imports what a verifier does not have: {error:#}")))?;
        let component = Self { pre, limits };
        let started = component.instance().and_then(|(mut store, instance)| typed(&mut store, instance).map(drop));
        started.map_err(|error| match error {
            ComponentError::Trapped(words) => unusable(words),
            error => unusable(format!("does not start: {error}")),
        })?;
        Ok(component)
    }

    /// Asks a new instance. Takes the calling thread for as long as the fuel lasts, which must not be one of an async
    /// runtime's.
    ///
    /// # Errors
    /// [`ComponentError`]: there is no answer.
    pub fn verify(&self, question: &ComponentQuestion<'_>) -> Result<ComponentAnswer, ComponentError> {
        let (mut store, instance) = self.instance()?;
        let verify = typed(&mut store, instance)?;
        match verify.call(&mut store, (question,)) {
            Ok((Ok(answer),)) => Ok(ComponentAnswer { reason: sandbox_api::cut(&answer.reason), ..answer }),
            Ok((Err(words),)) => Err(ComponentError::Undecided(sandbox_api::cut(&words))),
            Err(error) => Err(self.failed(&store, &error)),
        }
    }

    fn instance(&self) -> Result<(Store<ComponentHost>, Instance), ComponentError> {
        let mut store = Store::new(self.pre.engine(), ComponentHost::new(self.limits.memory_bytes));
        store.limiter(|host| &mut host.memory);
        let started = store.set_fuel(self.limits.fuel).and_then(|()| self.pre.instantiate(&mut store));
        let instance = started.map_err(|error| self.failed(&store, &error))?;
        Ok((store, instance))
    }

    /// The reason why a call has no answer.
    fn failed(&self, store: &Store<ComponentHost>, error: &wasmtime::Error) -> ComponentError {
        let (host, trap) = (store.data(), error.downcast_ref::<Trap>());
        let words = match host.last_words() {
            words if words.is_empty() => words,
            words => format!(": {words}"),
        };
        if trap == Some(&Trap::OutOfFuel) {
            return ComponentError::OutOfFuel { fuel: self.limits.fuel };
        }
        if host.memory.is_denied {
            return ComponentError::OutOfMemory { memory_bytes: self.limits.memory_bytes, words };
        }
        let end = match (error.downcast_ref::<I32Exit>(), trap) {
            (Some(exit), _) => format!("it exited with status {}", exit.0),
            (None, Some(trap)) => trap.to_string(),
            (None, None) => error.root_cause().to_string(),
        };
        ComponentError::Trapped(format!("{end}{words}"))
    }
}

type Verify<'a> = TypedFunc<(&'a ComponentQuestion<'a>,), (Result<ComponentAnswer, String>,)>;

fn typed<'a>(store: &mut Store<ComponentHost>, instance: Instance) -> Result<Verify<'a>, ComponentError> {
    let typed = instance.get_typed_func(&mut *store, VERIFY);
    typed.map_err(|error| ComponentError::Trapped(format!("its `verify` has other types: {error:#}; {INTERFACE}")))
}

/// The words for a component that does not export the function.
fn missing_export(engine: &Engine, compiled: &Component) -> Option<String> {
    let component_type = compiled.component_type();
    let exports: Vec<_> = component_type.exports(engine).collect();
    let is_function = |item: &ComponentItem| matches!(item, ComponentItem::ComponentFunc(_));
    if exports.iter().any(|(name, item)| *name == VERIFY && is_function(&item.ty)) {
        return None;
    }
    let names: Vec<_> = exports.iter().map(|(name, _)| format!("`{name}`")).collect();
    let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Some(format!("exports no function `verify`, but {there}; {INTERFACE}"))
}

fn config() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    // Where the standard leaves a choice to the machine, there is one choice.
    config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    config
}
