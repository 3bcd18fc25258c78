//! The files of raft-engine, by calls whose errors it gets as they came. Its own file system keeps no more of an
//! error than its kind, and tells of a write to a broken disk as "pwrite". Nor does the engine find its own word
//! for a full disk here, and begin another file: we have one disk, and stop.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use raft_engine::env::{FileSystem, Handle, Permission, WriteExt};
use rustix::{fs::FallocateFlags, io::Errno};

const MODE: u32 = 0o644;

pub struct Files;

/// A file that is open.
pub struct EngineFile(File);

/// A place in it, where the next byte is read or written.
pub struct Cursor {
    file: Arc<EngineFile>,
    at: u64,
}

impl FileSystem for Files {
    type Handle = EngineFile;
    type Reader = Cursor;
    type Writer = Cursor;

    fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<EngineFile> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.mode(MODE).open(path).map(EngineFile)
    }

    fn open<P: AsRef<Path>>(&self, path: P, permission: Permission) -> io::Result<EngineFile> {
        let mut options = File::options();
        options
            .read(true)
            .write(permission == Permission::ReadWrite);
        options.open(path).map(EngineFile)
    }

    fn delete<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename<P: AsRef<Path>>(&self, from: P, to: P) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn new_reader(&self, file: Arc<EngineFile>) -> io::Result<Cursor> {
        Ok(Cursor { file, at: 0 })
    }

    fn new_writer(&self, file: Arc<EngineFile>) -> io::Result<Cursor> {
        Ok(Cursor { file, at: 0 })
    }
}

impl Handle for EngineFile {
    fn truncate(&self, length: usize) -> io::Result<()> {
        self.0.set_len(length as u64)
    }

    fn file_size(&self) -> io::Result<usize> {
        Ok(self.0.metadata()?.len() as usize)
    }

    /// The engine panics with this error.
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Read for Cursor {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.0.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for Cursor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.0.write_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.file.file_size()? as u64).checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl WriteExt for Cursor {
    fn truncate(&mut self, length: usize) -> io::Result<()> {
        self.file.truncate(length)?;
        self.at = length as u64;
        Ok(())
    }

    fn allocate(&mut self, from: usize, length: usize) -> io::Result<()> {
        let (from, length) = (from as u64, length as u64);
        match rustix::fs::fallocate(&self.file.0, FallocateFlags::empty(), from, length) {
            // Space is taken when it is written to, then.
            Err(Errno::OPNOTSUPP) => Ok(()),
            allocated => Ok(allocated?),
        }
    }
}
