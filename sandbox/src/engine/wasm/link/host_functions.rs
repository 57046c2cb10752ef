//! The functions of the host that the linked module imports.

use std::collections::HashMap;

use wasmparser::Import;

use super::core_module::{CoreModule, number};
use super::wiring::{ImportSource, function_type};

/// The functions of the host that the modules import, each once.
pub(super) struct HostFunctions<'a> {
    /// In the order of their numbers.
    all: Vec<HostFunction<'a>>,
    numbers: HashMap<(&'a str, &'a str), u32>,
}

/// A function of the host.
pub(super) struct HostFunction<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    /// The place of the first module that imports the function, and the function's type there.
    first_importer: usize,
    pub(super) ty: u32,
}

impl<'a> HostFunctions<'a> {
    pub(super) fn of(modules: &[CoreModule<'a>]) -> Self {
        let mut host = Self { all: Vec::new(), numbers: HashMap::new() };
        for (place, importer) in modules.iter().enumerate() {
            for (import, _) in importer.imports.iter().filter(|(_, source)| *source == ImportSource::Host) {
                let Some(ty) = function_type(import) else { continue };
                let (all, Import { module, name, .. }) = (&mut host.all, *import);
                host.numbers.entry((module, name)).or_insert_with(|| {
                    all.push(HostFunction { module, name, first_importer: place, ty });
                    number(all.len() - 1)
                });
            }
        }
        host
    }

    /// The number of a function that a module imports.
    pub(super) fn number_of(&self, module: &'a str, name: &'a str) -> u32 {
        self.numbers[&(module, name)]
    }

    pub(super) fn len(&self) -> u32 {
        number(self.all.len())
    }

    /// The functions that no module before the one at `place` imports.
    pub(super) fn first_imported_by(&self, place: usize) -> impl Iterator<Item = &HostFunction<'a>> {
        self.all.iter().filter(move |function| function.first_importer == place)
    }
}
