//! What surrounds raft in a script: performs its effects, and carries its messages in their wire form.

use kraftd::{
    log::Log,
    protocol::{
        NodeId,
        api::{Request, Response},
        wire::{Reader, Writer},
    },
    raft::{Effect, Raft, RequestId, SendError, Token},
};

use super::{
    text,
    world::{Asker, Content, Message, REQUEST_TIMEOUT_MS, Shows, Step, World},
};

impl World {
    pub(super) fn perform(&mut self, id: NodeId) {
        let said = std::mem::take(&mut *self.said.0.lock().expect("one thread"));
        for line in said {
            self.tell(id, line);
        }
        loop {
            let raft = self.node(id).raft.as_mut();
            let Some(effect) = raft.and_then(Raft::next_effect) else {
                break;
            };
            self.perform_one(id, effect);
        }
    }

    fn perform_one(&mut self, id: NodeId, effect: Effect) {
        let fine = "a disk in memory";
        match effect {
            Effect::SaveQuorumState(state) => {
                self.tell(id, text::saved(&state));
                self.node(id).disk.save_quorum_state(&state).expect(fine);
            }
            Effect::Append(batch) => {
                let (base, end, epoch) = (batch.base_offset(), batch.end_offset(), batch.epoch());
                self.tell(id, format!("appends {base}..{end} of epoch {epoch}"));
                self.node(id).disk.append(&batch).expect(fine);
                if !self.node(id).stalls {
                    self.next.push_back(Step::Sync(id));
                }
            }
            Effect::Truncate { end } => {
                self.tell(id, format!("truncates its log to {end}"));
                self.node(id).disk.truncate(end).expect(fine);
            }
            Effect::Send {
                to,
                id: request_id,
                request,
            } => self.send(id, to, request_id, request),
            Effect::Reply { token, response } => self.reply(id, token, response),
            Effect::ReplyFetch {
                token,
                mut response,
                from,
                max_bytes,
            } => {
                let read = self.node(id).disk.read(from, max_bytes).expect(fine);
                let records: Vec<u8> = read
                    .iter()
                    .flat_map(|batch| batch.bytes().to_vec())
                    .collect();
                response.responses[0].partitions[0].records = Some(records.into());
                self.reply(id, token, response.into());
            }
            Effect::ReplyFetchSnapshot {
                token,
                mut response,
                id: snapshot,
                position,
                max_bytes,
            } => {
                let disk = &self.node(id).disk;
                let bytes = disk
                    .read_snapshot(snapshot, position, max_bytes)
                    .expect(fine);
                response.topics[0].partitions[0].unaligned_records = bytes;
                self.reply(id, token, response.into());
            }
            Effect::WriteSnapshotChunk {
                id: snapshot,
                position,
                bytes,
            } => {
                let disk = &mut self.node(id).disk;
                disk.write_snapshot_chunk(snapshot, position, &bytes)
                    .expect(fine);
                self.with(id, |raft, now| raft.on_snapshot_chunk_written(now));
            }
            Effect::InstallSnapshot { id: snapshot } => {
                self.tell(id, format!("installs snapshot {}", text::place(snapshot)));
                self.node(id).installing = Some(snapshot);
                if !self.node(id).stalls {
                    self.next.push_back(Step::Sync(id));
                }
            }
            Effect::HighWatermark(offset) => self.tell(id, format!("high watermark {offset}")),
            Effect::LeaderChanged { leader, epoch } => {
                if leader == Some(id) {
                    self.tell(id, format!("is active in epoch {epoch}"));
                }
            }
            Effect::Fatal(why) => {
                self.tell(id, format!("stops: {why}"));
                self.kill(id);
            }
        }
    }

    fn version(&self, from: NodeId, to: NodeId, request: &Request) -> i16 {
        let max = request.api_key().api().expect("a known API").max_version;
        let old = self.old.contains(&from) || self.old.contains(&to);
        match request {
            Request::Vote(_) if old => 1,
            Request::Fetch(_) if old => 17,
            _ => max,
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, id: RequestId, request: Request) {
        let wait_ms = match &request {
            Request::Fetch(fetch) => fetch.max_wait_ms as u64,
            _ => 0,
        };
        let ends = self.time.plus_ms(REQUEST_TIMEOUT_MS + wait_ms);
        self.node(from).pending.insert(id, (to, ends));
        let version = self.version(from, to, &request);
        let mut writer = Writer::new();
        let message = |from, to, content| Message {
            from,
            to,
            id,
            version,
            content,
        };
        let message = match request.encode(&mut writer, version) {
            Ok(()) => {
                let bytes = writer.into_bytes();
                let mut reader = Reader::new(&bytes);
                let decoded = Request::decode(request.api_key(), version, &mut reader);
                message(
                    from,
                    to,
                    Content::Request(decoded.expect("our own request")),
                )
            }
            Err(_) => message(
                to,
                from,
                Content::Answer(Err(SendError::UnsupportedVersion)),
            ),
        };
        self.carry(message);
    }

    fn reply(&mut self, from: NodeId, token: Token, response: Response) {
        let Some(asker) = self.node(from).askers.remove(&token) else {
            return;
        };
        let mut writer = Writer::new();
        let encoded = response.encode(&mut writer, asker.version);
        encoded.expect("an answer of this version");
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        let decoded = Response::decode(response.api_key(), asker.version, &mut reader);
        self.carry(Message {
            from,
            to: asker.id,
            id: asker.request,
            version: asker.version,
            content: Content::Answer(Ok(decoded.expect("our own answer"))),
        });
    }

    pub(super) fn carry(&mut self, message: Message) {
        match self.held.contains(&(message.from, message.to)) {
            true => self.waiting.push(message),
            false => self.next.push_back(Step::Message(Box::new(message))),
        }
    }

    /// Everything happens that needs no time to pass.
    pub fn settle(&mut self) {
        while let Some(step) = self.next.pop_front() {
            match step {
                Step::Message(message) => self.arrive(*message),
                Step::Sync(id) => self.sync(id),
            }
        }
    }

    fn arrive(&mut self, message: Message) {
        let Message {
            from,
            to,
            id,
            version,
            content,
        } = message;
        let text = match &content {
            Content::Request(request) => text::request(request),
            Content::Answer(outcome) => text::answer(outcome),
        };
        let is_late = matches!(&content, Content::Answer(_))
            && self
                .nodes
                .get(&to)
                .is_some_and(|node| !node.pending.contains_key(&id));
        if self.shows == Shows::Messages && !is_late {
            self.lines.push(format!("{from} -> {to} {text}"));
        }
        match content {
            Content::Request(request) => {
                let count = self
                    .node(to)
                    .askers
                    .keys()
                    .last()
                    .map_or(0, |token| token.0);
                let token = Token(count + 1);
                let asker = Asker {
                    id: from,
                    request: id,
                    version,
                };
                let node = self.node(to);
                if node.raft.is_some() {
                    node.askers.insert(token, asker);
                    self.with(to, |raft, now| {
                        raft.on_request(now, token, version, request)
                    });
                } else if !node.dark {
                    self.fail(from, id, to, SendError::Disconnected);
                }
            }
            Content::Answer(outcome) if !is_late && self.nodes.contains_key(&to) => {
                self.node(to).pending.remove(&id);
                self.with(to, |raft, now| raft.on_response(now, from, id, outcome));
            }
            Content::Answer(_) => {}
        }
    }
}
