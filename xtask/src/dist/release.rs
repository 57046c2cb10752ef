//! What a release's folder holds: the binary and all that it looks for beside itself, presets, licences, a README.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::contents::{Contents, Source};
use super::elf::Requirements;
use super::licences;
use crate::{cpython, handover};

/// The README of an archive; words in capitals between `@` are filled in.
const README: &str = include_str!("archive-readme.md");
/// Folders of the project that come as they are.
const FOLDERS: [&str; 2] = ["configs", "deploy/trainer"];
/// Files of these folders that are of use only beside the sources.
const NEEDS_SOURCES: &str = "Dockerfile";
/// Shells, and the name that each looks for.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "completions/trainer.bash"), ("zsh", "completions/_trainer"), ("fish", "completions/trainer.fish")];

/// What a release is made of.
#[derive(Debug)]
pub(crate) struct Release<'a> {
    /// Folder of the workspace.
    pub root: &'a Path,
    /// Name of the archive's folder.
    pub name: &'a str,
    /// The binary as it was built.
    pub trainer: &'a Path,
    /// Folder of the libtorch that it was built with.
    pub libtorch: &'a Path,
    pub needs: &'a Requirements,
    /// Folder for what the binary writes; it stays until the archive is packed.
    pub scratch: &'a Path,
}

impl Release<'_> {
    /// Every path with its source.
    ///
    /// # Errors
    /// A part is missing, or the binary does not print its completions.
    pub(crate) fn contents(&self) -> Result<Contents> {
        let mut contents = Contents::default();
        contents.add("trainer", Source::File(self.trainer.to_owned()))?;
        for library in &self.needs.libraries {
            let name = library.file_name().context("a library without a name")?.to_string_lossy().into_owned();
            contents.add(&format!("libtorch/lib/{name}"), Source::File(library.clone()))?;
        }
        let component = cpython::component(self.root)?;
        ensure!(component.is_file(), "{} is missing: cargo xtask setup", component.display());
        let name = component.file_name().context("a component without a name")?.to_string_lossy().into_owned();
        contents.add(&format!("cpython-wasm/{name}"), Source::File(component.clone()))?;
        contents.add_folder("python-packages", &self.root.join("third_party/python-packages"))?;
        for folder in FOLDERS {
            contents.add_folder(folder, &self.root.join(folder))?;
        }
        contents.remove(&format!("deploy/trainer/{NEEDS_SOURCES}"));
        contents.add("CHANGELOG.md", Source::File(self.root.join("CHANGELOG.md")))?;
        licences::add(&mut contents, self.root, self.libtorch)?;
        self.add_what_the_binary_prints(&mut contents)?;
        let pythons = contents.children("python-packages");
        contents.add("README.md", Source::Text(self.readme(&pythons)?))?;
        Ok(contents)
    }

    /// Completions of shells and pages of the manual, where this binary has commands for them.
    fn add_what_the_binary_prints(&self, contents: &mut Contents) -> Result<()> {
        if self.prints(&["completions", "--help"])?.is_some() {
            for (shell, path) in COMPLETIONS {
                let text = self.prints(&["completions", shell])?;
                contents
                    .add(path, Source::Text(text.with_context(|| format!("trainer completions {shell} failed"))?))?;
            }
        }
        if self.prints(&["man", "--help"])?.is_some() {
            let pages = self.scratch.join("man1");
            let folder = pages.to_str().context("the archive's folder is no text")?;
            self.prints(&["man", folder])?.with_context(|| format!("trainer man {folder} failed"))?;
            contents.add_folder("man/man1", &pages)?;
        }
        Ok(())
    }

    /// What the binary prints with these arguments; `None` where it fails.
    fn prints(&self, arguments: &[&str]) -> Result<Option<String>> {
        let mut trainer: Command = handover::program(self.trainer, self.root);
        let output = trainer.args(arguments).env("LD_LIBRARY_PATH", self.libtorch.join("lib")).output();
        let output = output.with_context(|| format!("cannot run {}", self.trainer.display()))?;
        let text = String::from_utf8(output.stdout).context("what the trainer printed")?;
        Ok(output.status.success().then_some(text))
    }

    fn readme(&self, pythons: &[String]) -> Result<String> {
        let version = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        let pythons: Vec<String> = pythons.iter().map(|name| python_version(name)).collect();
        fill(
            README,
            &[
                ("NAME", self.name),
                ("GLIBC", &version(&self.needs.glibc)),
                ("GLIBCXX", &version(&self.needs.libstdcxx)),
                ("PYTHONS", &pythons.join(", ")),
            ],
        )
    }
}

/// `3.11` of the folder `cp311`.
fn python_version(folder: &str) -> String {
    folder.strip_prefix("cp3").map_or_else(|| folder.to_owned(), |minor| format!("3.{minor}"))
}

/// `text` with each `@WORD@` replaced.
fn fill(text: &str, words: &[(&str, &str)]) -> Result<String> {
    let filled = words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("@{word}@"), value));
    let open = filled.split_whitespace().find(|word| word.matches('@').count() > 1);
    ensure!(open.is_none(), "the archive's README has a word that nobody fills in: {open:?}");
    Ok(filled)
}

/// Folders that hold libtorch's libraries and those that its wheel's own libraries are linked to.
pub(crate) fn library_folders(libtorch: &Path) -> Vec<PathBuf> {
    let real = std::fs::canonicalize(libtorch).unwrap_or_else(|_| libtorch.to_owned());
    let packages = real.parent().map(|site| site.join("nvidia")).unwrap_or_default();
    let mut folders = vec![real.join("lib")];
    let entries = std::fs::read_dir(packages).into_iter().flatten().flatten();
    let mut others: Vec<PathBuf> = entries.map(|entry| entry.path().join("lib")).collect();
    others.sort();
    folders.append(&mut others);
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_what_this_archive_asks_for() {
        let needs = Requirements { glibc: vec![2, 34], libstdcxx: vec![3, 4, 30], ..Requirements::default() };
        let here = Path::new("/");
        let release =
            Release { root: here, name: "ponder-9", trainer: here, libtorch: here, needs: &needs, scratch: here };
        let text = release.readme(&["cp39".to_owned(), "cp311".to_owned()]).unwrap();
        for words in ["ponder-9", "glibc 2.34", "3.9, 3.11", "GLIBCXX_3.4.30"] {
            assert!(text.contains(words), "{words} is missing:\n{text}");
        }
        assert!(fill("@NOBODY@ here", &[]).unwrap_err().to_string().contains("@NOBODY@"));
    }

    /// A program in the place of the trainer that knows these subcommands.
    fn stand_in(folder: &Path, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("trainer");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[test]
    fn completions_and_pages_come_from_a_binary_that_has_them_and_from_no_other() {
        let (needs, here) = (Requirements::default(), Path::new("/"));
        let printed = |script: &str| {
            let folder = tempfile::tempdir().unwrap();
            let trainer = stand_in(folder.path(), script);
            let release = Release {
                root: here,
                name: "ponder-9",
                trainer: &trainer,
                libtorch: here,
                needs: &needs,
                scratch: folder.path(),
            };
            let mut contents = Contents::default();
            release
                .add_what_the_binary_prints(&mut contents)
                .map(|()| contents.files().map(str::to_owned).collect::<Vec<_>>())
        };
        assert!(printed("exit 2").unwrap().is_empty());
        let both = "case $1-$2 in *--help) ;; man-*) mkdir \"$2\"; echo page > \"$2/trainer.1\" ;; *) echo $2 ;; esac";
        assert_eq!(
            printed(both).unwrap(),
            ["completions/_trainer", "completions/trainer.bash", "completions/trainer.fish", "man/man1/trainer.1"]
        );
        let broken = "[ \"$2\" = --help ]";
        assert!(printed(broken).unwrap_err().to_string().contains("trainer completions bash failed"));
    }

    #[test]
    fn libraries_are_looked_for_beside_libtorch_too() {
        let site = tempfile::tempdir().unwrap();
        for folder in ["torch/lib", "nvidia/cu13/lib", "nvidia/nccl/lib"] {
            std::fs::create_dir_all(site.path().join(folder)).unwrap();
        }
        let site_path = std::fs::canonicalize(site.path()).unwrap();
        let expected = ["torch/lib", "nvidia/cu13/lib", "nvidia/nccl/lib"].map(|folder| site_path.join(folder));
        assert_eq!(library_folders(&site.path().join("torch")), expected);
    }
}
