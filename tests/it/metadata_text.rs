//! Metadata records as a line of text each, in the words of the golden scripts: partitions by the name of
//! their topic, directories by their broker and a letter, and nothing that is as it always is.

use std::{collections::BTreeMap, fmt, str::FromStr};

use kraftd::{
    metadata::{
        configs::ResourceType,
        partitions::{LOST, MIGRATING, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, UNASSIGNED},
    },
    protocol::{NodeId, Uuid, records::*},
};

/// What the directories without a disk are called.
const SPECIAL: [(&str, Uuid); 3] = [
    ("migrating", MIGRATING),
    ("unassigned", UNASSIGNED),
    ("lost", LOST),
];

/// A log directory: `1a` is the first one of broker 1.
#[derive(Clone, Copy)]
pub struct Directory(pub Uuid);

impl FromStr for Directory {
    type Err = String;

    fn from_str(text: &str) -> Result<Directory, String> {
        if let Some((_, id)) = SPECIAL.iter().find(|(name, _)| *name == text) {
            return Ok(Directory(*id));
        }
        let split = text.len().saturating_sub(1);
        let (broker, letter) = text.split_at_checked(split).unwrap_or_default();
        let broker: i32 = broker.parse().map_err(|_| "a directory is 1a, 1b, ...")?;
        let mut bytes = [0xd0; 16];
        bytes[8..12].copy_from_slice(&broker.to_be_bytes());
        bytes[15] = letter.bytes().next().unwrap_or_default();
        Ok(Directory(Uuid(bytes)))
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = SPECIAL.iter().find(|(_, id)| *id == self.0) {
            return f.write_str(name);
        }
        let [.., b0, b1, b2, b3, _, _, _, letter] = self.0.0;
        let broker = i32::from_be_bytes([b0, b1, b2, b3]);
        write!(f, "{broker}{}", char::from(letter))
    }
}

/// The id of a broker's process: its first one, its second one, ...
pub fn incarnation_id(broker: NodeId, count: u8) -> Uuid {
    let mut bytes = [0xb0; 16];
    bytes[8..12].copy_from_slice(&broker.0.to_be_bytes());
    bytes[15] = count;
    Uuid(bytes)
}

/// What stands between commas; `-` for nothing.
pub fn join<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    match items.is_empty() {
        true => "-".to_owned(),
        false => items.join(","),
    }
}

/// A line in the making.
struct Line(String);

impl Line {
    fn flag(mut self, name: &str, is_set: bool) -> Line {
        if is_set {
            self.0 += &format!(" {name}");
        }
        self
    }

    fn value(mut self, name: &str, value: Option<impl fmt::Display>) -> Line {
        if let Some(value) = value {
            self.0 += &format!(" {name}={value}");
        }
        self
    }

    fn ids(self, name: &str, ids: &Option<Vec<NodeId>>) -> Line {
        self.value(name, ids.as_ref().map(join))
    }

    fn directories(self, name: &str, ids: &Option<Vec<Uuid>>) -> Line {
        let named = |ids: &Vec<Uuid>| join(ids.iter().map(|id| Directory(*id)));
        self.value(name, ids.as_ref().map(named))
    }
}

/// A record of the log, with the version it was written in. `topics` are the names of all topics there
/// have been.
pub fn record(record: &MetadataRecord, version: i16, topics: &BTreeMap<Uuid, String>) -> String {
    use MetadataRecord::*;
    let topic = |id: &Uuid| topics.get(id).cloned().unwrap_or_else(|| id.to_string());
    let line = |what: String| Line(format!("{} v{version} {what}", record.name()));
    let line = match record {
        RegisterBroker(broker) => line(broker.broker_id.to_string())
            .value("epoch", Some(broker.broker_epoch))
            .value("process", Some(broker.incarnation_id.0[15]))
            .value("rack", broker.rack.as_ref())
            .directories("dirs", &Some(broker.log_dirs.clone()))
            .directories("cordoned", &broker.cordoned_log_dirs)
            .flag("fenced", broker.fenced)
            .flag("in-controlled-shutdown", broker.in_controlled_shutdown),
        UnregisterBroker(broker) => {
            line(broker.broker_id.to_string()).value("epoch", Some(broker.broker_epoch))
        }
        BrokerRegistrationChange(broker) => line(broker.broker_id.to_string())
            .value("epoch", Some(broker.broker_epoch))
            .flag("fenced", broker.fenced == 1)
            .flag("unfenced", broker.fenced == -1)
            .flag("in-controlled-shutdown", broker.in_controlled_shutdown == 1)
            .directories("dirs", &some(&broker.log_dirs))
            .directories("cordoned", &broker.cordoned_log_dirs),
        Topic(created) => line(created.name.clone()),
        Partition(made) => partition(
            line(format!("{}-{}", topic(&made.topic_id), made.partition_id)),
            made,
        ),
        PartitionChange(made) => change(
            line(format!("{}-{}", topic(&made.topic_id), made.partition_id)),
            made,
        ),
        RemoveTopic(removed) => line(topic(&removed.topic_id)),
        Config(config) => {
            let kind = ResourceType(config.resource_type)
                .to_string()
                .to_lowercase();
            let what = line(format!("{kind}/{} {}", config.resource_name, config.name));
            let removed = config.value.is_none();
            what.value("value", config.value.as_ref())
                .flag("removed", removed)
        }
        FeatureLevel(level) => line(level.name.clone()).value("level", Some(level.feature_level)),
        ProducerIds(ids) => line(format!("{}", ids.broker_id))
            .value("epoch", Some(ids.broker_epoch))
            .value("next", Some(ids.next_producer_id)),
        ClearElr(cleared) if cleared.topic_name.is_empty() => line("of all topics".to_owned()),
        ClearElr(cleared) => line(cleared.topic_name.clone()),
        BeginTransaction(begun) => line(begun.name.clone().unwrap_or_default()),
        EndTransaction(_) | NoOp(_) => line(String::new()),
        AbortTransaction(aborted) => line(aborted.reason.clone().unwrap_or_default()),
        RegisterController(controller) => line(controller.controller_id.to_string()),
        UnregisterController(controller) => line(controller.controller_id.to_string()),
        FenceBroker(_)
        | UnfenceBroker(_)
        | DelegationToken(_)
        | UserScramCredential(_)
        | ClientQuota(_)
        | AccessControlEntry(_)
        | RemoveAccessControlEntry(_)
        | ZkMigrationState(_)
        | RemoveUserScramCredential(_)
        | RemoveDelegationToken(_) => line(format!("{record:?}")),
    };
    line.0.trim_end().to_owned()
}

fn partition(line: Line, made: &PartitionRecord) -> Line {
    line.value("leader", Some(leader(made.leader)))
        .value(
            "epochs",
            Some(format!("{}/{}", made.leader_epoch, made.partition_epoch)),
        )
        .ids("replicas", &Some(made.replicas.clone()))
        .ids("isr", &Some(made.isr.clone()))
        .ids("elr", &made.eligible_leader_replicas)
        .ids("last-known-elr", &made.last_known_elr)
        .ids("adding", &some(&made.adding_replicas))
        .ids("removing", &some(&made.removing_replicas))
        .flag("recovering", made.leader_recovery_state == 1)
        .directories("dirs", &some(&made.directories))
}

fn change(line: Line, made: &PartitionChangeRecord) -> Line {
    let new_leader = (made.leader != NO_LEADER_CHANGE).then(|| leader(made.leader));
    line.value("leader", new_leader)
        .ids("replicas", &made.replicas)
        .ids("isr", &made.isr)
        .ids("elr", &made.eligible_leader_replicas)
        .ids("last-known-elr", &made.last_known_elr)
        .ids("adding", &made.adding_replicas)
        .ids("removing", &made.removing_replicas)
        .flag("recovering", made.leader_recovery_state == 1)
        .flag(
            "recovered",
            ![1, NO_RECOVERY_CHANGE].contains(&made.leader_recovery_state),
        )
        .directories("dirs", &made.directories)
}

/// How a partition is, without the record that would make it.
pub fn partition_state(name: &str, made: &PartitionRecord) -> String {
    partition(Line(format!("{name}-{}", made.partition_id)), made).0
}

fn leader(id: NodeId) -> String {
    id.known().map_or("none".to_owned(), |id| id.to_string())
}

fn some<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}
