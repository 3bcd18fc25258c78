//! `kraftd install-scripts DIR`: in a Kafka folder, Kafka's own commands format, start and stop controllers with
//! kraftd. What concerns brokers alone still goes to Kafka's own scripts, which are kept beside ours; but for stop,
//! which concerns all that runs.

use std::{
    env, fs,
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::fail;

use crate::console::say;

/// In every script that we put somewhere: what lacks it is not ours to replace.
const MARK: &str = "# Put here by `kraftd install-scripts`";

/// Ends the name of a script of Kafka's that ours has replaced.
const KEPT: &str = ".kafka-original";

/// Where the binary goes: `kraftd.sh` looks there.
const LIBEXEC: &str = "libexec";

/// Finds the binary for the others; nothing of Kafka's has such names.
const LAUNCHER: &str = include_str!("../../bin/kraftd.sh");
const LAUNCHER_NAMES: [&str; 2] = ["kraftd.sh", "kraftd"];

/// Kafka's commands: our scripts for them, and what these do first in a Kafka folder.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "kafka-server-start",
        include_str!("../../bin/kafka-server-start.sh"),
        BROKERS_TO_KAFKA,
    ),
    (
        "kafka-server-stop",
        include_str!("../../bin/kafka-server-stop.sh"),
        STOP_BROKERS_TOO,
    ),
    (
        "kafka-storage",
        include_str!("../../bin/kafka-storage.sh"),
        BROKERS_TO_KAFKA,
    ),
];

/// A file for a broker alone is a matter of Kafka's own script (`serves.rs`). For one with both roles, this is the
/// Kafka that the broker is of.
const BROKERS_TO_KAFKA: &str = r#"# It leaves to Kafka's own script, kept beside it, what concerns a broker alone.
bin=$(dirname "$(readlink -f "$0")")
case $("$bin/kraftd.sh" serves COMMAND -- "$@") in
kafka) exec "$bin/ORIGINAL" "$@" ;;
kraftd) export KAFKA_HOME="${KAFKA_HOME:-$(dirname "$bin")}" ;;
*) exit 1 ;;
esac
"#;

/// Kafka's own script knows nothing of us: it stops the broker of a node with both roles without its controller, and
/// waits for nobody. So ours does its work.
const STOP_BROKERS_TOO: &str = r#"# It stops Java's servers, too, as Kafka's own script does.
set -- --java-too "$@"
"#;

#[derive(clap::Args)]
pub struct Arguments {
    /// The Kafka folder: the one that has Kafka's bin/ in it.
    dir: PathBuf,
    /// Put Kafka's own scripts back, and remove what was installed.
    #[arg(long)]
    undo: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let done = match arguments.undo {
        false => install(&arguments.dir),
        true => undo(&arguments.dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// A file that is to be in Kafka's `bin`.
struct Script {
    path: PathBuf,
    text: String,
    owner: Owner,
}

/// Whose the file is that a script of ours would replace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Kraftd,
    Kafka,
}

impl Script {
    fn new(path: PathBuf, text: &str, first: &str) -> Result<Script, String> {
        // Behind the line that names the interpreter.
        let text = text.replacen('\n', &format!("\n{MARK}.\n{first}"), 1);
        let owner = owner(&path)?;
        Ok(Script { path, text, owner })
    }

    fn name(&self) -> std::path::Display<'_> {
        Path::new(self.path.file_name().unwrap_or_default()).display()
    }

    fn kept(&self) -> PathBuf {
        kept(&self.path)
    }

    /// Kraftd's, or Kafka's that an installation has put aside before it ended early.
    fn is_ours(&self) -> bool {
        let was_kafkas = || fs::symlink_metadata(self.kept()).is_ok();
        match self.owner {
            Owner::Kraftd => true,
            Owner::Nobody => was_kafkas(),
            Owner::Kafka => false,
        }
    }
}

fn kept(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(KEPT);
    name.into()
}

fn owner(path: &Path) -> Result<Owner, String> {
    let failed = |error| format!("cannot read {}: {error}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Owner::Nobody),
        Err(error) => Err(failed(error)),
        // Ours are files.
        Ok(found) if !found.is_file() => Ok(Owner::Kafka),
        Ok(_) => {
            let text = fs::read(path).map_err(failed)?;
            match String::from_utf8_lossy(&text).contains(MARK) {
                true => Ok(Owner::Kraftd),
                false => Ok(Owner::Kafka),
            }
        }
    }
}

/// Everything that belongs into `bin`, each under both of its names.
fn scripts(bin: &Path) -> Result<Vec<Script>, String> {
    let mut scripts = Vec::new();
    for name in LAUNCHER_NAMES {
        scripts.push(Script::new(bin.join(name), LAUNCHER, "")?);
    }
    for (command, text, first) in COMMANDS {
        let names = [format!("{command}.sh"), (*command).to_owned()];
        let paths = names.map(|name| bin.join(name));
        let is_of_kafka = |path: &&PathBuf| {
            kept(path).exists() || owner(path).is_ok_and(|owner| owner == Owner::Kafka)
        };
        let original = paths.iter().find(is_of_kafka).ok_or_else(|| {
            format!(
                "{} is no Kafka folder: there is no {}. Name the folder that holds the bin/ of a Kafka \
                 distribution.",
                bin.parent().unwrap_or(bin).display(),
                paths[0].display()
            )
        })?;
        let original = kept(Path::new(original.file_name().unwrap_or_default()));
        let first = first.replace("COMMAND", command);
        let first = first.replace("ORIGINAL", &original.display().to_string());
        for path in paths {
            scripts.push(Script::new(path, text, &first)?);
        }
    }
    Ok(scripts)
}

fn install(dir: &Path) -> Result<(), String> {
    let scripts = scripts(&dir.join("bin"))?;
    // All is known to be well before anything is changed.
    for script in scripts.iter().filter(|script| script.owner == Owner::Kafka) {
        let (path, kept) = (script.path.display(), script.kept());
        if LAUNCHER_NAMES
            .map(|name| dir.join("bin").join(name))
            .contains(&script.path)
        {
            return Err(format!(
                "{path} is there already, and not by this command. Move it away first."
            ));
        }
        if fs::symlink_metadata(&kept).is_ok() {
            let kept = kept.display();
            return Err(format!(
                "{path} is not kraftd's, although {kept} is there: Kafka was unpacked over it again, it \
                 seems. If {kept} is the older of the two, delete it and run this again."
            ));
        }
    }
    let libexec = dir.join(LIBEXEC);
    let binary = env::current_exe().and_then(fs::read);
    let binary = binary.map_err(|error| format!("cannot read the binary of kraftd: {error}"))?;
    fs::create_dir_all(&libexec)
        .map_err(|error| format!("cannot create {}: {error}", libexec.display()))?;
    put(&libexec.join("kraftd"), &binary)?;
    say!("{LIBEXEC}/kraftd: kraftd {}", env!("CARGO_PKG_VERSION"));
    for script in &scripts {
        let name = script.name();
        let mut kept = String::new();
        if script.owner == Owner::Kafka {
            rename(&script.path, &script.kept())?;
            kept = format!("; Kafka's own is now {name}{KEPT}");
        }
        put(&script.path, script.text.as_bytes())?;
        say!("bin/{name}: kraftd's{kept}");
    }
    let shown = dir.display();
    say!(
        "Controllers are kraftd's from their next start on, brokers stay Kafka's. `kraftd install-scripts \
         --undo {shown}` takes this back."
    );
    Ok(())
}

fn undo(dir: &Path) -> Result<(), String> {
    let scripts = scripts(&dir.join("bin"))?;
    let (ours, others): (Vec<&Script>, Vec<&Script>) =
        scripts.iter().partition(|script| script.is_ours());
    if ours.is_empty() {
        let bin = dir.join("bin");
        return Err(format!(
            "there are no scripts of kraftd in {}",
            bin.display()
        ));
    }
    for script in ours {
        let kept = script.kept();
        if fs::symlink_metadata(&kept).is_ok() {
            rename(&kept, &script.path)?;
            say!("bin/{}: Kafka's own again", script.name());
        } else {
            remove(&script.path)?;
            say!("bin/{}: removed", script.name());
        }
    }
    for script in others.iter().filter(|script| script.kept().exists()) {
        let name = script.name();
        say!("bin/{name}: not kraftd's, left as it is, and {name}{KEPT} too");
    }
    let libexec = dir.join(LIBEXEC);
    remove(&libexec.join("kraftd"))?;
    // Unless something else lies there.
    let _stays = fs::remove_dir(&libexec);
    say!("{LIBEXEC}/kraftd: removed");
    Ok(())
}

/// Writes an executable file; whoever runs the old one at this moment goes on with it.
fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755))?;
        Ok(file.persist(path)?)
    });
    written
        .map(drop)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to).map_err(|error| {
        let (from, to) = (from.display(), to.display());
        format!("cannot rename {from} to {to}: {error}")
    })
}

/// What is gone already needs no removing.
fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
