//! Configurations of topics, brokers, groups and client metrics.

use kraftd::protocol::api::Request;

use super::Case;
use crate::requests::*;

pub const CASES: &[Case] = &[
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
        matching("client_id=app-[0-9]+,client_software_name=a{2}")
    }),
    ("client metrics by an odd brace", 1, |_| {
        matching("client_id={app}")
    }),
    ("client metrics by an odd range", 1, |_| {
        matching("client_id=[z-a]")
    }),
    ("client metrics by an odd star", 1, |_| {
        matching("client_id=a**")
    }),
    ("client metrics by a pattern of Python's", 1, |_| {
        matching("client_id=(?P<x>a)")
    }),
    ("client metrics by a property that Java has not", 1, |_| {
        matching(r"client_id=\p{Greek}")
    }),
    ("client metrics, unknown key beside a bad value", 1, |_| {
        let configs = [
            ("interval.ms", SET, Some("x")),
            ("nonsense", SET, Some("1")),
        ];
        alter((16, "m"), &configs, false)
    }),
    ("client metrics by two signs", 1, |_| {
        matching("client_id=a=b")
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
    ("a group from now on", 1, |_| {
        alter(
            (32, "g"),
            &[("share.auto.offset.reset", SET, Some("by_duration:PT0S"))],
            false,
        )
    }),
    ("a group for longer than time", 1, |_| {
        alter(
            (32, "g"),
            &[(
                "share.auto.offset.reset",
                SET,
                Some("by_duration:P106751991167301D"),
            )],
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
];

/// A subscription to the metrics of clients that match.
fn matching(pattern: &str) -> Request {
    alter((16, "m"), &[("match", SET, Some(pattern))], false)
}
