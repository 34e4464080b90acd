//! The bound of every front end on this runtime: a server that does nothing but answer.
//!
//! A task for each connection on one `current_thread` runtime; for each request's worth of bytes it sends an answer's
//! worth. No frame is looked at, no MAC checked, nothing kept.

use std::io;
use std::net;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task;

/// Bytes of a debit by card on the wire.
pub const REQUEST_BYTES: usize = 72;
/// Bytes of the answer to it.
pub const ANSWER_BYTES: usize = 80;
/// Larger than a frame: a read that doesn't fill it tells the runtime that the socket is empty.
const READ_BYTES: usize = 2 * 1024;

/// Serves on the calling thread until accepting fails.
///
/// # Errors
/// The runtime or the listener can't be set up, or the listener fails.
pub fn serve(listener: net::TcpListener) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    task::LocalSet::new().block_on(&runtime, async {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // A connection that breaks ends its own task and nothing else.
            task::spawn_local(async move { drop(echo(stream).await) });
        }
    })
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; READ_BYTES];
    let answer = [0x5a; ANSWER_BYTES];
    let mut unanswered = 0;
    loop {
        match stream.read(&mut bytes).await? {
            0 => return Ok(()),
            count => unanswered += count,
        }
        while unanswered >= REQUEST_BYTES {
            unanswered -= REQUEST_BYTES;
            stream.write_all(&answer).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::answer::{Answer, MoneyAnswer};
    use protocol::frame::Header;
    use protocol::ids::{CardCounter, CardUid, Epoch, RecordNumber, RequestId, Sequence, TerminalId};
    use protocol::request::{CardDebit, Request, RequestIds};
    use protocol::result_code::ResultCode;

    #[test]
    fn frames_are_as_long_as_a_debit_and_its_answer() {
        let debit =
            CardDebit { card_uid: CardUid(7), card_counter: CardCounter(1), amount_fen: 1, till_time_ns: 1 };
        let ids = RequestIds {
            terminal: TerminalId(1),
            epoch: Epoch(1),
            sequence: Sequence(1),
            request_id: RequestId(1),
        };
        let mut frame = Vec::new();
        Request::CardDebit(debit).append(&ids, &mut frame).expect("a debit can be encoded");
        assert_eq!(frame.len(), REQUEST_BYTES);

        let header: Header = Request::decode(&frame).expect("it was just encoded").0;
        let answer = Answer::Money(MoneyAnswer {
            code: ResultCode::Approved,
            repeat: false,
            account: None,
            amount_fen: 1,
            balance_after_fen: 1,
            record: RecordNumber(1),
            server_time_ns: 1,
        });
        let mut frame = Vec::new();
        answer.append(&header, &mut frame).expect("an answer can be encoded");
        assert_eq!(frame.len(), ANSWER_BYTES);
    }
}
