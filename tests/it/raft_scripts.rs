//! What raft does, as golden scripts: `tests/it/scripts/raft/*.txt`. Each begins with `voters`; what the
//! nodes do under each command is written as [`text`] says.
//!
//! Messages arrive in the order in which they were sent, at once and without time passing, unless their
//! link is held. Everything that needs no time happens before the next command.

mod rim;
mod text;
mod world;

use kraftd::protocol::{Epoch, NodeId, Offset, OffsetAndEpoch};

use crate::script::{self, Command};
use world::{Shows, World};

#[test]
fn raft_scripts() {
    script::check("raft", World::default, play);
}

fn play(world: &mut World, command: &mut Command) -> Result<String, String> {
    match command.name.as_str() {
        // voters 1 2 3 [old=3] [alone=3] [fetch-bytes=1]: the nodes start, with blank disks; an old one speaks Kafka
        // 3.9's versions, and one that is alone is configured as the only voter.
        "voters" => {
            world.old = nodes(command.list("old")?.unwrap_or_default());
            world.alone = nodes(command.list("alone")?.unwrap_or_default());
            if let Some(bytes) = command.value("fetch-bytes")? {
                world.fetch_max_bytes = bytes;
            }
            world.begin(nodes(command.words()?));
        }
        "show" => {
            world.shows = match command.word::<String>()?.as_str() {
                "nothing" => Shows::Nothing,
                "outcome" => Shows::Outcome,
                "messages" => Shows::Messages,
                other => return Err(format!("no such view: {other}")),
            }
        }

        // The node's clock runs on, alone, until its patience with the others ends.
        "elect" => world.elect(node(command)?)?,
        // advance 500: so many milliseconds pass.
        "advance" => world.advance(command.word()?),
        // stand-still 1 500: the process notices nothing of so many milliseconds.
        "stand-still" => {
            let id = node(command)?;
            world.stand_still(id, command.word()?);
        }

        // propose 1 a b: the leader appends a batch for each.
        "propose" => {
            let leader = node(command)?;
            for value in command.words::<String>()? {
                world.propose(leader, &value)?;
            }
        }
        "resign" => world.with(node(command)?, |raft, now| raft.resign(now)),
        "shutdown" => world.with(node(command)?, |raft, now| raft.shutdown(now)),
        // snapshot 1 [keep-log]: a snapshot of what is committed; the log before it goes.
        "snapshot" => {
            let id = node(command)?;
            let keeps_log = command.words::<String>()? == ["keep-log"];
            world.snapshot(id, keeps_log)?;
        }
        // fetch 101 2 [offset=0 last-epoch=0 epoch=0 wait=500]: an observer asks a voter.
        "fetch" => {
            let (broker, voter) = (node(command)?, node(command)?);
            let offset = Offset(command.value("offset")?.unwrap_or(0));
            let last_epoch = Epoch(command.value("last-epoch")?.unwrap_or(0));
            let epoch = Epoch(command.value("epoch")?.unwrap_or(0));
            let wait_ms = command.value("wait")?.unwrap_or(0);
            let end = OffsetAndEpoch {
                offset,
                epoch: last_epoch,
            };
            world.observe(broker, voter, epoch, end, wait_ms);
        }

        // hold 1 2->3: messages of these nodes and links wait, until they are delivered or dropped.
        "hold" => {
            let links = links(world, command)?;
            world.held.extend(links);
        }
        "deliver" => {
            let links = links(world, command)?;
            world.deliver(&links);
        }
        "drop" => {
            let links = links(world, command)?;
            world.drop(&links);
        }
        // Messages flow again; those that waited come first.
        "free" => world.free(),
        // disconnect 1 2: the connection of 2 to 1 is closed by 1.
        "disconnect" => {
            let (peer, id) = (node(command)?, node(command)?);
            world.disconnect(peer, id);
        }

        // The process dies, its connections with it.
        "kill" => world.kill(node(command)?),
        // The host dies, and what was not synced is gone; nobody is told.
        "cut-power" => world.cut_power(node(command)?),
        "restart" => world.restart(node(command)?),
        // A node that is down gets a blank disk.
        "replace-disk" => world.replace_disk(node(command)?),
        // Until the next start appends stay in memory, and snapshots are not installed, unless told to `sync`.
        "stall" => nodes(command.words()?)
            .into_iter()
            .for_each(|id| world.stall(id)),
        "sync" => nodes(command.words()?)
            .into_iter()
            .for_each(|id| world.sync(id)),

        // The records of each log by epoch; L is a LeaderChange.
        "logs" => return Ok(world.logs()),
        "roles" => return Ok(world.roles()),
        other => return Err(format!("no such command: {other}")),
    }
    world.settle();
    Ok(world.take_text())
}

fn nodes(ids: Vec<i32>) -> Vec<NodeId> {
    ids.into_iter().map(NodeId).collect()
}

fn node(command: &mut Command) -> Result<NodeId, String> {
    command.word().map(NodeId)
}

/// `1->2` is one link, `1` all links from and to a node, nothing all links there are.
fn links(world: &World, command: &mut Command) -> Result<Vec<(NodeId, NodeId)>, String> {
    let words: Vec<String> = command.words()?;
    let mut links = Vec::new();
    for word in &words {
        let id = |text: &str| {
            text.parse()
                .map(NodeId)
                .map_err(|error| format!("{word}: {error}"))
        };
        match word.split_once("->") {
            Some((from, to)) => links.push((id(from)?, id(to)?)),
            None => {
                let id = id(word)?;
                let all = world.links().into_iter();
                links.extend(all.filter(|(from, to)| *from == id || *to == id));
            }
        }
    }
    Ok(if words.is_empty() {
        world.links()
    } else {
        links
    })
}
