//! Links the core modules of a program to one.
//!
//! CPython and its libraries are compiled to modules that share a memory and a table, and that are given each other's
//! functions when an instance starts. The runtime fills a table as it is used if the table is the module's own. It
//! fills another module's table whole at the start: some five thousand places here, which took a third of a short run.
//! Within one module a call between libraries is an ordinary call, too.
//!
//! The numbers of a module's items follow those of the modules before it; nothing else of its code changes.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, DataSection, ElementSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, ImportSection, MemorySection, Module, NameMap, NameSection, TableSection, TypeSection,
};
use wasmparser::ExternalKind;

use super::core_module::{CoreModule, number};
use super::host_functions::{HostFunction, HostFunctions};
use super::numbering::{FreeNumbers, LinkError, Numbering};
use super::wiring::{Export, Wiring, broken};

/// One module that does the work of all modules of `wiring`. It exports the functions that the component calls, and its
/// memory.
///
/// # Errors
/// The modules are not well-formed, or not as libraries are made.
pub(crate) fn link(wiring: &Wiring<'_>) -> Result<Vec<u8>, String> {
    let modules = wiring.modules.iter().map(CoreModule::read).collect::<Result<Vec<_>, _>>()?;
    let host = HostFunctions::of(&modules);
    let num_defined: usize = modules.iter().map(|module| module.function_types.len()).sum();
    // The function that does nothing stands behind all others.
    let nothing = host.len() + number(num_defined);
    let mut free = FreeNumbers::behind(&host);
    let mut numberings = Vec::with_capacity(modules.len());
    for module in &modules {
        let numbering = free.number(module, &host, nothing, &numberings, &modules)?;
        numberings.push(numbering);
    }
    let mut linked = LinkedModule::default();
    for (place, (module, numbering)) in modules.iter().zip(&mut numberings).enumerate() {
        linked.add(module, numbering, host.first_imported_by(place)).map_err(|error| match error {
            reencode::Error::ParseError(error) => broken(error),
            error => format!("the component cannot be linked: {error}"),
        })?;
    }
    linked.add_nothing(free.ty);
    for Export { module, name } in &wiring.called {
        let function = numberings[*module].exported(&modules[*module], name, ExternalKind::Func)?;
        linked.exports.export(name, ExportKind::Func, function);
    }
    match free.memory {
        1 => linked.exports.export("memory", ExportKind::Memory, 0),
        number => return Err(format!("the component has {number} memories, not one")),
    };
    Ok(linked.finish())
}

/// The sections of the linked module.
#[derive(Default)]
struct LinkedModule {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
    names: NameMap,
}

impl LinkedModule {
    /// Adds the items that a module defines, and `host`: the host's functions that it is the first to import.
    fn add<'a>(
        &mut self,
        module: &CoreModule<'_>,
        numbering: &mut Numbering,
        host: impl Iterator<Item = &'a HostFunction<'a>>,
    ) -> Result<(), LinkError> {
        if let Some(types) = &module.types {
            numbering.parse_type_section(&mut self.types, types.clone())?;
        }
        for function in host {
            let ty = EntityType::Function(numbering.type_index(function.ty)?);
            self.imports.import(function.module, function.name, ty);
        }
        for ty in &module.function_types {
            self.functions.function(numbering.type_index(*ty)?);
        }
        for table in &module.tables {
            numbering.parse_table(&mut self.tables, table.clone())?;
        }
        for memory in &module.memories {
            self.memories.memory(numbering.memory_type(*memory)?);
        }
        for global in &module.globals {
            numbering.parse_global(&mut self.globals, global.clone())?;
        }
        if let Some(elements) = &module.elements {
            numbering.parse_element_section(&mut self.elements, elements.clone())?;
        }
        for body in &module.bodies {
            numbering.parse_function_body(&mut self.code, body.clone())?;
        }
        if let Some(data) = &module.data {
            numbering.parse_data_section(&mut self.data, data.clone())?;
        }
        for (function, name) in &module.defined_names {
            self.names.append(numbering.function_index(*function)?, name);
        }
        Ok(())
    }

    /// Adds the function that does nothing, and its type, which has the number `ty`.
    fn add_nothing(&mut self, ty: u32) {
        self.types.ty().function([], []);
        self.functions.function(ty);
        let mut body = Function::new([]);
        body.instructions().end();
        self.code.function(&body);
    }

    fn finish(self) -> Vec<u8> {
        let mut names = NameSection::new();
        names.functions(&self.names);
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&self.tables)
            .section(&self.memories)
            .section(&self.globals)
            .section(&self.exports)
            .section(&self.elements)
            .section(&self.code)
            .section(&self.data)
            .section(&names);
        module.finish()
    }
}
