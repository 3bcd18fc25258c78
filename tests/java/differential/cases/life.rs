//! The life of a cluster: leaders, elections, reassignments, features, what is forwarded, the quorum; and its end.

use kraftd::protocol::{
    ids::{BrokerEpoch, NodeId, Uuid},
    messages::*,
};

use super::{ANY, CAUGHT_UP, Case};
use crate::{differential::world::World, requests::*};

pub const CASES: &[Case] = &[
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
    ("election of an unknown kind, of all", 2, |_| elect(7, None)),
    ("more elections than one request may hold", 2, |_| {
        elect(0, Some(&[("a", &[0; 10_100])]))
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
