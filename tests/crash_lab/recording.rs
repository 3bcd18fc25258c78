//! What a process did to the files below a directory, as strace saw it: our own code and raft-engine
//! alike, with nothing built into either.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Every call that can change a file, and `close`, which frees a descriptor.
pub const TRACED: &str = "trace=openat,open,creat,close,write,pwrite64,writev,pwritev,ftruncate,\
                          truncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,\
                          unlinkat,mkdir,mkdirat,link,linkat";

#[derive(Clone, Debug)]
pub enum Event {
    MakeDirectory(PathBuf),
    /// A new file with this number.
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    SetLength(usize, u64),
    Allocate(usize, u64),
    SyncFile(usize),
    SyncDirectory(PathBuf),
    Rename(PathBuf, PathBuf),
    Delete(PathBuf),
    /// What the process told us by writing it to the file of marks.
    Mark(String),
}

/// An open descriptor.
enum Open {
    File { number: usize, position: u64 },
    Directory(PathBuf),
    Marks,
}

#[derive(Default)]
pub struct Parser {
    root: PathBuf,
    marks: PathBuf,
    names: BTreeMap<PathBuf, usize>,
    created: usize,
    open: BTreeMap<i64, Open>,
    unfinished: BTreeMap<String, String>,
    events: Vec<Event>,
}

/// Reads strace's output (`-f -xx`): what happened below `root`.
pub fn parse(trace: &str, root: &Path, marks: &Path) -> Vec<Event> {
    let mut parser = Parser {
        root: root.to_owned(),
        marks: marks.to_owned(),
        ..Default::default()
    };
    for line in trace.lines() {
        parser.line(line);
    }
    parser.events
}

/// The last name of every file, by its number.
pub fn file_names(events: &[Event]) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = Vec::new();
    for event in events {
        match event {
            Event::Create(path, _) => names.push(path.clone()),
            Event::Rename(from, to) => {
                let renamed = names.iter_mut().rfind(|name| *name == from);
                *renamed.expect("a file of ours") = to.clone();
            }
            _ => {}
        }
    }
    names
}

impl Parser {
    fn line(&mut self, line: &str) {
        let (thread, rest) = line.split_once(char::is_whitespace).expect("a thread");
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            self.unfinished.insert(thread.to_owned(), begun.to_owned());
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let begun = self.unfinished.remove(thread).expect("was begun");
            let (_, ended) = resumed.split_once(" resumed>").expect("resumes");
            self.call(&format!("{begun}{ended}"));
        } else if !rest.starts_with("+++") && !rest.starts_with("---") {
            self.call(rest);
        }
    }

    fn call(&mut self, call: &str) {
        let Some((call, result)) = call.rsplit_once(" = ") else {
            return;
        };
        let result = result.split(' ').next().unwrap_or_default();
        let Some(result) = result.parse::<i64>().ok().filter(|result| *result >= 0) else {
            return;
        };
        let (name, arguments) = call.trim_end().split_once('(').expect("a call");
        let arguments = arguments.strip_suffix(')').expect("ends");
        let arguments: Vec<&str> = arguments.split(", ").collect();
        self.apply(name, &arguments, result);
    }

    fn apply(&mut self, name: &str, arguments: &[&str], result: i64) {
        match (name, arguments) {
            ("openat", [_, path, flags, ..]) => self.open(&text(path), flags, result),
            ("close", [fd]) => drop(self.open.remove(&number(fd))),
            ("write", [fd, bytes, _]) => self.write(number(fd), None, bytes, result),
            ("pwrite64", [fd, bytes, _, at]) => {
                self.write(number(fd), Some(number(at) as u64), bytes, result);
            }
            ("ftruncate", [fd, length]) => {
                self.on_file(number(fd), |file| {
                    Event::SetLength(file, number(length) as u64)
                });
            }
            ("fallocate", [fd, mode, from, length]) => {
                assert!(["0", "FALLOC_FL_KEEP_SIZE"].contains(mode), "{mode}");
                let end = (number(from) + number(length)) as u64;
                if *mode == "0" {
                    self.on_file(number(fd), |file| Event::Allocate(file, end));
                }
            }
            ("fsync" | "fdatasync", [fd]) => match self.open.get(&number(fd)) {
                Some(Open::File { number, .. }) => self.events.push(Event::SyncFile(*number)),
                Some(Open::Directory(path)) => {
                    self.events.push(Event::SyncDirectory(path.clone()));
                }
                Some(Open::Marks) | None => {}
            },
            ("rename", [from, to]) => self.rename(&text(from), &text(to)),
            ("unlink", [path]) => {
                if let Some(path) = self.ours(&text(path)) {
                    self.names.remove(&path);
                    self.events.push(Event::Delete(path));
                }
            }
            ("mkdir", [path, _]) => {
                let made = self.ours(&text(path)).map(Event::MakeDirectory);
                self.events.extend(made);
            }
            // Nothing of ours is changed by other calls: what is, is to be simulated too.
            _ => assert!(!self.concerns_us(arguments), "{name}({arguments:?})"),
        }
    }

    fn ours(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    fn concerns_us(&self, arguments: &[&str]) -> bool {
        arguments.iter().any(|argument| {
            let is_open = argument.parse().is_ok_and(|fd| self.open.contains_key(&fd));
            is_open || argument.starts_with('"') && self.ours(&text(argument)).is_some()
        })
    }

    fn open(&mut self, path: &Path, flags: &str, fd: i64) {
        self.open.remove(&fd);
        if path == self.marks {
            self.open.insert(fd, Open::Marks);
            return;
        }
        let Some(path) = self.ours(path) else {
            return;
        };
        let known = self.names.get(&path).copied();
        let opened = match known {
            Some(number) => {
                if flags.contains("O_TRUNC") {
                    self.events.push(Event::SetLength(number, 0));
                }
                Open::File {
                    number,
                    position: 0,
                }
            }
            None if flags.contains("O_CREAT") => {
                let number = self.created;
                self.created += 1;
                self.names.insert(path.clone(), number);
                self.events.push(Event::Create(path, number));
                Open::File {
                    number,
                    position: 0,
                }
            }
            None => Open::Directory(path),
        };
        self.open.insert(fd, opened);
    }

    fn write(&mut self, fd: i64, at: Option<u64>, bytes: &str, written: i64) {
        let Some(open) = self.open.get_mut(&fd) else {
            return;
        };
        let mut bytes = decode(bytes);
        bytes.truncate(written as usize);
        assert_eq!(bytes.len() as i64, written, "strace tells all of a write");
        match open {
            Open::File { number, position } => {
                let offset = at.unwrap_or(*position);
                if at.is_none() {
                    *position += bytes.len() as u64;
                }
                self.events.push(Event::Write(*number, offset, bytes));
            }
            Open::Marks => {
                let mark = String::from_utf8(bytes).expect("text");
                self.events.push(Event::Mark(mark));
            }
            Open::Directory(path) => panic!("{} is written to", path.display()),
        }
    }

    fn on_file(&mut self, fd: i64, event: impl FnOnce(usize) -> Event) {
        if let Some(Open::File { number, .. }) = self.open.get(&fd) {
            self.events.push(event(*number));
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let (Some(from), Some(to)) = (self.ours(from), self.ours(to)) {
            let number = self.names.remove(&from).expect("a file of ours");
            self.names.insert(to.clone(), number);
            self.events.push(Event::Rename(from, to));
        }
    }
}

fn number(argument: &str) -> i64 {
    argument
        .parse()
        .unwrap_or_else(|_| panic!("a number: {argument}"))
}

fn text(argument: &str) -> PathBuf {
    String::from_utf8(decode(argument)).expect("UTF-8").into()
}

/// A string as strace prints it: `"\x2f\x74"`.
fn decode(argument: &str) -> Vec<u8> {
    let digits = argument
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let digits = digits.unwrap_or_else(|| panic!("a whole string: {argument}"));
    let bytes = digits.split("\\x").skip(1);
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).expect("hex"))
        .collect()
}
