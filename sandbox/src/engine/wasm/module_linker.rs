//! Links the core modules of a program to one.
//!
//! The modules that CPython and its libraries are compiled to share a memory and a table, and are given each other's functions
//! when an instance starts. The runtime fills a table's places as they are used where the table is the module's own; in one of
//! another module it fills all at the start, some five thousand here, which took a third of a short run. In one module a call
//! between libraries is an ordinary call, too.
//!
//! What a module numbers from 0 on stands behind what the modules before it have; nothing else of its code changes.

use std::collections::HashMap;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, ImportSection, MemorySection, Module, NameMap, NameSection, TableSection,
    TypeSection,
};
use wasmparser::{
    DataSectionReader, ElementSectionReader, ExternalKind, FunctionBody, Global, Import, KnownCustom, MemoryType, Name,
    Operator, Parser, Payload, Table, TypeRef, TypeSectionReader,
};

use super::component_imports::{Export, Given, Wired, Wiring, broken, function_type};

/// One module that does what those of `wiring` do, and exports what the component calls, and its memory.
///
/// # Errors
/// What is wrong with the modules, or not as libraries have it.
pub(super) fn link(wiring: &Wiring<'_>) -> Result<Vec<u8>, String> {
    let parts = wiring.modules.iter().map(Part::read).collect::<Result<Vec<_>, _>>()?;
    let host = HostFunctions::of(&parts);
    let num_defined: usize = parts.iter().map(|part| part.function_types.len()).sum();
    // One more function, behind all of them.
    let nothing = host.len() + number(num_defined);
    let mut next = Next { function: host.len(), ..Next::default() };
    let mut numberings = Vec::with_capacity(parts.len());
    for part in &parts {
        let numbering = next.number(part, &host, nothing, &numberings, &parts)?;
        numberings.push(numbering);
    }
    let mut linked = Linked::default();
    for (place, (part, numbering)) in parts.iter().zip(&mut numberings).enumerate() {
        linked.add(part, numbering, host.first_imported_by(place)).map_err(|error| match error {
            reencode::Error::ParseError(error) => broken(error),
            error => format!("the component cannot be linked: {error}"),
        })?;
    }
    linked.add_nothing(next.ty);
    for Export { module, name } in &wiring.called {
        let function = numberings[*module].exported(&parts[*module], name, ExternalKind::Func)?;
        linked.exports.export(name, ExportKind::Func, function);
    }
    match next.memory {
        1 => linked.exports.export("memory", ExportKind::Memory, 0),
        number => return Err(format!("the component has {number} memories, not one")),
    };
    Ok(linked.finish())
}

/// A module, taken apart.
#[derive(Default)]
struct Part<'a> {
    imports: Vec<(Import<'a>, Given<'a>)>,
    types: Option<TypeSectionReader<'a>>,
    num_types: u32,
    function_types: Vec<u32>,
    tables: Vec<Table<'a>>,
    memories: Vec<MemoryType>,
    globals: Vec<Global<'a>>,
    exports: HashMap<&'a str, (ExternalKind, u32)>,
    elements: Option<ElementSectionReader<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    data: Option<DataSectionReader<'a>>,
    /// Of its own functions, by its own numbers.
    defined_names: Vec<(u32, &'a str)>,
}

impl<'a> Part<'a> {
    fn read(wired: &Wired<'a>) -> Result<Self, String> {
        let mut part = Self { imports: wired.imports.clone(), ..Self::default() };
        for payload in Parser::new(0).parse_all(wired.bytes) {
            match payload.map_err(broken)? {
                Payload::TypeSection(types) => {
                    for group in types.clone() {
                        part.num_types += number(group.map_err(broken)?.types().len());
                    }
                    part.types = Some(types);
                }
                Payload::FunctionSection(functions) => part.function_types = all(functions)?,
                Payload::TableSection(tables) => part.tables = all(tables)?,
                Payload::MemorySection(memories) => part.memories = all(memories)?,
                Payload::GlobalSection(globals) => part.globals = all(globals)?,
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(broken)?;
                        part.exports.insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::ElementSection(elements) => part.elements = Some(elements),
                Payload::CodeSectionEntry(body) => part.bodies.push(body),
                Payload::DataSection(data) => part.data = Some(data),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        for name in names {
                            let Ok(Name::Function(functions)) = name else { continue };
                            let named = functions.into_iter().filter_map(Result::ok);
                            part.defined_names = named.map(|named| (named.index, named.name)).collect();
                        }
                    }
                }
                Payload::StartSection { .. } => return Err("a module of the component runs code at its start".into()),
                Payload::TagSection(_) => return Err("a module of the component has exceptions".into()),
                _ => {}
            }
        }
        let num_imported = part.imports.iter().filter(|(import, _)| function_type(import).is_some()).count();
        part.defined_names.retain(|(function, _)| *function as usize >= num_imported);
        Ok(part)
    }
}

/// The functions of the host that modules import, each once.
struct HostFunctions<'a> {
    /// In the order of their numbers.
    all: Vec<HostFunction<'a>>,
    numbers: HashMap<(&'a str, &'a str), u32>,
}

struct HostFunction<'a> {
    module: &'a str,
    name: &'a str,
    /// The part that imports it first, and its type there.
    part: usize,
    ty: u32,
}

impl<'a> HostFunctions<'a> {
    fn of(parts: &[Part<'a>]) -> Self {
        let mut host = Self { all: Vec::new(), numbers: HashMap::new() };
        for (number_of_part, part) in parts.iter().enumerate() {
            for (import, _) in part.imports.iter().filter(|(_, given)| *given == Given::Host) {
                let Some(ty) = function_type(import) else { continue };
                let (all, Import { module, name, .. }) = (&mut host.all, *import);
                host.numbers.entry((module, name)).or_insert_with(|| {
                    all.push(HostFunction { module, name, part: number_of_part, ty });
                    number(all.len() - 1)
                });
            }
        }
        host
    }

    fn len(&self) -> u32 {
        number(self.all.len())
    }

    fn first_imported_by(&self, part: usize) -> impl Iterator<Item = &HostFunction<'a>> {
        self.all.iter().filter(move |function| function.part == part)
    }
}

/// The first free number of each kind.
#[derive(Default)]
struct Next {
    ty: u32,
    function: u32,
    table: u32,
    memory: u32,
    global: u32,
    element: u32,
    data: u32,
}

impl Next {
    /// The numbers that the next part gets; `before` are those of the parts before it.
    fn number(
        &mut self,
        part: &Part<'_>,
        host: &HostFunctions<'_>,
        nothing: u32,
        before: &[Numbering],
        parts: &[Part<'_>],
    ) -> Result<Numbering, String> {
        let mut own = Numbering {
            first_type: take(&mut self.ty, part.num_types),
            first_element: take(&mut self.element, part.elements.as_ref().map_or(0, ElementSectionReader::count)),
            first_data: take(&mut self.data, part.data.as_ref().map_or(0, DataSectionReader::count)),
            ..Numbering::default()
        };
        for (import, given) in &part.imports {
            let (kind, numbers) = match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => (ExternalKind::Func, &mut own.functions),
                TypeRef::Table(_) => (ExternalKind::Table, &mut own.tables),
                TypeRef::Memory(_) => (ExternalKind::Memory, &mut own.memories),
                TypeRef::Global(_) => (ExternalKind::Global, &mut own.globals),
                TypeRef::Tag(_) => return Err(format!("{} is an exception", import.name)),
            };
            numbers.push(match *given {
                Given::Host => host.numbers[&(import.module, import.name)],
                Given::Nothing => nothing,
                Given::Export(Export { module, name }) => {
                    let numbering = before.get(module).ok_or_else(|| format!("{name} is used before it is there"))?;
                    if let TypeRef::Global(_) = import.ty {
                        let constant = numbering.constant_of(&parts[module], name);
                        own.constants.push(constant);
                    }
                    numbering.exported(&parts[module], name, kind)?
                }
            });
        }
        for (numbers, next, num_defined) in [
            (&mut own.functions, &mut self.function, part.function_types.len()),
            (&mut own.tables, &mut self.table, part.tables.len()),
            (&mut own.memories, &mut self.memory, part.memories.len()),
            (&mut own.globals, &mut self.global, part.globals.len()),
        ] {
            let first = take(next, number(num_defined));
            numbers.extend(first..*next);
        }
        for global in &part.globals {
            let constant = if global.ty.mutable { None } else { own.value(&global.init_expr) };
            own.constants.push(constant);
        }
        Ok(own)
    }
}

/// Takes so many numbers; the first of them.
fn take(next: &mut u32, num_taken: u32) -> u32 {
    let first = *next;
    *next += num_taken;
    first
}

/// What a part's own numbers are in the linked module.
#[derive(Default)]
struct Numbering {
    first_type: u32,
    first_element: u32,
    first_data: u32,
    functions: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    /// Of each of its globals the value, where that is known and never changes.
    constants: Vec<Option<i32>>,
}

impl Numbering {
    /// The number of what `part`, whose numbering this is, exports.
    fn exported(&self, part: &Part<'_>, name: &str, kind: ExternalKind) -> Result<u32, String> {
        let numbers = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            ExternalKind::Tag => return Err(format!("{name} is an exception")),
        };
        let (_, index) = part.exports.get(name).filter(|(found, _)| *found == kind).ok_or_else(|| {
            format!("a module of the component is given {name}, which the one before it does not export as {kind:?}")
        })?;
        looked_up(numbers, *index).ok_or_else(|| format!("{name} is exported and not there"))
    }

    /// The value of a global that `part` exports.
    fn constant_of(&self, part: &Part<'_>, name: &str) -> Option<i32> {
        let (_, index) = part.exports.get(name)?;
        *self.constants.get(*index as usize)?
    }

    /// The value of an expression that is one number, or one global whose value is known.
    fn value(&self, expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
        let operators: Vec<_> = expression.get_operators_reader().into_iter().collect::<Result<_, _>>().ok()?;
        match operators[..] {
            [Operator::I32Const { value }, Operator::End] => Some(value),
            [Operator::GlobalGet { global_index }, Operator::End] => *self.constants.get(global_index as usize)?,
            _ => None,
        }
    }
}

type Error = reencode::Error<String>;

/// The compiler refuses a number that a module does not have.
impl Reencode for Numbering {
    type Error = String;

    fn type_index(&mut self, ty: u32) -> Result<u32, Error> {
        Ok(self.first_type.saturating_add(ty))
    }

    fn element_index(&mut self, element: u32) -> Result<u32, Error> {
        Ok(self.first_element.saturating_add(element))
    }

    fn data_index(&mut self, data: u32) -> Result<u32, Error> {
        Ok(self.first_data.saturating_add(data))
    }

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        renumbered(&self.functions, function, "function")
    }

    fn table_index(&mut self, table: u32) -> Result<u32, Error> {
        renumbered(&self.tables, table, "table")
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, Error> {
        renumbered(&self.memories, memory, "memory")
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Error> {
        renumbered(&self.globals, global, "global")
    }

    /// A table is filled as it is used only where the places are plain numbers.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Error> {
        match self.value(&expression) {
            Some(value) => Ok(ConstExpr::i32_const(value)),
            None => reencode::utils::const_expr(self, expression),
        }
    }
}

fn looked_up(numbers: &[u32], index: u32) -> Option<u32> {
    numbers.get(index as usize).copied()
}

fn renumbered(numbers: &[u32], index: u32, kind: &str) -> Result<u32, Error> {
    looked_up(numbers, index).ok_or_else(|| reencode::Error::UserError(format!("a module has no {kind} {index}")))
}

/// The sections of the linked module.
#[derive(Default)]
struct Linked {
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

impl Linked {
    /// Adds what a part has of its own, and the functions of the host that no part before it imports.
    fn add<'a>(
        &mut self,
        part: &Part<'_>,
        numbering: &mut Numbering,
        host: impl Iterator<Item = &'a HostFunction<'a>>,
    ) -> Result<(), Error> {
        if let Some(types) = &part.types {
            numbering.parse_type_section(&mut self.types, types.clone())?;
        }
        for HostFunction { module, name, ty, .. } in host {
            self.imports.import(module, name, EntityType::Function(numbering.type_index(*ty)?));
        }
        for ty in &part.function_types {
            self.functions.function(numbering.type_index(*ty)?);
        }
        for table in &part.tables {
            numbering.parse_table(&mut self.tables, table.clone())?;
        }
        for memory in &part.memories {
            self.memories.memory(numbering.memory_type(*memory)?);
        }
        for global in &part.globals {
            numbering.parse_global(&mut self.globals, global.clone())?;
        }
        if let Some(elements) = &part.elements {
            numbering.parse_element_section(&mut self.elements, elements.clone())?;
        }
        for body in &part.bodies {
            numbering.parse_function_body(&mut self.code, body.clone())?;
        }
        if let Some(data) = &part.data {
            numbering.parse_data_section(&mut self.data, data.clone())?;
        }
        for (function, name) in &part.defined_names {
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

fn all<'a, T: wasmparser::FromReader<'a>>(section: wasmparser::SectionLimited<'a, T>) -> Result<Vec<T>, String> {
    section.into_iter().collect::<Result<_, _>>().map_err(broken)
}

/// A count within a module, whose own counts have 32 bits.
fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a module has less than four billion of anything")
}
