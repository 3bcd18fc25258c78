//! From append to durable: the log against one `fdatasync` of a preallocated file, with one writer. The
//! log should cost no more than one and a half times as much.
//!
//! `cargo bench --bench log -- [DIRECTORY]`, on the kind of disk that the log will lie on. Rounds of both
//! take turns, since disks and machines have moods.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kraftd::{
    log::{Log, directory::MetadataDirectory, engine::EngineLog},
    protocol::{
        Epoch, NodeId, Offset, Uuid,
        record_batch::RecordBatch,
        records::{ConfigRecord, MetadataRecord},
    },
};

const ROUNDS: usize = 20;
const APPENDS: usize = 100;
const BATCH_BYTES: [usize; 3] = [200, 4 << 10, 64 << 10];
const MAX_RECORD_BYTES: usize = 16 << 10;

fn main() {
    // Cargo adds arguments of its own.
    let directory = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let parent = directory.map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent).expect("a directory");
    println!(
        "{:>8} {:>14} {:>14} {:>14} {:>14} {:>6}",
        "bytes", "file p50", "p99", "log p50", "p99", "ratio"
    );
    for bytes in BATCH_BYTES {
        compare(dir.path(), bytes);
    }
}

fn compare(dir: &Path, bytes: usize) {
    let own = dir.join(bytes.to_string());
    std::fs::create_dir(&own).expect("a directory");
    let directory = MetadataDirectory::open(&own).expect("opens");
    let (mut log, _) = EngineLog::open(directory, NodeId(1), Uuid::ONE).expect("opens");
    let file = File::create(own.join("file")).expect("creates");
    // Zeros written and synced: nothing but data is left for the syncs that are measured.
    let capacity = ROUNDS * APPENDS * (bytes + 512);
    file.write_all_at(&vec![0; capacity], 0).expect("writes");
    file.sync_all().expect("syncs");
    let (mut of_file, mut of_log, mut position) = (Vec::new(), Vec::new(), 0);
    let mut end = Offset(0);
    for _ in 0..ROUNDS {
        for _ in 0..APPENDS {
            let batch = batch(end, bytes);
            of_file.push(time(|| {
                file.write_all_at(batch.bytes(), position).expect("writes");
                file.sync_data().expect("syncs");
            }));
            position += batch.bytes().len() as u64;
        }
        for _ in 0..APPENDS {
            let batch = batch(end, bytes);
            of_log.push(time(|| {
                log.append(&batch).expect("appends");
                end = log.sync().expect("syncs");
            }));
        }
    }
    let (file_p50, file_p99) = percentiles(of_file);
    let (log_p50, log_p99) = percentiles(of_log);
    let ratio = log_p50.as_secs_f64() / file_p50.as_secs_f64();
    println!(
        "{bytes:>8} {file_p50:>14.1?} {file_p99:>14.1?} {log_p50:>14.1?} {log_p99:>14.1?} {ratio:>6.2}"
    );
}

fn batch(base_offset: Offset, bytes: usize) -> RecordBatch {
    let length = bytes.min(MAX_RECORD_BYTES);
    let record = MetadataRecord::from(ConfigRecord {
        value: Some("v".repeat(length)),
        ..Default::default()
    });
    let records = (0..bytes / length).map(|_| (&record, 0));
    RecordBatch::of_records(base_offset, Epoch(1), 0, records).expect("encodes")
}

fn time(action: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    action();
    begun.elapsed()
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
