//! `dist`: the trainer as one file, with everything that it looks for beside itself, for machines without Rust.
//!
//! Builds, gathers, strips, packs, checks and, where it is asked to, tries the archive in a root that has nothing of
//! the project. Says each of these before it begins. Knows the order; what each does is in the files below.

mod archive;
mod bare_root;
mod checking;
mod contents;
mod elf;
mod licences;
mod release;
mod sums;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use self::archive::{Compression, Packing};
use self::contents::{Contents, Source};
use self::release::Release;
use self::trial::TrialRoot;
use crate::options::Options;
use crate::{handover, libtorch, setup, test, third_party};

/// Folder of archives where none is named.
const OUT: &str = "target/dist";
/// Version of the workspace, which all its crates share.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Folder in which the trainer looks for libtorch, from its own.
const OWN_LIBRARIES: &str = "$ORIGIN/libtorch/lib";

/// Arguments of `cargo xtask dist`.
#[derive(Debug, PartialEq)]
pub(crate) struct Dist {
    out: PathBuf,
    /// The debug build, which is there sooner.
    is_debug: bool,
    compression: Compression,
    /// A trainer that is built already.
    trainer: Option<PathBuf>,
    /// An archive to check, in the place of making one.
    existing: Option<PathBuf>,
    /// True where the archive is to be run too.
    is_tried: bool,
    /// A folder with a system in which it runs.
    root: Option<PathBuf>,
    /// The image of a container in which it runs.
    image: Option<String>,
}

impl Dist {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut dist = Self {
            out: OUT.into(),
            is_debug: false,
            compression: Compression::Zstd,
            trainer: None,
            existing: None,
            is_tried: false,
            root: None,
            image: None,
        };
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--out" => dist.out = options.value()?.into(),
                "--debug" => dist.is_debug = true,
                "--gzip" => dist.compression = Compression::Gzip,
                "--trainer" => dist.trainer = Some(options.value()?.into()),
                "--check" => dist.existing = Some(options.value()?.into()),
                "--try" => dist.is_tried = true,
                "--root" => dist.root = Some(options.value()?.into()),
                "--image" => dist.image = Some(options.value()?.into()),
                _ => return Err(format!("dist takes no {argument}")),
            }
        }
        let makes = dist.is_debug || dist.trainer.is_some() || dist.compression == Compression::Gzip;
        if dist.existing.is_some() && makes {
            return Err("--check looks at an archive that is there: it takes no option of making one".to_owned());
        }
        if dist.root.is_some() && dist.image.is_some() {
            return Err("--root and --image are two places: name one".to_owned());
        }
        dist.is_tried |= dist.root.is_some() || dist.image.is_some();
        Ok(dist)
    }

    /// Makes an archive, or takes the one that is named, checks it, and tries it where that is asked for.
    ///
    /// # Errors
    /// A program is missing or fails, the archive does not agree with its sums, or what it holds does not run.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        // Known before minutes of building.
        let place =
            if self.is_tried { Some(TrialRoot::choose(self.root.as_deref(), self.image.as_deref())?) } else { None };
        let archive = match &self.existing {
            Some(archive) => archive.clone(),
            None => self.make(root)?,
        };
        let files = checking::check(&archive)?;
        eprintln!("dist: {} is whole ({files} files checked)", archive.display());
        if let Some(place) = place {
            trial::run(root, &archive, &place)?;
        }
        println!("{}", archive.display());
        Ok(ExitCode::SUCCESS)
    }

    /// Builds, gathers and packs.
    fn make(&self, root: &Path) -> Result<PathBuf> {
        self.compression.check()?;
        let time = time(root)?;
        let trainer = self.trainer(root)?;
        let libtorch = setup::libtorch_of_the_user(root).unwrap_or_else(|| root.join("third_party/libtorch"));
        let needs = elf::needs(&trainer, &release::library_folders(&libtorch))?;
        let name = name(VERSION, self.is_debug);
        eprintln!("dist: {name} takes {} of libtorch {}'s libraries along", needs.libraries.len(), libtorch::VERSION);
        let out = root.join(&self.out);
        let scratch = out.join(".staged");
        third_party::remove(&scratch)?;
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        let release =
            Release { root, name: &name, trainer: &trainer, libtorch: &libtorch, needs: &needs, scratch: &scratch };
        let folder = scratch.join(&name);
        let contents = stage(release.contents()?, &folder)?;
        let paths: Vec<&str> = contents.paths().collect();
        let packing = Packing { folder: &folder, paths: &paths, time, compression: self.compression };
        let archive = put(&packing, &out, &name)?;
        third_party::remove(&scratch)?;
        Ok(archive)
    }

    /// The binary, built where none is named.
    fn trainer(&self, root: &Path) -> Result<PathBuf> {
        setup::run(root)?;
        if let Some(trainer) = &self.trainer {
            let trainer = root.join(trainer);
            ensure!(trainer.is_file(), "--trainer {}: there is no such file", trainer.display());
            return Ok(trainer);
        }
        let (profile, folder): (&[&str], _) = if self.is_debug { (&[], "debug") } else { (&["--release"], "release") };
        eprintln!("dist: building the trainer ({folder}); the first build takes some minutes");
        let mut cargo = handover::cargo(root);
        cargo.args(["build", "--locked", "--package", "trainer"]).args(profile);
        let status = handover::wait_for(&mut cargo)?;
        ensure!(status.success(), "the trainer does not build");
        let metadata = test::metadata(root)?;
        let target = metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?;
        Ok(Path::new(target).join(folder).join("trainer"))
    }
}

/// Name of the archive's folder.
fn name(version: &str, is_debug: bool) -> String {
    format!("ponder-{version}-x86_64-linux{}", if is_debug { "-debug" } else { "" })
}

/// Time of an archive's files, in seconds since 1970: `SOURCE_DATE_EPOCH`, or that of the last commit.
fn time(root: &Path) -> Result<u64> {
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return text.parse().with_context(|| format!("SOURCE_DATE_EPOCH {text:?} is no number of seconds"));
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    text.parse().context(
        "the sources are in no git repository, so their time is not known: set SOURCE_DATE_EPOCH to the seconds since \
         1970 that the archive's files shall have",
    )
}

/// Writes the folder, strips the binary in it, and adds the sums.
fn stage(mut contents: Contents, folder: &Path) -> Result<Contents> {
    let started = Instant::now();
    eprintln!("dist: gathering {} files", contents.files().count());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).context("the folder's rights")?;
    contents.write_all(folder)?;
    let trainer = folder.join("trainer");
    let before = megabytes(&trainer);
    let status = Command::new("strip").arg("--strip-debug").arg(&trainer).status();
    let status = status.context("cannot run strip: apt-get install binutils")?;
    ensure!(status.success(), "strip failed ({status}); its message stands above");
    elf::keep_own_folder(&trainer, OWN_LIBRARIES)?;
    eprintln!("dist: the trainer has {} MB, and had {before} with its debug information", megabytes(&trainer));
    let sums = sums::of(folder, contents.files())?;
    contents.add(sums::FILE, Source::Text(sums))?;
    contents.write(sums::FILE, folder)?;
    eprintln!("dist: gathered after {:.0} s", started.elapsed().as_secs_f64());
    Ok(contents)
}

/// Packs what is staged, puts the archive into its place, whole or not at all, and its hash beside it.
fn put(packing: &Packing<'_>, out: &Path, name: &str) -> Result<PathBuf> {
    let started = Instant::now();
    let place = archive::place(out, name, packing.compression);
    let size: u64 = packing.paths.iter().map(|path| megabytes(&packing.folder.join(path))).sum();
    eprintln!("dist: packing {size} MB and more into {}; this takes a minute or two", place.display());
    let fresh = place.with_extension("new");
    archive::pack(packing, &fresh)?;
    fs::rename(&fresh, &place).with_context(|| format!("cannot write {}", place.display()))?;
    checking::note(&place)?;
    eprintln!("dist: packed to {} MB after {:.0} s", megabytes(&place), started.elapsed().as_secs_f64());
    Ok(place)
}

/// Size of a file in MB, whole ones; 0 of what is none.
fn megabytes(file: &Path) -> u64 {
    fs::metadata(file).ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len() / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Dist, String> {
        Dist::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_arguments_make_check_or_try() {
        let made = parse("--out o --debug --gzip --trainer=t --root r").unwrap();
        assert_eq!((made.out, made.trainer, made.root), ("o".into(), Some("t".into()), Some("r".into())));
        assert!(made.is_debug && made.is_tried && made.compression == Compression::Gzip);
        let there = parse("--check a.tar.gz --try").unwrap();
        assert!(there.is_tried && there.existing == Some("a.tar.gz".into()));
        assert!(!parse("").unwrap().is_tried);
        for (text, expected) in [
            ("--check a --debug", "takes no option of making one"),
            ("--root r --image i", "name one"),
            ("--release", "dist takes no --release"),
            ("--out", "--out needs a value"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn the_name_has_version_machine_and_profile() {
        assert_eq!(name("0.1.0", false), "ponder-0.1.0-x86_64-linux");
        assert_eq!(name("0.1.0", true), "ponder-0.1.0-x86_64-linux-debug");
    }
}
