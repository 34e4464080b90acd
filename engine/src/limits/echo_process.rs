//! An echo server as a process of its own, so that it has a runtime and processor time to itself: the running program
//! again, which ends when its standard input does.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A running echo server. Dropped, it is killed.
pub struct EchoProcess {
    child: Child,
    address: SocketAddr,
}

impl EchoProcess {
    /// Starts this program with arguments that make it call [`serve`].
    ///
    /// # Errors
    /// It can't be started, or doesn't say where it listens.
    pub fn start(arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> io::Result<EchoProcess> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let said =
            BufReader::new(child.stdout.take().expect("standard output is piped")).read_line(&mut line);
        match line.trim_end().parse() {
            Ok(address) => Ok(EchoProcess { child, address }),
            Err(_) => {
                let _ = child.kill();
                let status = child.wait()?;
                said?;
                Err(io::Error::other(format!("the echo server didn't start ({status}): it said {line:?}")))
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for EchoProcess {
    fn drop(&mut self) {
        // It holds nothing that could be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `server`, which returns only on a failure, on a thread of its own and a free port of the loopback; says where on
/// standard output. Returns when standard input ends.
///
/// # Errors
/// The port can't be had.
pub fn serve(server: impl FnOnce(TcpListener) -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    thread::spawn(move || {
        if let Err(error) = server(listener) {
            eprintln!("the echo server: {error}");
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
