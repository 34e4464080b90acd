//! A lean client's end of a connection: bytes out, and bytes in until they make a whole reply.
//!
//! The harness speaks RESP and PostgreSQL's protocol itself rather than through a driver. Client and servers share the
//! machine's two cores, so each microsecond that a driver spends would be taken from the peer that it drives; and a
//! till's one request in flight needs no pool, no pipeline and no types.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room that a connection starts with: more than any reply to a debit, so that a read which doesn't fill it tells the
/// runtime that the socket is empty.
const INPUT_BYTES: usize = 1_024;

/// A connection.
pub struct Exchange {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    /// The bytes of `input` that have come and weren't taken yet.
    unread: Range<usize>,
}

impl Exchange {
    /// Connects.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn open(address: SocketAddr) -> io::Result<Exchange> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Exchange { stream, output: Vec::with_capacity(256), input: vec![0; INPUT_BYTES], unread: 0..0 })
    }

    /// Where the next request is written.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what was written.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// The next reply: `parse` gives its length and what it says once it is whole, `None` before.
    ///
    /// # Errors
    /// The connection broke, or `parse`'s own.
    pub async fn receive<T, E: From<io::Error>>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<Option<(usize, T)>, E>,
    ) -> Result<T, E> {
        loop {
            if let Some((length, reply)) = parse(&self.input[self.unread.clone()])? {
                self.unread.start += length;
                return Ok(reply);
            }
            if self.unread.start > 0 {
                self.input.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            }
            if self.unread.end == self.input.len() {
                self.input.resize(2 * self.input.len(), 0);
            }
            match self.stream.read(&mut self.input[self.unread.end..]).await? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.unread.end += count,
            }
        }
    }
}

/// Runs a future to its end on the calling thread: for what is asked of a server beside the load.
///
/// # Errors
/// The future's, or the runtime can't be made.
pub fn run_here<T, E: From<io::Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn replies_come_out_whole_however_the_bytes_arrive() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        // Replies of growing length, each ended by a line feed, in pieces that fit none of them.
        let replies: Vec<String> = (0..60).map(|length| "x".repeat(length * 40) + "\n").collect();
        let bytes = replies.concat();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client");
            for piece in bytes.as_bytes().chunks(333) {
                stream.write_all(piece).expect("it reads");
            }
        });
        let line = |bytes: &[u8]| -> io::Result<Option<(usize, String)>> {
            let end = bytes.iter().position(|&byte| byte == b'\n').map(|place| place + 1);
            Ok(end.map(|end| (end, String::from_utf8_lossy(&bytes[..end]).into_owned())))
        };
        let read: io::Result<Vec<String>> = run_here(async {
            let mut exchange = Exchange::open(address).await?;
            let mut read = Vec::new();
            for _ in 0..replies.len() {
                read.push(exchange.receive(line).await?);
            }
            let end: io::Result<String> = exchange.receive(line).await;
            assert_eq!(end.expect_err("closed").kind(), io::ErrorKind::UnexpectedEof);
            Ok(read)
        });
        server.join().expect("no panic");
        assert_eq!(read.expect("all arrive"), replies);
    }
}
