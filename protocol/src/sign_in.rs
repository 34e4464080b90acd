//! Sign-in: two requests and two answers, after which both sides know that the other holds the terminal's key.
//!
//! ```text
//! till                                                       server
//!   │ Hello      versions, till's nonce           no MAC  ──▶ │
//!   │ ◀──  Challenge  version chosen, server's nonce  no MAC  │
//!   │ Prove      proof over both frames    up key, counter 0 ▶│
//!   │ ◀ Welcome  server's proof, parameters down key, ctr 0   │
//! ```
//!
//! The transcript T is the whole Hello frame followed by the whole Challenge frame, 152 bytes. Under the terminal's
//! key K, with labels of 8 ASCII bytes:
//!
//! ```text
//! till's proof   = CMAC(K, "YKprove1" ‖ T)      up key   = CMAC(K, "YKupkey1" ‖ T)
//! server's proof = CMAC(K, "YKserve1" ‖ T)      down key = CMAC(K, "YKdnkey1" ‖ T)
//! ```
//!
//! T holds the terminal, the epoch, the versions offered and chosen and both nonces, so none can be changed unseen
//! and no session's keys come again. Both state machines are pure: nonces come in as arguments, bytes go out.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::answer::Refusal;
use crate::command_table::{Direction, Kind};
use crate::error::DecodeError;
use crate::frame::{self, HEADER_BYTES, Header, MAC_BYTES, VERSION_MAX, VERSION_MIN};
use crate::ids::{BusinessDate, Epoch, MerchantId, RequestId, Sequence, TerminalId};
use crate::keys::Key128;
use crate::mac::{Cmac128, equal_whole};
use crate::message::Body;
use crate::message::field::{field, text, zero};
use crate::message::layout::{fixed, put};
use crate::result_code::ResultCode;
use crate::session::{OpenError, Opener, Sealer, Session};
use crate::terminal_kind::TerminalKind;
use crate::text::Firmware;

/// Bytes of a nonce. Each side draws a new one, unforeseeable, for each sign-in.
pub const NONCE_BYTES: usize = 16;
/// Bytes of a Hello frame.
pub const HELLO_BYTES: usize = Kind::Hello.command().frame_bytes_max();
/// Bytes of a Challenge frame.
pub const CHALLENGE_BYTES: usize = Kind::Challenge.command().frame_bytes_max();
/// Bytes of a Prove frame.
pub const PROVE_BYTES: usize = Kind::Prove.command().frame_bytes_max();
/// Bytes of a Welcome frame.
pub const WELCOME_BYTES: usize = Kind::Welcome.command().frame_bytes_max();

const TRANSCRIPT_BYTES: usize = HELLO_BYTES + CHALLENGE_BYTES;

/// Who a till is, and the key that proves it.
#[derive(Clone, Debug)]
pub struct TerminalIdentity {
    /// The terminal's number.
    pub terminal: TerminalId,
    /// The terminal's key: see [`crate::keys::derive_terminal_key`].
    pub key: Key128,
    /// Its current epoch.
    pub epoch: Epoch,
    /// What it says about its firmware; may be empty.
    pub firmware: Firmware,
}

/// What the server tells a till at sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// The business date now open.
    pub business_date: BusinessDate,
    /// Most live requests in flight. One upload may run beside them.
    pub in_flight_max: u16,
    /// How often the till sends a heartbeat, in milliseconds. Three missed: the till is offline.
    pub heartbeat_interval_ms: u32,
    /// The merchant that the till sells for.
    pub merchant: MerchantId,
    /// The version of the parameters here.
    pub parameter_version: u32,
    /// The version of the block-list.
    pub block_list_version: u32,
    /// The highest sequence that the server has seen in this epoch, 0 for none: the till goes on above it.
    pub last_sequence: Sequence,
    /// Most for one debit without a password, in fen.
    pub debit_max_fen: i64,
    /// Most for one offline sale, in fen.
    pub offline_debit_max_fen: i64,
    /// Most for one card's offline sales on one day, in fen.
    pub offline_day_max_fen: i64,
    /// How old the block-list may be for an offline sale, in seconds.
    pub block_list_age_max_s: u32,
    /// Most days that the till may sell offline.
    pub offline_days_max: u16,
    /// What the terminal is registered as.
    pub terminal_kind: TerminalKind,
    /// The version of the terminal's key from now on: fetch one that is newer than the till's.
    pub key_version: u32,
    /// That key's check value.
    pub key_check: [u8; 3],
}

/// The keys that a terminal may sign in under.
#[derive(Clone, Debug)]
pub struct SignInKeys {
    /// The one in use.
    pub current: Key128,
    /// The one before, while the terminal may not have the new one yet.
    pub earlier: Option<Key128>,
}

impl From<Key128> for SignInKeys {
    fn from(current: Key128) -> SignInKeys {
        SignInKeys { current, earlier: None }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HelloLayout {
    version_min: u8,
    version_max: u8,
    reserved: [u8; 6],
    nonce: [u8; NONCE_BYTES],
    firmware: [u8; 24],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ChallengeLayout {
    version: u8,
    reserved: [u8; 7],
    nonce: [u8; NONCE_BYTES],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ProveLayout {
    proof: [u8; 16],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct WelcomeLayout {
    proof: [u8; 16],
    server_time_ns: U64,
    business_date: U16,
    in_flight_max: U16,
    heartbeat_interval_ms: U32,
    merchant: U32,
    parameter_version: U32,
    block_list_version: U32,
    last_sequence: U32,
    debit_max_fen: I64,
    offline_debit_max_fen: I64,
    offline_day_max_fen: I64,
    block_list_age_max_s: U32,
    offline_days_max: U16,
    terminal_kind: u8,
    reserved: u8,
    key_version: U32,
    key_check: [u8; 3],
    reserved_tail: u8,
}

const _: () = {
    assert!(size_of::<HelloLayout>() == Kind::Hello.command().body_bytes_max);
    assert!(size_of::<ChallengeLayout>() == Kind::Challenge.command().body_bytes_max);
    assert!(size_of::<ProveLayout>() == Kind::Prove.command().body_bytes_max);
    assert!(size_of::<WelcomeLayout>() == Kind::Welcome.command().body_bytes_max);
    assert!(TRANSCRIPT_BYTES == 152);
};

/// Hello and Challenge, and what is derived from them.
struct Transcript {
    key: Cmac128,
    bytes: [u8; TRANSCRIPT_BYTES],
}

impl Transcript {
    fn new(key: &Key128, hello: &[u8], challenge: &[u8; CHALLENGE_BYTES]) -> Transcript {
        let mut bytes = [0; TRANSCRIPT_BYTES];
        bytes[..HELLO_BYTES].copy_from_slice(hello);
        bytes[HELLO_BYTES..].copy_from_slice(challenge);
        Transcript { key: Cmac128::new(key), bytes }
    }

    fn derive(&mut self, label: &[u8; 8]) -> [u8; 16] {
        self.key.compute_parts(&[label, &self.bytes])
    }

    fn till_proof(&mut self) -> [u8; 16] {
        self.derive(b"YKprove1")
    }

    fn server_proof(&mut self) -> [u8; 16] {
        self.derive(b"YKserve1")
    }

    fn keys(&mut self) -> SessionKeys {
        SessionKeys { up: Key128::new(self.derive(b"YKupkey1")), down: Key128::new(self.derive(b"YKdnkey1")) }
    }
}

/// The two keys of a session, one for each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKeys {
    /// Seals what the till sends.
    pub up: Key128,
    /// Seals what the server sends.
    pub down: Key128,
}

impl SessionKeys {
    /// The till's side of a session whose next frames carry these counters.
    pub fn till_session(&self, next_up: u64, next_down: u64) -> Session {
        Session::new(Sealer::new(&self.up, next_up), Opener::new(&self.down, next_down))
    }

    /// The server's side of a session whose next frames carry these counters.
    pub fn server_session(&self, next_up: u64, next_down: u64) -> Session {
        Session::new(Sealer::new(&self.down, next_down), Opener::new(&self.up, next_up))
    }
}

/// Writes a frame of the sign-in, with counter and MAC zero.
fn frame_of<const N: usize>(header: &Header, kind: Kind, layout: &(impl IntoBytes + Immutable)) -> [u8; N] {
    let mut bytes = [0; N];
    Header { kind, counter: 0, ..*header }.write(&mut bytes);
    put(&mut bytes[HEADER_BYTES..N - MAC_BYTES], layout);
    bytes
}

/// Decodes the header of a sign-in frame that must be of this kind.
fn header_of(frame: &[u8], kind: Kind) -> Result<Header, DecodeError> {
    let header = Header::decode(frame, kind.command().direction)?;
    if header.kind != kind {
        return Err(DecodeError::Misplaced { have: header.kind.number() });
    }
    Ok(header)
}

/// Hello and Challenge have no key yet: their MAC and counter are zero.
fn unsealed(frame: &[u8], header: &Header) -> Result<(), DecodeError> {
    let mac_offset = frame.len() - MAC_BYTES;
    if header.counter != 0 {
        return Err(DecodeError::Field { offset: frame::COUNTER_OFFSET, value: header.counter });
    }
    zero(&frame[mac_offset..], mac_offset - HEADER_BYTES)
}

/// The server's side, after it has answered a Hello.
pub struct ServerHandshake {
    hello: Header,
    firmware: Firmware,
    transcript: Transcript,
    /// The same under the earlier key, while that is taken.
    earlier: Option<Transcript>,
}

impl ServerHandshake {
    /// Takes a Hello; gives the Challenge to send.
    ///
    /// `keys_of` finds the keys of a terminal that is registered and enabled; one is enough. `server_nonce` is drawn anew.
    ///
    /// # Errors
    /// What to refuse it with: a malformed frame, no version in common, an unknown terminal.
    pub fn on_hello<K: Into<SignInKeys>>(
        hello: &[u8],
        server_nonce: [u8; NONCE_BYTES],
        keys_of: impl FnOnce(TerminalId) -> Option<K>,
    ) -> Result<(ServerHandshake, [u8; CHALLENGE_BYTES]), Refusal> {
        let header = header_of(hello, Kind::Hello)?;
        unsealed(hello, &header)?;
        let layout: &HelloLayout = fixed(frame::body(hello))?;
        zero(&layout.reserved, 2)?;
        let firmware = text(layout.firmware, 24)?;
        if layout.version_min > layout.version_max {
            return Err(field(0, layout.version_min).into());
        }
        let version = layout.version_max.min(VERSION_MAX);
        if version < layout.version_min.max(VERSION_MIN) {
            return Err(Refusal {
                code: ResultCode::UnsupportedVersion,
                offset: HEADER_BYTES as u32,
                value: layout.version_min.into(),
            });
        }
        let Some(keys) = keys_of(header.terminal) else {
            return Err(Refusal {
                code: ResultCode::UnknownTerminal,
                offset: 8,
                value: header.terminal.0.into(),
            });
        };
        let challenge = frame_of(
            &Header { version, ..header },
            Kind::Challenge,
            &ChallengeLayout { version, reserved: [0; 7], nonce: server_nonce },
        );
        let SignInKeys { current, earlier } = keys.into();
        let transcript = Transcript::new(&current, hello, &challenge);
        let earlier = earlier.map(|key| Transcript::new(&key, hello, &challenge));
        let hello = Header { version, ..header };
        Ok((ServerHandshake { hello, firmware, transcript, earlier }, challenge))
    }

    /// Takes the Prove.
    ///
    /// # Errors
    /// What to refuse it with: a malformed frame, or [`ResultCode::BadMac`] when the till doesn't hold the key.
    pub fn on_prove(self, prove: &[u8]) -> Result<ProvenTerminal, Refusal> {
        let header = header_of(prove, Kind::Prove)?;
        if (header.terminal, header.epoch) != (self.hello.terminal, self.hello.epoch) {
            return Err(DecodeError::Field { offset: 8, value: header.terminal.0.into() }.into());
        }
        let layout: &ProveLayout = fixed(frame::body(prove))?;
        let mut transcript = self.transcript;
        let has_current_key = equal_whole(layout.proof, transcript.till_proof());
        if !has_current_key {
            transcript = self.earlier.ok_or(Refusal::new(ResultCode::BadMac))?;
            if !equal_whole(layout.proof, transcript.till_proof()) {
                return Err(Refusal::new(ResultCode::BadMac));
            }
        }
        let mut session = transcript.keys().server_session(0, 0);
        session.open(prove)?;
        Ok(ProvenTerminal {
            header,
            firmware: self.firmware,
            session,
            has_current_key,
            server_proof: transcript.server_proof(),
        })
    }
}

/// A terminal that has proven its key and waits for its Welcome.
pub struct ProvenTerminal {
    header: Header,
    firmware: Firmware,
    session: Session,
    has_current_key: bool,
    server_proof: [u8; 16],
}

impl ProvenTerminal {
    /// Whether it has the key in use, and not the one before.
    pub fn has_current_key(&self) -> bool {
        self.has_current_key
    }

    /// The terminal.
    pub fn terminal(&self) -> TerminalId {
        self.header.terminal
    }

    /// The epoch that it signs in with.
    pub fn epoch(&self) -> Epoch {
        self.header.epoch
    }

    /// What it says about its firmware.
    pub fn firmware(&self) -> Firmware {
        self.firmware
    }

    /// Opens the session; gives the Welcome to send.
    pub fn welcome(mut self, welcome: &Welcome) -> (Session, [u8; WELCOME_BYTES]) {
        let mut bytes = frame_of(
            &self.header,
            Kind::Welcome,
            &WelcomeLayout {
                proof: self.server_proof,
                server_time_ns: welcome.server_time_ns.into(),
                business_date: welcome.business_date.0.into(),
                in_flight_max: welcome.in_flight_max.into(),
                heartbeat_interval_ms: welcome.heartbeat_interval_ms.into(),
                merchant: welcome.merchant.0.into(),
                parameter_version: welcome.parameter_version.into(),
                block_list_version: welcome.block_list_version.into(),
                last_sequence: welcome.last_sequence.0.into(),
                debit_max_fen: welcome.debit_max_fen.into(),
                offline_debit_max_fen: welcome.offline_debit_max_fen.into(),
                offline_day_max_fen: welcome.offline_day_max_fen.into(),
                block_list_age_max_s: welcome.block_list_age_max_s.into(),
                offline_days_max: welcome.offline_days_max.into(),
                terminal_kind: welcome.terminal_kind.number(),
                reserved: 0,
                key_version: welcome.key_version.into(),
                key_check: welcome.key_check,
                reserved_tail: 0,
            },
        );
        self.session.seal(&mut bytes);
        (self.session, bytes)
    }
}

/// Why a till's sign-in fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The server refused. Before the Welcome nothing proves who said so: take it as a hint.
    #[error("the server refused the sign-in: {}", .0.code)]
    Refused(Refusal),
    /// The frame isn't the one due, or a field of it is wrong.
    #[error(transparent)]
    Frame(#[from] DecodeError),
    /// The frame's MAC or counter is wrong.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The frame answers another terminal, epoch or request.
    #[error("the frame answers another request")]
    WrongEcho,
    /// The server's proof is wrong: it doesn't hold the terminal's key.
    #[error("the server doesn't hold the terminal's key")]
    ServerNotAuthentic,
}

/// The till's side, after its Hello.
pub struct ClientHandshake {
    header: Header,
    key: Key128,
    hello: [u8; HELLO_BYTES],
}

/// What a till's frames of one sign-in are known by; the session counts on from 3 or wherever the till likes.
const HELLO_REQUEST: RequestId = RequestId(1);
const PROVE_REQUEST: RequestId = RequestId(2);

impl ClientHandshake {
    /// Begins a sign-in; gives the Hello to send. `client_nonce` is drawn anew.
    pub fn start(
        identity: &TerminalIdentity,
        client_nonce: [u8; NONCE_BYTES],
    ) -> (ClientHandshake, [u8; HELLO_BYTES]) {
        let header = Header {
            version: VERSION_MIN,
            kind: Kind::Hello,
            terminal: identity.terminal,
            sequence: Sequence(0),
            epoch: identity.epoch,
            request_id: HELLO_REQUEST,
            counter: 0,
        };
        let hello = frame_of(
            &header,
            Kind::Hello,
            &HelloLayout {
                version_min: VERSION_MIN,
                version_max: VERSION_MAX,
                reserved: [0; 6],
                nonce: client_nonce,
                firmware: *identity.firmware.as_bytes(),
            },
        );
        (ClientHandshake { header, key: identity.key.clone(), hello }, hello)
    }

    /// Takes the Challenge; gives the Prove to send.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn on_challenge(self, challenge: &[u8]) -> Result<(ClientProof, [u8; PROVE_BYTES]), SignInError> {
        let header = answer_header(challenge, Kind::Challenge, &self.header)?;
        unsealed(challenge, &header)?;
        let layout: &ChallengeLayout = fixed(frame::body(challenge))?;
        zero(&layout.reserved, 1)?;
        if !(VERSION_MIN..=VERSION_MAX).contains(&layout.version) || layout.version != header.version {
            return Err(field(0, layout.version).into());
        }
        let challenge = challenge.first_chunk().expect("a Challenge has one length");
        let mut transcript = Transcript::new(&self.key, &self.hello, challenge);
        let mut session = transcript.keys().till_session(0, 0);
        let header = Header { version: layout.version, request_id: PROVE_REQUEST, ..self.header };
        let mut prove = frame_of(&header, Kind::Prove, &ProveLayout { proof: transcript.till_proof() });
        session.seal(&mut prove);
        Ok((ClientProof { header, session, server_proof: transcript.server_proof() }, prove))
    }
}

/// The till's side, after its Prove.
pub struct ClientProof {
    header: Header,
    session: Session,
    server_proof: [u8; 16],
}

impl ClientProof {
    /// Takes the Welcome; opens the session.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn on_welcome(mut self, welcome: &[u8]) -> Result<(Session, Welcome), SignInError> {
        answer_header(welcome, Kind::Welcome, &self.header)?;
        self.session.open(welcome)?;
        let layout: &WelcomeLayout = fixed(frame::body(welcome))?;
        if !equal_whole(layout.proof, self.server_proof) {
            return Err(SignInError::ServerNotAuthentic);
        }
        zero(&[layout.reserved], 79)?;
        zero(&[layout.reserved_tail], 87)?;
        let welcome = Welcome {
            server_time_ns: layout.server_time_ns.get(),
            business_date: BusinessDate(layout.business_date.get()),
            in_flight_max: layout.in_flight_max.get(),
            heartbeat_interval_ms: layout.heartbeat_interval_ms.get(),
            merchant: MerchantId(layout.merchant.get()),
            parameter_version: layout.parameter_version.get(),
            block_list_version: layout.block_list_version.get(),
            last_sequence: Sequence(layout.last_sequence.get()),
            debit_max_fen: layout.debit_max_fen.get(),
            offline_debit_max_fen: layout.offline_debit_max_fen.get(),
            offline_day_max_fen: layout.offline_day_max_fen.get(),
            block_list_age_max_s: layout.block_list_age_max_s.get(),
            offline_days_max: layout.offline_days_max.get(),
            terminal_kind: TerminalKind::from_number(layout.terminal_kind)
                .ok_or_else(|| field(78, layout.terminal_kind))?,
            key_version: layout.key_version.get(),
            key_check: layout.key_check,
        };
        Ok((self.session, welcome))
    }
}

/// Decodes the header of the answer that is due, and holds its echo to the request's.
fn answer_header(frame: &[u8], kind: Kind, request: &Header) -> Result<Header, SignInError> {
    let header = Header::decode(frame, Direction::ToTill)?;
    if header.kind == Kind::Refused {
        return Err(SignInError::Refused(Refusal::read(frame::body(frame))?));
    }
    if header.kind != kind {
        return Err(DecodeError::Misplaced { have: header.kind.number() }.into());
    }
    let echo = |header: &Header| (header.terminal, header.epoch, header.sequence, header.request_id);
    if echo(&header) != echo(request) {
        return Err(SignInError::WrongEcho);
    }
    Ok(header)
}
