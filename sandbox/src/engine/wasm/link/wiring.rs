//! The wiring of a component: its core modules, and the source of each import of each module.
//!
//! A component lists its instances in the order in which they start. Each is given names out of those before it, or
//! functions of the host. Between the two stand helpers that the tool which makes components adds, and that hold no
//! code of the program: a module of jumps to the host's functions, one that says where those jumps lead, and an adapter
//! to older names of the host's functions (wit-component's `encoding.rs`).

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Import, Instance, Parser,
    Payload, TypeRef,
};

/// Name of the table through which the helpers jump to the host's functions.
const JUMPS: &str = "$imports";
/// Name of the module under which an adapter imports the program.
const PROGRAM: &str = "__main_module__";
/// Name of an adapter's function that clears its state.
const RESET: &str = "reset_adapter_state";

/// The modules of a program, and the functions of them that the component offers.
pub(crate) struct Wiring<'a> {
    /// In the order in which they start.
    pub(super) modules: Vec<WiredModule<'a>>,
    /// Functions that the component calls.
    pub(super) called: Vec<Export<'a>>,
}

/// A module's bytes, and its imports with their sources.
pub(super) struct WiredModule<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) imports: Vec<(Import<'a>, ImportSource<'a>)>,
}

/// The source of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImportSource<'a> {
    /// A function of the host, by the import's own name. The host gives functions alone.
    Host,
    /// A function that does nothing, in place of the adapter's function that clears its state: as nothing else of the
    /// adapter is used, it has no state.
    Nothing,
    /// An export of another module.
    Export(Export<'a>),
}

/// An item that a module of the program exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Export<'a> {
    /// The module's place in [`Wiring::modules`].
    pub(super) module: usize,
    pub(super) name: &'a str,
}

/// Reads the wiring of a component that is known to be well-formed.
///
/// # Errors
/// The component is not well-formed, or not as the tool makes it for a program.
pub(crate) fn read_wiring(component: &[u8]) -> Result<Wiring<'_>, String> {
    Definitions::read(component)?.wiring()
}

/// An instance of a core module.
enum CoreInstance<'a> {
    /// An instance of a module, with the instances that its imports are named after.
    Module { module: usize, given: Vec<(&'a str, usize)> },
    /// New names for the exports of other instances.
    Names(Vec<(&'a str, ExternalKind, usize)>),
}

/// The origin of an item of the component.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Host,
    Instance { instance: usize, name: &'a str },
}

/// A component's definitions outside its modules, as far as the modules' imports depend on them.
#[derive(Default)]
struct Definitions<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<CoreInstance<'a>>,
    /// Items of each kind, in the order of their numbers.
    items: [Vec<Origin<'a>>; 5],
    /// Core functions that the component offers or uses itself.
    called: Vec<usize>,
}

/// The role of a module in the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// One of [`Wiring::modules`].
    Program { place: usize },
    /// A helper that jumps to functions of the host, or says where the jumps lead.
    Jumps,
    /// A helper for older names of the host's functions.
    Adapter,
}

impl<'a> Definitions<'a> {
    fn read(component: &'a [u8]) -> Result<Self, String> {
        let mut all = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.map_err(broken)?;
            let is_outermost = depth == 0;
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    if is_outermost {
                        all.modules.push(component.get(unchecked_range).ok_or("the component is cut off")?);
                    }
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) if !is_outermost => depth -= 1,
                Payload::InstanceSection(instances) if is_outermost => {
                    for instance in instances {
                        all.instances.push(started(instance.map_err(broken)?));
                    }
                }
                Payload::ComponentAliasSection(aliases) if is_outermost => {
                    for alias in aliases {
                        if let ComponentAlias::CoreInstanceExport { kind, instance_index, name } =
                            alias.map_err(broken)?
                        {
                            all.items[place_of(kind)]
                                .push(Origin::Instance { instance: instance_index as usize, name });
                        }
                    }
                }
                Payload::ComponentCanonicalSection(functions) if is_outermost => {
                    for function in functions {
                        match function.map_err(broken)? {
                            CanonicalFunction::Lift { core_func_index, options, .. } => {
                                all.called.push(core_func_index as usize);
                                all.called.extend(options.iter().filter_map(used_by_lifted));
                            }
                            _ => all.items[place_of(ExternalKind::Func)].push(Origin::Host),
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    fn item(&self, kind: ExternalKind, index: usize) -> Result<Origin<'a>, String> {
        let item = self.items[place_of(kind)].get(index);
        item.copied().ok_or_else(|| format!("the component has no {kind:?} {index}"))
    }

    /// Follows an item through instances that only rename, to the host or to an instance of a module.
    fn origin(&self, mut origin: Origin<'a>) -> Result<Origin<'a>, String> {
        loop {
            let Origin::Instance { instance, name } = origin else { return Ok(Origin::Host) };
            match self.instances.get(instance) {
                Some(CoreInstance::Module { .. }) => return Ok(origin),
                Some(CoreInstance::Names(names)) => {
                    let found = names.iter().find(|(given, ..)| *given == name);
                    let (_, kind, index) = found.ok_or_else(|| format!("core instance {instance} has no {name}"))?;
                    // This ends: an instance names earlier items alone.
                    origin = self.item(*kind, *index)?;
                }
                None => return Err(format!("the component has no core instance {instance}")),
            }
        }
    }

    fn wiring(&self) -> Result<Wiring<'a>, String> {
        let mut roles: Vec<Option<Role>> = Vec::new();
        let (mut modules, mut seen) = (Vec::new(), vec![false; self.modules.len()]);
        for started in &self.instances {
            let CoreInstance::Module { module, given } = started else {
                roles.push(None);
                continue;
            };
            let bytes =
                *self.modules.get(*module).ok_or_else(|| format!("the component has no core module {module}"))?;
            if std::mem::replace(&mut seen[*module], true) {
                return Err(format!("the component has two instances of core module {module}"));
            }
            let imports = imports(bytes)?;
            let role = match role(bytes, &imports)? {
                Some(role) => role,
                None => {
                    let with_source = |import| Ok((import, self.source(&import, given, &roles)?));
                    let imports = imports.into_iter().map(with_source).collect::<Result<_, String>>()?;
                    modules.push(WiredModule { bytes, imports });
                    Role::Program { place: modules.len() - 1 }
                }
            };
            roles.push(Some(role));
        }
        let mut called = Vec::new();
        for function in &self.called {
            match self.export(self.item(ExternalKind::Func, *function)?, &roles)? {
                // Several libraries export the same function that reserves memory.
                ImportSource::Export(export) if called.iter().any(|other: &Export| other.name == export.name) => {}
                ImportSource::Export(export) => called.push(export),
                _ => {
                    return Err(format!(
                        "the component offers core function {function}, which is none of the program's"
                    ));
                }
            }
        }
        Ok(Wiring { modules, called })
    }

    /// The source of an import, looked up in `instances`.
    fn source(
        &self,
        import: &Import<'a>,
        instances: &[(&'a str, usize)],
        roles: &[Option<Role>],
    ) -> Result<ImportSource<'a>, String> {
        let Import { module, name, .. } = *import;
        if function_type(import).is_some() && name == RESET {
            return Ok(ImportSource::Nothing);
        }
        let found = instances.iter().find(|(given, _)| *given == module);
        let (_, instance) = found.ok_or_else(|| format!("nothing is given for the import of {module}"))?;
        let source = self.export(Origin::Instance { instance: *instance, name }, roles)?;
        if function_type(import).is_some() || matches!(source, ImportSource::Export(_)) {
            return Ok(source);
        }
        Err(format!("{name} of {module} is not the program's"))
    }

    fn export(&self, origin: Origin<'a>, roles: &[Option<Role>]) -> Result<ImportSource<'a>, String> {
        let Origin::Instance { instance, name } = self.origin(origin)? else { return Ok(ImportSource::Host) };
        match roles.get(instance).copied().flatten() {
            Some(Role::Program { place }) => Ok(ImportSource::Export(Export { module: place, name })),
            Some(Role::Adapter) => Err(format!("the program uses {name} of an adapter")),
            Some(Role::Jumps) => Ok(ImportSource::Host),
            None => Err(format!("{name} is used before core instance {instance} is there")),
        }
    }
}

/// The place of a kind in [`Definitions::items`].
fn place_of(kind: ExternalKind) -> usize {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => 0,
        ExternalKind::Table => 1,
        ExternalKind::Memory => 2,
        ExternalKind::Global => 3,
        ExternalKind::Tag => 4,
    }
}

fn started(instance: Instance<'_>) -> CoreInstance<'_> {
    match instance {
        Instance::Instantiate { module_index, args } => CoreInstance::Module {
            module: module_index as usize,
            given: args.iter().map(|given| (given.name, given.index as usize)).collect(),
        },
        Instance::FromExports(exports) => {
            CoreInstance::Names(exports.iter().map(|named| (named.name, named.kind, named.index as usize)).collect())
        }
    }
}

/// The further core function that an option of a lifted function names.
fn used_by_lifted(option: &CanonicalOption) -> Option<usize> {
    match option {
        CanonicalOption::Realloc(function) | CanonicalOption::PostReturn(function) => Some(*function as usize),
        _ => None,
    }
}

/// The type number of an imported function, within its module; `None` for an import of another kind.
pub(super) fn function_type(import: &Import<'_>) -> Option<u32> {
    match import.ty {
        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => Some(ty),
        _ => None,
    }
}

fn imports(module: &[u8]) -> Result<Vec<Import<'_>>, String> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload.map_err(broken)? {
            for import in imports.into_imports() {
                all.push(import.map_err(broken)?);
            }
        }
    }
    Ok(all)
}

/// The role of a helper; `None` for a module of the program.
fn role(module: &[u8], imports: &[Import<'_>]) -> Result<Option<Role>, String> {
    if imports.iter().any(|import| import.module == PROGRAM) {
        return Ok(Some(Role::Adapter));
    }
    let mut jumps = imports.iter().any(|import| import.name == JUMPS);
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.map_err(broken)? {
            for export in exports {
                jumps |= export.map_err(broken)?.name == JUMPS;
            }
        }
    }
    Ok(jumps.then_some(Role::Jumps))
}

/// The error text for a component, or a module of it, that is not well-formed.
pub(crate) fn broken(error: BinaryReaderError) -> String {
    format!("the component cannot be read: {error}")
}
