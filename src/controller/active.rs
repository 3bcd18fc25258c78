//! What only the active controller does: turn requests and the passing of time into records.

use super::{
    Controller,
    accumulator::Accumulator,
    apis::Write,
    caller::ReplyTo,
    deferred::Deferred,
    effect::Effect,
    error_response::error_response,
    periodic::{Periodic, Task},
    replayed::Replayed,
    wrong_controller,
};
use crate::{
    metadata::{
        ApiError, Cx, Outcome, State, activation, elections, heartbeats, sessions::Sessions,
    },
    protocol::{Epoch, ErrorCode, Offset, api::Request},
    time::{Now, Time},
};

/// What a controller has while it is active.
pub(super) struct Active {
    pub(super) accumulator: Accumulator,
    pub(super) deferred: Deferred,
    pub(super) sessions: Sessions,
    periodic: Periodic,
}

impl Active {
    /// The state that the next operation works on, committed or not.
    pub(super) fn newest<'a>(&'a self, replayed: &'a Replayed) -> &'a State {
        self.accumulator.newest().unwrap_or(replayed.state())
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let deadlines = [self.accumulator.due(), self.periodic.deadline()];
        deadlines.into_iter().flatten().min()
    }
}

impl Controller {
    /// Takes over: all records of earlier epochs are committed, none of ours is written
    /// (`QuorumController.claim`).
    pub(super) fn activate(&mut self, now: Now, epoch: Epoch) {
        if self.is_fatal() {
            return;
        }
        let (state, committed_end) = (self.replayed.state(), self.replayed.end().offset);
        let log_end = self.raft.end_offset();
        assert_eq!(
            committed_end, log_end,
            "all records of earlier epochs are replayed"
        );
        tracing::info!(
            "Becoming the active controller at epoch {epoch}, next write offset {log_end}."
        );
        let activation = match activation::records(state, &self.options.metadata) {
            Ok(activation) => activation,
            Err(error) => return self.effects.push_back(Effect::Fatal(error.to_string())),
        };
        tracing::info!("{}", activation.response);
        if !state.acls.is_empty() {
            tracing::warn!(
                "The metadata has {} access control entries. Brokers go by them; this controller does not, and does \
                 what any client has a broker ask it for.",
                state.acls.len()
            );
        }
        let session_timeout_ms = self.options.metadata.session_timeout_ms;
        self.active = Some(Active {
            accumulator: Accumulator::new(epoch, self.options.append_linger_ms),
            deferred: Deferred::default(),
            sessions: Sessions::activate(state, now.time),
            periodic: Periodic::new(self.options.periodic, session_timeout_ms, now),
        });
        if let Err(error) = self.operate(now, 0, false, |_, _| Ok(activation)) {
            self.effects
                .push_back(Effect::Fatal(format!("cannot activate: {error}")));
        }
    }

    /// A request that changes metadata. It is answered when its records are committed; without records, and when it is
    /// refused, when everything is that it may have seen.
    pub(super) fn write(&mut self, now: Now, reply_to: ReplyTo, request: Request, write: Write) {
        let refusal = match &self.active {
            None => Some((ErrorCode::NOT_CONTROLLER, wrong_controller(self.leader))),
            Some(active) if active.deferred.is_full() => {
                let message = "The controller is overloaded; try again.";
                Some((ErrorCode::REQUEST_TIMED_OUT, message.to_owned()))
            }
            Some(_) => None,
        };
        if let Some((code, message)) = refusal {
            let refusal = reply_to.fail(&request, code, &message);
            return self.effects.push_back(refusal);
        }
        let (version, forwarded) = (reply_to.api_version, reply_to.letter.is_some());
        let done = self.operate(now, version, forwarded, |state, cx| {
            write(state, cx, &request)
        });
        let Some(active) = &mut self.active else {
            unreachable!("only the active controller operates");
        };
        let (response, end_offset) = done.unwrap_or_else(|ApiError { code, message }| {
            let seen = active.accumulator.next_offset(self.raft.end_offset());
            (error_response(&request, version, code, &message), seen)
        });
        active
            .deferred
            .park(reply_to, request, response, end_offset);
    }

    /// Runs an operation on the newest state and takes its records. Returns its response, and where the
    /// log ends that the response speaks of.
    pub(super) fn operate<R>(
        &mut self,
        now: Now,
        api_version: i16,
        forwarded: bool,
        operation: impl FnOnce(&State, &mut Cx) -> Result<Outcome<R>, ApiError>,
    ) -> Result<(R, Offset), ApiError> {
        let Some(active) = &mut self.active else {
            let message = wrong_controller(self.leader);
            return Err(ApiError::new(ErrorCode::NOT_CONTROLLER, message));
        };
        // Containers are shared, so that a clone costs next to nothing.
        let newest = active.newest(&self.replayed).clone();
        let next_offset = active.accumulator.next_offset(self.raft.end_offset());
        let outcome = operation(
            &newest,
            &mut Cx {
                now,
                rng: &mut self.rng,
                options: &self.options.metadata,
                sessions: &mut active.sessions,
                next_offset,
                api_version,
                forwarded,
            },
        )?;
        let Outcome {
            records,
            atomic,
            response,
        } = outcome;
        let is_change = !records.is_empty();
        active
            .accumulator
            .add(now, &newest, next_offset, records, atomic)?;
        if is_change {
            active.periodic.appended(now);
        }
        let end_offset = active.accumulator.next_offset(self.raft.end_offset());
        self.append_gathered(now);
        Ok((response, end_offset))
    }

    /// Hands raft the batches that have waited long enough; by default, none waits. While it takes one,
    /// raft may find that it has lost its followers: the rest is then for nobody, and whoever waits
    /// for it is told when the change of leader is.
    pub(super) fn append_gathered(&mut self, now: Now) {
        let Some(active) = &mut self.active else {
            return;
        };
        for batch in active.accumulator.take(now) {
            if self.raft.is_leader() && self.raft.epoch() == batch.epoch() {
                self.raft.append(now, batch);
            }
        }
    }

    pub(super) fn run_periodic_tasks(&mut self, now: Now) {
        let due = self.active.as_ref().map(|active| active.periodic.due(now));
        for task in due.unwrap_or_default() {
            let run: fn(&State, &mut Cx) -> Outcome<bool> = match task {
                Task::FenceStaleBrokers => heartbeats::fence_stale,
                Task::WriteNoOp => |_, _| Outcome::atomic(vec![activation::no_op()], false),
                Task::BalanceLeaders => elections::balance_leaders,
                Task::ElectUnclean => elections::elect_unclean,
            };
            let again_soon = match self.operate(now, 0, false, |state, cx| Ok(run(state, cx))) {
                Ok((again_soon, _)) => again_soon,
                Err(error) => {
                    tracing::error!("{task:?} failed, and will be tried again later: {error}");
                    false
                }
            };
            if let Some(active) = &mut self.active {
                active.periodic.done(now, task, again_soon);
            }
        }
    }
}
