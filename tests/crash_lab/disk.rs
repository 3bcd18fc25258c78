//! What is on a disk after a power cut. What was synced is there; of everything else, each write may be
//! there, missing, or there in some of its sectors.
//!
//! The names in a directory change in order, as file systems with a journal do it, and last once the
//! directory is synced.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::recording::Event;

/// The bytes that differ from zero lie in `bytes`; up to `length` there are zeros.
#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    length: u64,
}

impl Content {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        let end = at + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(bytes);
        self.length = self.length.max(end as u64);
    }

    fn set_length(&mut self, length: u64) {
        self.bytes.truncate(length as usize);
        self.length = length;
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(at, bytes) => self.write(*at, bytes),
            Change::SetLength(length) => self.set_length(*length),
            Change::Allocate(end) => self.length = self.length.max(*end),
        }
    }

    /// Of a write, the sectors that made it.
    fn tear(&mut self, at: u64, bytes: &[u8], sector: u64, rng: &mut ChaCha8Rng) {
        let mut from = at;
        let end = at + bytes.len() as u64;
        while from < end {
            let to = end.min((from / sector + 1) * sector);
            if rng.random() {
                self.write(from, &bytes[(from - at) as usize..(to - at) as usize]);
            }
            from = to;
        }
    }
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Allocate(u64),
}

#[derive(Clone, Default)]
struct DiskFile {
    synced: Content,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum NameChange {
    MakeDirectory(PathBuf),
    Add(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Delete(PathBuf),
}

impl NameChange {
    fn directory(&self) -> &Path {
        let (NameChange::MakeDirectory(path)
        | NameChange::Add(path, _)
        | NameChange::Rename(_, path)
        | NameChange::Delete(path)) = self;
        path.parent().expect("below the root")
    }
}

#[derive(Clone, Default)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
}

impl Names {
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::MakeDirectory(path) => drop(self.directories.insert(path.clone())),
            NameChange::Add(path, number) => drop(self.files.insert(path.clone(), *number)),
            NameChange::Rename(from, to) => {
                let number = self.files.remove(from).expect("changes come in order");
                self.files.insert(to.clone(), number);
            }
            NameChange::Delete(path) => drop(self.files.remove(path)),
        }
    }
}

/// How much of what was not synced a power cut takes.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Everything,
    Nothing,
    /// Each write by chance, torn at sectors of this size.
    ByChance {
        sector_bytes: u64,
    },
    /// Each write torn at every eight bytes, as memory that keeps its content may tear it.
    Torn,
}

#[derive(Default)]
pub struct Disk {
    files: Vec<DiskFile>,
    synced: Names,
    unsynced: Vec<NameChange>,
}

impl Disk {
    pub fn apply(&mut self, event: &Event) {
        let mut change = |number: &usize, change| self.files[*number].unsynced.push(change);
        match event {
            Event::Write(file, at, bytes) => change(file, Change::Write(*at, bytes.clone())),
            Event::SetLength(file, length) => change(file, Change::SetLength(*length)),
            Event::Allocate(file, end) => change(file, Change::Allocate(*end)),
            Event::MakeDirectory(path) => {
                self.unsynced.push(NameChange::MakeDirectory(path.clone()));
            }
            Event::Create(path, number) => {
                assert_eq!(*number, self.files.len());
                self.files.push(DiskFile::default());
                self.unsynced.push(NameChange::Add(path.clone(), *number));
            }
            Event::Rename(from, to) => {
                self.unsynced
                    .push(NameChange::Rename(from.clone(), to.clone()));
            }
            Event::Delete(path) => self.unsynced.push(NameChange::Delete(path.clone())),
            Event::SyncFile(number) => self.sync_file(*number),
            Event::SyncDirectory(path) => self.sync_names(path),
            Event::Mark(_) => {}
        }
    }

    fn sync_file(&mut self, number: usize) {
        let file = &mut self.files[number];
        for change in file.unsynced.drain(..) {
            file.synced.apply(&change);
        }
    }

    fn sync_names(&mut self, directory: &Path) {
        self.unsynced.retain(|change| {
            let synced = change.directory() == directory;
            if synced {
                self.synced.apply(change);
            }
            !synced
        });
    }

    /// Writes what a power cut leaves into the empty directory `target`.
    pub fn cut_power(&self, cut: Cut, rng: &mut ChaCha8Rng, target: &Path) {
        let names = self.names(cut, rng);
        for directory in &names.directories {
            let parent = directory.parent().expect("below the root");
            if target.join(parent).exists() {
                fs::create_dir(target.join(directory)).expect("creates");
            }
        }
        for (path, number) in &names.files {
            let path = target.join(path);
            if path.parent().is_some_and(Path::exists) {
                let content = self.files[*number].content(cut, rng);
                let mut file = File::create(path).expect("creates");
                file.write_all(&content.bytes).expect("writes");
                file.set_len(content.length).expect("sets the length");
            }
        }
    }

    fn names(&self, cut: Cut, rng: &mut ChaCha8Rng) -> Names {
        let mut names = self.synced.clone();
        let mut stopped = BTreeSet::new();
        for change in &self.unsynced {
            let directory = change.directory();
            let lost = match cut {
                Cut::Everything => true,
                Cut::Nothing => false,
                Cut::ByChance { .. } | Cut::Torn => rng.random_bool(0.3),
            };
            if lost {
                stopped.insert(directory.to_owned());
            }
            if !stopped.contains(directory) {
                names.apply(change);
            }
        }
        names
    }
}

impl DiskFile {
    fn content(&self, cut: Cut, rng: &mut ChaCha8Rng) -> Content {
        let mut content = self.synced.clone();
        for change in &self.unsynced {
            match (cut, change, rng.random_range(0..3)) {
                (Cut::Everything, ..) => {}
                (Cut::Nothing, ..) => content.apply(change),
                (Cut::ByChance { .. }, _, 0) => {}
                (Cut::ByChance { sector_bytes }, Change::Write(at, bytes), 1) => {
                    content.tear(*at, bytes, sector_bytes, rng);
                }
                (Cut::Torn, Change::Write(at, bytes), _) => content.tear(*at, bytes, 8, rng),
                (Cut::ByChance { .. } | Cut::Torn, ..) => content.apply(change),
            }
        }
        content
    }
}
