//! The server's choice of an engine, before a program runs and after the wasm engine could not go on. Runs nothing.

use std::sync::Arc;

use sandbox_api::{EngineKind, ProcessNeed, is_missing_in_wasm};

use super::lack::Lack;
use super::process::Catalog;

/// Chooses the engine of each request.
#[derive(Debug, Clone)]
pub(crate) struct EngineChooser {
    /// The engine of the settings for requests that name none; `None` chooses by what a program needs.
    fixed: Option<EngineKind>,
    has_wasm: bool,
    /// What the process engine has; `None` where there is no such engine.
    process: Option<Arc<Catalog>>,
}

/// The engine that a request begins on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChosenEngine {
    pub engine: EngineKind,
    /// The need by which the process engine was chosen.
    pub need: Option<ProcessNeed>,
    /// True where nobody named the engine.
    pub is_free: bool,
}

impl EngineChooser {
    pub(super) fn new(fixed: Option<EngineKind>, has_wasm: bool, process: Option<Arc<Catalog>>) -> Self {
        Self { fixed, has_wasm, process }
    }

    /// The engine of a Python program without particular needs.
    pub(crate) fn usual(&self) -> EngineKind {
        self.fixed.unwrap_or(if self.has_wasm { EngineKind::Wasm } else { EngineKind::Process })
    }

    /// Chooses for a request that may name an engine. `sources` is all Python that the engine will run: the program's,
    /// and that of its tests. Only the wasm engine counts fuel.
    pub(crate) fn choose<'a>(
        &self,
        named: Option<EngineKind>,
        counts_fuel: bool,
        mut sources: impl Iterator<Item = &'a str>,
    ) -> ChosenEngine {
        if let Some(engine) = named.or(self.fixed) {
            return ChosenEngine { engine, need: None, is_free: false };
        }
        let seen = match &self.process {
            Some(catalog) if self.has_wasm && !counts_fuel => sources.find_map(|source| catalog.need_seen_in(source)),
            _ => None,
        };
        let engine = if seen.is_some() { EngineKind::Process } else { self.usual() };
        ChosenEngine { engine, need: seen, is_free: true }
    }

    /// The need behind what stopped a program on the wasm engine. Without a process engine a module counts as needed
    /// if the wasm engine is known to lack it, for nobody can say who has it.
    pub(crate) fn need_of(&self, lack: &Lack) -> Option<ProcessNeed> {
        match (&self.process, lack) {
            (Some(catalog), _) => catalog.need_of(lack),
            (None, Lack::Module(module)) => is_missing_in_wasm(module).then_some(ProcessNeed::Module),
            (None, Lack::Attribute { .. }) => None,
            (None, _) => Catalog::default().need_of(lack),
        }
    }

    /// True where a program that began on `chosen` for want of another need may go on to the process engine.
    pub(crate) fn may_go_on(&self, chosen: ChosenEngine, counts_fuel: bool) -> bool {
        chosen.is_free && chosen.engine == EngineKind::Wasm && self.process.is_some() && !counts_fuel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser(fixed: Option<EngineKind>, has_wasm: bool, has_process: bool) -> EngineChooser {
        let catalog: Catalog = serde_json::from_str(r#"{"modules": ["threading"], "attributes": {}}"#).unwrap();
        EngineChooser::new(fixed, has_wasm, has_process.then(|| catalog.into()))
    }

    #[test]
    fn the_engine_follows_from_names_settings_needs_and_what_is_there() {
        use EngineKind::{Process, Wasm};
        let (plain, threads) = ("print(1)", "import threading");
        for (fixed, has_wasm, has_process, named, source, engine) in [
            (None, true, true, None, plain, Wasm),
            (None, true, true, None, threads, Process),
            (None, true, true, Some(Wasm), threads, Wasm),
            (Some(Wasm), true, true, None, threads, Wasm),
            (Some(Process), true, true, None, plain, Process),
            (Some(Process), true, true, Some(Wasm), plain, Wasm),
            (None, false, true, None, plain, Process),
            (None, true, false, None, threads, Wasm),
        ] {
            let chosen = chooser(fixed, has_wasm, has_process).choose(named, false, [source].into_iter());
            assert_eq!(chosen.engine, engine, "{fixed:?} {has_wasm} {has_process} {named:?} {source}");
        }
    }

    #[test]
    fn only_a_free_choice_goes_on_and_none_that_counts_fuel() {
        let both = chooser(None, true, true);
        let chosen = both.choose(None, false, ["print(1)"].into_iter());
        assert!(both.may_go_on(chosen, false) && !both.may_go_on(chosen, true));
        assert!(!both.may_go_on(both.choose(Some(EngineKind::Wasm), false, [""].into_iter()), false));
        assert!(!both.may_go_on(both.choose(None, false, ["import threading"].into_iter()), false));
        assert_eq!(both.choose(None, true, ["import threading"].into_iter()).engine, EngineKind::Wasm);
        assert!(!chooser(None, true, false).may_go_on(chosen, false));
    }

    #[test]
    fn without_a_process_engine_needs_are_still_named() {
        let wasm = chooser(None, true, false);
        assert_eq!(wasm.need_of(&Lack::Thread), Some(ProcessNeed::Thread));
        assert_eq!(wasm.need_of(&Lack::Module("numpy".to_owned())), Some(ProcessNeed::Module));
        assert_eq!(wasm.need_of(&Lack::Module("math".to_owned())), None);
    }
}
