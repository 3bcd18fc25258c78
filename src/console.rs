//! Standard output and standard error. Unlike with `println!`, nobody panics where they take nothing: who reads may have
//! gone (`| head`), and the disk of the file that they lead to may be full.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

/// Something that a command had to say is nowhere.
static UNSAID: AtomicBool = AtomicBool::new(false);
/// Standard output has failed, and that was told.
static TOLD: AtomicBool = AtomicBool::new(false);

/// A line on standard output.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::console::say_line(format_args!($($text)*))
    };
}

/// A line on standard error.
macro_rules! complain {
    ($($text:tt)*) => {
        $crate::console::complain_line(format_args!($($text)*))
    };
}

pub(crate) use {complain, say};

pub fn say_line(text: fmt::Arguments) {
    if !print(format!("{text}\n").as_bytes()) {
        UNSAID.store(true, Ordering::Relaxed);
    }
}

/// There is nobody left to tell that this fails.
pub fn complain_line(text: fmt::Arguments) {
    let _nobody_hears = writeln!(io::stderr(), "{text}");
}

/// How a command ends that would end like this: one that was to say something and could not has failed. Where nobody
/// reads on, it has said enough.
pub fn ended(code: ExitCode) -> ExitCode {
    match code == ExitCode::SUCCESS && UNSAID.load(Ordering::Relaxed) {
        true => ExitCode::FAILURE,
        false => code,
    }
}

/// Where a log goes: what cannot be written is lost, and the process goes on.
pub struct Log;

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        print(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says whether it was written, or nobody wanted it; the first time that it was not, also on standard error.
fn print(text: &[u8]) -> bool {
    let mut out = io::stdout();
    let written = out.write_all(text).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            if !TOLD.swap(true, Ordering::Relaxed) {
                complain!("cannot write to standard output: {error}");
            }
            false
        }
        Ok(()) | Err(_) => true,
    }
}
