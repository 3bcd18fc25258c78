//! Several hosts on this machine: each has a network, processes, a name and an `/opt` of its own, and they reach
//! each other by name and by ssh. The kernel ends all of it with the process that holds it, so with the test.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use super::process::run_to_end;

/// Addresses are 10.77.0.N, N what the host's name ends in.
const NETWORK: &str = "10.77.0";

/// In the place of ssh: what it runs gets a shell on the host, with the environment that the host's user has set
/// up, and it waits as ssh does until nobody holds the outputs any more.
const SSH: &str = "#!/bin/sh
site=$(dirname \"$(dirname \"$0\")\")
host=$1
shift
pid=$(cat \"$site/$host/pid\") || exit 255
exec nsenter --target \"$pid\" --mount --net --uts --pid \\
    env -i PATH=\"$PATH\" HOME=/root sh -c \". '$site/profile'; cd /; $*\"
";

/// Keeps namespaces alive, and what runs in them from outliving it.
struct Holder {
    process: Child,
    /// Of a process within.
    pid: u32,
}

pub struct Hosts {
    site: Option<TempDir>,
    lan: Holder,
    hosts: BTreeMap<&'static str, Holder>,
}

impl Hosts {
    /// Sets the hosts up. `profile` is what a login shell reads.
    pub fn start(names: &[&'static str], profile: &str) -> Hosts {
        let site = tempfile::Builder::new().prefix("kraftd-hosts-").tempdir();
        let site = site.expect("a temporary folder");
        let folder = site.path();
        let addresses = names
            .iter()
            .map(|name| format!("{} {name}\n", address(name)));
        let addresses = format!("127.0.0.1 localhost\n{}", addresses.collect::<String>());
        fs::write(folder.join("hosts"), addresses).expect("writes");
        fs::write(folder.join("profile"), profile).expect("writes");
        write_script(&folder.join("bin/ssh"), SSH);
        let etc_hosts = format!("mount --bind {}/hosts /etc/hosts", folder.display());
        let bridge = format!("ip link add lan type bridge && ip addr add {NETWORK}.1/24 dev lan");
        let user: &[&str] = match rustix::process::getuid().is_root() {
            true => &[],
            false => &["--user", "--map-root-user"],
        };
        let unshare = [&["unshare", "--net", "--mount"], user].concat();
        let setup = format!("{bridge} && ip link set lan up && ip link set lo up && {etc_hosts}");
        let mut hosts = Hosts {
            lan: Holder::start(
                command("setpriv", &["--pdeathsig", "KILL"]),
                &unshare,
                &setup,
            ),
            hosts: BTreeMap::new(),
            site: Some(site),
        };
        for name in names {
            hosts.add(name, &etc_hosts);
        }
        hosts
    }

    fn add(&mut self, name: &'static str, etc_hosts: &str) {
        let (folder, opt) = (self.folder().join(name), self.opt(name));
        fs::create_dir_all(&opt).expect("creates");
        let setup = format!(
            "hostname {name} && mount --bind {} /opt && {etc_hosts} && ip link set lo up",
            opt.display()
        );
        let mut enter = command("setpriv", &["--pdeathsig", "KILL"]);
        enter.args(self.enter_lan());
        let unshare = "unshare --net --mount --uts --pid --mount-proc --fork --kill-child=KILL";
        let unshare: Vec<&str> = unshare.split(' ').collect();
        let mut holder = Holder::start(enter, &unshare, &setup);
        // The first process within is a child of `unshare`.
        let children = format!("/proc/{0}/task/{0}/children", holder.process.id());
        let children = fs::read_to_string(children).expect("the children of a process");
        holder.pid = children.trim().parse().expect("one child");
        fs::write(folder.join("pid"), holder.pid.to_string()).expect("writes");
        let pid = holder.pid;
        self.hosts.insert(name, holder);
        let plug = format!(
            "ip link add {name} type veth peer name eth0 netns {pid} && ip link set {name} master lan up"
        );
        run_to_end("ip link", self.admin(&["sh", "-c", &plug]));
        let up = format!(
            "ip addr add {}/24 dev eth0 && ip link set eth0 up",
            address(name)
        );
        self.ssh(name, &up);
    }

    fn folder(&self) -> &Path {
        self.site.as_ref().expect("kept until the end").path()
    }

    /// A host's `/opt`.
    pub fn opt(&self, host: &str) -> PathBuf {
        self.folder().join(host).join("opt")
    }

    fn enter_lan(&self) -> Vec<String> {
        let pid = self.lan.pid.to_string();
        let mut words = vec!["nsenter", "--target", &pid, "--net", "--mount"];
        if !rustix::process::getuid().is_root() {
            words.extend(["--user", "--preserve-credentials"]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// A command of who administers the hosts, in their network, with `ssh` on the path.
    pub fn admin(&self, words: &[&str]) -> Command {
        let entered = self.enter_lan();
        let mut all = Command::new(&entered[0]);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}/bin:{path}:/usr/sbin:/sbin", self.folder().display());
        all.args(&entered[1..]).args(words).env("PATH", path);
        all
    }

    /// What a line that was typed on a host did.
    pub fn typed(&self, host: &str, line: &str) -> Output {
        self.admin(&["ssh", host, line])
            .output()
            .expect("nsenter runs")
    }

    /// What a line that was typed on a host printed; panics unless it succeeded.
    #[track_caller]
    pub fn ssh(&self, host: &str, line: &str) -> String {
        run_to_end(
            &format!("`{line}` on {host}"),
            self.admin(&["ssh", host, line]),
        )
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.hosts.clear();
        if std::thread::panicking()
            && let Some(site) = self.site.take()
        {
            eprintln!("the hosts' folder is kept: {}", site.keep().display());
        }
    }
}

impl Holder {
    /// Makes namespaces, and sets them up with a line of shell.
    fn start(mut command: Command, unshare: &[&str], setup: &str) -> Holder {
        let line = format!("{setup} && echo ready && exec sleep infinity");
        command.args(unshare).args(["sh", "-c", &line]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = started.unwrap_or_else(|error| {
            panic!("cannot run {command:?}: {error}. scripts/setup.sh --java installs util-linux and iproute2")
        });
        let mut said = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("reads");
        let pid = process.id();
        let holder = Holder { process, pid };
        assert_eq!(
            said, "ready\n",
            "no namespaces: {command:?}. It takes root, or a kernel that gives users namespaces of their own"
        );
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn address(host: &str) -> String {
    format!(
        "{NETWORK}.{}",
        host.trim_start_matches(|char: char| !char.is_ascii_digit())
    )
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Writes a script, with its folder.
pub fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
    fs::write(path, text).expect("writes");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("sets");
}
