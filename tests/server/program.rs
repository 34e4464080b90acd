//! The `yika` program, run as an operator would.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Where the program lies: Cargo has built it for this test.
const YIKA: &str = env!("CARGO_BIN_EXE_yika");

/// Runs a command to its end.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(YIKA).args(arguments).env_remove("YIKA_LOG").output().expect("the program runs")
}

/// Runs a command that must succeed; gives its standard output.
pub fn succeed<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert!(errors.is_empty(), "succeeded, with complaints: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a command that must fail with one line; gives that line.
pub fn fail<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let output = run(arguments);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("yika: ") && errors.trim_end().lines().count() <= 6, "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

/// A command that runs until it is told to stop, as a process of its own. Dropped, it is killed.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Its first line.
    pub started: Value,
}

impl Process {
    /// Starts it and waits for its first line.
    pub fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Process {
        let mut child = Command::new(YIKA)
            .args(arguments)
            .env_remove("YIKA_LOG")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let started = next_line(&mut lines).unwrap_or_else(|| panic!("it didn't start: {:?}", child.wait()));
        Process { child, lines, started }
    }

    /// The address that its first line gives under this name.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.started[name].as_str().expect("an address").parse().expect("an address")
    }

    fn kill(&mut self) {
        assert!(self.child.try_wait().expect("its status").is_none(), "it ended by itself");
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("its status");
    }

    /// Tells it to stop, waits, and gives what it said. Fails unless it exits with 0.
    pub fn terminate(mut self) -> Value {
        self.tell_to_stop();
        let said = next_line(&mut self.lines).expect("a line when it stops");
        let status = self.child.wait().expect("its status");
        assert!(status.success(), "{status}: {said}");
        said
    }

    fn tell_to_stop(&self) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, Signal::TERM).expect("a process of ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `yika serve` as a process of its own. Dropped, it is killed.
pub struct Serving {
    process: Process,
    /// Its first line.
    pub started: Value,
    address: SocketAddr,
}

impl Serving {
    /// Starts it on a free port and waits until it listens.
    pub fn start(data_dir: &Path, arguments: &[&str]) -> Serving {
        let any = "127.0.0.1:0".parse().expect("an address");
        Serving::start_at(data_dir, any, arguments)
    }

    /// Starts it and waits until it listens.
    pub fn start_at(data_dir: &Path, listen: SocketAddr, arguments: &[&str]) -> Serving {
        let listen = listen.to_string();
        let sizes = ["--accounts-max", "16384", "--cards-max", "16384", "--terminals-max", "256"];
        let whole = ["serve", "--json", "--listen", &listen].into_iter().chain(sizes);
        let whole = whole.chain(arguments.iter().copied()).map(OsStr::new);
        let process = Process::start(whole.chain([OsStr::new("--data"), data_dir.as_os_str()]));
        let (started, address) = (process.started.clone(), process.address("listening"));
        Serving { process, started, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// Kills it with SIGKILL: nothing drained, nothing sealed.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Tells it to stop, waits, and gives what it said. Fails unless it exits with 0.
    pub fn terminate(self) -> Value {
        self.process.terminate()
    }
}

fn next_line(lines: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut line = String::new();
    lines.read_line(&mut line).expect("UTF-8");
    (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}")))
}
