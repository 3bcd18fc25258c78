//! The files of a node, damaged: the first byte chooses one of them (`meta.properties`, `bootstrap.checkpoint`,
//! `voter-state`, a snapshot, the log of raft-engine); then follow changes of four bytes each (where, and which
//! byte), or with an odd second byte the whole content. A start or a dump says why not, or finds a log that begins as
//! the sound one does; and a start without all that was noted as acknowledged knows that it has lost something.
#![no_main]

use std::{
    fs, panic,
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
};

use kraftd::{
    controller::SnapshotLoader,
    log::{
        Log, LogError, bootstrap, copy,
        directory::MetadataDirectory,
        engine::{EngineLog, FileSizes},
        ensemble::Ensemble,
        meta_properties::{self, MetaProperties},
        snapshot_file,
    },
    metadata::activation::default_bootstrap,
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, Uuid,
        features::MetadataVersion,
        quorum_state::{QuorumState, Standing},
        record_batch::RecordBatch,
    },
};
use libfuzzer_sys::fuzz_target;

const NODE: NodeId = NodeId(1);
const DIRECTORY: Uuid = Uuid([0xd1; 16]);
const SNAPSHOT: OffsetAndEpoch = OffsetAndEpoch {
    offset: Offset(9),
    epoch: Epoch(1),
};
const SIZES: FileSizes = FileSizes {
    file_bytes: 8 << 10,
    purge_bytes: 64 << 10,
};
/// So many of the batches are noted as acknowledged beside the log. Who loses the last one, which is not, as a log is
/// for a second at most, need not notice it.
const NOTED: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let [chosen, how, damage @ ..] = bytes else {
        return;
    };
    let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let files = sound();
    for (index, (path, content)) in files.iter().enumerate() {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
        let content = match index == usize::from(*chosen) % files.len() {
            false => content.clone(),
            true if how % 2 == 1 => damage.to_vec(),
            true => damaged(content, damage),
        };
        fs::write(path, content).expect("writes");
    }
    // What is lost once stays lost, also at the next start.
    let starts = [(), ()].map(|()| on_a_thread(|| start(dir.path())));
    if let [Ok(first), Ok(second)] = starts {
        let is_lost = |standing| matches!(standing, Standing::Amnesiac(_));
        assert!(is_lost(second) || !is_lost(first), "a loss is forgotten");
    }
    let _refused = on_a_thread(|| dump(dir.path()));
});

/// raft-engine caches per thread: a thread has one engine.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let ended = thread::scope(|scope| scope.spawn(work).join());
    ended.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

fn damaged(content: &[u8], damage: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    let length = content.len().max(1);
    for change in damage.chunks_exact(4) {
        let [a, b, c, byte] = [change[0], change[1], change[2], change[3]];
        let place = u32::from_be_bytes([0, a, b, c]) as usize % length;
        if let Some(old) = content.get_mut(place) {
            *old = byte;
        }
    }
    content
}

fn start(dir: &Path) -> Result<Standing, LogError> {
    let properties = Ensemble::load(dir, &[]).verify(NODE)?;
    bootstrap::read(dir)?;
    let directory_id = properties.directory_id.unwrap_or(DIRECTORY);
    let (mut log, found) =
        EngineLog::open_sized(MetadataDirectory::open(dir)?, NODE, directory_id, SIZES)?;
    let batches = log.read(found.start.offset, usize::MAX)?;
    let begins = found.start == SNAPSHOT && sound_batches().starts_with(&batches);
    assert!(begins, "other records than were written: {found:?}");
    let standing = found.quorum_state.standing;
    let is_lost = matches!(standing, Standing::Amnesiac(_));
    assert!(is_lost || batches.len() >= NOTED, "a loss is not noticed");
    for id in found.snapshots.keys() {
        let batches = snapshot_file::batches(&copy::metadata_directory(dir), *id)?;
        let _refused = SnapshotLoader::load(*id, batches.map_while(Result::ok));
    }
    Ok(standing)
}

fn dump(dir: &Path) -> Result<(), LogError> {
    if let Some(log) = copy::open(&copy::metadata_directory(dir))? {
        let sound = sound_batches();
        for (at, found) in log.enumerate() {
            assert_eq!(Some(&found?), sound.get(at), "another record than was written");
        }
    }
    Ok(())
}

/// What is in the log after the snapshot.
fn sound_batches() -> Vec<RecordBatch> {
    let records = default_bootstrap(MetadataVersion::LATEST_PRODUCTION);
    let mut end = SNAPSHOT.offset;
    let batches = [1, 1, 2, 2].map(|epoch| {
        let records = records.iter().map(|record| (record, 0));
        let batch = RecordBatch::of_records(end, Epoch(epoch), 7, records).expect("encodes");
        end = batch.end_offset();
        batch
    });
    batches.into()
}

/// The files of a directory that a node has worked on, as they lie there.
fn sound() -> &'static [(PathBuf, Vec<u8>)] {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
        thread::scope(|scope| {
            scope.spawn(|| work(dir.path()).expect("a sound disk"));
        });
        let mut files = Vec::new();
        collect(dir.path(), dir.path(), &mut files);
        files.sort();
        files
    })
}

fn work(dir: &Path) -> Result<(), LogError> {
    let properties = MetaProperties {
        cluster_id: "AAAAAAAAAAAAAAAAAAAAXQ".to_owned(),
        node_id: NODE,
        directory_id: Some(DIRECTORY),
    };
    let records = default_bootstrap(MetadataVersion::LATEST_PRODUCTION);
    bootstrap::write(dir, &records, 0)?;
    meta_properties::write(dir, &properties)?;
    let directory = MetadataDirectory::open(dir)?;
    let (mut log, _) = EngineLog::open_sized(directory, NODE, DIRECTORY, SIZES)?;
    let checkpoint = fs::read(dir.join("bootstrap.checkpoint")).expect("was written");
    log.write_snapshot_chunk(SNAPSHOT, 0, &checkpoint)?;
    log.install_snapshot(SNAPSHOT)?;
    let batches = sound_batches();
    let (noted, later) = batches.split_at(NOTED);
    noted.iter().try_for_each(|batch| log.append(batch))?;
    log.sync()?;
    log.save_quorum_state(&QuorumState {
        epoch: Epoch(2),
        leader: Some(NODE),
        ..Default::default()
    })?;
    later.iter().try_for_each(|batch| log.append(batch))?;
    log.sync().map(drop)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(root, &path, files),
            false => {
                let content = fs::read(&path).expect("reads");
                let name = path.strip_prefix(root).expect("below the root");
                files.push((name.to_owned(), content));
            }
        }
    }
}
