//! A host of its own for every node: a network namespace with one link to the bridge, where the clients
//! are. What is wrong with a host's network is a rule or a queue in its namespace.

use std::{net::Ipv4Addr, path::Path, process::Command};

use super::{harness::cluster::Place, sandbox::sh};

/// Queues that make a link slow, the best first; not every kernel has all of them.
const SLOW: &[&str] = &[
    "netem delay 40ms 20ms",
    "tbf rate 400kbit burst 4kb latency 400ms",
];

/// What can be wrong with a host's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing goes to or comes from these nodes.
    CutOff(Vec<i32>),
    /// Nothing comes from these nodes; what is sent to them arrives.
    Deaf(Vec<i32>),
    /// The reverse.
    Mute(Vec<i32>),
    /// So many percent of all packets are lost, in and out.
    Lossy(u32),
    Slow,
}

pub fn place(id: i32) -> Place {
    Place {
        address: address(id),
        namespace: Some(Path::new("/run/netns").join(name(id))),
    }
}

fn name(id: i32) -> String {
    format!("node-{id}")
}

fn address(id: i32) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, id as u8)
}

/// Lays the bridge, and a link to each node. Only inside the sandbox: nothing is ever taken away.
pub fn lay(ids: &[i32]) {
    sh("ip link add bridge type bridge");
    sh("ip addr add 10.0.0.254/24 dev bridge");
    sh("ip link set bridge up");
    for id in ids {
        let name = name(*id);
        sh(&format!("ip netns add {name}"));
        sh(&format!(
            "ip link add {name} type veth peer name eth0 netns {name}"
        ));
        sh(&format!("ip link set {name} master bridge up"));
        sh(&format!(
            "ip -n {name} addr add {}/24 dev eth0",
            address(*id)
        ));
        sh(&format!("ip -n {name} link set eth0 up"));
        sh(&format!("ip -n {name} link set lo up"));
        on(*id, "nft add table ip faults");
        for hook in ["input", "output"] {
            let chain = format!("{{ type filter hook {hook} priority 0 ; }}");
            on(*id, &format!("nft add chain ip faults {hook} {chain}"));
        }
    }
}

/// Runs a command on a node's host.
fn on(id: i32, command: &str) -> String {
    sh(&format!("nsenter --net=/run/netns/{} {command}", name(id)))
}

pub fn begin(id: i32, trouble: &Trouble) {
    match trouble {
        Trouble::CutOff(peers) => {
            drop_from(id, peers);
            drop_to(id, peers);
        }
        Trouble::Deaf(peers) => drop_from(id, peers),
        Trouble::Mute(peers) => drop_to(id, peers),
        Trouble::Lossy(percent) => {
            for hook in ["input", "output"] {
                let rule = format!("numgen random mod 100 < {percent} drop");
                on(id, &format!("nft add rule ip faults {hook} {rule}"));
            }
        }
        Trouble::Slow => {
            let supported = SLOW.iter().any(|queue| put_queue(id, queue));
            assert!(supported, "the kernel has none of the queues {SLOW:?}");
        }
    }
}

pub fn end(id: i32, trouble: &Trouble) {
    match trouble {
        Trouble::Slow => on(id, "tc qdisc del dev eth0 root"),
        _ => on(id, "nft flush table ip faults"),
    };
}

/// Puts a queue before a node's link; not if the kernel does not have it.
fn put_queue(id: i32, queue: &str) -> bool {
    let mut command = Command::new("tc");
    command.args(["-n", &name(id), "qdisc", "add", "dev", "eth0", "root"]);
    let output = command.args(queue.split(' ')).output();
    output.expect("tc of iproute2").status.success()
}

fn drop_from(id: i32, peers: &[i32]) {
    on(
        id,
        &format!("nft add rule ip faults input ip saddr {} drop", set(peers)),
    );
}

fn drop_to(id: i32, peers: &[i32]) {
    on(
        id,
        &format!("nft add rule ip faults output ip daddr {} drop", set(peers)),
    );
}

fn set(peers: &[i32]) -> String {
    let addresses: Vec<String> = peers.iter().map(|id| address(*id).to_string()).collect();
    format!("{{ {} }}", addresses.join(" , "))
}
