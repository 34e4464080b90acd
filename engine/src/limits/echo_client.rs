//! The client's end of an echo connection: the same reads and writes as a till's, without its work. The load generator's
//! own loops drive it, so that an echo comes at the moments, and in the shape, that a debit does.

use std::io;
use std::net::SocketAddr;

use loadgen::LoadError;
use loadgen::debit_connection::{DebitConnection, DebitOrder, Seat};
use protocol::result_code::ResultCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::echo_server::{ANSWER_BYTES, REQUEST_BYTES};

/// Larger than an answer, as a till's buffer is.
const READ_BYTES: usize = 1_024;

/// A connection with one request in flight.
pub struct EchoConnection {
    stream: TcpStream,
    bytes: [u8; READ_BYTES],
}

/// Opens so many connections.
///
/// # Errors
/// The operating system's.
pub async fn open(address: SocketAddr, connections: u32) -> Result<Vec<Seat<EchoConnection>>, LoadError> {
    let mut seats = Vec::with_capacity(connections as usize);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        seats.push(Seat::fresh(EchoConnection { stream, bytes: [0; READ_BYTES] }));
    }
    Ok(seats)
}

impl DebitConnection for EchoConnection {
    type Error = io::Error;

    async fn debit(&mut self, _order: &DebitOrder) -> io::Result<ResultCode> {
        self.stream.write_all(&[0xa5; REQUEST_BYTES]).await?;
        let mut missing = ANSWER_BYTES;
        while missing > 0 {
            match self.stream.read(&mut self.bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => missing = missing.saturating_sub(count),
            }
        }
        Ok(ResultCode::Approved)
    }
}
