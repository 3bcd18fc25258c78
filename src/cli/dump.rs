//! `kraftd dump`: what logs and snapshots hold, a line per batch and per record. Reads our directories,
//! also while their node runs, files of batches (`.checkpoint` files, and the log segments of Java), and what a
//! running quorum has committed, of which any controller's address will do.

use std::{
    fs,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use serde_json::{Value, json};

use super::{
    client::Unanswered,
    dump_record,
    dump_remote::{self, RemoteLog},
    fail,
};
use crate::{
    log::{LogError, copy, snapshot_file},
    protocol::{Offset, record_batch::RecordBatch},
    server::signals::StopSignals,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Directories of the metadata log, .checkpoint files, log segments of a Java controller, or HOST:PORT of
    /// a running controller.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Only the records, without a line for each batch.
    #[arg(long)]
    records: bool,
    /// A JSON object for each record, and nothing else, whether or not --records is given.
    #[arg(long)]
    json: bool,
}

/// Why a dump ended early.
enum Ended {
    /// Nobody reads on, as with `| head`.
    NotRead,
    Failed(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        match error.kind() {
            ErrorKind::BrokenPipe => Ended::NotRead,
            _ => Ended::Failed(format!("cannot write: {error}")),
        }
    }
}

impl From<LogError> for Ended {
    fn from(error: LogError) -> Ended {
        // Nothing is to be done about it here: this may be a copy, and a voter may mend it as it starts.
        if let LogError::Corrupt { path, reason, .. } = &error {
            let path = path.display();
            return Ended::Failed(format!(
                "{path}: {reason}. What comes before that is above."
            ));
        }
        Ended::Failed(error.to_string())
    }
}

/// Held while the copy of a log has a name on the disk.
static COPYING: Mutex<()> = Mutex::new(());

fn while_copying() -> MutexGuard<'static, ()> {
    COPYING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process at a signal, when no copy would be left behind.
fn end_when_told() -> io::Result<()> {
    /// What a shell says of a command that a signal has ended is this and its number.
    const BY_A_SIGNAL: i32 = 128;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { StopSignals::listen() })?;
    thread::Builder::new().spawn(move || {
        let signal = runtime.block_on(signals.next());
        let _nothing_is_left = while_copying();
        process::exit(BY_A_SIGNAL + signal.as_raw_value());
    })?;
    Ok(())
}

pub fn run(arguments: &Arguments) -> ExitCode {
    if let Err(error) = end_when_told() {
        return fail(format!("cannot listen for signals: {error}"));
    }
    for path in &arguments.paths {
        // raft-engine caches per thread whatever it reads: a thread reads one log.
        let dumped = thread::scope(|scope| scope.spawn(|| dump(path, arguments)).join());
        match dumped {
            Ok(Ok(())) => {}
            Ok(Err(Ended::NotRead)) => return ExitCode::SUCCESS,
            Ok(Err(Ended::Failed(error))) => return fail(error),
            Err(_panic) => return ExitCode::FAILURE,
        }
    }
    ExitCode::SUCCESS
}

fn dump(path: &Path, arguments: &Arguments) -> Result<(), Ended> {
    let mut out = BufWriter::new(io::stdout().lock());
    let address = path.to_str().and_then(dump_remote::address);
    let dumped = match address.filter(|_| !path.exists()) {
        Some(address) => dump_quorum(path, address, arguments, &mut out),
        None if path.is_dir() => dump_directory(path, arguments, &mut out),
        None => dump_file(path, arguments, &mut out),
    };
    // What was read before a damage is worth being seen.
    let flushed = out.flush();
    dumped?;
    Ok(flushed?)
}

/// The log of a node, and before it the snapshot that it continues.
fn dump_directory(path: &Path, arguments: &Arguments, out: &mut impl Write) -> Result<(), Ended> {
    let dir = copy::metadata_directory(path);
    let copied = {
        let _named = while_copying();
        copy::open(&dir)?
    };
    let Some(log) = copied else {
        if let Err(error) = fs::read_dir(&dir) {
            return Err(Ended::Failed(format!(
                "cannot read {}: {error}. Run kraftd dump as the user that runs the node.",
                dir.display()
            )));
        }
        return Err(Ended::Failed(format!(
            "{} has no log of kraftd. Name the directory of metadata.log.dir or log.dirs, or, of a Java \
             controller, the .log and .checkpoint files in its __cluster_metadata-0.",
            path.display()
        )));
    };
    if let Some(id) = log.start() {
        let path = snapshot_file::path(&dir, id);
        dump_batches(&path, snapshot_file::batches_of(&path)?, arguments, out)?;
    }
    dump_batches(&dir, log, arguments, out)
}

fn dump_file(path: &Path, arguments: &Arguments, out: &mut impl Write) -> Result<(), Ended> {
    let mut batches = snapshot_file::batches_of(path)?.peekable();
    // What begins with no batch is nothing that was damaged, but something else.
    if let Some(LogError::Corrupt { reason, .. }) = batches.peek().and_then(|it| it.as_ref().err())
    {
        return Err(Ended::Failed(format!(
            "{} is no log and no snapshot: it does not begin with a whole record batch ({reason}). Name a \
             .checkpoint file, a log segment of a Java controller, or a directory of log.dirs.",
            path.display()
        )));
    }
    dump_batches(path, batches, arguments, out)
}

/// What a running quorum has committed, called by the address that was asked.
fn dump_quorum(
    path: &Path,
    address: (&str, u16),
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<(), Ended> {
    let failed = |error: Unanswered| Ended::Failed(format!("{}: {error}", path.display()));
    let (mut log, snapshot) = RemoteLog::open(address).map_err(failed)?;
    if let Some(id) = snapshot {
        let batches = log.snapshot(id).map(|batch| batch.map_err(failed));
        dump_batches(&snapshot_file::path(path, id), batches, arguments, out)?;
    }
    dump_batches(path, log.map(|batch| batch.map_err(failed)), arguments, out)
}

fn dump_batches<E>(
    path: &Path,
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<(), Ended>
where
    Ended: From<E>,
{
    if !arguments.json {
        writeln!(out, "Dumping {}", path.display())?;
    }
    for batch in batches {
        let batch = batch?;
        if !arguments.json && !arguments.records {
            write_batch(&batch, out)?;
        }
        let records = batch
            .records()
            .map_err(|error| Ended::Failed(format!("{}: {error}", path.display())))?;
        for record in records {
            let described = match &record.key {
                Some(key) => dump_record::control(key, &record.value),
                None => dump_record::metadata(&record.value),
            };
            // One record that nobody understands must not hide those after it.
            let payload = described.unwrap_or_else(|error| json!({"error": error.to_string()}));
            match arguments.json {
                true => write_json(path, &batch, record.offset, payload, out)?,
                false => writeln!(
                    out,
                    "| offset: {} epoch: {} payload: {payload}",
                    record.offset,
                    batch.epoch()
                )?,
            }
        }
    }
    Ok(())
}

/// The names are those of `kafka-dump-log.sh`, where it has the same.
fn write_batch(batch: &RecordBatch, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "baseOffset: {} lastOffset: {} count: {} partitionLeaderEpoch: {} isControl: {} \
         CreateTime: {} size: {}",
        batch.base_offset(),
        batch.last_offset(),
        batch.count(),
        batch.epoch(),
        batch.is_control(),
        batch.timestamp_ms(),
        batch.bytes().len()
    )
}

fn write_json(
    path: &Path,
    batch: &RecordBatch,
    offset: Offset,
    payload: Value,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = json!({
        "file": path.display().to_string(),
        "offset": offset.0,
        "epoch": batch.epoch().0,
        "timestampMs": batch.timestamp_ms(),
    });
    if let (Some(line), Value::Object(payload)) = (line.as_object_mut(), payload) {
        line.extend(payload);
    }
    writeln!(out, "{line}")
}
