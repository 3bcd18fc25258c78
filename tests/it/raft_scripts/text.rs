//! How the scripts write what happens. An offset with an epoch, as in `5@2`, is a place in a log: there
//! it ends, or begins, and the record before is of that epoch. `3..5` are the offsets 3 and 4.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use kraftd::{
    protocol::{
        Epoch, ErrorCode, NodeId, Offset, OffsetAndEpoch, QuorumState,
        api::{Request, Response},
        control_records::ControlRecord,
        messages::{fetch, fetch_snapshot},
        quorum_state::Standing,
        record_batch::RecordBatch,
        records::MetadataRecord,
    },
    raft::{Raft, SendError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// `5@2`
pub fn place(id: OffsetAndEpoch) -> String {
    format!("{}@{}", id.offset, id.epoch)
}

fn at(offset: Offset, epoch: Epoch) -> String {
    place(OffsetAndEpoch { offset, epoch })
}

fn leader(id: NodeId, epoch: Epoch) -> String {
    match id.known() {
        Some(id) => format!("{id} leads epoch {epoch}"),
        None => format!("nobody leads epoch {epoch}"),
    }
}

fn error_or(error: ErrorCode, otherwise: &str) -> &str {
    if error.is_ok() {
        otherwise
    } else {
        error.name()
    }
}

pub fn request(request: &Request) -> String {
    match request {
        Request::Vote(vote) => {
            let vote = &vote.topics[0].partitions[0];
            let kind = if vote.pre_vote {
                "Vote (pre-vote)"
            } else {
                "Vote"
            };
            let end = at(vote.last_offset, vote.last_offset_epoch);
            format!("{kind}: epoch {}, log to {end}", vote.replica_epoch)
        }
        Request::BeginQuorumEpoch(begin) => {
            let begin = &begin.topics[0].partitions[0];
            let leader = leader(begin.leader_id, begin.leader_epoch);
            format!("BeginQuorumEpoch: {leader}")
        }
        Request::EndQuorumEpoch(end) => {
            let end = &end.topics[0].partitions[0];
            let successors: Vec<String> = end
                .preferred_candidates
                .iter()
                .map(|candidate| candidate.candidate_id.to_string())
                .collect();
            let successors = successors.join(", ");
            format!(
                "EndQuorumEpoch: epoch {}, successors {successors}",
                end.leader_epoch
            )
        }
        Request::Fetch(fetch) => {
            let fetch = &fetch.topics[0].partitions[0];
            let from = at(fetch.fetch_offset, fetch.last_fetched_epoch);
            format!("Fetch: epoch {}, from {from}", fetch.current_leader_epoch)
        }
        Request::FetchSnapshot(fetch) => {
            let fetch = &fetch.topics[0].partitions[0];
            let id = &fetch.snapshot_id;
            let id = at(id.end_offset, id.epoch);
            format!("FetchSnapshot: {id} from byte {}", fetch.position)
        }
        other => panic!("raft asks no {}", other.api_key().name()),
    }
}

pub fn answer(outcome: &Result<Response, SendError>) -> String {
    let response = match outcome {
        Err(SendError::Disconnected) => return "connection closed".to_owned(),
        Err(SendError::TimedOut) => return "no answer in time".to_owned(),
        Err(SendError::UnsupportedVersion) => return "a version it does not serve".to_owned(),
        Ok(response) => response,
    };
    match response {
        Response::Vote(vote) => {
            let vote = &vote.topics[0].partitions[0];
            let answer = if vote.vote_granted {
                "granted"
            } else {
                "refused"
            };
            let answer = error_or(vote.error_code, answer);
            let leader = leader(vote.leader_id, vote.leader_epoch);
            format!("Vote: {answer}, {leader}")
        }
        Response::BeginQuorumEpoch(begin) => {
            let begin = &begin.topics[0].partitions[0];
            format!("BeginQuorumEpoch: {}", error_or(begin.error_code, "ok"))
        }
        Response::EndQuorumEpoch(end) => {
            let end = &end.topics[0].partitions[0];
            format!("EndQuorumEpoch: {}", error_or(end.error_code, "ok"))
        }
        Response::Fetch(fetch) => fetched(fetch),
        Response::FetchSnapshot(chunk) => snapshot_piece(chunk),
        other => panic!("raft asks no {}", other.api_key().name()),
    }
}

fn fetched(response: &fetch::FetchResponse) -> String {
    let partition = &response.responses[0].partitions[0];
    let current = &partition.current_leader;
    if !partition.error_code.is_ok() {
        let leader = leader(current.leader_id, current.leader_epoch);
        let endpoint = match response.node_endpoints.first() {
            Some(node) => format!(", at {}:{}", node.host, node.port),
            None => String::new(),
        };
        return format!("Fetch: {}, {leader}{endpoint}", partition.error_code.name());
    }
    let (diverging, snapshot) = (&partition.diverging_epoch, &partition.snapshot_id);
    if diverging.epoch.known().is_some() {
        let end = at(diverging.end_offset, diverging.epoch);
        return format!("Fetch: the logs part, ours goes on at {end}");
    }
    if snapshot.epoch.known().is_some() {
        let id = at(snapshot.end_offset, snapshot.epoch);
        return format!("Fetch: only in snapshot {id}");
    }
    let mut records = partition.records.clone().unwrap_or_default();
    let mut batches = Vec::new();
    while let Some(batch) = RecordBatch::split_off(&mut records).expect("whole batches") {
        batches.push(batch);
    }
    let committed = match partition.high_watermark.known() {
        Some(offset) => format!("high watermark {offset}"),
        None => "no high watermark yet".to_owned(),
    };
    match (batches.first(), batches.last()) {
        (Some(first), Some(last)) => {
            let (base, end) = (first.base_offset(), last.end_offset());
            format!("Fetch: {base}..{end}, {committed}")
        }
        _ => format!("Fetch: nothing new, {committed}"),
    }
}

fn snapshot_piece(response: &fetch_snapshot::FetchSnapshotResponse) -> String {
    let chunk = &response.topics[0].partitions[0];
    if !chunk.error_code.is_ok() {
        return format!("FetchSnapshot: {}", chunk.error_code.name());
    }
    let end = chunk.position + chunk.unaligned_records.len() as i64;
    format!(
        "FetchSnapshot: bytes {}..{end} of {}",
        chunk.position, chunk.size
    )
}

pub fn saved(state: &QuorumState) -> String {
    let mut text = format!("saves epoch {}", state.epoch);
    if let Some(voted) = state.voted {
        let _ = write!(text, ", vote for {}", voted.id);
    }
    if let Some(leader) = state.leader {
        let _ = write!(text, ", leader {leader}");
    }
    match &state.standing {
        Standing::Sound => {}
        Standing::Blank => text += ", blank",
        Standing::Amnesiac(why) => {
            let _ = write!(text, ", amnesiac: {why}");
        }
    }
    text
}

/// The values of a log by epoch; L is a LeaderChange.
pub fn log(start: OffsetAndEpoch, batches: &[RecordBatch]) -> String {
    let mut text = String::new();
    if start.offset > Offset(0) {
        let _ = write!(text, " snapshot {}", place(start));
    }
    let mut epoch = None;
    for batch in batches {
        if epoch.replace(batch.epoch()) != Some(batch.epoch()) {
            let _ = write!(text, " | epoch {}:", batch.epoch());
        }
        if batch.is_control() {
            let records = batch.control_records().expect("control records");
            assert!(matches!(
                records.as_slice(),
                [ControlRecord::LeaderChange(_)]
            ));
            text += " L";
            continue;
        }
        for (_, record) in batch.metadata_records().expect("records") {
            let MetadataRecord::FeatureLevel(value) = record else {
                panic!("not proposed by a script: {record:?}")
            };
            let _ = write!(text, " {}", value.name);
        }
    }
    if text.is_empty() {
        " empty".to_owned()
    } else {
        text
    }
}

pub fn role(raft: &Raft) -> String {
    let mut text = format!("{} of epoch {}", raft.role().name(), raft.epoch());
    if let Some((leader, _)) = raft.leader().filter(|_| !raft.is_leader()) {
        let _ = write!(text, ", leader {leader}");
    }
    let _ = write!(text, ", log to {}", place(raft.log().end_id()));
    match raft.high_watermark() {
        Some(offset) => {
            let _ = write!(text, ", high watermark {offset}");
        }
        None => text += ", no high watermark",
    }
    if let Some(why) = raft.amnesia() {
        let _ = write!(text, ", amnesiac: {why}");
    }
    if raft.is_shut_down() {
        text += ", may end";
    }
    text
}

/// Keeps what raft writes to its log: role changes with their reasons, above all.
#[derive(Clone, Default)]
pub struct Said(pub Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > Level::INFO {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().expect("one thread").push(line.text());
    }
}

/// One entry of the log.
#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    fn text(self) -> String {
        let of = |name| {
            let field = self.fields.iter().find(|(field, _)| *field == name);
            field.map_or("", |(_, value)| value.as_str())
        };
        if let Some(states) = self.message.strip_prefix("Completed transition to ") {
            let to = states.split(' ').next().unwrap_or_default();
            let to = to.trim_end_matches("State").to_lowercase();
            return format!("{to} of epoch {}: {}", of("epoch"), of("why"));
        }
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!(", {name} {value}"));
        self.message.clone() + &fields.collect::<String>()
    }

    fn keep(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }
}
