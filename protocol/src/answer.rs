//! Answers: what the server sends in a session. Every answer echoes the key fields of its request's header.

use core::ops::Range;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bill::BillLine;
use crate::command_table::{BILL_LINES_MAX, Direction, Kind, UPLOAD_RECORDS_MAX};
use crate::error::{DecodeError, EncodeError};
use crate::frame::{self, HEADER_BYTES, Header, MAC_BYTES, VERSION_MIN};
use crate::ids::{AccountId, BusinessDate, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use crate::request::{field, fixed, head_and_items, put, zero};
use crate::result_code::ResultCode;

/// Answers a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatAnswer {
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// The till's clock less the server's, in nanoseconds: positive when the till is ahead.
    pub clock_offset_ns: i64,
    /// The business date now open.
    pub business_date: BusinessDate,
    /// The version of the till's parameters; sign in again to get newer ones.
    pub parameter_version: u32,
    /// The version of the block-list.
    pub block_list_version: u32,
}

/// Answers a debit, a top-up, a reversal or a sale query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyAnswer {
    /// The outcome. What the till should do is [`ResultCode::action`].
    pub code: ResultCode,
    /// True when the same identity was answered before: nothing moved this time.
    pub repeat: bool,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// The amount that moved, or was refused, in fen.
    pub amount_fen: i64,
    /// The account's system balance after it, in fen.
    pub balance_after_fen: i64,
    /// The record that holds the outcome, 0 for none.
    pub record: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
}

/// Answers a balance query. All amounts in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceAnswer {
    /// [`ResultCode::Approved`], or why there is no balance to tell.
    pub code: ResultCode,
    /// The account's status: 0 none, 1 active, 2 frozen, 3 closed.
    pub status: AccountStatus,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// The card wallet.
    pub card_fen: i64,
    /// The transition wallet.
    pub transition_fen: i64,
    /// The electronic wallet.
    pub electronic_fen: i64,
    /// What open holds reserve.
    pub held_fen: i64,
    /// The sum of the three wallets.
    pub system_fen: i64,
    /// The account's newest record, 0 for none.
    pub record: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
}

crate::channel::numbered! {
    /// The status of an account.
    AccountStatus {
        /// No account was found.
        None = 0, "none";
        /// In use.
        Active = 1, "active";
        /// Frozen by an operator.
        Frozen = 2, "frozen";
        /// Closed.
        Closed = 3, "closed";
    }
}

/// Answers a bill query with one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillAnswer<'a> {
    /// [`ResultCode::Approved`], or why there is no bill to show.
    pub code: ResultCode,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// Ask with this number as `before` for the next page; 0 when there is none.
    pub next_before: RecordNumber,
    /// The lines, newest first, zero-copy: they lie in the frame.
    pub lines: &'a [BillLine],
}

/// The result of one uploaded record, as it lies in a batch answer.
///
/// ```text
///  0 sequence u32   4 epoch u16   6 code u16   8 record u64
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct BatchLine {
    /// The record's sequence.
    pub sequence: U32,
    /// The record's epoch.
    pub epoch: U16,
    /// The result code's number; read it with [`BatchLine::result`].
    pub code: U16,
    /// The log record that holds the sale, 0 for none.
    pub record: U64,
}

const _: () = assert!(size_of::<BatchLine>() == 16);

impl BatchLine {
    /// One record's result.
    pub fn new(epoch: Epoch, sequence: Sequence, code: ResultCode, record: RecordNumber) -> BatchLine {
        BatchLine {
            sequence: sequence.0.into(),
            epoch: epoch.0.into(),
            code: code.number().into(),
            record: record.0.into(),
        }
    }

    /// The result code; `None` for a number this version doesn't know.
    pub fn result(&self) -> Option<ResultCode> {
        ResultCode::from_number(self.code.get())
    }

    /// The identity of the sale, on the terminal that uploaded it.
    pub fn sale(&self, terminal: TerminalId) -> SaleId {
        SaleId { terminal, epoch: Epoch(self.epoch.get()), sequence: Sequence(self.sequence.get()) }
    }
}

/// Answers an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchAnswer<'a> {
    /// The till's number for the batch.
    pub batch: u32,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// One line for each record, in the order sent.
    pub lines: &'a [BatchLine],
}

/// Answers a request that wasn't carried out because of the frame, the session or the server's state.
///
/// Nothing was recorded, and no sequence is used up. After a code of the session group (1xx) the server closes
/// the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why: a code of the session or the capacity group.
    pub code: ResultCode,
    /// Where the fault lies: bytes from the start of the refused frame; 0 when not in the bytes.
    pub offset: u32,
    /// The offending value, 0 when there is none to show.
    pub value: u64,
}

impl Refusal {
    /// A refusal that isn't about certain bytes.
    pub const fn new(code: ResultCode) -> Refusal {
        Refusal { code, offset: 0, value: 0 }
    }
}

/// Bytes of a Refused frame.
pub const REFUSED_BYTES: usize = Kind::Refused.command().frame_bytes_max();

impl Refusal {
    /// The Refused frame that answers these bytes, whatever they are: as much of a header as they hold is echoed.
    /// Counter and MAC are zero: seal it when there is a session.
    pub fn frame(&self, refused: &[u8]) -> [u8; REFUSED_BYTES] {
        let mut bytes = [0; REFUSED_BYTES];
        let header = Header::echo_of(refused, VERSION_MIN, Kind::Refused);
        header.write(&mut bytes);
        put(&mut bytes[HEADER_BYTES..REFUSED_BYTES - MAC_BYTES], &RefusedLayout::new(self));
        bytes
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Refusal {
        Refusal { code: error.code(), offset: error.offset(), value: error.value() }
    }
}

/// An answer of a session. Sign-in has its own types, in [`crate::sign_in`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The session has ended.
    SignedOut,
    /// Answers a heartbeat.
    Heartbeat(HeartbeatAnswer),
    /// Answers a debit, a top-up, a reversal or a sale query.
    Money(MoneyAnswer),
    /// Answers a balance query.
    Balance(BalanceAnswer),
    /// Answers a bill query.
    Bill(BillAnswer<'a>),
    /// Answers an upload.
    Batch(BatchAnswer<'a>),
    /// Answers any request that wasn't carried out.
    Refused(Refusal),
}

/// On the wire an account that wasn't found is this number: no account ever has it.
pub const ACCOUNT_NONE: u32 = u32::MAX;

fn account_number(account: Option<AccountId>) -> U32 {
    U32::new(account.map_or(ACCOUNT_NONE, |account| account.0))
}

fn account_from(number: U32) -> Option<AccountId> {
    (number.get() != ACCOUNT_NONE).then(|| AccountId(number.get()))
}

const MONEY_FLAG_REPEAT: u8 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeartbeatAnswerLayout {
    server_time_ns: U64,
    clock_offset_ns: I64,
    parameter_version: U32,
    block_list_version: U32,
    business_date: U16,
    reserved: [u8; 6],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct MoneyAnswerLayout {
    code: U16,
    action: u8,
    flags: u8,
    account: U32,
    amount_fen: I64,
    balance_after_fen: I64,
    record: U64,
    server_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BalanceAnswerLayout {
    code: U16,
    action: u8,
    status: u8,
    account: U32,
    card_fen: I64,
    transition_fen: I64,
    electronic_fen: I64,
    held_fen: I64,
    system_fen: I64,
    record: U64,
    server_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BillAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    account: U32,
    next_before: U64,
    count: U16,
    reserved_tail: [u8; 6],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BatchAnswerLayout {
    batch: U32,
    count: U16,
    reserved: U16,
    server_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RefusedLayout {
    code: U16,
    action: u8,
    reserved: u8,
    offset: U32,
    value: U64,
}

const _: () = {
    assert!(size_of::<HeartbeatAnswerLayout>() == Kind::HeartbeatAnswer.command().body_bytes_max);
    assert!(size_of::<MoneyAnswerLayout>() == Kind::CardDebitAnswer.command().body_bytes_max);
    assert!(size_of::<MoneyAnswerLayout>() == Kind::CodeDebitAnswer.command().body_bytes_max);
    assert!(size_of::<MoneyAnswerLayout>() == Kind::TopUpAnswer.command().body_bytes_max);
    assert!(size_of::<MoneyAnswerLayout>() == Kind::ReversalAnswer.command().body_bytes_max);
    assert!(size_of::<MoneyAnswerLayout>() == Kind::SaleQueryAnswer.command().body_bytes_max);
    assert!(size_of::<BalanceAnswerLayout>() == Kind::BalanceAnswer.command().body_bytes_max);
    assert!(size_of::<BillAnswerLayout>() == Kind::BillAnswer.command().body_bytes_min);
    assert!(
        size_of::<BatchAnswerLayout>() + size_of::<BatchLine>() == Kind::BatchAnswer.command().body_bytes_min
    );
    assert!(size_of::<RefusedLayout>() == Kind::Refused.command().body_bytes_max);
};

/// Reads a code and holds its action to the table's.
fn code(number: U16, action: u8) -> Result<ResultCode, DecodeError> {
    let code = ResultCode::from_number(number.get()).ok_or_else(|| field(0, number.get()))?;
    if action != code.action().number() {
        return Err(field(2, action));
    }
    Ok(code)
}

impl RefusedLayout {
    pub(crate) fn new(refusal: &Refusal) -> RefusedLayout {
        RefusedLayout {
            code: refusal.code.number().into(),
            action: refusal.code.action().number(),
            reserved: 0,
            offset: refusal.offset.into(),
            value: refusal.value.into(),
        }
    }

    pub(crate) fn read(body: &[u8]) -> Result<Refusal, DecodeError> {
        let layout: &RefusedLayout = fixed(body)?;
        zero(&[layout.reserved], 3)?;
        Ok(Refusal {
            code: code(layout.code, layout.action)?,
            offset: layout.offset.get(),
            value: layout.value.get(),
        })
    }
}

impl<'a> Answer<'a> {
    /// Reads a whole frame. Check it first: [`crate::session::Session::open`].
    ///
    /// # Errors
    /// [`DecodeError`], and nothing is taken from a frame that has any fault. Challenge and Welcome are
    /// [`DecodeError::Misplaced`] here.
    pub fn decode(frame: &'a [u8]) -> Result<(Header, Answer<'a>), DecodeError> {
        let header = Header::decode(frame, Direction::ToTill)?;
        let body = frame::body(frame);
        let answer = match header.kind {
            Kind::SignedOut => Answer::SignedOut,
            Kind::HeartbeatAnswer => {
                let layout: &HeartbeatAnswerLayout = fixed(body)?;
                zero(&layout.reserved, 26)?;
                Answer::Heartbeat(HeartbeatAnswer {
                    server_time_ns: layout.server_time_ns.get(),
                    clock_offset_ns: layout.clock_offset_ns.get(),
                    business_date: BusinessDate(layout.business_date.get()),
                    parameter_version: layout.parameter_version.get(),
                    block_list_version: layout.block_list_version.get(),
                })
            }
            Kind::CardDebitAnswer
            | Kind::CodeDebitAnswer
            | Kind::TopUpAnswer
            | Kind::ReversalAnswer
            | Kind::SaleQueryAnswer => {
                let layout: &MoneyAnswerLayout = fixed(body)?;
                if layout.flags & !MONEY_FLAG_REPEAT != 0 {
                    return Err(DecodeError::Reserved { offset: HEADER_BYTES + 3 });
                }
                Answer::Money(MoneyAnswer {
                    code: code(layout.code, layout.action)?,
                    repeat: layout.flags & MONEY_FLAG_REPEAT != 0,
                    account: account_from(layout.account),
                    amount_fen: layout.amount_fen.get(),
                    balance_after_fen: layout.balance_after_fen.get(),
                    record: RecordNumber(layout.record.get()),
                    server_time_ns: layout.server_time_ns.get(),
                })
            }
            Kind::BalanceAnswer => {
                let layout: &BalanceAnswerLayout = fixed(body)?;
                Answer::Balance(BalanceAnswer {
                    code: code(layout.code, layout.action)?,
                    status: AccountStatus::from_number(layout.status)
                        .ok_or_else(|| field(3, layout.status))?,
                    account: account_from(layout.account),
                    card_fen: layout.card_fen.get(),
                    transition_fen: layout.transition_fen.get(),
                    electronic_fen: layout.electronic_fen.get(),
                    held_fen: layout.held_fen.get(),
                    system_fen: layout.system_fen.get(),
                    record: RecordNumber(layout.record.get()),
                    server_time_ns: layout.server_time_ns.get(),
                })
            }
            Kind::BillAnswer => {
                let (layout, lines) = head_and_items::<BillAnswerLayout>(body)?;
                zero(&[layout.reserved], 3)?;
                zero(&layout.reserved_tail, 18)?;
                Answer::Bill(BillAnswer {
                    code: code(layout.code, layout.action)?,
                    account: account_from(layout.account),
                    next_before: RecordNumber(layout.next_before.get()),
                    lines: items(lines, layout.count, 16)?,
                })
            }
            Kind::BatchAnswer => {
                let (layout, lines) = head_and_items::<BatchAnswerLayout>(body)?;
                zero(layout.reserved.as_bytes(), 6)?;
                Answer::Batch(BatchAnswer {
                    batch: layout.batch.get(),
                    server_time_ns: layout.server_time_ns.get(),
                    lines: items(lines, layout.count, 4)?,
                })
            }
            Kind::Refused => Answer::Refused(RefusedLayout::read(body)?),
            other => return Err(DecodeError::Misplaced { have: other.number() }),
        };
        Ok((header, answer))
    }

    /// The kind of the frame that carries this answer to that request.
    ///
    /// # Errors
    /// [`EncodeError::WrongAnswer`] when such a request isn't answered so.
    pub fn kind(&self, request: Kind) -> Result<Kind, EncodeError> {
        let wanted = match (self, request) {
            (Answer::Refused(_), _) => return Ok(Kind::Refused),
            (Answer::SignedOut, Kind::SignOut)
            | (Answer::Heartbeat(_), Kind::Heartbeat)
            | (
                Answer::Money(_),
                Kind::CardDebit | Kind::CodeDebit | Kind::TopUp | Kind::Reversal | Kind::SaleQuery,
            )
            | (Answer::Balance(_), Kind::Balance)
            | (Answer::Bill(_), Kind::Bill)
            | (Answer::Batch(_), Kind::Upload) => request.answer(),
            _ => None,
        };
        wanted.ok_or(EncodeError::WrongAnswer { request: request.number() })
    }

    /// Bytes of the frame that carries it.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`] for too many lines, or a batch answer of none.
    pub fn frame_bytes(&self) -> Result<usize, EncodeError> {
        let counted = |have: usize, min: usize, max: usize| {
            if (min..=max).contains(&have) { Ok(()) } else { Err(EncodeError::ItemCount { have, min, max }) }
        };
        let body_bytes = match self {
            Answer::SignedOut => 0,
            Answer::Heartbeat(_) => size_of::<HeartbeatAnswerLayout>(),
            Answer::Money(_) => size_of::<MoneyAnswerLayout>(),
            Answer::Balance(_) => size_of::<BalanceAnswerLayout>(),
            Answer::Bill(bill) => {
                counted(bill.lines.len(), 0, BILL_LINES_MAX)?;
                size_of::<BillAnswerLayout>() + size_of_val(bill.lines)
            }
            Answer::Batch(batch) => {
                counted(batch.lines.len(), 1, UPLOAD_RECORDS_MAX)?;
                size_of::<BatchAnswerLayout>() + size_of_val(batch.lines)
            }
            Answer::Refused(_) => size_of::<RefusedLayout>(),
        };
        Ok(HEADER_BYTES + body_bytes + MAC_BYTES)
    }

    /// Writes the answer to `request` at the start of `out` and returns its length. Counter and MAC are left zero:
    /// they are given when the frame is sent, by [`crate::session::Session::seal`]. Nothing is allocated.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, request: &Header, out: &mut [u8]) -> Result<usize, EncodeError> {
        let kind = self.kind(request.kind)?;
        let need = self.frame_bytes()?;
        let have = out.len();
        let frame = out.get_mut(..need).ok_or(EncodeError::BufferTooSmall { need, have })?;
        Header { kind, counter: 0, ..*request }.write(frame);
        frame[need - MAC_BYTES..].fill(0);
        self.write_body(&mut frame[HEADER_BYTES..need - MAC_BYTES]);
        Ok(need)
    }

    /// As [`Answer::encode`], behind what `out` already holds; returns where the frame lies. Allocates only when
    /// `out` has no room left.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`], [`EncodeError::WrongAnswer`]; `out` is then unchanged.
    pub fn append(&self, request: &Header, out: &mut Vec<u8>) -> Result<Range<usize>, EncodeError> {
        self.kind(request.kind)?;
        let start = out.len();
        let end = start + self.frame_bytes()?;
        out.resize(end, 0);
        self.encode(request, &mut out[start..])?;
        Ok(start..end)
    }

    fn write_body(&self, body: &mut [u8]) {
        match self {
            Answer::SignedOut => {}
            Answer::Heartbeat(answer) => put(
                body,
                &HeartbeatAnswerLayout {
                    server_time_ns: answer.server_time_ns.into(),
                    clock_offset_ns: answer.clock_offset_ns.into(),
                    parameter_version: answer.parameter_version.into(),
                    block_list_version: answer.block_list_version.into(),
                    business_date: answer.business_date.0.into(),
                    reserved: [0; 6],
                },
            ),
            Answer::Money(answer) => put(
                body,
                &MoneyAnswerLayout {
                    code: answer.code.number().into(),
                    action: answer.code.action().number(),
                    flags: if answer.repeat { MONEY_FLAG_REPEAT } else { 0 },
                    account: account_number(answer.account),
                    amount_fen: answer.amount_fen.into(),
                    balance_after_fen: answer.balance_after_fen.into(),
                    record: answer.record.0.into(),
                    server_time_ns: answer.server_time_ns.into(),
                },
            ),
            Answer::Balance(answer) => put(
                body,
                &BalanceAnswerLayout {
                    code: answer.code.number().into(),
                    action: answer.code.action().number(),
                    status: answer.status.number(),
                    account: account_number(answer.account),
                    card_fen: answer.card_fen.into(),
                    transition_fen: answer.transition_fen.into(),
                    electronic_fen: answer.electronic_fen.into(),
                    held_fen: answer.held_fen.into(),
                    system_fen: answer.system_fen.into(),
                    record: answer.record.0.into(),
                    server_time_ns: answer.server_time_ns.into(),
                },
            ),
            Answer::Bill(answer) => {
                let (head, lines) = body.split_at_mut(size_of::<BillAnswerLayout>());
                put(
                    head,
                    &BillAnswerLayout {
                        code: answer.code.number().into(),
                        action: answer.code.action().number(),
                        reserved: 0,
                        account: account_number(answer.account),
                        next_before: answer.next_before.0.into(),
                        // `frame_bytes` has bounded the count, here and below.
                        count: U16::new(answer.lines.len() as u16),
                        reserved_tail: [0; 6],
                    },
                );
                lines.copy_from_slice(answer.lines.as_bytes());
            }
            Answer::Batch(answer) => {
                let (head, lines) = body.split_at_mut(size_of::<BatchAnswerLayout>());
                put(
                    head,
                    &BatchAnswerLayout {
                        batch: answer.batch.into(),
                        count: U16::new(answer.lines.len() as u16),
                        reserved: U16::ZERO,
                        server_time_ns: answer.server_time_ns.into(),
                    },
                );
                lines.copy_from_slice(answer.lines.as_bytes());
            }
            Answer::Refused(refusal) => put(body, &RefusedLayout::new(refusal)),
        }
    }
}

/// Reads items that fill `bytes` exactly; `count_offset` is where the body gives their count.
fn items<T>(bytes: &[u8], count: U16, count_offset: usize) -> Result<&[T], DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    <[T]>::ref_from_bytes(bytes)
        .ok()
        .filter(|items| items.len() == usize::from(count.get()))
        .ok_or_else(|| field(count_offset, count.get()))
}
