//! The committed log as one observer gets it, from whoever leads. Keeps a digest of every batch, and the
//! marks of the clients' operations.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use kraftd::protocol::{
    error_code::ErrorCode,
    ids::{Epoch, NodeId, Offset, Uuid},
    record_batch::RecordBatch,
    records::MetadataRecord,
};

use super::{
    harness::{client::Client, metadata_log, requests},
    history::Mark,
    workload::{BROKER, COUNTER, is_register, is_topic},
};

const FETCH_VERSION: i16 = 17;
/// Ids in a block.
const BLOCK: i64 = 1_000;

/// Where marks are: the object's name, and the record's offset.
pub type Marks = BTreeMap<Mark, Vec<(String, Offset)>>;

/// A batch: where it ends, and a digest of its bytes.
type Batch = (Offset, u64);

pub struct Observer {
    cluster_id: String,
    leader_epoch: Epoch,
    /// End and epoch of what is here.
    end: Offset,
    last_epoch: Epoch,
    /// By base offset, without a gap.
    pub batches: BTreeMap<Offset, Batch>,
    pub marks: Marks,
    topics: BTreeMap<Uuid, String>,
}

impl Observer {
    pub fn new(cluster_id: &str) -> Observer {
        Observer {
            cluster_id: cluster_id.to_owned(),
            leader_epoch: Epoch(0),
            end: Offset(0),
            last_epoch: Epoch(0),
            batches: BTreeMap::new(),
            marks: Marks::new(),
            topics: BTreeMap::new(),
        }
    }

    /// Where the log began for this observer: at 0, or after the snapshot it was told of.
    pub fn start(&self) -> Offset {
        self.batches.keys().next().copied().unwrap_or(self.end)
    }

    /// Gets what is committed, as far as the node at the other end knows. False if it does not lead, or
    /// gives no answer; panics at answers that no leader may give.
    pub fn catch_up(&mut self, client: &mut Client) -> bool {
        loop {
            match self.fetch(client) {
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
    }

    /// One Fetch; whether there may be more. `None` if it was in vain.
    fn fetch(&mut self, client: &mut Client) -> Option<bool> {
        let (epoch, end) = (self.leader_epoch, self.end);
        let request = requests::fetch_request(&self.cluster_id, epoch, end, self.last_epoch);
        let answer = client.call(FETCH_VERSION, request).ok()?;
        let answer = metadata_log::partition(answer);
        match answer.error_code {
            ErrorCode::NONE => {}
            ErrorCode::FENCED_LEADER_EPOCH if answer.current_leader.leader_epoch > epoch => {
                self.leader_epoch = answer.current_leader.leader_epoch;
                return Some(true);
            }
            ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::NOT_LEADER_OR_FOLLOWER => return None,
            code => panic!("Fetch from {end} was answered with {code:?}"),
        }
        assert_eq!(
            answer.diverging_epoch.end_offset,
            Offset::NONE,
            "a leader of epoch {epoch} has not all that was committed before offset {end}"
        );
        if let Some(start) = answer.snapshot_id.end_offset.known() {
            assert!(
                self.batches.is_empty(),
                "the log was cut before {end} was read"
            );
            (self.end, self.last_epoch) = (start, answer.snapshot_id.epoch);
            return Some(true);
        }
        let committed = answer.high_watermark;
        let mut records = answer.records.unwrap_or_default();
        while let Some(batch) = metadata_log::split_off(&mut records) {
            if batch.end_offset() <= committed {
                self.take(&batch);
            }
        }
        Some(self.end < committed)
    }

    fn take(&mut self, batch: &RecordBatch) {
        assert_eq!(batch.base_offset(), self.end, "batches follow each other");
        assert!(batch.epoch() >= self.last_epoch, "epochs rise");
        let mut digest = DefaultHasher::new();
        batch.bytes().hash(&mut digest);
        (self.end, self.last_epoch) = (batch.end_offset(), batch.epoch());
        let seen = (batch.end_offset(), digest.finish());
        self.batches.insert(batch.base_offset(), seen);
        for (offset, record) in metadata_log::records(std::slice::from_ref(batch)) {
            self.note(offset, record);
        }
    }

    /// Notes what clients of this test have done, and leaves what others have.
    fn note(&mut self, offset: Offset, record: MetadataRecord) {
        let (mark, object) = match record {
            MetadataRecord::Config(config) if is_register(&config.resource_name) => {
                let value = config.value.and_then(|value| value.parse().ok());
                let value = value.expect("registers hold numbers");
                (Mark::Wrote(value), config.resource_name)
            }
            MetadataRecord::Topic(topic) if is_topic(&topic.name) => {
                self.topics.insert(topic.topic_id, topic.name.clone());
                (Mark::Created(topic.topic_id), topic.name)
            }
            MetadataRecord::RemoveTopic(topic) => match self.topics.get(&topic.topic_id) {
                Some(name) => (Mark::Deleted(topic.topic_id), name.clone()),
                None => return,
            },
            MetadataRecord::ProducerIds(ids) if ids.broker_id == NodeId(BROKER) => {
                let first = ids.next_producer_id - BLOCK;
                (Mark::Allocated(first), COUNTER.to_owned())
            }
            _ => return,
        };
        self.marks.entry(mark).or_default().push((object, offset));
    }

    /// What differs between two observers' logs where both have something.
    pub fn difference(&self, other: &Observer) -> Option<String> {
        let from = self.start().max(other.start());
        let to = self.end.min(other.end).max(from);
        let within = |observer: &Observer| -> Vec<(Offset, Batch)> {
            let batches = observer.batches.range(from..to);
            batches.map(|(base, batch)| (*base, *batch)).collect()
        };
        let (ours, theirs) = (within(self), within(other));
        let differs = ours.iter().zip(&theirs).find(|(one, two)| one != two);
        match differs {
            Some(((base, _), _)) => Some(format!("the batches at offset {base}")),
            None if ours.len() != theirs.len() => Some(format!("the batches before offset {to}")),
            None => None,
        }
    }

    pub fn end(&self) -> Offset {
        self.end
    }
}
