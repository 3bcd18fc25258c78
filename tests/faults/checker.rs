//! What clients were told against what the committed log says: it holds every acknowledged change once,
//! nothing that was refused, nothing that nobody asked for, and changes that followed each other in time in
//! that order.

use std::collections::BTreeMap;

use kraftd::protocol::ids::Offset;

use super::{
    history::{Action, Operation, Outcome},
    observer::Marks,
};

/// What is wrong, all of it.
pub fn check(history: &[Operation], marks: &Marks) -> Vec<String> {
    let mut wrong = Vec::new();
    // Start, end if it is known, and place of the changes that are in the log.
    let mut placed: Vec<(&Operation, Offset)> = Vec::new();
    for operation in history {
        let Some(mark) = operation.mark() else {
            continue;
        };
        let places = marks.get(&mark).map_or(&[][..], Vec::as_slice);
        match (operation.outcome, places) {
            (Outcome::Done, [(object, offset)]) if *object == operation.object => {
                placed.push((operation, *offset));
            }
            (Outcome::Unknown, [(object, offset)]) if *object == operation.object => {
                placed.push((operation, *offset));
            }
            (Outcome::Unknown | Outcome::Failed | Outcome::Refused, []) => {}
            (Outcome::Done, []) => {
                wrong.push(format!("acknowledged, but not in the log: {operation:?}"));
            }
            (_, places) => wrong.push(format!("in the log at {places:?}: {operation:?}")),
        }
    }
    wrong.extend(unasked(history, marks));
    wrong.extend(out_of_order(placed));
    wrong
}

/// Changes of an object that are more than were asked for.
fn unasked(history: &[Operation], marks: &Marks) -> Vec<String> {
    let mut allowed: BTreeMap<(&str, Action), i64> = BTreeMap::new();
    for operation in history {
        if matches!(operation.outcome, Outcome::Done | Outcome::Unknown) {
            *allowed
                .entry((&operation.object, operation.action))
                .or_default() += 1;
        }
    }
    for (mark, places) in marks {
        for (object, _) in places {
            *allowed.entry((object, mark.action())).or_default() -= 1;
        }
    }
    let more = allowed.into_iter().filter(|(_, left)| *left < 0);
    more.map(|((object, action), left)| {
        format!(
            "{action:?} of {object} is in the log {} times too often",
            -left
        )
    })
    .collect()
}

/// Changes that were asked for after another one was acknowledged, and stand before it.
fn out_of_order(mut placed: Vec<(&Operation, Offset)>) -> Vec<String> {
    let done = placed.iter().filter(|(op, _)| op.outcome == Outcome::Done);
    let mut ends: Vec<(u64, Offset)> = done.map(|(op, offset)| (op.end_us, *offset)).collect();
    ends.sort_unstable();
    placed.sort_by_key(|(operation, _)| operation.start_us);
    let (mut ended, mut highest) = (ends.into_iter().peekable(), Offset(-1));
    let mut wrong = Vec::new();
    for (operation, offset) in placed {
        while let Some((_, end)) = ended.next_if(|(end_us, _)| *end_us < operation.start_us) {
            highest = highest.max(end);
        }
        if offset < highest {
            wrong.push(format!(
                "at offset {offset}, though what is at {highest} was acknowledged before: {operation:?}"
            ));
        }
    }
    wrong
}

mod tests {
    use super::{super::history::Mark, *};

    /// Value, outcome, start and end of a write.
    fn write(value: i64, outcome: Outcome, start_us: u64, end_us: u64) -> Operation {
        Operation {
            client: 0,
            object: "register".to_owned(),
            era: 0,
            action: Action::Write,
            outcome,
            value: Some(value),
            topic_id: None,
            start_us,
            end_us,
        }
    }

    /// A log with these values at offsets 0, 1, 2 and so on.
    fn log(values: &[i64]) -> Marks {
        let mut marks = Marks::new();
        for (offset, value) in (0..).zip(values) {
            let place = ("register".to_owned(), Offset(offset));
            marks.entry(Mark::Wrote(*value)).or_default().push(place);
        }
        marks
    }

    #[test]
    fn it_passes_what_is_right() {
        use Outcome::*;
        let history = [
            write(1, Done, 0, 5),
            write(2, Done, 3, 4),
            write(3, Unknown, 6, 7),
            write(4, Unknown, 6, 7),
            write(5, Failed, 6, 7),
            write(6, Done, 8, 9),
        ];
        for values in [&[1, 2, 6][..], &[2, 1, 3, 6], &[1, 2, 6, 4]] {
            assert_eq!(check(&history, &log(values)), Vec::<String>::new());
        }
    }

    #[test]
    fn it_sees_what_is_wrong() {
        use Outcome::*;
        let history = [
            write(1, Done, 0, 1),
            write(2, Done, 2, 3),
            write(3, Failed, 4, 5),
            write(4, Unknown, 4, 5),
        ];
        let cases: &[(&[i64], &str)] = &[
            (&[1], "acknowledged, but not in the log"),
            (&[1, 2, 2], "in the log at"),
            (&[1, 2, 3], "in the log at"),
            (&[2, 1], "was acknowledged before"),
            (&[4, 1, 2], "was acknowledged before"),
            (&[1, 2, 4, 9], "too often"),
        ];
        for (values, complaint) in cases {
            let wrong = check(&history, &log(values));
            let seen = wrong.iter().any(|wrong| wrong.contains(complaint));
            assert!(seen, "{values:?}: {wrong:?}");
        }
    }
}
