//! Files that are cut short, rotted or gone. What only a person can mend is refused, and left as it is for
//! that person; what the other voters can mend costs the vote until they have, and the log says so.

use std::{fs, path::PathBuf};

use super::{
    harness::process::{free_port, wait_for},
    site::{CLUSTER_ID, Site, TIMEOUT, assert_same, copy, listing, rewrite, said_at_the_end},
};

/// The directory of a node that has run: with snapshots, and batches after them.
struct Used {
    site: Site,
}

impl Used {
    /// `retention` is what is kept of the log before the newest snapshot.
    fn new(retention: &str) -> Used {
        let site = Site::formatted();
        let original = fs::read(site.file()).expect("a file");
        site.set("metadata.max.retention.bytes", retention);
        site.set("metadata.log.max.snapshot.interval.ms", "300");
        site.set("metadata.max.idle.interval.ms", "100");
        let mut running = site.start();
        site.wait_until_it_leads();
        wait_for("two snapshots", TIMEOUT, || {
            match site.lines("wrote snapshot ").len() {
                0 | 1 => Err("not yet".to_owned()),
                _ => Ok(()),
            }
        });
        // Where nothing older is kept, it goes a moment after the newest is there.
        let is_short = retention == "1";
        wait_for("the older snapshots to go", TIMEOUT, || {
            let kept = snapshots(&site).len();
            match is_short && kept > 1 {
                true => Err(format!("{kept} are there")),
                false => Ok(()),
            }
        });
        running.terminate(TIMEOUT);
        fs::write(site.file(), original).expect("writes");
        let mut running = site.start();
        site.wait_until_it_leads();
        running.terminate(TIMEOUT);
        Used { site }
    }

    /// A quorum of its own, with a copy of the directory.
    fn copy(&self) -> Site {
        self.copy_to(Site::new())
    }

    /// One of three voters, of which the others are not there.
    fn copy_of_three(&self) -> Site {
        let voters = [free_port(), free_port(), free_port()].map(|port| ("127.0.0.1", port));
        self.copy_to(Site::of(1, &voters))
    }

    fn copy_to(&self, site: Site) -> Site {
        copy(&self.site.data(), &site.data());
        site
    }
}

/// The newest snapshot.
fn snapshots(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.metadata()).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let snapshots = paths.filter(|path| path.extension().is_some_and(|end| end == "checkpoint"));
    snapshots.collect()
}

fn snapshot(site: &Site) -> PathBuf {
    snapshots(site).into_iter().max().expect("a snapshot")
}

fn engine(site: &Site) -> PathBuf {
    site.metadata().join("00000000000000000000.log")
}

const MOVE_IT_AWAY: &str = "Move the file away and start again: an older snapshot and the log may have the \
    same records, and if they have not, the start says what to do";

const COPY_FROM_OTHERS: &str = "Restore the files, or move the whole directory away, format an empty one with \
    the same cluster id, and start while the other voters are up: they have the same records";

/// What is wrong, how it came about, and what is said of it. `{snapshot}` is the path of the newest snapshot,
/// `{start}` the offset it ends at, `{engine}` the path of the log.
type Damage = (&'static str, fn(&Site), &'static str);

const REFUSED: &[Damage] = &[
    (
        "a snapshot cut within a batch",
        |site| rewrite(&snapshot(site), |bytes| bytes.truncate(bytes.len() - 10)),
        "{snapshot}: 65 bytes of a batch at its end. {move}",
    ),
    (
        "a snapshot cut between two batches",
        |site| rewrite(&snapshot(site), |bytes| bytes.truncate(bytes.len() - 75)),
        "{snapshot}: it has no footer: it was cut off. {move}",
    ),
    (
        "an empty snapshot",
        |site| rewrite(&snapshot(site), Vec::clear),
        "{snapshot}: it has no header. {move}",
    ),
    (
        "a rotted snapshot",
        |site| {
            rewrite(&snapshot(site), |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        },
        "{snapshot}: RecordBatch: checksum {crc} instead of {crc}. {move}",
    ),
    (
        "the snapshot that the log begins with is gone",
        |site| fs::remove_file(snapshot(site)).expect("removes"),
        "{snapshot}: the log begins at offset {start}, but its snapshot is gone. Bring the file back, or \
         empty this directory, format it again with the same cluster id, and start while the other voters \
         are up",
    ),
    (
        "the voter-state of another node",
        |site| {
            let text = fs::read_to_string(site.meta_properties()).expect("a file");
            let text = text.replace("node.id=1", "node.id=2");
            fs::write(site.meta_properties(), text).expect("writes");
            site.set("node.id", "2");
            site.set("controller.quorum.voters", "2@127.0.0.1:9093");
        },
        "{dir}/__cluster_metadata-0/voter-state was written by node 1 in another directory (directory.id), \
         not by node 2 in this one. Give this node the directory it was formatted with, or format an empty \
         one.",
    ),
];

#[test]
fn what_a_person_must_mend_is_refused_and_left_alone() {
    let used = Used::new("1");
    for (what, damage, message) in REFUSED {
        let site = used.copy();
        let snapshot = snapshot(&site);
        let name = snapshot.file_stem().expect("a name").to_string_lossy();
        let start: i64 = name[..20].parse().expect("an offset");
        damage(&site);
        let message = message
            .replace("{snapshot}", &snapshot.display().to_string())
            .replace("{start}", &start.to_string())
            .replace("{move}", MOVE_IT_AWAY)
            .replace("{copy}", COPY_FROM_OTHERS);
        site.assert_refused(what, &message);
    }
}

const NO_VOTE: &str = "it takes no part in elections until it has copied what the quorum has committed. Keep \
    the other voters running until then";

/// Goes on without a vote; `{reason}` is in the line.
const WITHOUT_A_VOTE: &[Damage] = &[
    (
        "a rotted batch",
        |site| {
            let file = engine(site).join("0000000000000001.raftlog");
            rewrite(&file, |bytes| {
                let used = bytes.iter().rposition(|byte| *byte != 0).expect("a log");
                bytes[used / 2] ^= 1;
            });
        },
        "batch ",
    ),
    (
        "a log cut in half",
        |site| {
            let file = engine(site).join("0000000000000001.raftlog");
            rewrite(&file, |bytes| {
                let used = bytes.iter().rposition(|byte| *byte != 0).expect("a log");
                bytes.truncate(used / 2);
            });
        },
        "the log ends at offset ",
    ),
    (
        "no log any more",
        |site| fs::remove_dir_all(engine(site)).expect("removes"),
        "the log ends at offset ",
    ),
    (
        "a rotted voter-state",
        |site| {
            let file = site.metadata().join("voter-state");
            rewrite(&file, |bytes| bytes.fill(0));
        },
        "the file voter-state holds nothing that can be read",
    ),
    (
        "a voter-state cut to nothing",
        |site| rewrite(&site.metadata().join("voter-state"), Vec::clear),
        "the file voter-state holds nothing that can be read",
    ),
    (
        "no voter-state any more",
        |site| fs::remove_file(site.metadata().join("voter-state")).expect("removes"),
        "the log has records, but the file voter-state is missing",
    ),
];

#[test]
fn what_the_others_can_mend_costs_the_vote() {
    let used = Used::new("-1");
    for (what, damage, reason) in WITHOUT_A_VOTE {
        let site = used.copy_of_three();
        damage(&site);
        let _running = site.start();
        let lines = site.lines("this voter has lost records it once acknowledged (");
        assert!(
            matches!(
                &lines[..],
                [line] if line.contains(reason) && line.ends_with(&format!("): {NO_VOTE}"))
            ),
            "{what}: {}",
            site.log_text()
        );
    }
}

/// Nobody else has what the only voter has lost: it leaves all there is to whoever can save something.
#[test]
fn the_only_voter_leaves_a_damaged_log_alone() {
    let used = Used::new("-1");
    for (what, damage, reason) in &WITHOUT_A_VOTE[..3] {
        let site = used.copy();
        damage(&site);
        let before = listing(site.folder());
        let mut command = site.server();
        command.env("KRAFTD_LOG", "off");
        let (code, said) = said_at_the_end(command);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(
            said.starts_with(&format!(
                "this is the only voter, and it has lost records: {reason}"
            )) && said.ends_with(". Restore its log directory from a backup\n"),
            "{what}: {said}"
        );
        assert_same(what, &before, &listing(site.folder()));
    }
}

/// Files that nothing depends on, in any state.
#[test]
fn what_only_tools_read_does_not_matter() {
    let used = Used::new("-1");
    let site = used.copy();
    fs::write(site.metadata().join("quorum-state"), "\u{0}garbage").expect("writes");
    fs::write(site.metadata().join("leader-epoch-checkpoint"), "x").expect("writes");
    fs::write(
        site.metadata()
            .join(format!("{:020}-{:010}.checkpoint.part", 7, 1)),
        "x",
    )
    .expect("writes");
    let _running = site.start();
    site.wait_until_it_leads();
    let shown = fs::read_to_string(site.metadata().join("quorum-state")).expect("a file");
    assert!(shown.contains("\"leaderId\":1"), "{shown}");
    assert!(site.log_text().contains(CLUSTER_ID));
}
