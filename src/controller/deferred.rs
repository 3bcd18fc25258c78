//! Answers that wait until what they say is committed.

use std::collections::VecDeque;

use super::{caller::ReplyTo, effect::Effect};
use crate::protocol::{
    ErrorCode, Offset,
    api::{Request, Response},
};

/// Most answers that wait at one time; what comes on top is told to try again.
pub(super) const MAX_DEFERRED_REPLIES: usize = 10_000;

/// The waiting answers of an active controller, in the order of the offsets they wait for.
#[derive(Default)]
pub(super) struct Deferred {
    replies: VecDeque<Reply>,
}

struct Reply {
    reply_to: ReplyTo,
    /// Tells where an error goes, should the answer never come true.
    request: Request,
    response: Response,
    /// The answer is true once everything below is committed and stable.
    end_offset: Offset,
}

impl Deferred {
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= MAX_DEFERRED_REPLIES
    }

    pub(super) fn park(
        &mut self,
        reply_to: ReplyTo,
        request: Request,
        response: Response,
        end_offset: Offset,
    ) {
        let last = self
            .replies
            .back()
            .map_or(Offset(0), |reply| reply.end_offset);
        assert!(end_offset >= last, "later operations end later in the log");
        self.replies.push_back(Reply {
            reply_to,
            request,
            response,
            end_offset,
        });
    }

    /// Takes the answers that are true now that everything below `stable_end` is committed and stable.
    pub(super) fn release(&mut self, stable_end: Offset) -> Vec<Effect> {
        let waiting = self
            .replies
            .partition_point(|reply| reply.end_offset <= stable_end);
        let released = self.replies.drain(..waiting);
        released
            .map(|reply| reply.reply_to.answer(reply.response))
            .collect()
    }

    /// Answers all that wait with an error: whether their records are in the log that the next leader
    /// goes on with, this node cannot know.
    pub(super) fn fail(self, code: ErrorCode, message: &str) -> Vec<Effect> {
        let replies = self.replies.into_iter();
        replies
            .map(|reply| reply.reply_to.fail(&reply.request, code, message))
            .collect()
    }
}
