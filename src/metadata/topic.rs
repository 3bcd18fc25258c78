//! One topic: its partitions, and how many of them have each of the marks that the index of all topics is
//! about. Cheap to copy where little of it changes: whoever holds an older state shares the rest.

use std::{collections::BTreeMap, sync::Arc};

use super::partitions::Partition;
use crate::protocol::NodeId;

/// So many partitions lie together, and are copied together when one of them changes.
const CHUNK: i32 = 64;

/// Something that partitions have and are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    InIsr(NodeId),
    InElr(NodeId),
    LedBy(NodeId),
    Leaderless,
    /// The leader is not the preferred one.
    Imbalanced,
    /// Replicas are on the move.
    Reassigning,
}

impl Mark {
    pub fn is_on(self, partition: &Partition) -> bool {
        match self {
            Mark::InIsr(broker) => partition.isr.contains(&broker),
            Mark::InElr(broker) => partition.elr.contains(&broker),
            Mark::LedBy(broker) => partition.leader == Some(broker),
            Mark::Leaderless => partition.leader.is_none(),
            Mark::Imbalanced => !partition.has_preferred_leader(),
            Mark::Reassigning => partition.is_reassigning(),
        }
    }

    fn all(partition: &Partition) -> impl Iterator<Item = Mark> {
        let leader = partition.leader.map_or(Mark::Leaderless, Mark::LedBy);
        let others = [leader, Mark::Imbalanced, Mark::Reassigning];
        let others = others.into_iter().filter(|mark| mark.is_on(partition));
        let in_isr = partition.isr.iter().copied().map(Mark::InIsr);
        let in_elr = partition.elr.iter().copied().map(Mark::InElr);
        others.chain(in_isr).chain(in_elr)
    }
}

/// A topic with its partitions.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Topic {
    pub name: Arc<str>,
    /// By number divided by [`CHUNK`]. Where a partition has yet to come (Kafka's snapshots do not keep
    /// them in order) there is one without replicas.
    chunks: BTreeMap<i32, Arc<Vec<Partition>>>,
    /// How many partitions have each mark: sorted, and at least one.
    marks: Vec<(Mark, u32)>,
}

impl Topic {
    pub fn new(name: Arc<str>) -> Topic {
        Topic {
            name,
            chunks: BTreeMap::new(),
            marks: Vec::new(),
        }
    }

    pub fn partition(&self, id: i32) -> Option<&Partition> {
        let partition = self.chunks.get(&(id / CHUNK))?.get((id % CHUNK) as usize)?;
        is_there(partition).then_some(partition)
    }

    /// The partitions by number.
    pub fn partitions(&self) -> impl Iterator<Item = (i32, &Partition)> {
        let chunks = self.chunks.iter();
        let all = chunks.flat_map(|(index, chunk)| (index * CHUNK..).zip(chunk.iter()));
        all.filter(|(_, partition)| is_there(partition))
    }

    /// One more than the highest number.
    pub fn end(&self) -> i32 {
        let last = self.chunks.last_key_value();
        last.map_or(0, |(index, chunk)| index * CHUNK + chunk.len() as i32)
    }

    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        self.marks.iter().map(|(mark, _)| *mark)
    }

    /// Sets a partition. Tells `turned` of every mark that the topic has gained or lost by it.
    pub fn put(
        &mut self,
        id: i32,
        partition: Partition,
        mut turned: impl FnMut(Mark, bool),
    ) -> Result<(), String> {
        if id < 0 || !is_there(&partition) {
            return Err(format!("partition {id} of {} has no replicas", self.name));
        }
        let chunk = Arc::make_mut(self.chunks.entry(id / CHUNK).or_default());
        let index = (id % CHUNK) as usize;
        if index >= chunk.len() {
            chunk.resize_with(index + 1, Partition::default);
        }
        let before = std::mem::replace(&mut chunk[index], partition);
        let (was_there, after) = (is_there(&before), &chunk[index]);
        for mark in Mark::all(after) {
            if !(was_there && mark.is_on(&before)) && add(&mut self.marks, mark) {
                turned(mark, true);
            }
        }
        for mark in Mark::all(&before).filter(|_| was_there) {
            if !mark.is_on(after) && take(&mut self.marks, mark) {
                turned(mark, false);
            }
        }
        Ok(())
    }
}

/// One more partition has the mark. Says whether it is the first.
fn add(marks: &mut Vec<(Mark, u32)>, mark: Mark) -> bool {
    match marks.binary_search_by_key(&mark, |(mark, _)| *mark) {
        Ok(index) => {
            marks[index].1 += 1;
            false
        }
        Err(index) => {
            marks.insert(index, (mark, 1));
            true
        }
    }
}

/// One partition less has the mark. Says whether it was the last.
fn take(marks: &mut Vec<(Mark, u32)>, mark: Mark) -> bool {
    let index = marks.binary_search_by_key(&mark, |(mark, _)| *mark);
    let index = index.expect("a mark that a partition has is counted");
    marks[index].1 -= 1;
    let was_last = marks[index].1 == 0;
    if was_last {
        marks.remove(index);
    }
    was_last
}

fn is_there(partition: &Partition) -> bool {
    !partition.replicas.is_empty()
}
