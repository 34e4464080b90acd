//! The client's end of an echo connection: the same reads and writes as a till's, without its work.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::echo_server::{ANSWER_BYTES, REQUEST_BYTES};

/// Larger than an answer, as a till's buffer is.
const READ_BYTES: usize = 1_024;

/// A connection with one request in flight.
pub(super) struct EchoConnection {
    stream: TcpStream,
    bytes: [u8; READ_BYTES],
}

impl EchoConnection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<EchoConnection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(EchoConnection { stream, bytes: [0; READ_BYTES] })
    }

    /// Sends a request and awaits the answer.
    pub(super) async fn call(&mut self) -> io::Result<()> {
        self.stream.write_all(&[0xa5; REQUEST_BYTES]).await?;
        let mut missing = ANSWER_BYTES;
        while missing > 0 {
            match self.stream.read(&mut self.bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => missing = missing.saturating_sub(count),
            }
        }
        Ok(())
    }
}
