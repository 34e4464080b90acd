//! A till on a blocking socket, down to single frames: what a hostile or clumsy peer can send too.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use engine::data_dir::random_bytes;
use protocol::answer::{
    Answer, BalanceAnswer, BatchLine, MoneyAnswer, Refusal, ReprintAnswer, StatementAnswer, TapAnswer,
};
use protocol::bill::BillLine;
use protocol::card::ChipWrite;
use protocol::frame;
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, RequestId, Sequence, TerminalId};
use protocol::keys::Key128;
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD};
use protocol::password::{Password, SealedPassword};
use protocol::request::{
    AccountSelector, BalanceQuery, BillQuery, CardDebit, Request, RequestIds, SaleQuery, StatementQuery,
    TapConfirm, Upload,
};
use protocol::result_code::ResultCode;
use protocol::session::Session;
use protocol::sign_in::{CHALLENGE_BYTES, ClientHandshake, TerminalIdentity, WELCOME_BYTES, Welcome};

use crate::campus::CampusKeys;

/// A server that says nothing for this long hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that hasn't signed in.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("a socket option");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket option");
    stream
}

/// Reads one frame; `None` when the peer has closed (or reset) the connection.
pub fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; frame::LENGTH_PREFIX_BYTES];
    if !read_or_end(stream, &mut bytes) {
        return None;
    }
    let length = frame::length(&bytes).expect("the server sends frames").expect("a whole prefix");
    let have = bytes.len();
    bytes.resize(length, 0);
    assert!(read_or_end(stream, &mut bytes[have..]), "the server closed within a frame");
    Some(bytes)
}

fn read_or_end(stream: &mut TcpStream, bytes: &mut [u8]) -> bool {
    match stream.read_exact(bytes) {
        Ok(()) => true,
        Err(e) => match e.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => false,
            io::ErrorKind::WouldBlock => panic!("the server neither answers nor closes"),
            _ => panic!("{e}"),
        },
    }
}

/// The refusal that a frame holds; its MAC isn't looked at.
pub fn refusal_in(frame: &[u8]) -> Refusal {
    match Answer::decode(frame).expect("an answer") {
        (_, Answer::Refused(refusal)) => refusal,
        (_, other) => panic!("not refused: {other:?}"),
    }
}

/// What one sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The till's sequence.
    pub sequence: u32,
    /// The account whose card is tapped.
    pub card: CardUid,
    /// The card's counter.
    pub counter: u32,
    /// The amount.
    pub amount_fen: i64,
}

/// The request of a tap.
pub fn tap_request(tap: &Tap) -> Request<'static> {
    Request::CardDebit(body_of(tap))
}

/// The request of a tap in two phases.
pub fn card_tap_request(tap: &Tap) -> Request<'static> {
    Request::CardTap(body_of(tap))
}

fn body_of(tap: &Tap) -> CardDebit {
    CardDebit {
        card_uid: tap.card,
        card_counter: CardCounter(tap.counter),
        amount_fen: tap.amount_fen,
        till_time_ns: 0,
    }
}

/// A till that has signed in.
pub struct WireTill {
    /// The socket.
    pub stream: TcpStream,
    /// Counters and MACs.
    pub session: Session,
    /// The till.
    pub terminal: TerminalId,
    /// What the server said at sign-in.
    pub welcome: Welcome,
    /// The till's epoch.
    pub epoch: Epoch,
    last_request: u32,
}

impl WireTill {
    /// Connects and signs in.
    pub fn sign_in(address: SocketAddr, identity: &TerminalIdentity) -> WireTill {
        match WireTill::try_sign_in(address, identity) {
            Ok(till) => till,
            Err(refusal) => panic!("sign-in of terminal {} refused: {refusal:?}", identity.terminal),
        }
    }

    /// Connects and signs in, or gives the server's refusal.
    pub fn try_sign_in(address: SocketAddr, identity: &TerminalIdentity) -> Result<WireTill, Refusal> {
        WireTill::sign_in_on(connect(address), identity)
    }

    /// Signs in on a connection that stands, or gives the server's refusal.
    pub fn sign_in_on(mut stream: TcpStream, identity: &TerminalIdentity) -> Result<WireTill, Refusal> {
        let (handshake, hello) = ClientHandshake::start(identity, random_bytes());
        stream.write_all(&hello).expect("the server reads");
        let challenge = read_frame(&mut stream).expect("an answer to Hello");
        if challenge.len() != CHALLENGE_BYTES {
            return Err(refusal_in(&challenge));
        }
        let (proof, prove) = handshake.on_challenge(&challenge).expect("a challenge");
        stream.write_all(&prove).expect("the server reads");
        let welcome = read_frame(&mut stream).expect("an answer to Prove");
        if welcome.len() != WELCOME_BYTES {
            return Err(refusal_in(&welcome));
        }
        let (session, welcome) = proof.on_welcome(&welcome).expect("a welcome");
        let (terminal, epoch) = (identity.terminal, identity.epoch);
        Ok(WireTill { stream, session, terminal, welcome, epoch, last_request: 2 })
    }

    /// A query password, sealed for one frame of this session.
    pub fn password(&mut self, digits: &str) -> SealedPassword {
        let password = Password::new(digits).expect("six digits");
        password.seal(&self.session.password_key(), random_bytes())
    }

    /// A request as a frame, neither counted nor sealed.
    pub fn encode(&mut self, sequence: u32, request: &Request<'_>) -> Vec<u8> {
        self.last_request += 1;
        let ids = RequestIds {
            terminal: self.terminal,
            epoch: self.epoch,
            sequence: Sequence(sequence),
            request_id: RequestId(self.last_request),
        };
        let mut frame = Vec::new();
        request.append(&ids, &mut frame).expect("a request that fits");
        frame
    }

    /// A request as a sealed frame: send it next.
    pub fn sealed(&mut self, sequence: u32, request: &Request<'_>) -> Vec<u8> {
        let mut frame = self.encode(sequence, request);
        self.session.seal(&mut frame);
        frame
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Reads the next answer and checks its MAC and counter; `None` when the server has closed.
    pub fn read(&mut self) -> Option<Vec<u8>> {
        let frame = read_frame(&mut self.stream)?;
        self.session.open(&frame).expect("the server's frame is authentic and next");
        Some(frame)
    }

    /// Sends a request and reads its answer.
    pub fn call(&mut self, sequence: u32, request: &Request<'_>) -> Vec<u8> {
        let frame = self.sealed(sequence, request);
        self.write(&frame);
        let answer = self.read().expect("an answer");
        let (header, _) = Answer::decode(&answer).expect("an answer");
        assert_eq!(
            (header.terminal, header.epoch, header.sequence.0, header.request_id.0),
            (self.terminal, self.epoch, sequence, self.last_request),
            "the answer echoes its request"
        );
        answer
    }

    /// A money request's answer.
    pub fn money(&mut self, sequence: u32, request: &Request<'_>) -> MoneyAnswer {
        match Answer::decode(&self.call(sequence, request)).expect("an answer") {
            (_, Answer::Money(answer)) => answer,
            (_, other) => panic!("{request:?} was answered with {other:?}"),
        }
    }

    /// The refusal of a request that isn't carried out.
    pub fn refused(&mut self, sequence: u32, request: &Request<'_>) -> Refusal {
        refusal_in(&self.call(sequence, request))
    }

    /// Sells.
    pub fn tap(&mut self, tap: &Tap) -> MoneyAnswer {
        self.money(tap.sequence, &tap_request(tap))
    }

    /// Sells in two phases: what is answered, and what is to be written on the chip.
    pub fn card_tap(&mut self, tap: &Tap) -> TapAnswer {
        match Answer::decode(&self.call(tap.sequence, &card_tap_request(tap))).expect("an answer") {
            (_, Answer::Tap(answer)) => answer,
            (_, other) => panic!("{tap:?} was answered with {other:?}"),
        }
    }

    /// Says what became of the chip after a tap of this till.
    pub fn confirm(&mut self, sequence: u32, tap: &Tap, write: ChipWrite) -> MoneyAnswer {
        let confirm = TapConfirm {
            original_terminal: self.terminal,
            original_epoch: self.epoch,
            original_sequence: Sequence(tap.sequence),
            amount_fen: tap.amount_fen,
            write,
            till_time_ns: 0,
        };
        self.money(sequence, &Request::TapConfirm(confirm))
    }

    /// Asks for the outcome of a sale in this epoch.
    pub fn ask(&mut self, sequence: u32) -> MoneyAnswer {
        let query = SaleQuery { epoch: self.epoch, sequence: Sequence(sequence) };
        self.money(0, &Request::SaleQuery(query))
    }

    /// Fetches the till's newest key, and its version.
    pub fn fetch_key(&mut self) -> (u32, Key128) {
        match Answer::decode(&self.call(0, &Request::TerminalKey)).expect("an answer") {
            (_, Answer::TerminalKey(told)) => {
                assert_eq!(told.code, ResultCode::Approved);
                let key = told.wrapped.unwrap(&self.session.wrapping_key(), told.check_value);
                (told.key_version, key.expect("it was wrapped for this session"))
            }
            (_, other) => panic!("the question after a key was answered with {other:?}"),
        }
    }

    /// What the receipt of something that this till did says.
    pub fn reprint(&mut self, epoch: Epoch, sequence: u32) -> ReprintAnswer {
        let query = SaleQuery { epoch, sequence: Sequence(sequence) };
        match Answer::decode(&self.call(0, &Request::Reprint(query))).expect("an answer") {
            (_, Answer::Reprint(receipt)) => receipt,
            (_, other) => panic!("{query:?} was answered with {other:?}"),
        }
    }

    /// An account's balance.
    pub fn balance(&mut self, account: u32) -> BalanceAnswer {
        let query = BalanceQuery { account: AccountSelector::Account(AccountId(account)) };
        match Answer::decode(&self.call(0, &Request::Balance(query))).expect("an answer") {
            (_, Answer::Balance(answer)) => answer,
            (_, other) => panic!("a balance query was answered with {other:?}"),
        }
    }

    /// An account's bill, page by page.
    pub fn bill(&mut self, account: AccountId) -> Vec<Vec<BillLine>> {
        let (mut pages, mut before) = (Vec::new(), RecordNumber(0));
        loop {
            let account = AccountSelector::Account(account);
            let answer = self.call(0, &Request::Bill(BillQuery { account, before, lines_max: 50 }));
            let (_, Answer::Bill(page)) = Answer::decode(&answer).expect("an answer") else {
                panic!("a bill query was answered with something else");
            };
            assert_eq!(page.code, ResultCode::Approved);
            pages.push(page.lines.to_vec());
            before = page.next_before;
            if before == RecordNumber(0) {
                return pages;
            }
        }
    }

    /// One page of a statement: what it says, and its lines apart.
    pub fn statement(&mut self, query: &StatementQuery) -> (StatementAnswer<'static>, Vec<BillLine>) {
        match Answer::decode(&self.call(0, &Request::Statement(*query))).expect("an answer") {
            (_, Answer::Statement(answer)) => {
                let lines = answer.lines.to_vec();
                (StatementAnswer { lines: &[], ..answer }, lines)
            }
            (_, other) => panic!("{query:?} was answered with {other:?}"),
        }
    }

    /// Uploads records; gives their lines.
    pub fn upload(&mut self, batch: u32, records: &[OfflineRecord]) -> Vec<BatchLine> {
        match Answer::decode(&self.call(0, &Request::Upload(Upload { batch, records }))).expect("an answer") {
            (_, Answer::Batch(answer)) => {
                assert_eq!(answer.batch, batch);
                answer.lines.to_vec()
            }
            (_, other) => panic!("an upload was answered with {other:?}"),
        }
    }

    /// Signs out; the server closes.
    pub fn sign_out(mut self) {
        let answer = self.call(0, &Request::SignOut);
        assert!(matches!(Answer::decode(&answer), Ok((_, Answer::SignedOut))));
        assert!(self.read().is_none(), "the server closes after a sign-out");
    }
}

/// An offline sale with the card's own authentication code.
pub fn offline_record(
    keys: &CampusKeys,
    terminal: TerminalId,
    tap: &Tap,
    till_time_ns: u64,
) -> OfflineRecord {
    let mut record = OfflineRecord {
        terminal: terminal.0.into(),
        sequence: tap.sequence.into(),
        epoch: 1.into(),
        card_counter: tap.counter.into(),
        card_uid: tap.card.0.into(),
        amount_fen: tap.amount_fen.into(),
        till_time_ns: till_time_ns.into(),
        tac_key: TAC_KEY_CARD,
        layout: OFFLINE_RECORD_LAYOUT,
        ..OfflineRecord::default()
    };
    record.sign(&keys.card_key(tap.card));
    record
}
