//! The answer to a till that prints a receipt again.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::{Channel, Wallet, numbered};
use crate::error::DecodeError;
use crate::ids::{AccountId, BusinessDate, CardUid, Epoch, MerchantId, RecordNumber, Sequence};
use crate::message::Fixed;
use crate::message::field::{account, account_number, code, field, text, zero};
use crate::result_code::ResultCode;
use crate::text::StudentNumber;

numbered! {
    /// What a receipt is of. The numbers of what counts in a till's totals are those of
    /// [`TillKind`](crate::till_totals::TillKind).
    ReceiptKind {
        /// Of nothing: there is no receipt.
        None = 0, "none";
        /// An online debit, by card, by code or by scan.
        Debit = 1, "debit";
        /// An uploaded offline sale.
        Offline = 2, "offline";
        /// A reversal that gave something back.
        Reversal = 3, "reversal";
        /// A void.
        Void = 4, "void";
        /// A refund.
        Refund = 5, "refund";
        /// A top-up.
        TopUp = 6, "top-up";
        /// A top-up taken back.
        TopUpUndone = 7, "top-up-undone";
        /// A payment through another channel.
        Tender = 8, "tender";
        /// Something that was refused.
        Refused = 9, "refused";
        /// Something done to a card or an account at a counter.
        Change = 10, "change";
        /// What moved nothing: a tap confirmed, a reversal before its sale, a self-scan that nobody has paid.
        Note = 11, "note";
    }
}

/// What has become of it since, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptMarks(u8);

impl ReceiptMarks {
    /// A copy: set in every answer that has a receipt.
    pub const COPY: ReceiptMarks = ReceiptMarks(1);
    /// It was reversed, or its reversal came first.
    pub const REVERSED: ReceiptMarks = ReceiptMarks(1 << 1);
    /// It was voided, or, of a top-up, taken back.
    pub const VOIDED: ReceiptMarks = ReceiptMarks(1 << 2);
    /// Something of it was given back by refund.
    pub const REFUNDED: ReceiptMarks = ReceiptMarks(1 << 3);
    /// It was undone because the chip wasn't written.
    pub const UNWRITTEN: ReceiptMarks = ReceiptMarks(1 << 4);
    /// The offline sale is held back from the merchant for review.
    pub const REVIEW: ReceiptMarks = ReceiptMarks(1 << 5);
    /// It is too long ago to say by which card it was and what has become of it: those marks are missing.
    pub const OLD: ReceiptMarks = ReceiptMarks(1 << 6);

    const KNOWN_BITS: u8 = (1 << 7) - 1;

    /// Whether any of `other` is set.
    pub const fn has(self, other: ReceiptMarks) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: ReceiptMarks) -> ReceiptMarks {
        ReceiptMarks(self.0 | other.0)
    }
}

/// Answers a till that prints a receipt again: what it was told, and what has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReprintAnswer {
    /// The code as it was answered; or why there is no receipt.
    pub code: ResultCode,
    /// What has become of it since.
    pub marks: ReceiptMarks,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// The amount that moved, or was refused, in fen.
    pub amount_fen: i64,
    /// The account's system balance after it, in fen.
    pub balance_after_fen: i64,
    /// The record that holds the outcome: of what was told twice, the first.
    pub record: RecordNumber,
    /// What it stands on: the sale that is given back, reversed or voided; 0 for none.
    pub related_record: RecordNumber,
    /// When it was recorded: nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// The till's clock at an offline sale: nanoseconds since 1970 UTC; 0 for everything else.
    pub till_time_ns: u64,
    /// The card that paid, or that was handed out or taken back; 0 for none.
    pub card: CardUid,
    /// The student number of the account; empty for none.
    pub student: StudentNumber,
    /// The merchant, 0 for none.
    pub merchant: MerchantId,
    /// The sequence that is asked about.
    pub sequence: Sequence,
    /// Its epoch.
    pub epoch: Epoch,
    /// The business date that it counts on.
    pub business_date: BusinessDate,
    /// What it is a receipt of.
    pub kind: ReceiptKind,
    /// The channel; `None` for what the till itself asked for, such as a reversal.
    pub channel: Option<Channel>,
    /// The account's wallet concerned.
    pub wallet: Option<Wallet>,
}

impl ReprintAnswer {
    /// No receipt, for this reason.
    pub const fn none(code: ResultCode, epoch: Epoch, sequence: Sequence) -> ReprintAnswer {
        ReprintAnswer {
            code,
            marks: ReceiptMarks(0),
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(0),
            related_record: RecordNumber(0),
            time_ns: 0,
            till_time_ns: 0,
            card: CardUid(0),
            student: StudentNumber::EMPTY,
            merchant: MerchantId(0),
            sequence,
            epoch,
            business_date: BusinessDate(0),
            kind: ReceiptKind::None,
            channel: None,
            wallet: None,
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ReprintAnswerLayout {
    code: U16,
    action: u8,
    marks: u8,
    account: U32,
    amount_fen: I64,
    balance_after_fen: I64,
    record: U64,
    related_record: U64,
    time_ns: U64,
    till_time_ns: U64,
    card_uid: U64,
    student: [u8; 16],
    merchant: U32,
    sequence: U32,
    epoch: U16,
    business_date: U16,
    kind: u8,
    channel: u8,
    wallet: u8,
    reserved: u8,
}

impl Fixed for ReprintAnswer {
    type Layout = ReprintAnswerLayout;

    fn from_layout(layout: &ReprintAnswerLayout) -> Result<ReprintAnswer, DecodeError> {
        let code = code(layout.code, layout.action)?;
        let kind = ReceiptKind::from_number(layout.kind).ok_or_else(|| field(92, layout.kind))?;
        let marks = ReceiptMarks(layout.marks);
        let is_copy = kind != ReceiptKind::None;
        if layout.marks & !ReceiptMarks::KNOWN_BITS != 0 || marks.has(ReceiptMarks::COPY) != is_copy {
            return Err(field(3, layout.marks));
        }
        let channel = match layout.channel {
            0 => None,
            number => Some(Channel::from_number(number).ok_or_else(|| field(93, number))?),
        };
        let wallet = match layout.wallet {
            0 => None,
            number => Some(Wallet::from_number(number).ok_or_else(|| field(94, number))?),
        };
        zero(&[layout.reserved], 95)?;
        Ok(ReprintAnswer {
            code,
            marks,
            account: account(layout.account),
            amount_fen: layout.amount_fen.get(),
            balance_after_fen: layout.balance_after_fen.get(),
            record: RecordNumber(layout.record.get()),
            related_record: RecordNumber(layout.related_record.get()),
            time_ns: layout.time_ns.get(),
            till_time_ns: layout.till_time_ns.get(),
            card: CardUid(layout.card_uid.get()),
            student: text(layout.student, 64)?,
            merchant: MerchantId(layout.merchant.get()),
            sequence: Sequence(layout.sequence.get()),
            epoch: Epoch(layout.epoch.get()),
            business_date: BusinessDate(layout.business_date.get()),
            kind,
            channel,
            wallet,
        })
    }

    fn to_layout(&self) -> ReprintAnswerLayout {
        ReprintAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            marks: self.marks.0,
            account: account_number(self.account),
            amount_fen: self.amount_fen.into(),
            balance_after_fen: self.balance_after_fen.into(),
            record: self.record.0.into(),
            related_record: self.related_record.0.into(),
            time_ns: self.time_ns.into(),
            till_time_ns: self.till_time_ns.into(),
            card_uid: self.card.0.into(),
            student: *self.student.as_bytes(),
            merchant: self.merchant.0.into(),
            sequence: self.sequence.0.into(),
            epoch: self.epoch.0.into(),
            business_date: self.business_date.0.into(),
            kind: self.kind.number(),
            channel: self.channel.map_or(0, Channel::number),
            wallet: self.wallet.map_or(0, Wallet::number),
            reserved: 0,
        }
    }
}
