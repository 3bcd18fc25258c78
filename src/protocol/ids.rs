//! The identities and positions that every layer speaks of, as types of their own: an epoch is not
//! an offset and a node id is not a partition number.

use std::{cmp::Ordering, fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

macro_rules! newtype {
    ($($(#[$meta:meta])* $Name:ident($int:ty) = $none:literal;)*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        pub struct $Name(pub $int);

        impl $Name {
            /// Kafka's way to say "none" where the schema has no null.
            pub const NONE: $Name = $Name($none);

            /// `None` for Kafka's negative "none" values.
            pub fn known(self) -> Option<Self> {
                (self.0 >= 0).then_some(self)
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )* };
}

newtype! {
    /// `node.id` of a broker or a controller.
    NodeId(i32) = -1;
    /// The number of a quorum leader's or a partition leader's reign; rises by one at each election.
    Epoch(i32) = -1;
    /// A position in the metadata log. `end_*` offsets are exclusive, `last_*` inclusive.
    Offset(i64) = -1;
    /// The offset at which a broker's registration was written: names one life of a broker.
    BrokerEpoch(i64) = -1;
}

impl Offset {
    /// The offset `count` records further on.
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0 + count)
    }
}

/// An end offset and the epoch of the record before it: names a snapshot, or the end of a log
/// (`org.apache.kafka.server.common.OffsetAndEpoch`). Ordered as logs are compared in a Vote: epoch
/// first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OffsetAndEpoch {
    pub epoch: Epoch,
    pub offset: Offset,
}

impl fmt::Display for OffsetAndEpoch {
    /// The stem of Kafka's checkpoint file names: `%020d-%010d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:010}", self.offset.0, self.epoch.0)
    }
}

/// Identity of a replica of the metadata log (`org.apache.kafka.raft.ReplicaKey`): the node, and the
/// directory that holds its log. An unset directory (`Uuid::ZERO`) matches every directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    pub id: NodeId,
    pub directory_id: Uuid,
}

impl ReplicaKey {
    /// Whether a replica that was named so is `other`. An unset directory, as in old messages and files, is that of
    /// any.
    pub fn matches(self, other: ReplicaKey) -> bool {
        let directory_fits =
            self.directory_id == Uuid::ZERO || self.directory_id == other.directory_id;
        self.id == other.id && directory_fits
    }
}

/// The topic of the metadata log.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// Kafka's 128-bit id, printed as URL-safe base64 without padding (22 characters).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Byte by byte, as is derived; as one number it is faster, and every look-up of a topic compares ids.
impl Ord for Uuid {
    fn cmp(&self, other: &Uuid) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for Uuid {
    fn partial_cmp(&self, other: &Uuid) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Uuid {
    /// All zero: "no id"; as a directory, `DirectoryId.MIGRATING`.
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// Topic id of `__cluster_metadata`; as a directory, `DirectoryId.UNASSIGNED`.
    pub const ONE: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// A fresh id from random bytes: never reserved, and never printed with a leading dash, which would look like an
    /// option (`org.apache.kafka.common.Uuid.randomUuid`).
    pub fn random(mut fill: impl FnMut(&mut [u8; 16])) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            fill(&mut bytes);
            // Version 4, variant 1 of RFC 9562, as java.util.UUID.randomUUID sets them.
            bytes[6] = (bytes[6] & 0x0f) | 0x40;
            bytes[8] = (bytes[8] & 0x3f) | 0x80;
            let id = Uuid(bytes);
            if !id.is_reserved() && !id.to_string().starts_with('-') {
                return id;
            }
        }
    }

    /// Ids below 100 have a meaning of their own and never name anything.
    pub fn is_reserved(self) -> bool {
        self.0[..15].iter().all(|byte| *byte == 0) && self.0[15] < 100
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Uuid)
            .ok_or_else(|| {
                format!("`{text}` is no id: expected 22 characters of URL-safe base64, 16 bytes")
            })
    }
}
