//! What the clients did, when, and what they were told.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kraftd::protocol::ids::Uuid;
use serde::Serialize;

/// Names are used for so long. Whatever is left open by then is forgotten with the name: operations of
/// unknown outcome are what makes checking hard.
const ERA: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Of registers.
    Write,
    Read,
    /// Of members of a set.
    Create,
    Delete,
    /// Of a counter.
    Allocate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// It changed nothing, since it was there already, or since it was not there.
    Refused,
    /// It changed nothing, and says nothing.
    Failed,
    /// It may have been done, it may still be, or never.
    Unknown,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    pub client: usize,
    pub object: String,
    pub era: u64,
    pub action: Action,
    pub outcome: Outcome,
    /// What was written or read, or the first of the ids allocated.
    pub value: Option<i64>,
    /// What was created or deleted.
    #[serde(skip)]
    pub topic_id: Option<Uuid>,
    pub start_us: u64,
    pub end_us: u64,
}

/// What a change leaves in the log, and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Wrote(i64),
    Created(Uuid),
    Deleted(Uuid),
    Allocated(i64),
}

impl Operation {
    /// Whether the client was told what it wanted to know.
    pub fn is_served(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::Refused)
    }

    /// The mark, as far as the client knows.
    pub fn mark(&self) -> Option<Mark> {
        match self.action {
            Action::Read => None,
            Action::Write => self.value.map(Mark::Wrote),
            Action::Create => self.topic_id.map(Mark::Created),
            Action::Delete => self.topic_id.map(Mark::Deleted),
            Action::Allocate => self.value.map(Mark::Allocated),
        }
    }
}

impl Mark {
    pub fn action(self) -> Action {
        match self {
            Mark::Wrote(_) => Action::Write,
            Mark::Created(_) => Action::Create,
            Mark::Deleted(_) => Action::Delete,
            Mark::Allocated(_) => Action::Allocate,
        }
    }
}

/// All clients' operations, in one time.
pub struct History {
    begin: Instant,
    operations: Mutex<Vec<Operation>>,
    /// When an operation began that was served.
    served_us: AtomicU64,
}

impl History {
    pub fn begin() -> History {
        History {
            begin: Instant::now(),
            operations: Mutex::default(),
            served_us: AtomicU64::new(0),
        }
    }

    pub fn now_us(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    pub fn era(&self) -> u64 {
        self.now_us() / ERA.as_micros() as u64
    }

    pub fn push(&self, operation: Operation) {
        if operation.is_served() {
            self.served_us
                .fetch_max(operation.start_us, Ordering::Relaxed);
        }
        self.operations.lock().expect("the history").push(operation);
    }

    /// Whether an operation was served that began after this moment.
    pub fn is_served_since(&self, moment_us: u64) -> bool {
        self.served_us.load(Ordering::Relaxed) > moment_us
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.operations.lock().expect("the history").clone()
    }
}

/// As Porcupine gets them, an object a line.
pub fn to_json(operations: &[Operation]) -> String {
    let mut lines = String::new();
    for operation in operations {
        lines += &serde_json::to_string(operation).expect("an operation is plain data");
        lines.push('\n');
    }
    lines
}
