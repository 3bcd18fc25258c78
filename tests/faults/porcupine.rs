//! Porcupine, a checker of linearizability made by others (`tests/faults/porcupine`, in Go), and histories
//! that it must not let pass.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    harness::kafka::{lock, target_dir},
    history::{Action, Operation, Outcome, to_json},
};

/// The program, built if it has to be. The first time that fetches Porcupine.
pub fn build() -> PathBuf {
    let program = target_dir().join("porcupine").join("check");
    let _lock = lock("porcupine");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/porcupine");
    let mut command = Command::new("go");
    command.arg("build").arg("-o").arg(&program).arg(".");
    let output = command
        .current_dir(source)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run `go`: {error}. Run scripts/setup.sh --java, which installs it")
        });
    assert!(
        output.status.success(),
        "go could not build the checker:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// Checks a history. Pictures of what is wrong go to `folder`. Returns what the program says, as an error
/// if it found, or could not check, something.
pub fn check(program: &Path, operations: &[Operation], folder: &Path) -> Result<String, String> {
    let mut child = Command::new(program)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the checker");
    let mut input = child.stdin.take().expect("a pipe");
    input
        .write_all(to_json(operations).as_bytes())
        .expect("it reads all before it says anything");
    drop(input);
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(said),
    }
}

/// A line of a test: client, object, action, value, outcome, start and end.
type Line = (usize, &'static str, Action, Option<i64>, Outcome, u64, u64);

#[track_caller]
fn judge(lines: &[Line]) -> Result<String, String> {
    let operation = |line: &Line| {
        let (client, object, action, value, outcome, start_us, end_us) = *line;
        Operation {
            client,
            object: object.to_owned(),
            era: 0,
            action,
            outcome,
            value,
            topic_id: None,
            start_us,
            end_us,
        }
    };
    let operations: Vec<Operation> = lines.iter().map(operation).collect();
    let folder = tempfile::tempdir().expect("a folder");
    check(&build(), &operations, folder.path())
}

const R: &str = "register";
const T: &str = "topic";
const P: &str = "producer-ids";

#[test]
fn it_passes_what_is_linearizable() {
    use Action::*;
    use Outcome::*;
    let said = judge(&[
        (0, R, Read, None, Done, 0, 1),
        (0, R, Write, Some(1), Done, 2, 5),
        // Beside the write: either value will do.
        (1, R, Read, None, Done, 3, 4),
        (2, R, Read, Some(1), Done, 3, 4),
        // Nobody was told, and later it is there.
        (1, R, Write, Some(2), Unknown, 6, 7),
        (0, R, Read, Some(1), Done, 8, 9),
        (0, R, Read, Some(2), Done, 10, 11),
        // Never done.
        (2, R, Write, Some(3), Failed, 12, 13),
        (0, T, Create, None, Done, 0, 1),
        (1, T, Create, None, Refused, 2, 3),
        (1, T, Delete, None, Unknown, 4, 5),
        (1, T, Delete, None, Refused, 6, 7),
        (0, P, Allocate, Some(0), Done, 0, 1),
        (1, P, Allocate, None, Unknown, 0, 1),
        (1, P, Allocate, Some(2000), Done, 2, 5),
        (0, P, Allocate, Some(3000), Done, 2, 5),
    ]);
    assert_eq!(
        said.as_deref().map(str::trim),
        Ok("14 operations on 3 objects")
    );
}

#[test]
fn it_sees_what_is_not() {
    use Action::*;
    use Outcome::*;
    let cases: &[(&str, &[Line])] = &[
        (
            "a write that is lost",
            &[
                (0, R, Write, Some(1), Done, 0, 1),
                (0, R, Write, Some(2), Done, 2, 3),
                (1, R, Read, Some(1), Done, 4, 5),
            ],
        ),
        (
            "a read that goes back",
            &[
                (0, R, Write, Some(1), Done, 0, 1),
                (0, R, Write, Some(2), Unknown, 2, 3),
                (1, R, Read, Some(2), Done, 4, 5),
                (2, R, Read, Some(1), Done, 6, 7),
            ],
        ),
        ("a value from nowhere", &[(0, R, Read, Some(7), Done, 0, 1)]),
        (
            "a topic that is created twice",
            &[
                (0, T, Create, None, Done, 0, 1),
                (1, T, Create, None, Done, 2, 3),
            ],
        ),
        (
            "a topic that is gone",
            &[
                (0, T, Create, None, Done, 0, 1),
                (1, T, Delete, None, Refused, 2, 3),
            ],
        ),
        (
            "a deleted topic that is still there",
            &[
                (0, T, Create, None, Done, 0, 1),
                (0, T, Delete, None, Done, 2, 3),
                (1, T, Create, None, Refused, 4, 5),
            ],
        ),
        (
            "ids that are given twice",
            &[
                (0, P, Allocate, Some(1000), Done, 0, 9),
                (1, P, Allocate, Some(1000), Done, 1, 8),
            ],
        ),
        (
            "ids that go back",
            &[
                (0, P, Allocate, Some(2000), Done, 0, 1),
                (1, P, Allocate, Some(1000), Done, 2, 3),
            ],
        ),
    ];
    for (what, lines) in cases {
        let said = judge(lines).expect_err(what);
        assert!(said.contains("is not linearizable"), "{what}: {said}");
    }
}
