//! What a commit is made of on this machine: one sync, one round trip, and a commit by three nodes that do nothing
//! but that. And what a log costs that is read: a copy of it.

use std::{
    fs::File,
    hint::black_box,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::FileExt,
    thread,
    time::{Duration, Instant},
};

/// As many bytes as a small write takes in a log.
const RECORD_BYTES: usize = 200;
const FILE_BYTES: usize = 1 << 20;
const ROUNDS: usize = 500;
const COPIES: usize = 5;

/// Sorted times.
pub struct Floor {
    /// An `fdatasync` of a small write to a file that has its size already.
    pub sync: Vec<Duration>,
    /// There and back between two threads over loopback.
    pub round_trip: Vec<Duration>,
    /// A client asks a leader, which has two followers write and sync while it does so itself, and answers when
    /// it and a certain one of them are done. All are threads of one process, with one disk for the three.
    pub commit: Vec<Duration>,
}

pub fn measure() -> Floor {
    let mut file = Preallocated::new();
    let mut echo = served(|mut stream| {
        let mut record = [0; RECORD_BYTES];
        while stream.read_exact(&mut record).is_ok() {
            stream.write_all(&[1]).expect("an answer");
        }
    });
    let mut leader = served(lead);
    Floor {
        sync: times(ROUNDS, || file.append()),
        round_trip: times(ROUNDS, || ask(&mut echo)),
        commit: times(ROUNDS, || ask(&mut leader)),
    }
}

/// Seconds that it takes to copy so many bytes from one place in memory to another.
pub fn copy(bytes: usize) -> f64 {
    let (from, mut to) = (vec![1u8; bytes], vec![2u8; bytes]);
    let copies = times(COPIES, || {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    });
    copies[0].as_secs_f64()
}

fn lead(mut client: TcpStream) {
    let follow = |mut leader: TcpStream| {
        let (mut file, mut record) = (Preallocated::new(), [0; RECORD_BYTES]);
        while leader.read_exact(&mut record).is_ok() {
            file.append();
            leader.write_all(&[1]).expect("an answer");
        }
    };
    let mut followers = [served(follow), served(follow)];
    let (mut file, mut record) = (Preallocated::new(), [0; RECORD_BYTES]);
    while client.read_exact(&mut record).is_ok() {
        for follower in &mut followers {
            follower.write_all(&record).expect("sent");
        }
        file.append();
        followers[0].read_exact(&mut [0]).expect("an answer");
        client.write_all(&[1]).expect("an answer");
        // The other one is not counted, but must not fall behind.
        followers[1].read_exact(&mut [0]).expect("an answer");
    }
}

/// A connection to a thread that serves it.
fn served(serve: impl FnOnce(TcpStream) + Send + 'static) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("an option");
        serve(stream);
    });
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_nodelay(true).expect("an option");
    stream
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(&[0; RECORD_BYTES]).expect("sent");
    stream.read_exact(&mut [0]).expect("an answer");
}

fn times(rounds: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let mut time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let mut times: Vec<_> = (0..rounds).map(&mut time).collect();
    times.sort();
    times
}

/// A file that grows no more: its syncs write data alone.
struct Preallocated {
    file: File,
    end: usize,
}

impl Preallocated {
    fn new() -> Preallocated {
        let file = tempfile::tempfile().expect("a temporary file");
        file.write_all_at(&vec![0; FILE_BYTES], 0).expect("a write");
        file.sync_all().expect("a sync");
        Preallocated { file, end: 0 }
    }

    fn append(&mut self) {
        let at = (self.end % FILE_BYTES) as u64;
        self.file
            .write_all_at(&[1; RECORD_BYTES], at)
            .expect("a write");
        self.file.sync_data().expect("a sync");
        self.end += RECORD_BYTES;
    }
}
