//! Requests: what a till sends in a session.

use core::ops::Range;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::{Channel, ReversalReason};
use crate::command_table::{BILL_LINES_MAX, Direction, Kind, UPLOAD_RECORDS_MAX};
use crate::error::{DecodeError, EncodeError};
use crate::frame::{self, FRAME_BYTES_MIN, HEADER_BYTES, Header, MAC_BYTES, VERSION_MAX};
use crate::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, RequestId, Sequence, TerminalId};
use crate::offline_record::OfflineRecord;
use crate::text::{FixedText, OrderNumber, StudentNumber};

/// How a request names an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountSelector {
    /// By its number in this system.
    Account(AccountId),
    /// By the card that is bound to it.
    Card(CardUid),
    /// By the holder's student or staff number.
    Student(StudentNumber),
}

/// Compares the clocks and keeps the session alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The till's clock when it sent: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

/// Debits the account of a card that was tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardDebit {
    /// The card's number.
    pub card_uid: CardUid,
    /// The card's transaction counter for this tap; above that of any earlier one.
    pub card_counter: CardCounter,
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// The till's clock at the tap: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

/// Debits the account behind a payment code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDebit {
    /// The code as scanned: 20 ASCII digits. The decoder takes any bytes; see [`crate::payment_code`].
    pub code: [u8; 20],
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// The till's clock at the scan: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

/// Pays money in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Whose account.
    pub account: AccountSelector,
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// Where the money came from; one for which [`Channel::is_top_up`] holds.
    pub channel: Channel,
    /// The channel's own order number: one order is paid in once, however often it is sent.
    pub order: OrderNumber,
}

/// Undoes an earlier sale of the same till. Consumes a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The epoch of the sale to undo.
    pub original_epoch: Epoch,
    /// The sequence of the sale to undo.
    pub original_sequence: Sequence,
    /// The amount of the sale to undo, in fen; it must be the original's.
    pub amount_fen: i64,
    /// Why.
    pub reason: ReversalReason,
    /// The till's clock when it decided to undo: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

/// Asks for a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceQuery {
    /// Whose account.
    pub account: AccountSelector,
}

/// Asks for a page of a bill, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillQuery {
    /// Whose account.
    pub account: AccountSelector,
    /// Only lines whose record number is below this one; 0 begins with the newest.
    pub before: RecordNumber,
    /// Most lines wanted: 1 to [`BILL_LINES_MAX`].
    pub lines_max: u16,
}

/// Asks for the outcome of an earlier sale of the same till. Answered as that sale was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleQuery {
    /// The epoch of the sale.
    pub epoch: Epoch,
    /// The sequence of the sale.
    pub sequence: Sequence,
}

/// Sends offline records. Not atomic: each record gets its own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload<'a> {
    /// The till's number for this batch; echoed in the answer.
    pub batch: u32,
    /// 1 to [`UPLOAD_RECORDS_MAX`] records, zero-copy: they lie in the frame.
    pub records: &'a [OfflineRecord],
}

/// A request of a session. Sign-in has its own types, in [`crate::sign_in`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Ends the session.
    SignOut,
    /// Compares the clocks and keeps the session alive.
    Heartbeat(Heartbeat),
    /// Debits the account of a card.
    CardDebit(CardDebit),
    /// Debits the account behind a payment code.
    CodeDebit(CodeDebit),
    /// Pays money in.
    TopUp(TopUp),
    /// Undoes an earlier sale.
    Reversal(Reversal),
    /// Asks for a balance.
    Balance(BalanceQuery),
    /// Asks for a page of a bill.
    Bill(BillQuery),
    /// Asks for the outcome of an earlier sale.
    SaleQuery(SaleQuery),
    /// Sends offline records.
    Upload(Upload<'a>),
}

/// What the header of a request says beside its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestIds {
    /// The till.
    pub terminal: TerminalId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its sequence for a request that consumes one, 0 for the others.
    pub sequence: Sequence,
    /// Chosen by the till for this frame.
    pub request_id: RequestId,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SelectorLayout {
    by: u8,
    reserved: [u8; 7],
    value: [u8; 16],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeartbeatLayout {
    till_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct CardDebitLayout {
    card_uid: U64,
    card_counter: U32,
    reserved: U32,
    amount_fen: I64,
    till_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct CodeDebitLayout {
    code: [u8; 20],
    reserved: U32,
    amount_fen: I64,
    till_time_ns: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct TopUpLayout {
    account: SelectorLayout,
    amount_fen: I64,
    channel: u8,
    reserved: [u8; 7],
    order: [u8; 32],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ReversalLayout {
    original_sequence: U32,
    original_epoch: U16,
    reason: u8,
    reserved: u8,
    amount_fen: I64,
    till_time_ns: U64,
    reserved_tail: U64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BillLayout {
    account: SelectorLayout,
    before: U64,
    lines_max: U16,
    reserved: [u8; 6],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SaleQueryLayout {
    sequence: U32,
    epoch: U16,
    reserved: U16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct UploadLayout {
    batch: U32,
    count: U16,
    reserved: U16,
}

const _: () = {
    assert!(size_of::<SelectorLayout>() == 24);
    assert!(size_of::<HeartbeatLayout>() == Kind::Heartbeat.command().body_bytes_max);
    assert!(size_of::<CardDebitLayout>() == Kind::CardDebit.command().body_bytes_max);
    assert!(size_of::<CodeDebitLayout>() == Kind::CodeDebit.command().body_bytes_max);
    assert!(size_of::<TopUpLayout>() == Kind::TopUp.command().body_bytes_max);
    assert!(size_of::<ReversalLayout>() == Kind::Reversal.command().body_bytes_max);
    assert!(size_of::<SelectorLayout>() == Kind::Balance.command().body_bytes_max);
    assert!(size_of::<BillLayout>() == Kind::Bill.command().body_bytes_max);
    assert!(size_of::<SaleQueryLayout>() == Kind::SaleQuery.command().body_bytes_max);
    assert!(size_of::<UploadLayout>() + size_of::<OfflineRecord>() == Kind::Upload.command().body_bytes_min);
};

/// Reads a fixed body; its length was checked against the table, whose sizes are asserted above.
pub(crate) fn fixed<T>(body: &[u8]) -> Result<&T, DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    T::ref_from_bytes(body).map_err(|_| DecodeError::Truncated {
        offset: HEADER_BYTES + body.len(),
        need: FRAME_BYTES_MIN + size_of::<T>(),
        have: FRAME_BYTES_MIN + body.len(),
    })
}

/// Refuses reserved bytes that aren't zero. `body_offset` counts from the body's start.
pub(crate) fn zero(bytes: &[u8], body_offset: usize) -> Result<(), DecodeError> {
    if bytes.iter().all(|&byte| byte == 0) {
        Ok(())
    } else {
        Err(DecodeError::Reserved { offset: HEADER_BYTES + body_offset })
    }
}

/// A fault of the field at `body_offset`, counted from the body's start.
pub(crate) fn field(body_offset: usize, value: impl Into<u64>) -> DecodeError {
    DecodeError::Field { offset: HEADER_BYTES + body_offset, value: value.into() }
}

/// Reads the text at `body_offset`, counted from the body's start.
pub(crate) fn text<const N: usize>(bytes: [u8; N], body_offset: usize) -> Result<FixedText<N>, DecodeError> {
    FixedText::from_bytes(bytes).map_err(|_| DecodeError::Text { offset: HEADER_BYTES + body_offset })
}

const BY_ACCOUNT: u8 = 1;
const BY_CARD: u8 = 2;
const BY_STUDENT: u8 = 3;

impl SelectorLayout {
    /// A selector is always the first field of its body.
    fn read(&self) -> Result<AccountSelector, DecodeError> {
        zero(&self.reserved, 1)?;
        match self.by {
            BY_ACCOUNT => {
                let (number, rest) = self.value.split_at(4);
                zero(rest, 12)?;
                Ok(AccountSelector::Account(AccountId(u32::from_le_bytes(
                    number.try_into().expect("split at four"),
                ))))
            }
            BY_CARD => {
                let (number, rest) = self.value.split_at(8);
                zero(rest, 16)?;
                Ok(AccountSelector::Card(CardUid(u64::from_le_bytes(
                    number.try_into().expect("split at eight"),
                ))))
            }
            BY_STUDENT => Ok(AccountSelector::Student(text(self.value, 8)?)),
            other => Err(field(0, other)),
        }
    }

    fn write(selector: &AccountSelector) -> SelectorLayout {
        let mut value = [0; 16];
        let by = match selector {
            AccountSelector::Account(account) => {
                value[..4].copy_from_slice(&account.0.to_le_bytes());
                BY_ACCOUNT
            }
            AccountSelector::Card(card) => {
                value[..8].copy_from_slice(&card.0.to_le_bytes());
                BY_CARD
            }
            AccountSelector::Student(number) => {
                value = *number.as_bytes();
                BY_STUDENT
            }
        };
        SelectorLayout { by, reserved: [0; 7], value }
    }
}

impl<'a> Request<'a> {
    /// The kind of the frame that carries it.
    pub const fn kind(&self) -> Kind {
        match self {
            Request::SignOut => Kind::SignOut,
            Request::Heartbeat(_) => Kind::Heartbeat,
            Request::CardDebit(_) => Kind::CardDebit,
            Request::CodeDebit(_) => Kind::CodeDebit,
            Request::TopUp(_) => Kind::TopUp,
            Request::Reversal(_) => Kind::Reversal,
            Request::Balance(_) => Kind::Balance,
            Request::Bill(_) => Kind::Bill,
            Request::SaleQuery(_) => Kind::SaleQuery,
            Request::Upload(_) => Kind::Upload,
        }
    }

    /// Reads a whole frame. Check it first: [`crate::session::Session::open`].
    ///
    /// # Errors
    /// [`DecodeError`], and nothing is taken from a frame that has any fault. Hello and Prove are
    /// [`DecodeError::Misplaced`] here.
    pub fn decode(frame: &'a [u8]) -> Result<(Header, Request<'a>), DecodeError> {
        let header = Header::decode(frame, Direction::ToServer)?;
        let body = frame::body(frame);
        let request = match header.kind {
            Kind::SignOut => Request::SignOut,
            Kind::Heartbeat => {
                let layout: &HeartbeatLayout = fixed(body)?;
                Request::Heartbeat(Heartbeat { till_time_ns: layout.till_time_ns.get() })
            }
            Kind::CardDebit => {
                let layout: &CardDebitLayout = fixed(body)?;
                zero(layout.reserved.as_bytes(), 12)?;
                Request::CardDebit(CardDebit {
                    card_uid: CardUid(layout.card_uid.get()),
                    card_counter: CardCounter(layout.card_counter.get()),
                    amount_fen: layout.amount_fen.get(),
                    till_time_ns: layout.till_time_ns.get(),
                })
            }
            Kind::CodeDebit => {
                let layout: &CodeDebitLayout = fixed(body)?;
                zero(layout.reserved.as_bytes(), 20)?;
                Request::CodeDebit(CodeDebit {
                    code: layout.code,
                    amount_fen: layout.amount_fen.get(),
                    till_time_ns: layout.till_time_ns.get(),
                })
            }
            Kind::TopUp => {
                let layout: &TopUpLayout = fixed(body)?;
                zero(&layout.reserved, 33)?;
                let channel = Channel::from_number(layout.channel).filter(|channel| channel.is_top_up());
                let order = text(layout.order, 40)?;
                if order.is_empty() {
                    return Err(field(40, 0_u8));
                }
                Request::TopUp(TopUp {
                    account: layout.account.read()?,
                    amount_fen: layout.amount_fen.get(),
                    channel: channel.ok_or_else(|| field(32, layout.channel))?,
                    order,
                })
            }
            Kind::Reversal => {
                let layout: &ReversalLayout = fixed(body)?;
                zero(&[layout.reserved], 7)?;
                zero(layout.reserved_tail.as_bytes(), 24)?;
                Request::Reversal(Reversal {
                    original_epoch: Epoch(layout.original_epoch.get()),
                    original_sequence: Sequence(layout.original_sequence.get()),
                    amount_fen: layout.amount_fen.get(),
                    reason: ReversalReason::from_number(layout.reason)
                        .ok_or_else(|| field(6, layout.reason))?,
                    till_time_ns: layout.till_time_ns.get(),
                })
            }
            Kind::Balance => {
                let layout: &SelectorLayout = fixed(body)?;
                Request::Balance(BalanceQuery { account: layout.read()? })
            }
            Kind::Bill => {
                let layout: &BillLayout = fixed(body)?;
                zero(&layout.reserved, 34)?;
                let lines_max = layout.lines_max.get();
                if !(1..=BILL_LINES_MAX).contains(&usize::from(lines_max)) {
                    return Err(field(32, lines_max));
                }
                Request::Bill(BillQuery {
                    account: layout.account.read()?,
                    before: RecordNumber(layout.before.get()),
                    lines_max,
                })
            }
            Kind::SaleQuery => {
                let layout: &SaleQueryLayout = fixed(body)?;
                zero(layout.reserved.as_bytes(), 6)?;
                Request::SaleQuery(SaleQuery {
                    epoch: Epoch(layout.epoch.get()),
                    sequence: Sequence(layout.sequence.get()),
                })
            }
            Kind::Upload => {
                let (layout, records) = head_and_items::<UploadLayout>(body)?;
                zero(layout.reserved.as_bytes(), 6)?;
                let count = layout.count.get();
                let records = <[OfflineRecord]>::ref_from_bytes(records)
                    .ok()
                    .filter(|records| records.len() == usize::from(count))
                    .ok_or_else(|| field(4, count))?;
                Request::Upload(Upload { batch: layout.batch.get(), records })
            }
            other => return Err(DecodeError::Misplaced { have: other.number() }),
        };
        Ok((header, request))
    }

    /// Bytes of the frame that carries it.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`] for an upload of no record, or of too many.
    pub fn frame_bytes(&self) -> Result<usize, EncodeError> {
        let body_bytes = match self {
            Request::Upload(upload) => {
                let have = upload.records.len();
                if !(1..=UPLOAD_RECORDS_MAX).contains(&have) {
                    return Err(EncodeError::ItemCount { have, min: 1, max: UPLOAD_RECORDS_MAX });
                }
                size_of::<UploadLayout>() + size_of_val(upload.records)
            }
            _ => self.kind().command().body_bytes_max,
        };
        Ok(HEADER_BYTES + body_bytes + MAC_BYTES)
    }

    /// Writes the frame at the start of `out` and returns its length. Counter and MAC are left zero: they are given
    /// when the frame is sent, by [`crate::session::Session::seal`]. Nothing is allocated.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::ItemCount`].
    pub fn encode(&self, ids: &RequestIds, out: &mut [u8]) -> Result<usize, EncodeError> {
        let need = self.frame_bytes()?;
        let have = out.len();
        let frame = out.get_mut(..need).ok_or(EncodeError::BufferTooSmall { need, have })?;
        let header = Header {
            version: VERSION_MAX,
            kind: self.kind(),
            terminal: ids.terminal,
            sequence: ids.sequence,
            epoch: ids.epoch,
            request_id: ids.request_id,
            counter: 0,
        };
        header.write(frame);
        frame[need - MAC_BYTES..].fill(0);
        self.write_body(&mut frame[HEADER_BYTES..need - MAC_BYTES]);
        Ok(need)
    }

    /// As [`Request::encode`], behind what `out` already holds; returns where the frame lies. Allocates only when
    /// `out` has no room left.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`]; `out` is then unchanged.
    pub fn append(&self, ids: &RequestIds, out: &mut Vec<u8>) -> Result<Range<usize>, EncodeError> {
        let start = out.len();
        let end = start + self.frame_bytes()?;
        out.resize(end, 0);
        self.encode(ids, &mut out[start..])?;
        Ok(start..end)
    }

    fn write_body(&self, body: &mut [u8]) {
        match self {
            Request::SignOut => {}
            Request::Heartbeat(heartbeat) => {
                put(body, &HeartbeatLayout { till_time_ns: heartbeat.till_time_ns.into() });
            }
            Request::CardDebit(debit) => put(
                body,
                &CardDebitLayout {
                    card_uid: debit.card_uid.0.into(),
                    card_counter: debit.card_counter.0.into(),
                    reserved: U32::ZERO,
                    amount_fen: debit.amount_fen.into(),
                    till_time_ns: debit.till_time_ns.into(),
                },
            ),
            Request::CodeDebit(debit) => put(
                body,
                &CodeDebitLayout {
                    code: debit.code,
                    reserved: U32::ZERO,
                    amount_fen: debit.amount_fen.into(),
                    till_time_ns: debit.till_time_ns.into(),
                },
            ),
            Request::TopUp(top_up) => put(
                body,
                &TopUpLayout {
                    account: SelectorLayout::write(&top_up.account),
                    amount_fen: top_up.amount_fen.into(),
                    channel: top_up.channel.number(),
                    reserved: [0; 7],
                    order: *top_up.order.as_bytes(),
                },
            ),
            Request::Reversal(reversal) => put(
                body,
                &ReversalLayout {
                    original_sequence: reversal.original_sequence.0.into(),
                    original_epoch: reversal.original_epoch.0.into(),
                    reason: reversal.reason.number(),
                    reserved: 0,
                    amount_fen: reversal.amount_fen.into(),
                    till_time_ns: reversal.till_time_ns.into(),
                    reserved_tail: U64::ZERO,
                },
            ),
            Request::Balance(query) => put(body, &SelectorLayout::write(&query.account)),
            Request::Bill(query) => put(
                body,
                &BillLayout {
                    account: SelectorLayout::write(&query.account),
                    before: query.before.0.into(),
                    lines_max: query.lines_max.into(),
                    reserved: [0; 6],
                },
            ),
            Request::SaleQuery(query) => put(
                body,
                &SaleQueryLayout {
                    sequence: query.sequence.0.into(),
                    epoch: query.epoch.0.into(),
                    reserved: U16::ZERO,
                },
            ),
            Request::Upload(upload) => {
                let (head, items) = body.split_at_mut(size_of::<UploadLayout>());
                put(
                    head,
                    &UploadLayout {
                        batch: upload.batch.into(),
                        // At most 2,000: `frame_bytes` has refused more.
                        count: U16::new(upload.records.len() as u16),
                        reserved: U16::ZERO,
                    },
                );
                items.copy_from_slice(upload.records.as_bytes());
            }
        }
    }
}

/// Splits a body into its fixed head and the bytes of its items.
pub(crate) fn head_and_items<T>(body: &[u8]) -> Result<(&T, &[u8]), DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    T::ref_from_prefix(body).map_err(|_| DecodeError::Truncated {
        offset: HEADER_BYTES + body.len(),
        need: FRAME_BYTES_MIN + size_of::<T>(),
        have: FRAME_BYTES_MIN + body.len(),
    })
}

/// Writes a layout over exactly its bytes.
pub(crate) fn put<T: IntoBytes + Immutable>(body: &mut [u8], layout: &T) {
    body.copy_from_slice(layout.as_bytes());
}
