//! Who sent a request, and where its answer goes.

use super::{
    effect::Effect,
    envelope::{self, Letter},
    error_response::error_response,
};
use crate::{
    protocol::{
        ErrorCode,
        api::{Request, Response},
    },
    raft::Token,
    time::Time,
};

/// Who a request comes from, as far as the connection knows.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Names the request in the effect that answers it.
    pub token: Token,
    pub api_version: i16,
    /// Name of the listener that the request came in on.
    pub listener_name: String,
    /// When the connection had read the request; what is left of its time is counted from here.
    pub received: Time,
}

/// Where an answer goes: back to the sender, in an envelope if the request came in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplyTo {
    pub(super) token: Token,
    /// Of the request that is answered: the inner one, if it came in an envelope.
    pub(super) api_version: i16,
    pub(super) letter: Option<Letter>,
}

impl ReplyTo {
    pub(super) fn answer(self, response: Response) -> Effect {
        Effect::Reply {
            token: self.token,
            response: match self.letter {
                None => response,
                Some(letter) => letter.seal(&response).into(),
            },
        }
    }

    /// Answers that all of the request failed. A broker that forwarded it is told on the envelope when
    /// this node is not the active controller.
    pub(super) fn fail(self, request: &Request, code: ErrorCode, message: &str) -> Effect {
        match self.letter {
            Some(_) if code == ErrorCode::NOT_CONTROLLER => Effect::Reply {
                token: self.token,
                response: envelope::refuse(code).into(),
            },
            _ => self.answer(error_response(request, self.api_version, code, message)),
        }
    }
}
