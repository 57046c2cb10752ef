//! The languages besides Python that this machine can run: their compilers, the commands that run programs, and the
//! files that both need.
//!
//! A toolchain is found by looking for its programs on the path. One that is not there is left out, and a request for
//! it is answered with the list of those that are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandbox_api::Language;

use crate::{CommandLanguage, SandboxError};

/// Folder in which compilers and programs run.
const FOLDER: &str = "/box/tmp";
/// Name of the file that a compiler makes.
const PRODUCT: &str = "main";

/// Commands and files for programs of one language.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Toolchain {
    pub language: Language,
    /// Name of the file that the program's text is written to.
    pub source: String,
    /// Command that compiles the source into `product`; empty where the source runs as it is.
    pub compile: Vec<String>,
    /// Name of the file that `compile` makes.
    pub product: String,
    /// Command that runs the program.
    pub run: Vec<String>,
    /// Environment variables of both commands.
    pub environment: BTreeMap<String, String>,
    /// Files and folders that both commands need.
    pub needs: Vec<PathBuf>,
    /// True where programs run under a limit on address space; without one, memory is limited by watching it.
    pub limits_address_space: bool,
}

impl Toolchain {
    /// Every toolchain of this machine: the known ones, and those of the settings.
    pub(super) fn discover(commands: &[CommandLanguage]) -> Vec<Self> {
        let known = [cpp(), rust(), javascript()].into_iter().flatten();
        known.chain(commands.iter().map(configured)).collect()
    }

    /// The toolchain for a language.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`], saying what there is.
    pub(super) fn find<'a>(toolchains: &'a [Self], language: &Language) -> Result<&'a Self, SandboxError> {
        toolchains.iter().find(|toolchain| toolchain.language == *language).ok_or_else(|| {
            let mut names = vec!["python"];
            names.extend(toolchains.iter().map(|toolchain| toolchain.language.as_str()));
            let reason = format!("its toolchain is not on this machine; there is {}", names.join(", "));
            SandboxError::LanguageMissing { language: language.clone(), reason }
        })
    }
}

fn cpp() -> Option<Toolchain> {
    let compiler = on_path("g++").or_else(|| on_path("clang++"))?;
    let mut needs = linker();
    needs.extend(chain(&compiler));
    let name = |text: &str| text.to_owned();
    Some(Toolchain {
        language: Language::Cpp,
        source: name("main.cpp"),
        compile: vec![whole(&compiler), name("-std=gnu++20"), name("-O2"), name("-o"), name(PRODUCT), name("main.cpp")],
        product: name(PRODUCT),
        run: vec![format!("{FOLDER}/{PRODUCT}")],
        environment: environment(&[]),
        needs,
        limits_address_space: true,
    })
}

fn rust() -> Option<Toolchain> {
    let answer = Command::new(on_path("rustc")?)
        .args(["--print", "sysroot"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let sysroot = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
    let compiler = sysroot.join("bin/rustc");
    if !compiler.is_file() {
        return None;
    }
    let linked_by = on_path("cc")?;
    let mut needs = linker();
    needs.extend(chain(&linked_by));
    // The libraries of a compiler in `/usr` lie where every program finds them.
    if sysroot != Path::new("/usr") {
        needs.push(sysroot.clone());
    } else {
        needs.push(compiler.clone());
    }
    let linker = format!("linker={}", whole(&linked_by));
    let root = sysroot.display().to_string();
    let name = |text: &str| text.to_owned();
    Some(Toolchain {
        language: Language::Rust,
        source: name("main.rs"),
        compile: [
            &whole(&compiler),
            "--edition=2021",
            "-O",
            "-C",
            &linker,
            "--sysroot",
            &root,
            "-o",
            PRODUCT,
            "main.rs",
        ]
        .map(name)
        .to_vec(),
        product: name(PRODUCT),
        run: vec![format!("{FOLDER}/{PRODUCT}")],
        // Without /proc the compiler finds neither its libraries nor its root by the path of its own file.
        environment: environment(&[("LD_LIBRARY_PATH", sysroot.join("lib").display().to_string())]),
        needs,
        limits_address_space: true,
    })
}

fn javascript() -> Option<Toolchain> {
    let node = on_path("node")?;
    let mut needs = chain(&node);
    needs.extend([PathBuf::from("/usr/share/nodejs")].into_iter().filter(|path| path.exists()));
    Some(Toolchain {
        language: Language::JavaScript,
        source: "main.js".to_owned(),
        compile: Vec::new(),
        product: String::new(),
        run: vec![whole(&node), "main.js".to_owned()],
        environment: environment(&[]),
        needs,
        limits_address_space: false,
    })
}

fn configured(command: &CommandLanguage) -> Toolchain {
    Toolchain {
        language: Language::from(command.language.clone()),
        source: command.source.clone(),
        compile: command.compile.clone(),
        product: command.product.clone(),
        run: command.run.clone(),
        environment: environment(&[]),
        needs: command.needs.iter().flat_map(|path| chain(path)).collect(),
        limits_address_space: command.limits_address_space,
    }
}

/// The few variables that compilers and programs need, and `more`.
fn environment(more: &[(&str, String)]) -> BTreeMap<String, String> {
    let few = [
        ("PATH", "/usr/bin:/bin:/usr/local/bin"),
        ("HOME", FOLDER),
        ("TMPDIR", FOLDER),
        ("LANG", "C.UTF-8"),
        // An arena for each thread would use up the address space.
        ("MALLOC_ARENA_MAX", "1"),
    ];
    let few = few.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    few.chain(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).collect()
}

/// Programs that a C compiler driver calls, and the headers.
fn linker() -> Vec<PathBuf> {
    let called = ["as", "ld", "ld.bfd"].into_iter().filter_map(on_path).flat_map(|path| chain(&path));
    let folders = ["/usr/include", "/usr/libexec/gcc", "/usr/local/include"].map(PathBuf::from);
    called.chain(folders.into_iter().filter(|path| path.exists())).collect()
}

/// Finds a program on the path.
fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A file and every link on the way to it.
fn chain(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    while let Ok(target) = found[found.len() - 1].read_link() {
        let parent = found[found.len() - 1].parent().unwrap_or(Path::new("/"));
        let next = normal(&parent.join(target));
        if found.contains(&next) {
            break;
        }
        found.push(next);
    }
    found.extend(path.canonicalize());
    found
}

/// Removes `.` and `..` from a path by its text, without following links: their folders are shown as they are.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Path of a program without links, as text.
fn whole(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_says_what_there_is() {
        let toolchains = [configured(&CommandLanguage { language: "shell".to_owned(), ..CommandLanguage::default() })];
        assert!(Toolchain::find(&toolchains, &Language::Other("shell".to_owned())).is_ok());
        let error = Toolchain::find(&toolchains, &Language::Other("cobol".to_owned())).unwrap_err();
        assert!(error.is_bad_request());
        assert!(error.to_string().contains("cobol") && error.to_string().contains("python, shell"), "{error}");
    }

    #[test]
    fn a_chain_holds_every_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("tool-12"), "").unwrap();
        std::os::unix::fs::symlink("tool-12", at("tool")).unwrap();
        std::os::unix::fs::symlink(
            "../".to_owned() + &folder.path().file_name().unwrap().to_string_lossy() + "/tool",
            at("cc"),
        )
        .unwrap();
        let found = chain(&at("cc"));
        for name in ["cc", "tool", "tool-12"] {
            assert!(found.contains(&at(name)), "{found:?}");
        }
    }
}
