//! DescribeCluster (60): the cluster's id and its nodes. Asked of a controller, the nodes are
//! controllers (KIP-919).
//!
//! What versions brought:
//! - 1: which kind of nodes is meant.
//! - 2: fenced brokers, if asked for.

use crate::protocol::{NodeId, error_code::ErrorCode, schema::message};

message! {
    DescribeClusterRequest: 0..=2, flexible 0 {
        include_cluster_authorized_operations: bool,
        endpoint_type: i8 = 1 => since(1),
        include_fenced_brokers: bool => since(2),
    }

    DescribeClusterResponse: 0..=2, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> => nullable(0),
        endpoint_type: i8 = 1 => since(1),
        cluster_id: String,
        controller_id: NodeId = NodeId::NONE,
        brokers: Vec<DescribeClusterBroker>,
        cluster_authorized_operations: i32 = i32::MIN,
    }
    DescribeClusterBroker {
        broker_id: NodeId,
        host: String,
        port: i32,
        rack: Option<String> => nullable(0),
        is_fenced: bool => since(2),
    }
}
