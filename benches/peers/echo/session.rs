//! What every echo server says on a connection, bytes in and bytes out: the real sign-in, then for each debit's frame
//! its MAC checked and an approved answer of the right size sealed. Nothing is looked up, kept, or made durable.

use std::ops::Range;

use engine::limits::books::account_of;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::frame;
use protocol::ids::{BusinessDate, MerchantId, RecordNumber, Sequence, TerminalId};
use protocol::keys::{Key128, derive_terminal_key};
use protocol::request::Request;
use protocol::result_code::ResultCode;
use protocol::session::Session;
use protocol::sign_in::{ServerHandshake, Welcome};
use protocol::terminal_kind::TerminalKind;

/// Bytes of a connection's read buffer: larger than any frame of a till that only sells, and as large as the real
/// server's. A read that doesn't fill it tells the runtime that the socket is empty.
const INPUT_BYTES: usize = 2 * 1024;
/// Bytes of the largest answer here: the Welcome.
const ANSWER_BYTES_MAX: usize = 160;

/// The key from which every echo server derives its tills' keys: nothing of worth lies behind it.
pub fn master_key() -> Key128 {
    Key128::new([0xec; 16])
}

/// Why a connection is closed: the peer isn't a till that sells.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a till that sells")]
pub struct NotATill;

enum Stage {
    Hello,
    /// The handshake is taken out when the Prove comes.
    Prove(Option<Box<ServerHandshake>>),
    SignedIn(Box<Session>),
}

/// One connection.
pub struct EchoSession {
    stage: Stage,
    input: Vec<u8>,
    /// The bytes of `input` that have come and weren't answered yet.
    unread: Range<usize>,
    output: Vec<u8>,
}

impl Default for EchoSession {
    fn default() -> EchoSession {
        EchoSession { stage: Stage::Hello, input: vec![0; INPUT_BYTES], unread: 0..0, output: Vec::new() }
    }
}

impl EchoSession {
    /// Room to read into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.input[self.unread.end..]
    }

    /// Takes `count` bytes that were read into [`EchoSession::room`].
    ///
    /// # Errors
    /// [`NotATill`]: close the connection.
    pub fn take(&mut self, count: usize) -> Result<(), NotATill> {
        self.unread.end += count;
        while let Some(frame) = self.next_frame()? {
            self.answer(frame)?;
        }
        // A rest is shorter than a frame, so there is always room behind it.
        self.input.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        Ok(())
    }

    /// What is to be sent. Cleared by the caller once it is.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    fn next_frame(&mut self) -> Result<Option<Range<usize>>, NotATill> {
        let unread = &self.input[self.unread.clone()];
        let length = match self.stage {
            Stage::SignedIn(_) => frame::length(unread),
            Stage::Hello | Stage::Prove(_) => frame::sign_in_length(unread),
        };
        match length.map_err(|_| NotATill)? {
            Some(length) if length > INPUT_BYTES => Err(NotATill),
            Some(length) if length <= unread.len() => {
                let frame = self.unread.start..self.unread.start + length;
                self.unread.start = frame.end;
                Ok(Some(frame))
            }
            _ => Ok(None),
        }
    }

    fn answer(&mut self, frame: Range<usize>) -> Result<(), NotATill> {
        let frame = &self.input[frame];
        match &mut self.stage {
            Stage::Hello => {
                let key_of = |terminal| Some(key_of(terminal));
                // Nobody is kept out by this nonce: the server guards nothing.
                let (handshake, challenge) =
                    ServerHandshake::on_hello(frame, [0x5e; 16], key_of).map_err(|_| NotATill)?;
                self.output.extend_from_slice(&challenge);
                self.stage = Stage::Prove(Some(Box::new(handshake)));
            }
            Stage::Prove(handshake) => {
                let handshake = handshake.take().ok_or(NotATill)?;
                let proven = handshake.on_prove(frame).map_err(|_| NotATill)?;
                let welcome = welcome(proven.terminal());
                let (session, welcome) = proven.welcome(&welcome);
                self.output.extend_from_slice(&welcome);
                self.stage = Stage::SignedIn(Box::new(session));
            }
            Stage::SignedIn(session) => {
                session.open(frame).map_err(|_| NotATill)?;
                let (header, request) = Request::decode(frame).map_err(|_| NotATill)?;
                let Request::CardDebit(debit) = request else { return Err(NotATill) };
                let answer = Answer::Money(MoneyAnswer {
                    code: ResultCode::Approved,
                    repeat: false,
                    account: Some(account_of(debit.card_uid)),
                    amount_fen: debit.amount_fen,
                    balance_after_fen: 0,
                    record: RecordNumber(header.counter),
                    server_time_ns: debit.till_time_ns,
                });
                let mut bytes = [0; ANSWER_BYTES_MAX];
                let length = answer.encode(&header, &mut bytes).map_err(|_| NotATill)?;
                session.seal(&mut bytes[..length]);
                self.output.extend_from_slice(&bytes[..length]);
            }
        }
        Ok(())
    }
}

/// The one key that a till ever has.
fn key_of(terminal: TerminalId) -> Key128 {
    derive_terminal_key(&master_key(), terminal, 1)
}

fn welcome(terminal: TerminalId) -> Welcome {
    Welcome {
        server_time_ns: 0,
        business_date: BusinessDate(9_000),
        in_flight_max: 1,
        heartbeat_interval_ms: 30_000,
        merchant: MerchantId(1),
        parameter_version: 1,
        block_list_version: 1,
        last_sequence: Sequence(0),
        debit_max_fen: 1 << 20,
        offline_debit_max_fen: 1 << 20,
        offline_day_max_fen: 1 << 20,
        block_list_age_max_s: 86_400,
        offline_days_max: 3,
        terminal_kind: TerminalKind::PointOfSale,
        key_version: 1,
        key_check: key_of(terminal).check_value(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RequestId};
    use protocol::request::{CardDebit, RequestIds};
    use protocol::sign_in::{ClientHandshake, TerminalIdentity};
    use protocol::text::Firmware;

    /// Bytes in, however cut; bytes out.
    fn exchange(server: &mut EchoSession, mut bytes: &[u8], chunk: usize) -> Result<Vec<u8>, NotATill> {
        while !bytes.is_empty() {
            let room = server.room();
            let count = chunk.min(bytes.len()).min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            server.take(count)?;
        }
        Ok(std::mem::take(server.output()))
    }

    fn signed_in(server: &mut EchoSession, chunk: usize) -> (Session, TerminalId) {
        let terminal = TerminalId(1_007);
        let identity = TerminalIdentity {
            terminal,
            key: derive_terminal_key(&master_key(), terminal, 1),
            epoch: Epoch(1),
            firmware: Firmware::EMPTY,
        };
        let (handshake, hello) = ClientHandshake::start(&identity, [7; 16]);
        let challenge = exchange(server, &hello, chunk).expect("a Hello");
        let (proof, prove) = handshake.on_challenge(&challenge).expect("a Challenge");
        let welcome = exchange(server, &prove, chunk).expect("a Prove");
        let (session, welcome) = proof.on_welcome(&welcome).expect("a Welcome");
        assert_eq!(welcome.last_sequence, Sequence(0));
        (session, terminal)
    }

    fn debit(session: &mut Session, terminal: TerminalId, sequence: u32) -> Vec<u8> {
        let ids = RequestIds {
            terminal,
            epoch: Epoch(1),
            sequence: Sequence(sequence),
            request_id: RequestId(sequence),
        };
        let debit = CardDebit {
            card_uid: CardUid(20_000_000 + 37 * 5),
            card_counter: CardCounter(1),
            amount_fen: 3,
            till_time_ns: 1,
        };
        let mut frame = Vec::new();
        Request::CardDebit(debit).append(&ids, &mut frame).expect("a debit");
        session.seal(&mut frame);
        frame
    }

    #[test]
    fn a_till_signs_in_and_each_debit_is_approved_however_the_bytes_come() {
        for chunk in [1, 7, 72, 4_096] {
            let mut server = EchoSession::default();
            let (mut session, terminal) = signed_in(&mut server, chunk);
            for pair in 0..50 {
                let mut frames = debit(&mut session, terminal, 2 * pair + 1);
                frames.extend(debit(&mut session, terminal, 2 * pair + 2));
                let answers = exchange(&mut server, &frames, chunk).expect("debits");
                assert_eq!(answers.len(), 2 * engine::limits::echo_server::ANSWER_BYTES);
                for answer in answers.chunks(answers.len() / 2) {
                    session.open(answer).expect("sealed");
                    let (_, answer) = Answer::decode(answer).expect("an answer");
                    let Answer::Money(money) = answer else { panic!("{answer:?}") };
                    assert_eq!((money.code, money.amount_fen), (ResultCode::Approved, 3));
                    assert_eq!(money.account, Some(AccountId(5)));
                }
            }
        }
    }

    #[test]
    fn a_debit_with_a_wrong_mac_ends_the_connection() {
        let mut server = EchoSession::default();
        let (mut session, terminal) = signed_in(&mut server, 4_096);
        let mut frame = debit(&mut session, terminal, 1);
        frame[40] ^= 1;
        assert_eq!(exchange(&mut server, &frame, 4_096), Err(NotATill));
        assert_eq!(exchange(&mut EchoSession::default(), b"GET / HTTP/1.1\r\n", 4_096), Err(NotATill));
    }
}
