//! What every operation is given, and what it hands back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use crate::{
    metadata::sessions::Sessions,
    protocol::{ErrorCode, NodeId, Offset, Uuid, records::MetadataRecord},
    time::Now,
};

/// Most records that one user operation may produce (`QuorumController.MAX_RECORDS_PER_USER_OP`);
/// also the most that fit one atomic batch.
pub const MAX_RECORDS_PER_USER_OP: usize = 10_000;

/// The settings of this node that decisions about metadata depend on.
#[derive(Clone, Debug)]
pub struct Options {
    /// `node.id` of this controller.
    pub node_id: NodeId,
    /// The id that the cluster was formatted with.
    pub cluster_id: String,
    /// Ids of the quorum's voters (`controller.quorum.voters`).
    pub voter_ids: BTreeSet<NodeId>,
    /// `broker.session.timeout.ms`: a broker silent for longer is fenced.
    pub session_timeout_ms: u64,
    /// `num.partitions`, for topics created with -1.
    pub num_partitions: i32,
    /// `default.replication.factor`, for topics created with -1.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `unstable.feature.versions.enable`: levels that the release marks as testing are offered
    /// too.
    pub unstable_feature_versions_enable: bool,
    /// What the file `server.properties` sets, by key: the STATIC_BROKER_CONFIG level of configs.
    pub static_configs: Arc<BTreeMap<String, String>>,
    /// What `kafka-storage format` left for the first activation: FeatureLevel records, then
    /// UserScramCredential records (`BootstrapMetadata`).
    pub bootstrap: Arc<Vec<MetadataRecord>>,
}

impl Default for Options {
    /// Kafka's defaults, for node 0 in a quorum of its own, without bootstrap records.
    fn default() -> Self {
        let node_id = NodeId(0);
        Options {
            node_id,
            cluster_id: String::new(),
            voter_ids: BTreeSet::from([node_id]),
            session_timeout_ms: 9_000,
            num_partitions: 1,
            default_replication_factor: 1,
            delete_topic_enable: true,
            unstable_feature_versions_enable: false,
            static_configs: Arc::default(),
            bootstrap: Arc::default(),
        }
    }
}

/// What surrounds one operation on the active controller.
pub struct Cx<'a> {
    pub now: Now,
    pub rng: &'a mut ChaCha8Rng,
    pub options: &'a Options,
    /// The leader's own knowledge of who is alive; not replicated.
    pub sessions: &'a mut Sessions,
    /// Where the first record of this operation will land in the log.
    pub next_offset: Offset,
    /// Version of the request; 0 for periodic work.
    pub api_version: i16,
    /// The request came in an Envelope, from a broker that has checked it already.
    pub forwarded: bool,
}

impl Cx<'_> {
    /// See [`random_uuid`].
    pub fn random_uuid(&mut self) -> Uuid {
        random_uuid(self.rng)
    }
}

/// See [`Uuid::random`].
pub fn random_uuid(rng: &mut ChaCha8Rng) -> Uuid {
    Uuid::random(|bytes| rng.fill_bytes(bytes))
}

/// The result of an operation: what to append, and what to answer once that is committed.
#[derive(Clone, Debug)]
pub struct Outcome<R> {
    pub records: Vec<MetadataRecord>,
    /// All records must go into one batch.
    pub atomic: bool,
    pub response: R,
}

impl<R> Outcome<R> {
    /// An answer that changes nothing.
    pub fn unchanged(response: R) -> Self {
        Outcome::atomic(Vec::new(), response)
    }

    /// Records that take effect together.
    pub fn atomic(records: Vec<MetadataRecord>, response: R) -> Self {
        Outcome {
            records,
            atomic: true,
            response,
        }
    }

    /// The same records, with another answer.
    pub fn map<T>(self, change: impl FnOnce(R) -> T) -> Outcome<T> {
        Outcome {
            records: self.records,
            atomic: self.atomic,
            response: change(self.response),
        }
    }

    /// Records that may be spread over several batches.
    pub fn split(records: Vec<MetadataRecord>, response: R) -> Self {
        Outcome {
            records,
            atomic: false,
            response,
        }
    }
}

/// A refusal as Kafka's `ApiError` carries it: a code, and a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ApiError {
            code,
            message: message.into(),
        }
    }

    /// More partitions than one request may make.
    pub(super) fn excessive_partitions() -> Self {
        let message = "Excessively large number of partitions per request.";
        ApiError::new(ErrorCode::POLICY_VIOLATION, message)
    }

    /// More records than [`MAX_RECORDS_PER_USER_OP`] (`BoundedListTooLongException`).
    pub fn excessive() -> Self {
        let message = "Unable to perform excessively large batch operation.";
        ApiError::new(ErrorCode::POLICY_VIOLATION, message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
