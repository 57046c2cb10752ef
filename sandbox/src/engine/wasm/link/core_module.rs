//! A core module taken apart into its sections.

use std::collections::HashMap;

use wasmparser::{
    DataSectionReader, ElementSectionReader, ExternalKind, FunctionBody, Global, Import, KnownCustom, MemoryType, Name,
    Parser, Payload, Table, TypeSectionReader,
};

use super::wiring::{ImportSource, WiredModule, broken, function_type};

/// The sections of one core module, and its imports with their sources.
#[derive(Default)]
pub(super) struct CoreModule<'a> {
    pub(super) imports: Vec<(Import<'a>, ImportSource<'a>)>,
    pub(super) types: Option<TypeSectionReader<'a>>,
    pub(super) num_types: u32,
    pub(super) function_types: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,
    /// Names of the functions that the module defines, by its own numbers.
    pub(super) defined_names: Vec<(u32, &'a str)>,
}

impl<'a> CoreModule<'a> {
    pub(super) fn read(wired: &WiredModule<'a>) -> Result<Self, String> {
        let mut module = Self { imports: wired.imports.clone(), ..Self::default() };
        for payload in Parser::new(0).parse_all(wired.bytes) {
            match payload.map_err(broken)? {
                Payload::TypeSection(types) => {
                    for group in types.clone() {
                        module.num_types += number(group.map_err(broken)?.types().len());
                    }
                    module.types = Some(types);
                }
                Payload::FunctionSection(functions) => module.function_types = all(functions)?,
                Payload::TableSection(tables) => module.tables = all(tables)?,
                Payload::MemorySection(memories) => module.memories = all(memories)?,
                Payload::GlobalSection(globals) => module.globals = all(globals)?,
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(broken)?;
                        module.exports.insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::ElementSection(elements) => module.elements = Some(elements),
                Payload::CodeSectionEntry(body) => module.bodies.push(body),
                Payload::DataSection(data) => module.data = Some(data),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        for name in names {
                            let Ok(Name::Function(functions)) = name else { continue };
                            let named = functions.into_iter().filter_map(Result::ok);
                            module.defined_names = named.map(|named| (named.index, named.name)).collect();
                        }
                    }
                }
                Payload::StartSection { .. } => return Err("a module of the component runs code at its start".into()),
                Payload::TagSection(_) => return Err("a module of the component has exceptions".into()),
                _ => {}
            }
        }
        let num_imported = module.imports.iter().filter(|(import, _)| function_type(import).is_some()).count();
        module.defined_names.retain(|(function, _)| *function as usize >= num_imported);
        Ok(module)
    }
}

fn all<'a, T: wasmparser::FromReader<'a>>(section: wasmparser::SectionLimited<'a, T>) -> Result<Vec<T>, String> {
    section.into_iter().collect::<Result<_, _>>().map_err(broken)
}

/// A count within a module, as 32 bits, which a module's own counts have.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a module has less than four billion of anything")
}
