//! A root made of this machine's own files: a shell, Python with its standard library, and the shared libraries that
//! these, and programs of C++, are linked to. Nothing else is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::elf;

/// Programs, by the places in which they are looked for first.
const PROGRAMS: [&str; 3] = ["/bin/sh", "/usr/bin/env", "/usr/bin/umount"];
/// Folders of Python's standard library that a program has no use for.
const LEFT_OUT: [&str; 6] = ["test", "site-packages", "dist-packages", "__pycache__", "idlelib", "ensurepip"];
/// Where Python and its library stand.
const ABOUT_PYTHON: &str = "import os, sys, sysconfig\n\
                            print(os.path.realpath(sys.executable))\nprint(sysconfig.get_path('stdlib'))";

/// Makes the root and returns how many bytes it holds.
///
/// # Errors
/// A part is missing on this machine or cannot be copied.
pub(crate) fn make(root: &Path) -> Result<u64> {
    let (python, library) = about_python()?;
    let mut files: BTreeSet<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
    files.insert(python.clone());
    // What the trainer takes from a machine, whether the programs here are linked to it or not.
    files.extend(elf::SYSTEM.into_iter().map(library_of_the_system).collect::<Result<Vec<_>>>()?);
    add_folder(&library, &mut files)?;
    let with_libraries = |path: &&PathBuf| {
        let is_module = path.to_string_lossy().contains(".so");
        is_module || **path == python || PROGRAMS.iter().any(|program| Path::new(program) == path.as_path())
    };
    let linked: Vec<PathBuf> = files.iter().filter(with_libraries).cloned().collect();
    for file in linked {
        files.extend(libraries_of(&file)?);
    }
    let mut bytes = 0;
    for file in &files {
        bytes += copy(file, root)?;
    }
    let link = root.join("usr/bin/python3");
    if fs::symlink_metadata(&link).is_err() {
        std::os::unix::fs::symlink(&python, &link).context("cannot link python3")?;
    }
    fs::create_dir_all(root.join("etc")).context("cannot make etc")?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/tmp:/bin/sh\n").context("cannot write etc/passwd")?;
    Ok(bytes)
}

/// The file of this machine's `python3`, and the folder of its library.
fn about_python() -> Result<(PathBuf, PathBuf)> {
    let text = printed(Command::new("python3").args(["-I", "-c", ABOUT_PYTHON]))?;
    let (python, library) = text.trim().split_once('\n').context("python3 does not say where it stands")?;
    Ok((python.into(), library.into()))
}

/// Every file of a folder, but for those of [`LEFT_OUT`].
fn add_folder(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let is_left_out = path.file_name().is_some_and(|name| LEFT_OUT.iter().any(|other| name == *other));
        if path.is_dir() && !is_left_out {
            add_folder(&path, files)?;
        } else if path.is_file() {
            files.insert(path);
        }
    }
    Ok(())
}

/// Libraries that the loader would map for a program or module.
fn libraries_of(file: &Path) -> Result<Vec<PathBuf>> {
    Ok(mapped(&printed(Command::new("ldd").arg(file))?))
}

/// Paths in what `ldd` prints.
fn mapped(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    text.lines().filter_map(path).collect()
}

/// Place of a library as the loader's cache knows it.
fn library_of_the_system(name: &str) -> Result<PathBuf> {
    let text = printed(Command::new("sh").args(["-c", "PATH=$PATH:/sbin:/usr/sbin ldconfig -p"]))?;
    let line = text.lines().find(|line| line.trim_start().starts_with(name) && line.contains("x86-64"));
    let path = line.and_then(|line| line.split(" => ").nth(1)).map(PathBuf::from);
    path.with_context(|| format!("{name} is not in the loader's cache of this machine (ldconfig -p)"))
}

/// Copies a file to the same place below `root`.
fn copy(file: &Path, root: &Path) -> Result<u64> {
    let Ok(inner) = file.strip_prefix("/") else { bail!("{} is no whole path", file.display()) };
    let place = root.join(inner);
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(file, &place).with_context(|| format!("cannot copy {} to {}", file.display(), place.display()))
}

fn printed(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.env("LC_ALL", "C").output().with_context(|| format!("cannot run {name}"))?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_what_the_loader_prints() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tstatically linked\n";
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(mapped(text), expected);
    }

    #[test]
    fn a_shell_runs_with_the_libraries_that_are_found_for_it() {
        let libraries = libraries_of(Path::new("/bin/sh")).unwrap();
        assert!(libraries.iter().any(|path| path.to_string_lossy().contains("libc.so")), "{libraries:?}");
        let root = tempfile::tempdir().unwrap();
        for file in libraries {
            copy(&file, root.path()).unwrap();
            assert!(root.path().join(file.strip_prefix("/").unwrap()).is_file());
        }
    }
}
