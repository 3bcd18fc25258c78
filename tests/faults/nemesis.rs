//! Does to the nodes what a plan says, and takes it back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    finder::Finder,
    harness::{
        cluster::{Cluster, Node},
        process::{tail, wait_for},
    },
    history::History,
    network::{self, Trouble},
    plan::{Fault, Kind, Round},
    sandbox::sh,
    workload,
};

/// Room for what the log's files may take together; the rest is for the fault to fill.
const DISK: &str = "192m";
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const FULL_TIMEOUT: Duration = Duration::from_secs(120);
const SERVICE_TIMEOUT: Duration = Duration::from_secs(30);
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// What a damaged voter says when it comes up, and when it is whole again.
const LOSS: &str = "takes no part in elections";
const WHOLE_AGAIN: &str = "this voter votes again";

/// When the faults of a round were felt, and which there were.
pub struct Felt {
    pub settled: bool,
    pub kinds: Vec<Kind>,
    pub from_us: u64,
    pub to_us: u64,
}

/// A fault that is there, and what it struck.
struct Standing {
    kind: Kind,
    ids: Vec<i32>,
    trouble: Option<Trouble>,
}

/// The controller whose disk was damaged last.
struct Damaged {
    id: i32,
    /// How long its log was when it came up with the damage.
    log_bytes: usize,
    /// Nothing is left of what it had; else the damage may not matter.
    blank: bool,
}

pub struct Nemesis<'a> {
    pub cluster: &'a mut Cluster,
    pub finder: &'a Finder,
    pub history: &'a History,
    pub felt: Vec<Felt>,
    pub counts: BTreeMap<Kind, usize>,
    /// What became of rotten bits.
    pub rot: BTreeMap<&'static str, usize>,
    /// Nodes that do not run as they should, and whose network does not.
    struck: BTreeSet<i32>,
    troubled: BTreeSet<i32>,
    damaged: Option<Damaged>,
}

/// Puts every controller on a small disk of its own.
pub fn mount_disks(cluster: &Cluster) {
    for node in &cluster.controllers {
        let data = node.folder.join("data");
        sh(&format!(
            "mount -t tmpfs -o size={DISK} none {}",
            data.display()
        ));
        node.replace_disk(&cluster.cluster_id);
    }
}

/// So that the cluster's folder can be deleted.
pub fn unmount_disks(cluster: &mut Cluster) {
    for node in &mut cluster.controllers {
        node.kill_if_running();
        sh(&format!("umount {}", node.folder.join("data").display()));
    }
}

impl<'a> Nemesis<'a> {
    pub fn new(cluster: &'a mut Cluster, finder: &'a Finder, history: &'a History) -> Nemesis<'a> {
        Nemesis {
            cluster,
            finder,
            history,
            felt: Vec::new(),
            counts: BTreeMap::new(),
            rot: BTreeMap::new(),
            struck: BTreeSet::new(),
            troubled: BTreeSet::new(),
            damaged: None,
        }
    }

    /// Lets the faults of a round come and go, and checks that all nodes run afterwards.
    pub fn play(&mut self, round: &Round) {
        if round.faults.iter().any(|fault| fault.kind.damages()) {
            self.wait_until_whole();
        }
        if round.settled {
            for index in 0..self.cluster.controllers.len() {
                self.cluster.wait_until_caught_up(index);
            }
        }
        let (begin, from_us) = (Instant::now(), self.history.now_us());
        let mut moments: Vec<(u64, usize, bool)> = Vec::new();
        for (index, fault) in round.faults.iter().enumerate() {
            moments.push((fault.begin_ms, index, true));
            moments.push((fault.end_ms, index, false));
        }
        moments.sort_by_key(|(at_ms, index, begins)| (*at_ms, !begins, *index));
        let mut standing: Vec<Option<Standing>> = round.faults.iter().map(|_| None).collect();
        let mut kinds = Vec::new();
        for (at_ms, index, begins) in moments {
            thread::sleep(Duration::from_millis(at_ms).saturating_sub(begin.elapsed()));
            if begins {
                standing[index] = self.begin(&round.faults[index]);
                kinds.extend(standing[index].as_ref().map(|standing| standing.kind));
            } else if let Some(standing) = standing[index].take() {
                self.end(standing);
            }
        }
        self.wait_until_served();
        thread::sleep(Duration::from_millis(round.calm_ms));
        for kind in &kinds {
            *self.counts.entry(*kind).or_default() += 1;
        }
        let to_us = self.history.now_us();
        self.felt.push(Felt {
            settled: round.settled,
            kinds,
            from_us,
            to_us,
        });
        self.check_all_run();
    }

    /// All faults have ended: clients must be served again.
    fn wait_until_served(&self) {
        let now_us = self.history.now_us();
        wait_for("service after the faults", SERVICE_TIMEOUT, || {
            match self.history.is_served_since(now_us) {
                true => Ok(()),
                false => Err(self.cluster.controller_tails()),
            }
        });
    }

    fn check_all_run(&mut self) {
        let cluster = &mut self.cluster;
        for node in cluster.controllers.iter_mut().chain(&mut cluster.brokers) {
            if let Some(status) = node.process().ended() {
                panic!(
                    "node {} ended by itself, with {status}; {}",
                    node.id,
                    tail(&node.log())
                );
            }
        }
    }

    /// Waits until the disk that was damaged last has been copied anew.
    pub fn wait_until_whole(&mut self) {
        let Some(damaged) = self.damaged.take() else {
            return;
        };
        let node = self.node(damaged.id);
        wait_for(
            "the damaged controller to be whole again",
            RECOVERY_TIMEOUT,
            || {
                let log = &node.log_text()[damaged.log_bytes..];
                let is_whole = !damaged.blank && !log.contains(LOSS);
                match is_whole || log.contains(WHOLE_AGAIN) {
                    true => Ok(()),
                    false => Err(tail(&node.log())),
                }
            },
        );
    }

    /// `None` if there is nobody left whom it could strike.
    fn begin(&mut self, fault: &Fault) -> Option<Standing> {
        let mut trouble = None;
        let ids = match fault.kind {
            Kind::KillAll => self.free_controllers(&self.struck),
            Kind::Apart => self.free_controllers(&self.troubled),
            Kind::KillBroker | Kind::PauseBroker | Kind::CutOffBroker => vec![self.broker(fault)],
            Kind::CutOff | Kind::Deaf | Kind::Mute | Kind::Lossy | Kind::Slow => {
                vec![self.controller(fault, &self.troubled)?]
            }
            // What comes through a bad network would not fill what is left.
            Kind::FullDisk if !self.troubled.is_empty() => return None,
            _ => vec![self.controller(fault, &self.struck)?],
        };
        for id in &ids {
            match fault.kind {
                Kind::Kill | Kind::KillAll | Kind::KillBroker => self.node(*id).kill(),
                Kind::Stop => self.stop(*id),
                Kind::Pause | Kind::PauseBroker => self.node(*id).process().signal(Signal::STOP),
                Kind::FullDisk => self.fill_disk(*id),
                Kind::RottenBit | Kind::NewDisk => self.damage(*id, fault),
                Kind::CutOff
                | Kind::Apart
                | Kind::Deaf
                | Kind::Mute
                | Kind::Lossy
                | Kind::Slow
                | Kind::CutOffBroker => {
                    let wrong = self.trouble(*id, fault);
                    network::begin(*id, &wrong);
                    trouble = Some(wrong);
                }
            }
        }
        match &trouble {
            Some(_) => self.troubled.extend(&ids),
            None => self.struck.extend(&ids),
        }
        println!(
            "{:>7.1} s: {} ({ids:?})",
            self.history.now_us() as f64 / 1e6,
            fault.kind.name()
        );
        (!ids.is_empty()).then_some(Standing {
            kind: fault.kind,
            ids,
            trouble,
        })
    }

    fn end(&mut self, standing: Standing) {
        for id in standing.ids {
            match (standing.kind, &standing.trouble) {
                (_, Some(trouble)) => network::end(id, trouble),
                (Kind::Pause | Kind::PauseBroker, None) => {
                    self.node(id).process().signal(Signal::CONT);
                }
                (Kind::FullDisk, None) => {
                    fs::remove_file(filler(self.node(id))).expect("frees the disk");
                    self.node(id).start();
                }
                (Kind::RottenBit | Kind::NewDisk, None) => self.start_damaged(id, standing.kind),
                (_, None) => self.node(id).start(),
            }
            match standing.trouble {
                Some(_) => self.troubled.remove(&id),
                None => self.struck.remove(&id),
            };
        }
    }

    fn node(&mut self, id: i32) -> &mut Node {
        let cluster = &mut self.cluster;
        let mut nodes = cluster.controllers.iter_mut().chain(&mut cluster.brokers);
        nodes
            .find(|node| node.id == id)
            .expect("a node of the cluster")
    }

    fn free_controllers(&self, taken: &BTreeSet<i32>) -> Vec<i32> {
        let ids = self.cluster.controllers.iter().map(|node| node.id);
        ids.filter(|id| !taken.contains(id)).collect()
    }

    /// The controller that a fault strikes.
    fn controller(&self, fault: &Fault, taken: &BTreeSet<i32>) -> Option<i32> {
        let free = self.free_controllers(taken);
        let leader = fault.at_leader.then(|| self.finder.find()).flatten();
        let leader = leader.map(|(index, _)| self.cluster.controllers[index].id);
        leader
            .filter(|id| free.contains(id))
            .or_else(|| pick(&free, fault.dice))
    }

    fn broker(&self, fault: &Fault) -> i32 {
        let ids: Vec<i32> = self.cluster.brokers.iter().map(|node| node.id).collect();
        pick(&ids, fault.dice).expect("there are brokers")
    }

    /// What is wrong with a node's network: towards one other controller, or all of them.
    fn trouble(&self, id: i32, fault: &Fault) -> Trouble {
        let mut others = self.free_controllers(&BTreeSet::from([id]));
        if fault.dice & 0x100 == 0 && fault.kind != Kind::Apart {
            others.truncate(1);
        }
        match fault.kind {
            Kind::Deaf => Trouble::Deaf(others),
            Kind::Mute => Trouble::Mute(others),
            Kind::Lossy => Trouble::Lossy(5 + (fault.dice % 30) as u32),
            Kind::Slow => Trouble::Slow,
            _ => Trouble::CutOff(others),
        }
    }

    fn stop(&mut self, id: i32) {
        let node = self.node(id);
        let status = node.stop(STOP_TIMEOUT);
        assert!(status.success(), "{status}; {}", tail(&node.log()));
    }

    /// Takes all free space, and goes on writing until the node has noticed: it must end, and say why.
    fn fill_disk(&mut self, id: i32) {
        let mut file = File::create(filler(self.node(id))).expect("a file on the disk");
        while file.write_all(&[1; 1 << 16]).is_ok() {}
        while file.write_all(&[1]).is_ok() {}
        let begin = Instant::now();
        for number in 0.. {
            workload::flood(self.finder, number);
            let node = self.node(id);
            if let Some(status) = node.process().ended() {
                let said = tail(&node.log());
                assert!(said.contains("No space left on device"), "{status}: {said}");
                assert_eq!(status.code(), Some(1), "{said}");
                break;
            }
            assert!(
                begin.elapsed() < FULL_TIMEOUT,
                "node {id} goes on with a full disk"
            );
        }
        self.node(id).kill_if_running();
    }

    /// Stops a controller, and flips a bit of what it has, or takes the disk away.
    fn damage(&mut self, id: i32, fault: &Fault) {
        let cluster_id = self.cluster.cluster_id.clone();
        let node = self.node(id);
        match fault.dice & 1 {
            0 => node.kill(),
            _ => self.stop(id),
        }
        let node = self.node(id);
        match fault.kind {
            Kind::NewDisk => node.replace_disk(&cluster_id),
            _ => flip_a_bit(&node.metadata_folder(), fault.dice),
        }
    }

    /// Starts a damaged controller. One that refuses the disk, and says so, gets a new one, as an operator
    /// would do.
    fn start_damaged(&mut self, id: i32, kind: Kind) {
        let cluster_id = self.cluster.cluster_id.clone();
        let node = self.node(id);
        let mut since = node.log_text().len();
        node.start();
        let refusal = wait_for("a start", STOP_TIMEOUT, || {
            let log = &node.log_text()[since..];
            match (log.contains("Kafka Server started"), node.process().ended()) {
                (true, _) => Ok(None),
                (false, Some(status)) => Ok(Some(status)),
                (false, None) => Err(tail(&node.log())),
            }
        });
        let said = node.log_text()[since..].to_owned();
        let started = refusal.is_none();
        if let Some(status) = refusal {
            assert_eq!(status.code(), Some(1), "{said}");
            let disk = node.folder.join("data").display().to_string();
            assert!(
                said.contains(&disk),
                "it does not say what is wrong: {said}"
            );
            node.kill_if_running();
            node.replace_disk(&cluster_id);
            since = node.log_text().len();
            node.start();
        }
        self.damaged = Some(Damaged {
            id,
            log_bytes: since,
            blank: !started || kind == Kind::NewDisk,
        });
        if kind == Kind::RottenBit {
            let found = match (started, said.contains(LOSS)) {
                (false, _) => "refused",
                (true, true) => "copied anew",
                (true, false) => "unused",
            };
            *self.rot.entry(found).or_default() += 1;
        }
    }
}

fn pick(ids: &[i32], dice: u64) -> Option<i32> {
    let index = dice.checked_rem(ids.len() as u64)?;
    Some(ids[index as usize])
}

/// Takes the free space of a disk.
fn filler(node: &Node) -> PathBuf {
    node.folder.join("data/filler")
}

/// Of any file, anywhere up to the last byte that is not zero.
fn flip_a_bit(folder: &Path, dice: u64) {
    let mut files = Vec::new();
    collect_files(folder, &mut files);
    files.sort();
    let used: Vec<(PathBuf, Vec<u8>, usize)> = files
        .into_iter()
        .filter_map(|path| {
            let bytes = fs::read(&path).expect("a file of the node");
            let used = bytes.iter().rposition(|byte| *byte != 0)?;
            Some((path, bytes, used + 1))
        })
        .collect();
    let all: usize = used.iter().map(|(_, _, used)| used).sum();
    let mut at = dice as usize % all;
    for (path, mut bytes, used) in used {
        if at < used {
            bytes[at] ^= 1 << (dice % 8);
            return fs::write(&path, bytes).expect("rots");
        }
        at -= used;
    }
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the node") {
        let path = entry.expect("a folder entry").path();
        match path.is_dir() {
            true => collect_files(&path, files),
            false => files.push(path),
        }
    }
}
