//! The table: a name, the version of the request, and the request. Later cases build on what earlier
//! ones have made.
//!
//! Left out is what Java 4.3.1 stumbles over: an unknown operation in IncrementalAlterConfigs (its
//! controller gives up leadership), more partitions than one operation may create (UNKNOWN_SERVER_ERROR),
//! FetchSnapshot of a snapshot that is not there (it cannot encode the answer).

use kraftd::protocol::{
    api::Request,
    ids::{BrokerEpoch, NodeId, Uuid},
    messages::*,
};

use super::world::World;
use crate::requests::*;

pub type Case = (&'static str, i16, fn(&World) -> Request);

const ANY: BrokerEpoch = BrokerEpoch::NONE;

/// A metadata offset beyond whatever the log may hold: "I have seen everything".
const CAUGHT_UP: i64 = 1_000_000;

pub const CASES: &[Case] = &[
    // What the controller is.
    ("api versions", 0, |_| {
        api_versions::ApiVersionsRequest::default().into()
    }),
    ("api versions", 3, |_| software("test", "1.0")),
    ("api versions", 4, |_| software("test", "1.0")),
    ("api versions of a client without a name", 3, |_| {
        software("", "1.0")
    }),
    ("api versions of a client with a strange name", 3, |_| {
        software("a b", "1.0")
    }),
    ("cluster", 0, |_| cluster(1, false)),
    ("cluster, brokers", 1, |_| cluster(1, false)),
    ("cluster, controllers", 1, |_| cluster(2, false)),
    ("cluster, nonsense", 1, |_| cluster(3, false)),
    ("cluster, controllers", 2, |_| cluster(2, true)),
    ("sasl handshake without sasl", 1, |_| {
        sasl_handshake::SaslHandshakeRequest::default().into()
    }),
    // Brokers come.
    ("heartbeat of a stranger", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, true, false).into()
    }),
    ("registration in another cluster", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            cluster_id: "other".to_owned(),
            ..registration(&w.cluster_id, 101, 1)
        }
        .into()
    }),
    ("registration without directories", 4, |w| {
        with_dirs(w, vec![])
    }),
    ("registration with a reserved directory", 4, |w| {
        with_dirs(w, vec![Uuid::ONE])
    }),
    ("registration with a directory twice", 4, |w| {
        with_dirs(w, vec![directory(1), directory(1)])
    }),
    ("registration of a migrating broker", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            is_migrating_zk_broker: true,
            ..registration(&w.cluster_id, 101, 1)
        }
        .into()
    }),
    ("registration without metadata.version", 4, |w| {
        with_features(w, &[("group.version", 0, 1)])
    }),
    ("registration of an old broker", 4, |w| {
        with_features(w, &[("metadata.version", 1, 21)])
    }),
    ("registration with metadata.version only", 4, |w| {
        with_features(w, &[("metadata.version", 7, 30)])
    }),
    ("registration", 4, |w| {
        registration(&w.cluster_id, 101, 1).into()
    }),
    ("registration again", 4, |w| {
        registration(&w.cluster_id, 101, 1).into()
    }),
    ("registration of another life", 4, |w| {
        registration(&w.cluster_id, 101, 2).into()
    }),
    ("registration with another's directory", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            log_dirs: vec![directory(101)],
            ..registration(&w.cluster_id, 102, 1)
        }
        .into()
    }),
    ("registration", 3, |w| {
        registration(&w.cluster_id, 102, 1).into()
    }),
    ("registration", 4, |w| {
        registration(&w.cluster_id, 103, 1).into()
    }),
    ("registration with two directories", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            log_dirs: vec![directory(104), directory(1104)],
            rack: Some("r1".to_owned()),
            ..registration(&w.cluster_id, 104, 1)
        }
        .into()
    }),
    // No broker is unfenced yet.
    ("topic without brokers", 7, |_| {
        create(vec![topic("early", 1, 1)], false)
    }),
    ("heartbeat of a broker that is behind", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, true, false).into()
    }),
    ("unfencing of a broker that is behind", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, false, false).into()
    }),
    ("heartbeat of a broker that is caught up", 2, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, true, false).into()
    }),
    ("heartbeat with an old epoch", 1, |w| {
        broker_heartbeat::BrokerHeartbeatRequest {
            broker_epoch: BrokerEpoch(1),
            ..heartbeat((101, w.epoch(101)), CAUGHT_UP, false, false)
        }
        .into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, false, false).into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((102, w.epoch(102)), CAUGHT_UP, false, false).into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    ("heartbeat when unfenced", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    // Topics.
    ("topic", 7, |_| {
        create(
            vec![assigned("a", &[&[101, 102], &[102, 103], &[103, 101]])],
            false,
        )
    }),
    ("topic", 2, |_| {
        create(vec![assigned("old", &[&[101]])], false)
    }),
    ("topics, one of them known", 7, |_| {
        create(
            vec![assigned("a", &[&[101]]), assigned("b", &[&[102, 103, 101]])],
            false,
        )
    }),
    ("topic placed by the controller", 7, |_| {
        create(vec![topic("placed", 3, 1)], true)
    }),
    ("topic with defaults", 7, |_| {
        create(vec![topic("defaults", -1, -1)], true)
    }),
    ("topic twice", 7, |_| {
        create(
            vec![topic("t", 1, 1), topic("t", 2, 1), assigned("c", &[&[101]])],
            false,
        )
    }),
    ("topic with a bad name", 7, |_| {
        create(vec![topic("a b", 1, 1)], false)
    }),
    ("topic with no name", 7, |_| {
        create(vec![topic("", 1, 1)], false)
    }),
    ("topic called dot", 7, |_| {
        create(vec![topic(".", 1, 1)], false)
    }),
    ("topic with a long name", 7, |_| {
        create(vec![topic(&"n".repeat(250), 1, 1)], false)
    }),
    ("topic with a dot", 7, |_| {
        create(vec![assigned("dot.ted", &[&[101]])], false)
    }),
    ("topic that collides", 7, |_| {
        create(vec![topic("dot_ted", 1, 1)], false)
    }),
    ("metadata topic", 7, |_| {
        create(vec![topic("__cluster_metadata", 1, 1)], false)
    }),
    ("topic of no partitions", 7, |_| {
        create(vec![topic("t", 0, 1)], false)
    }),
    ("topic of -2 partitions", 7, |_| {
        create(vec![topic("t", -2, 1)], false)
    }),
    ("topic with factor 0", 7, |_| {
        create(vec![topic("t", 1, 0)], false)
    }),
    ("topic with factor -2", 7, |_| {
        create(vec![topic("t", 1, -2)], false)
    }),
    ("topic with too many replicas", 7, |_| {
        create(vec![topic("t", 1, 9)], false)
    }),
    ("topic with too many partitions", 7, |_| {
        create(vec![topic("t", 10_001, 1)], false)
    }),
    ("topic with assignments and a count", 7, |_| {
        create(
            vec![create_topics::CreatableTopic {
                num_partitions: 1,
                ..assigned("t", &[&[101]])
            }],
            false,
        )
    }),
    ("topic with a replica twice", 7, |_| {
        create(vec![assigned("t", &[&[101, 101]])], false)
    }),
    ("topic on an unknown broker", 7, |_| {
        create(vec![assigned("t", &[&[101, 9]])], false)
    }),
    ("topic with uneven replicas", 7, |_| {
        create(vec![assigned("t", &[&[101], &[101, 102]])], false)
    }),
    ("topic with no replicas", 7, |_| {
        create(vec![assigned("t", &[&[]])], false)
    }),
    ("topic on a fenced broker", 7, |_| {
        create(vec![assigned("t", &[&[104]])], false)
    }),
    ("topic partly on a fenced broker", 7, |_| {
        create(vec![assigned("half", &[&[104, 101]])], false)
    }),
    ("topic with a gap in its partitions", 7, |_| {
        let mut topic = assigned("t", &[&[101], &[102]]);
        topic.assignments[1].partition_index = 2;
        create(vec![topic], false)
    }),
    ("topic with settings", 7, |_| {
        let configs = [
            ("retention.ms", Some("1000")),
            ("cleanup.policy", Some("compact,delete")),
        ];
        create(
            vec![configured(assigned("set", &[&[101, 102]]), &configs)],
            false,
        )
    }),
    ("topic with an unknown setting", 7, |_| {
        create(
            vec![configured(topic("t", 1, 1), &[("nonsense", Some("1"))])],
            false,
        )
    }),
    ("topic with a wrong value", 7, |_| {
        create(
            vec![configured(
                topic("t", 1, 1),
                &[("retention.ms", Some("long"))],
            )],
            false,
        )
    }),
    ("topic with a value out of range", 7, |_| {
        create(
            vec![configured(
                topic("t", 1, 1),
                &[("min.insync.replicas", Some("0"))],
            )],
            false,
        )
    }),
    ("topic with a null value", 7, |_| {
        create(
            vec![configured(topic("t", 1, 1), &[("retention.ms", None)])],
            false,
        )
    }),
    // More partitions.
    ("partitions", 3, |_| {
        grow("a", 4, Some(&[&[103, 102]]), false)
    }),
    ("partitions, as many", 3, |_| grow("a", 4, None, false)),
    ("partitions, fewer", 3, |_| grow("a", 2, None, false)),
    ("partitions of nothing", 3, |_| {
        grow("nothing", 2, None, false)
    }),
    ("partitions, too few assignments", 3, |_| {
        grow("a", 6, Some(&[&[101, 102]]), false)
    }),
    ("partitions on an unknown broker", 3, |_| {
        grow("a", 5, Some(&[&[101, 9]]), false)
    }),
    ("partitions with another factor", 3, |_| {
        grow("a", 5, Some(&[&[101]]), false)
    }),
    ("partitions, only to see", 3, |_| {
        grow("a", 5, Some(&[&[101, 102]]), true)
    }),
    // Settings.
    ("set a topic's config", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", SET, Some("5000"))], false)
    }),
    ("set it to the same", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", SET, Some("5000"))], false)
    }),
    ("only validate", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", SET, Some("7"))], true)
    }),
    ("append to a list", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("cleanup.policy", APPEND, Some("compact"))],
            false,
        )
    }),
    ("append to what is there", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("cleanup.policy", APPEND, Some("compact"))],
            false,
        )
    }),
    ("subtract from a list", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("cleanup.policy", SUBTRACT, Some("delete"))],
            false,
        )
    }),
    ("append to a number", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", APPEND, Some("1"))], false)
    }),
    ("delete", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", DELETE, None)], false)
    }),
    ("delete what is not there", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", DELETE, None)], false)
    }),
    ("set to null", 1, |_| {
        alter((TOPIC, "a"), &[("retention.ms", SET, None)], false)
    }),
    ("the same key twice", 1, |_| {
        let changes = [
            ("retention.ms", SET, Some("1")),
            ("retention.ms", SET, Some("2")),
        ];
        alter((TOPIC, "a"), &changes, false)
    }),
    ("unknown key", 1, |_| {
        alter((TOPIC, "a"), &[("nonsense", SET, Some("1"))], false)
    }),
    ("wrong boolean", 1, |_| {
        alter((TOPIC, "a"), &[("preallocate", SET, Some("maybe"))], false)
    }),
    ("wrong choice", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("compression.type", SET, Some("rar"))],
            false,
        )
    }),
    ("wrong list", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("cleanup.policy", SET, Some("shred"))],
            false,
        )
    }),
    ("fraction out of range", 1, |_| {
        alter(
            (TOPIC, "a"),
            &[("min.cleanable.dirty.ratio", SET, Some("2"))],
            false,
        )
    }),
    ("compaction lags that cross", 1, |_| {
        let changes = [
            ("min.compaction.lag.ms", SET, Some("10")),
            ("max.compaction.lag.ms", SET, Some("5")),
        ];
        alter((TOPIC, "a"), &changes, false)
    }),
    ("a topic that is not there", 1, |_| {
        alter(
            (TOPIC, "nothing"),
            &[("retention.ms", SET, Some("1"))],
            false,
        )
    }),
    ("a topic without a name", 1, |_| {
        alter((TOPIC, ""), &[("retention.ms", SET, Some("1"))], false)
    }),
    ("unknown kind of resource", 1, |_| {
        alter((3, "x"), &[("retention.ms", SET, Some("1"))], false)
    }),
    ("a broker's config", 1, |_| {
        alter(
            (BROKER, "101"),
            &[("log.retention.ms", SET, Some("9"))],
            false,
        )
    }),
    ("an unknown broker's config", 1, |_| {
        alter(
            (BROKER, "55"),
            &[("log.retention.ms", SET, Some("9"))],
            false,
        )
    }),
    ("a controller's config", 1, |_| {
        alter(
            (BROKER, "1"),
            &[("log.retention.ms", SET, Some("9"))],
            false,
        )
    }),
    ("a broker that is no number", 1, |_| {
        alter(
            (BROKER, "x"),
            &[("log.retention.ms", SET, Some("9"))],
            false,
        )
    }),
    ("all brokers' config", 1, |_| {
        alter((BROKER, ""), &[("log.retention.ms", SET, Some("8"))], false)
    }),
    ("all brokers' min.insync.replicas", 1, |_| {
        alter(
            (BROKER, ""),
            &[("min.insync.replicas", SET, Some("2"))],
            false,
        )
    }),
    ("one broker's min.insync.replicas", 1, |_| {
        alter(
            (BROKER, "101"),
            &[("min.insync.replicas", SET, Some("2"))],
            false,
        )
    }),
    ("delete all brokers' min.insync.replicas", 1, |_| {
        alter(
            (BROKER, ""),
            &[("min.insync.replicas", DELETE, None)],
            false,
        )
    }),
    ("a topic's min.insync.replicas", 1, |_| {
        alter(
            (TOPIC, "b"),
            &[("min.insync.replicas", SET, Some("2"))],
            false,
        )
    }),
    // A broker would have refused it; a controller judges topics by its file alone.
    ("all brokers' odd lag", 1, |_| {
        alter(
            (BROKER, ""),
            &[("log.cleaner.min.compaction.lag.ms", SET, Some("7d"))],
            false,
        )
    }),
    ("a topic under an odd lag", 7, |_| {
        create(
            vec![configured(
                assigned("lagging", &[&[101]]),
                &[("retention.ms", Some("5000"))],
            )],
            false,
        )
    }),
    ("a topic's lag under an odd lag", 1, |_| {
        alter(
            (TOPIC, "lagging"),
            &[("max.compaction.lag.ms", SET, Some("5"))],
            false,
        )
    }),
    ("all brokers' lag again", 1, |_| {
        alter(
            (BROKER, ""),
            &[("log.cleaner.min.compaction.lag.ms", DELETE, None)],
            false,
        )
    }),
    ("client metrics", 1, |_| {
        alter((16, "m"), &[("interval.ms", SET, Some("60000"))], false)
    }),
    ("client metrics, unknown key", 1, |_| {
        alter((16, "m"), &[("nonsense", SET, Some("1"))], false)
    }),
    ("client metrics, too often", 1, |_| {
        alter((16, "m"), &[("interval.ms", SET, Some("1"))], false)
    }),
    ("client metrics by a pattern", 1, |_| {
        alter(
            (16, "m"),
            &[(
                "match",
                SET,
                Some("client_id=app-[0-9]+,client_software_name=a{2}"),
            )],
            false,
        )
    }),
    ("client metrics by an odd brace", 1, |_| {
        alter((16, "m"), &[("match", SET, Some("client_id={app}"))], false)
    }),
    ("client metrics by an odd range", 1, |_| {
        alter((16, "m"), &[("match", SET, Some("client_id=[z-a]"))], false)
    }),
    ("client metrics by an odd star", 1, |_| {
        alter((16, "m"), &[("match", SET, Some("client_id=a**"))], false)
    }),
    ("client metrics by two signs", 1, |_| {
        alter((16, "m"), &[("match", SET, Some("client_id=a=b"))], false)
    }),
    ("client metrics without a name", 1, |_| {
        alter((16, ""), &[("interval.ms", SET, Some("60000"))], false)
    }),
    ("a group", 1, |_| {
        alter(
            (32, "g"),
            &[("consumer.session.timeout.ms", SET, Some("50000"))],
            false,
        )
    }),
    ("a group, unknown key", 1, |_| {
        alter((32, "g"), &[("nonsense", SET, Some("1"))], false)
    }),
    ("replace a topic's configs", 2, |_| {
        replace((TOPIC, "set"), &[("segment.ms", Some("60000"))])
    }),
    ("replace with nonsense", 2, |_| {
        replace((TOPIC, "set"), &[("nonsense", Some("1"))])
    }),
    ("replace with null", 2, |_| {
        replace((TOPIC, "set"), &[("segment.ms", None)])
    }),
    ("replace a broker's configs", 2, |_| {
        replace((BROKER, "102"), &[("log.retention.ms", Some("3"))])
    }),
    ("replace with nothing", 2, |_| replace((BROKER, "102"), &[])),
    ("describe a topic", 4, |_| {
        describe((TOPIC, "set"), None, true, false)
    }),
    ("describe a topic, documented", 4, |_| {
        describe((TOPIC, "a"), None, false, true)
    }),
    ("describe a topic, oldest version", 1, |_| {
        describe((TOPIC, "a"), None, true, false)
    }),
    ("describe some keys of a topic", 4, |_| {
        describe((TOPIC, "a"), Some(&["retention.ms", "x"]), true, false)
    }),
    ("describe a topic that is not there", 4, |_| {
        describe((TOPIC, "nothing"), None, false, false)
    }),
    ("describe a topic with a bad name", 4, |_| {
        describe((TOPIC, "a b"), None, false, false)
    }),
    ("describe a broker", 4, |_| {
        describe((BROKER, "101"), Some(&["log.retention.ms"]), true, false)
    }),
    ("describe all brokers", 4, |_| {
        describe((BROKER, ""), None, true, false)
    }),
    ("describe this controller", 4, |_| {
        describe(
            (BROKER, "1"),
            Some(&["node.id", "log.retention.ms", "num.partitions"]),
            true,
            false,
        )
    }),
    ("describe client metrics", 4, |_| {
        describe((16, "m"), None, true, false)
    }),
    ("describe a group", 4, |_| {
        describe((32, "g"), None, true, false)
    }),
    ("describe an unknown kind", 4, |_| {
        describe((3, "x"), None, false, false)
    }),
    // What leaders say of their partitions. Topic a: 0 on 101,102; 1 on 102,103; 2 on 103,101.
    ("isr shrinks", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 0), &[101]))
    }),
    ("isr, partition epoch behind", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 0), &[101, 102]))
    }),
    ("isr grows", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 1), &[101, 102]))
    }),
    ("isr stays", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 2), &[101, 102]))
    }),
    ("isr, leader epoch ahead", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 7, 2), &[101]))
    }),
    ("isr, partition epoch ahead", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 9), &[101]))
    }),
    ("isr from one who does not lead", 3, |w| {
        alter_partition(isr(w, (102, "a", 0, 0, 2), &[102]))
    }),
    ("isr without the leader", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 2), &[102]))
    }),
    ("isr with a stranger", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 2), &[101, 103]))
    }),
    ("isr with a member twice", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 2), &[101, 101]))
    }),
    ("isr that is empty", 3, |w| {
        alter_partition(isr(w, (101, "a", 0, 0, 2), &[]))
    }),
    ("isr of no topic", 3, |w| {
        alter_partition(isr(w, (101, "nothing", 0, 0, 0), &[101]))
    }),
    ("isr of no partition", 3, |w| {
        alter_partition(isr(w, (101, "a", 9, 0, 0), &[101]))
    }),
    ("isr with a fenced member", 3, |w| {
        alter_partition(isr(w, (101, "half", 0, 0, 0), &[101, 104]))
    }),
    ("isr from a stranger", 3, |w| {
        let of_101 = isr(w, (101, "a", 0, 0, 2), &[101]);
        alter_partition(Isr {
            sender: (77, ANY),
            ..of_101
        })
    }),
    ("isr with a member's old epoch", 3, |w| {
        let members = vec![(101, w.epoch(101)), (102, BrokerEpoch(1))];
        let of_101 = isr(w, (101, "a", 0, 0, 2), &[]);
        alter_partition(Isr {
            isr: members,
            ..of_101
        })
    }),
    ("isr in recovery", 3, |w| {
        let of_101 = isr(w, (101, "a", 0, 0, 2), &[101]);
        alter_partition(Isr {
            recovery_state: 1,
            ..of_101
        })
    }),
    // Elections.
    ("preferred election that is not needed", 2, |_| {
        elect(0, Some(&[("a", &[0])]))
    }),
    ("unclean election that is not needed", 2, |_| {
        elect(1, Some(&[("a", &[0])]))
    }),
    ("election of no topic", 2, |_| {
        elect(0, Some(&[("nothing", &[0])]))
    }),
    ("election of no partition", 2, |_| {
        elect(0, Some(&[("a", &[9])]))
    }),
    ("unknown kind of election", 2, |_| {
        elect(7, Some(&[("a", &[0])]))
    }),
    ("preferred election of all", 2, |_| elect(0, None)),
    ("preferred election, oldest version", 0, |_| {
        elect(0, Some(&[("a", &[1])]))
    }),
    // Reassignment.
    ("reassign", 0, |_| reassign("a", 0, Some(&[103, 102]), true)),
    ("list reassignments", 0, |_| list_reassignments(None)),
    ("list reassignments of a topic", 0, |_| {
        list_reassignments(Some(&[("a", &[0, 1])]))
    }),
    ("list reassignments of nothing", 0, |_| {
        list_reassignments(Some(&[("nothing", &[0])]))
    }),
    ("cancel", 0, |_| reassign("a", 0, None, true)),
    ("cancel nothing", 0, |_| reassign("a", 0, None, true)),
    ("reassign to an unknown broker", 0, |_| {
        reassign("a", 0, Some(&[9]), true)
    }),
    ("reassign to nothing", 0, |_| {
        reassign("a", 0, Some(&[]), true)
    }),
    ("reassign to one broker twice", 0, |_| {
        reassign("a", 0, Some(&[101, 101]), true)
    }),
    ("reassign no topic", 0, |_| {
        reassign("nothing", 0, Some(&[101]), true)
    }),
    ("reassign no partition", 0, |_| {
        reassign("a", 9, Some(&[101]), true)
    }),
    ("reassign with another factor, not allowed", 1, |_| {
        reassign("a", 0, Some(&[101]), false)
    }),
    ("reassign to fewer", 1, |_| {
        reassign("a", 1, Some(&[102]), true)
    }),
    // Producer ids, directories.
    ("producer ids", 0, |w| allocate(101, w.epoch(101))),
    ("producer ids", 0, |w| allocate(102, w.epoch(102))),
    ("producer ids for a stranger", 0, |_| allocate(77, ANY)),
    ("producer ids with an old epoch", 0, |_| {
        allocate(101, BrokerEpoch(1))
    }),
    ("directory", 0, |w| {
        assign_dirs((102, w.epoch(102)), directory(102), w.topic("a"), 0)
    }),
    ("directory of another", 0, |w| {
        assign_dirs((102, w.epoch(102)), directory(103), w.topic("a"), 0)
    }),
    ("directory, unknown", 0, |w| {
        assign_dirs((102, w.epoch(102)), directory(5), w.topic("a"), 0)
    }),
    ("directory of no topic", 0, |w| {
        assign_dirs((102, w.epoch(102)), directory(102), w.topic("nothing"), 0)
    }),
    ("directory of no partition", 0, |w| {
        assign_dirs((102, w.epoch(102)), directory(102), w.topic("a"), 9)
    }),
    ("directory of one who is no replica", 0, |w| {
        assign_dirs((103, w.epoch(103)), directory(103), w.topic("a"), 0)
    }),
    ("directory with an old epoch", 0, |w| {
        assign_dirs((102, BrokerEpoch(1)), directory(102), w.topic("a"), 0)
    }),
    // Features.
    ("feature, unknown", 1, |_| {
        update_features(&[("nonsense", 1, 1)], false)
    }),
    ("feature at its level", 1, |_| {
        update_features(&[("metadata.version", 30, 1)], false)
    }),
    ("feature too high", 1, |_| {
        update_features(&[("metadata.version", 99, 1)], false)
    }),
    ("feature down without leave", 1, |_| {
        update_features(&[("group.version", 0, 1)], false)
    }),
    ("feature down", 1, |_| {
        update_features(&[("group.version", 0, 2)], true)
    }),
    ("metadata.version down", 1, |_| {
        update_features(&[("metadata.version", 29, 2)], false)
    }),
    ("metadata.version down, unsafely", 1, |_| {
        update_features(&[("metadata.version", 29, 3)], false)
    }),
    ("feature up", 2, |_| {
        update_features(&[("share.version", 1, 1)], false)
    }),
    ("feature, negative", 1, |_| {
        update_features(&[("group.version", -1, 2)], false)
    }),
    ("feature, unknown kind of update", 1, |_| {
        update_features(&[("group.version", 1, 9)], false)
    }),
    ("feature, oldest version", 0, |_| {
        update_features(&[("group.version", 1, 1)], false)
    }),
    ("feature down, oldest version", 0, |_| {
        let update = update_features::FeatureUpdateKey {
            feature: "group.version".to_owned(),
            max_version_level: 0,
            allow_downgrade: true,
            ..Default::default()
        };
        let request = update_features::UpdateFeaturesRequest {
            feature_updates: vec![update],
            ..Default::default()
        };
        request.into()
    }),
    ("two features, one wrong", 1, |_| {
        update_features(&[("streams.version", 1, 1), ("nonsense", 1, 1)], false)
    }),
    ("two features, one wrong", 2, |_| {
        update_features(&[("streams.version", 1, 1), ("nonsense", 1, 1)], false)
    }),
    // Quotas, SCRAM, ACLs, tokens.
    ("quota", 1, |_| {
        quota(
            &[("user", Some("u"))],
            &[("producer_byte_rate", Some(10.0))],
            false,
        )
    }),
    ("quota of defaults", 1, |_| {
        quota(
            &[("user", None), ("client-id", None)],
            &[("request_percentage", Some(1.5))],
            false,
        )
    }),
    ("quota removed", 1, |_| {
        quota(
            &[("user", Some("u"))],
            &[("producer_byte_rate", None)],
            false,
        )
    }),
    ("quota, unknown key", 1, |_| {
        quota(&[("user", Some("u"))], &[("nonsense", Some(10.0))], false)
    }),
    ("quota, unknown entity", 1, |_| {
        quota(
            &[("planet", Some("u"))],
            &[("producer_byte_rate", Some(1.0))],
            false,
        )
    }),
    ("quota of nobody", 1, |_| {
        quota(&[], &[("producer_byte_rate", Some(1.0))], false)
    }),
    ("quota below zero", 1, |_| {
        quota(
            &[("user", Some("u"))],
            &[("producer_byte_rate", Some(-1.0))],
            false,
        )
    }),
    ("quota, a fraction of a byte", 1, |_| {
        quota(
            &[("user", Some("u"))],
            &[("producer_byte_rate", Some(1.5))],
            false,
        )
    }),
    ("quota of an address", 1, |_| {
        quota(
            &[("ip", Some("10.0.0.1"))],
            &[("connection_creation_rate", Some(5.0))],
            false,
        )
    }),
    ("quota of a wrong address", 1, |_| {
        quota(
            &[("ip", Some("not an address"))],
            &[("connection_creation_rate", Some(5.0))],
            false,
        )
    }),
    ("scram", 0, |_| upsert_scram("u", 1, 8_192)),
    ("scram, few iterations", 0, |_| upsert_scram("u", 1, 10)),
    ("scram, many iterations", 0, |_| {
        upsert_scram("u", 1, 20_000)
    }),
    ("scram, unknown mechanism", 0, |_| {
        upsert_scram("u", 9, 8_192)
    }),
    ("scram without a name", 0, |_| upsert_scram("", 1, 8_192)),
    ("scram removed", 0, |_| delete_scram("u", 1)),
    ("scram removed again", 0, |_| delete_scram("u", 1)),
    ("acls without an authorizer", 3, |_| {
        describe_acls::DescribeAclsRequest {
            resource_type_filter: 1,
            pattern_type_filter: 1,
            operation: 1,
            permission_type: 1,
            resource_name_filter: None,
            principal_filter: None,
            host_filter: None,
            ..Default::default()
        }
        .into()
    }),
    ("create acls without an authorizer", 3, |_| {
        create_acls::CreateAclsRequest {
            creations: vec![create_acls::AclCreation {
                resource_type: 2,
                resource_name: "a".to_owned(),
                principal: "User:u".to_owned(),
                host: "*".to_owned(),
                operation: 3,
                permission_type: 3,
                ..Default::default()
            }],
            ..Default::default()
        }
        .into()
    }),
    ("delete acls without an authorizer", 3, |_| {
        delete_acls::DeleteAclsRequest::default().into()
    }),
    ("token without a secret", 3, |_| {
        create_delegation_token::CreateDelegationTokenRequest::default().into()
    }),
    ("renew a token", 2, |_| {
        renew_delegation_token::RenewDelegationTokenRequest::default().into()
    }),
    ("expire a token", 2, |_| {
        expire_delegation_token::ExpireDelegationTokenRequest::default().into()
    }),
    // Forwarded by a broker.
    ("envelope", 0, |_| {
        envelope(5, &create(vec![assigned("wrapped", &[&[101]])], false)).into()
    }),
    ("envelope with an error inside", 0, |_| {
        envelope(5, &create(vec![topic("a", 1, 1)], false)).into()
    }),
    ("envelope with what is not forwarded", 0, |w| {
        envelope(4, &registration(&w.cluster_id, 101, 1).into()).into()
    }),
    ("envelope with garbage", 0, |_| {
        envelope::EnvelopeRequest {
            request_data: vec![0, 19, 0, 5, 0, 0].into(),
            ..envelope(5, &create(vec![], false))
        }
        .into()
    }),
    ("envelope from no address", 0, |_| {
        envelope::EnvelopeRequest {
            client_host_address: vec![1, 2].into(),
            ..envelope(5, &create(vec![], false))
        }
        .into()
    }),
    ("envelope from no principal", 0, |_| {
        envelope::EnvelopeRequest {
            request_principal: Some(vec![9].into()),
            ..envelope(5, &create(vec![], false))
        }
        .into()
    }),
    // The quorum.
    ("fetch in another cluster", 17, |_| {
        fetch_at("other", 1, 0, 0)
    }),
    ("fetch with an old epoch", 17, |w| {
        fetch_at(&w.cluster_id, 0, 0, 0)
    }),
    ("fetch with a future epoch", 17, |w| {
        fetch_at(&w.cluster_id, 99, 0, 0)
    }),
    ("fetch beyond the end", 17, |w| {
        fetch_at(&w.cluster_id, 1, 1_000_000, 1)
    }),
    ("fetch with a negative offset", 17, |w| {
        fetch_at(&w.cluster_id, 1, -1, 0)
    }),
    ("fetch with epochs the wrong way round", 17, |w| {
        fetch_at(&w.cluster_id, 1, 0, 5)
    }),
    ("fetch with no epoch", 17, |w| {
        fetch_at(&w.cluster_id, -1, 0, 0)
    }),
    ("snapshot in another cluster", 0, |_| {
        fetch_snapshot("other", 1, 5, 1)
    }),
    ("vote in another cluster", 2, |_| vote("other", 2, 1, true)),
    ("vote of an older epoch", 2, |w| {
        vote(&w.cluster_id, 2, 0, false)
    }),
    ("pre-vote of a stranger", 2, |w| {
        vote(&w.cluster_id, 2, 1, true)
    }),
    ("add a voter to a static quorum", 1, |w| {
        add_raft_voter::AddRaftVoterRequest {
            cluster_id: Some(w.cluster_id.clone()),
            timeout_ms: 1_000,
            voter_id: NodeId(2),
            voter_directory_id: directory(2),
            listeners: vec![add_raft_voter::Listener {
                name: "CONTROLLER".to_owned(),
                host: "localhost".to_owned(),
                port: 9_093,
                ..Default::default()
            }],
            ..Default::default()
        }
        .into()
    }),
    ("remove a voter of a static quorum", 0, |w| {
        remove_raft_voter::RemoveRaftVoterRequest {
            cluster_id: Some(w.cluster_id.clone()),
            voter_id: NodeId(1),
            voter_directory_id: directory(2),
            ..Default::default()
        }
        .into()
    }),
    // Brokers go. A shutdown waits until all others tell that they know of it.
    ("heartbeat", 1, |w| {
        heartbeat((102, w.epoch(102)), CAUGHT_UP, false, false).into()
    }),
    ("heartbeat", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    ("controlled shutdown of a leader", 1, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, false, true).into()
    }),
    ("controlled shutdown, next beat", 1, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, false, true).into()
    }),
    ("topic that needs the broker that is out", 7, |_| {
        create(vec![topic("t", 1, 4)], true)
    }),
    ("fencing on request", 1, |w| {
        heartbeat((102, w.epoch(102)), CAUGHT_UP, true, false).into()
    }),
    ("back", 1, |w| {
        heartbeat((102, w.epoch(102)), CAUGHT_UP, false, false).into()
    }),
    ("offline directory", 1, |w| {
        broker_heartbeat::BrokerHeartbeatRequest {
            offline_log_dirs: vec![directory(102)],
            ..heartbeat((102, w.epoch(102)), CAUGHT_UP, false, false)
        }
        .into()
    }),
    ("cordoned directory", 2, |w| {
        broker_heartbeat::BrokerHeartbeatRequest {
            cordoned_log_dirs: Some(vec![directory(103)]),
            ..heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false)
        }
        .into()
    }),
    ("another life after a shutdown", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            previous_broker_epoch: w.epoch(101),
            ..registration(&w.cluster_id, 101, 3)
        }
        .into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, false, false).into()
    }),
    ("preferred election", 2, |_| elect(0, None)),
    ("unregister", 0, |_| unregister(103)),
    ("unregister a stranger", 0, |_| unregister(77)),
    ("heartbeat of the unregistered", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    ("unclean election", 2, |_| {
        elect(1, Some(&[("a", &[0, 1, 2, 3]), ("b", &[0])]))
    }),
    ("unclean election of all", 2, |_| elect(1, None)),
    // Topics go.
    ("delete", 5, |_| delete_by_name(&["old"])),
    ("delete again", 5, |_| delete_by_name(&["old"])),
    ("delete, oldest version", 1, |_| delete_by_name(&["half"])),
    ("delete by id", 6, |w| {
        delete_states(&[(None, w.topic("b"))])
    }),
    ("delete by a wrong id", 6, |w| {
        delete_states(&[(None, w.topic("nothing"))])
    }),
    ("delete by name and id", 6, |w| {
        delete_states(&[(Some("a"), w.topic("a"))])
    }),
    ("delete by the same id twice, and by name", 6, |w| {
        let id = w.topic("a");
        delete_states(&[(None, id), (None, id), (Some("a"), Uuid::ZERO)])
    }),
    ("delete by id and by name", 6, |w| {
        delete_states(&[(None, w.topic("a")), (Some("a"), Uuid::ZERO)])
    }),
    ("delete by neither", 6, |_| {
        delete_states(&[(None, Uuid::ZERO)])
    }),
    ("delete by name", 6, |_| {
        delete_states(&[(Some("c"), Uuid::ZERO)])
    }),
];

fn software(name: &str, version: &str) -> Request {
    let request = api_versions::ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: version.to_owned(),
        ..Default::default()
    };
    request.into()
}

fn cluster(endpoint_type: i8, include_fenced_brokers: bool) -> Request {
    let request = describe_cluster::DescribeClusterRequest {
        endpoint_type,
        include_fenced_brokers,
        ..Default::default()
    };
    request.into()
}

fn with_dirs(world: &World, log_dirs: Vec<Uuid>) -> Request {
    let request = broker_registration::BrokerRegistrationRequest {
        log_dirs,
        ..registration(&world.cluster_id, 101, 1)
    };
    request.into()
}

fn with_features(world: &World, features: &[(&str, i16, i16)]) -> Request {
    let feature = |(name, min, max): &(&str, i16, i16)| broker_registration::Feature {
        name: (*name).to_owned(),
        min_supported_version: *min,
        max_supported_version: *max,
        ..Default::default()
    };
    let request = broker_registration::BrokerRegistrationRequest {
        features: features.iter().map(feature).collect(),
        ..registration(&world.cluster_id, 101, 1)
    };
    request.into()
}

/// What the leader (first number) of a topic's partition says at a leader and partition epoch.
fn isr(world: &World, at: (i32, &str, i32, i32, i32), members: &[i32]) -> Isr {
    let (sender, topic, partition, leader_epoch, partition_epoch) = at;
    let members = members.iter().map(|id| (*id, world.epoch(*id))).collect();
    Isr {
        sender: (sender, world.epoch(sender)),
        topic_id: world.topic(topic),
        partition,
        leader_epoch,
        partition_epoch,
        isr: members,
        recovery_state: 0,
    }
}
