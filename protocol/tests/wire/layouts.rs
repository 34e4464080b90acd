//! Every layout of the wire as a table: the second description, which the README shows and the vectors name.
//!
//! It is written by hand, apart from the structures in `src/`, and the tests hold both to the same bytes.

mod fields;
mod sizes;

use protocol::command_table::Kind;

use self::Form::{Bytes, I64, Text, U8, U16, U32, U64, Zero};
use self::fields::{
    ACCOUNT, ACTION, ADJUSTMENT_LINE, AMOUNT, BALANCE_AFTER, BATCH, BATCH_LINE, BILL_LINE, BLOCK_LIST_LINE,
    CARD_FEE, CARD_KIND, CLASS_RULES_LINE, CODE, EXPIRES_DAY, GAP_LINE, MEAL_PERIOD_LINE, MONEY,
    MONEY_AMOUNT, MONEY_FLAGS, PASSWORD, PRICE_LINE, REASON, RECEIPT, RECORD, SELECTOR_BY, SELECTOR_VALUE,
    SELECTOR_ZERO, SERVER_TIME, SUBSIDY, SUBSIDY_OPEN, TABLE_HEAD, TERMINAL_KEY, TILL_LINE, TILL_TIME,
    TOLD_POST, TOTAL_AMOUNTS, TOTAL_COUNTS, VIRTUAL_ID,
};
pub(crate) use self::fields::{HEADER, OFFLINE_RECORD};

/// How a field's bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    U8,
    U16,
    U32,
    U64,
    I16,
    I64,
    /// This many bytes that must be zero.
    Zero(usize),
    /// This many bytes, shown in hexadecimal.
    Bytes(usize),
    /// UTF-8, closed by zero bytes.
    Text(usize),
}

impl Form {
    pub(crate) fn size(self) -> usize {
        match self {
            Form::U8 => 1,
            Form::U16 | Form::I16 => 2,
            Form::U32 => 4,
            Form::U64 | Form::I64 => 8,
            Form::Zero(size) | Form::Bytes(size) | Form::Text(size) => size,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Form::U8 => "u8".into(),
            Form::U16 => "u16".into(),
            Form::U32 => "u32".into(),
            Form::U64 => "u64".into(),
            Form::I16 => "i16".into(),
            Form::I64 => "i64".into(),
            Form::Zero(_) => "zero".into(),
            Form::Bytes(size) => format!("{size} bytes"),
            Form::Text(size) => format!("text {size}"),
        }
    }
}

/// One field: its name in the vectors, its form, and what it means.
pub(crate) type Field = (&'static str, Form, &'static str);

/// What follows a body's fixed fields, as often as `count` says.
pub(crate) struct Items {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

/// The layout of a body.
pub(crate) struct Body {
    pub(crate) fields: &'static [Field],
    pub(crate) items: Option<Items>,
}

const EMPTY: Body = Body { fields: &[], items: None };

/// The layout of a kind's body.
pub(crate) fn body_of(kind: Kind) -> Body {
    let fields: &'static [Field] = match kind {
        Kind::SignOut | Kind::SignedOut => return EMPTY,
        Kind::Hello => &[
            ("version_min", U8, "the oldest version the till speaks"),
            ("version_max", U8, "the newest"),
            ("reserved", Zero(6), ""),
            ("nonce", Bytes(16), "drawn anew by the till"),
            ("firmware", Text(24), "whatever the till says of itself"),
        ],
        Kind::Challenge => &[
            ("version", U8, "the version chosen; the header's from here on"),
            ("reserved", Zero(7), ""),
            ("nonce", Bytes(16), "drawn anew by the server"),
        ],
        Kind::Prove => &[("proof", Bytes(16), "the till's proof")],
        Kind::Welcome => &[
            ("proof", Bytes(16), "the server's proof"),
            SERVER_TIME,
            ("business_date", U16, "the open business date: days since 2000-01-01"),
            ("in_flight_max", U16, "most live requests in flight; one Upload may run beside them"),
            ("heartbeat_interval_ms", U32, "how often to send a heartbeat"),
            ("merchant", U32, "whom the till sells for"),
            ("parameter_version", U32, "version of these parameters"),
            ("block_list_version", U32, "version of the block-list"),
            ("last_sequence", U32, "highest sequence the server has seen in this epoch, 0 for none"),
            ("debit_max_fen", I64, "most for one debit without a password"),
            ("offline_debit_max_fen", I64, "most for one offline sale"),
            ("offline_day_max_fen", I64, "most for one card's offline sales on a day"),
            ("block_list_age_max_s", U32, "how old the block-list may be for an offline sale"),
            ("offline_days_max", U16, "most days the till may sell offline"),
            (
                "terminal_kind",
                U8,
                "1 point of sale, 2 water, 3 shower, 4 door, 5 phone gateway, 6 counter, 7 card centre, 8 finance, 9 auditor, 10 administrator",
            ),
            ("reserved", Zero(1), ""),
            ("key_version", U32, "version of the terminal's key: when it is newer than yours, fetch it"),
            ("key_check", Bytes(3), "that key's check value"),
            ("reserved_tail", Zero(1), ""),
        ],
        Kind::Heartbeat => &[("till_time_ns", U64, "the till's clock when it sends")],
        Kind::HeartbeatAnswer => &[
            SERVER_TIME,
            ("clock_offset_ns", I64, "the till's clock less the server's: positive when the till is ahead"),
            ("parameter_version", U32, "when it is newer than yours: sign in again"),
            ("block_list_version", U32, "version of the block-list"),
            ("business_date", U16, "the open business date: days since 2000-01-01"),
            ("reserved", Zero(2), ""),
            ("code_key_version", U32, "version of the key to make payment codes under: for gateways"),
            ("key_version", U32, "version of the terminal's own key: when it is newer than yours, fetch it"),
            ("reserved_tail", Zero(4), ""),
        ],
        Kind::TerminalKeyAnswer => TERMINAL_KEY,
        Kind::CardStock => &[
            ("first", U64, "the first card number"),
            ("count", U16, "how many, from the first on: 1 to 1,024"),
            ("reserved", Zero(6), ""),
            TILL_TIME,
        ],
        Kind::TerminalKeyRotate => &[
            ("key_of", U32, "the terminal, not 0"),
            ("key_version", U32, "the version from now on: one more than until now"),
            REASON,
        ],
        Kind::ClassRules | Kind::MealPeriods | Kind::PriceTable | Kind::ShiftTotals | Kind::TerminalKey => {
            &[]
        }
        Kind::CashierOn | Kind::CashierOff => &[
            ("cashier", U32, "the cashier, not 0"),
            ("unsent_records", U32, "to sign off: records that the till has stored and not sent"),
            TILL_TIME,
        ],
        Kind::ShiftClose => &[
            ("shift", U32, "the shift, as its totals say"),
            ("unsent_records", U32, "records that the till has stored and not sent"),
            TILL_TIME,
        ],
        Kind::ShiftTotalsAnswer | Kind::ShiftCloseAnswer => &[
            CODE,
            ACTION,
            ("flags", U8, "bit 0: repeat, this shift was closed before; bits 1 to 7: the voice, see voices"),
            ("shift", U32, "the shift, 1 for the till's first; 0 when it was refused"),
            ("cashier", U32, "who is signed on, or was at the closing; 0 for nobody"),
            ("reserved", Zero(4), ""),
            ("record", U64, "the record that closed it, 0 for an open one"),
            TOTAL_COUNTS[0],
            TOTAL_COUNTS[1],
            TOTAL_COUNTS[2],
            TOTAL_COUNTS[3],
            TOTAL_COUNTS[4],
            TOTAL_COUNTS[5],
            TOTAL_COUNTS[6],
            TOTAL_COUNTS[7],
            TOTAL_AMOUNTS[0],
            TOTAL_AMOUNTS[1],
            TOTAL_AMOUNTS[2],
            TOTAL_AMOUNTS[3],
            TOTAL_AMOUNTS[4],
            TOTAL_AMOUNTS[5],
            TOTAL_AMOUNTS[6],
            TOTAL_AMOUNTS[7],
        ],
        Kind::BatchSettle => &[
            ("batch", U32, "the till's number of the batch: one more than the batch before"),
            ("first", U32, "its first sequence, in the header's epoch"),
            ("last", U32, "its last sequence; one less than the first where it has none"),
            ("as_it_stands", U8, "1 to close it although the totals differ"),
            ("reserved", Zero(3), ""),
            TOTAL_COUNTS[0],
            TOTAL_COUNTS[1],
            TOTAL_COUNTS[2],
            TOTAL_COUNTS[3],
            TOTAL_COUNTS[4],
            TOTAL_COUNTS[5],
            TOTAL_COUNTS[6],
            TOTAL_COUNTS[7],
            TOTAL_AMOUNTS[0],
            TOTAL_AMOUNTS[1],
            TOTAL_AMOUNTS[2],
            TOTAL_AMOUNTS[3],
            TOTAL_AMOUNTS[4],
            TOTAL_AMOUNTS[5],
            TOTAL_AMOUNTS[6],
            TOTAL_AMOUNTS[7],
            TILL_TIME,
        ],
        Kind::BatchSettleAnswer => &[
            CODE,
            ACTION,
            (
                "flags",
                U8,
                "bit 0: repeat, it was closed before in the same way; bits 1 to 7: the voice, see voices",
            ),
            (
                "epoch",
                U16,
                "the batch's epoch; out of order or in conflict, this and what follows are of the batch closed last",
            ),
            ("reserved", Zero(2), ""),
            ("batch", U32, "the till's number of the batch, 0 for none"),
            ("last", U32, "its last sequence"),
            ("record", U64, "the record that closed it, 0 when it isn't closed"),
            TOTAL_COUNTS[0],
            TOTAL_COUNTS[1],
            TOTAL_COUNTS[2],
            TOTAL_COUNTS[3],
            TOTAL_COUNTS[4],
            TOTAL_COUNTS[5],
            TOTAL_COUNTS[6],
            TOTAL_COUNTS[7],
            TOTAL_AMOUNTS[0],
            TOTAL_AMOUNTS[1],
            TOTAL_AMOUNTS[2],
            TOTAL_AMOUNTS[3],
            TOTAL_AMOUNTS[4],
            TOTAL_AMOUNTS[5],
            TOTAL_AMOUNTS[6],
            TOTAL_AMOUNTS[7],
        ],
        Kind::BatchLines => {
            return Body {
                fields: &[
                    ("first", U32, "the first sequence that this is about, in the header's epoch"),
                    ("last", U32, "the last; at most 2000 of them"),
                    ("count", U16, "lines that follow, 0 to 2000"),
                    ("reserved", Zero(6), ""),
                ],
                items: Some(Items { name: "lines", fields: TILL_LINE }),
            };
        }
        Kind::BatchLinesAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("reserved", Zero(1), ""),
                    ("equal", U32, "how many lines are equal"),
                    ("count", U16, "lines that follow, 0 to 2000: the others"),
                    ("reserved_tail", Zero(6), ""),
                ],
                items: Some(Items { name: "lines", fields: TILL_LINE }),
            };
        }
        Kind::ClassRulesAnswer => {
            return Body {
                fields: TABLE_HEAD,
                items: Some(Items { name: "lines", fields: CLASS_RULES_LINE }),
            };
        }
        Kind::MealPeriodsAnswer => {
            return Body {
                fields: TABLE_HEAD,
                items: Some(Items { name: "lines", fields: MEAL_PERIOD_LINE }),
            };
        }
        Kind::PriceTableAnswer => {
            return Body { fields: TABLE_HEAD, items: Some(Items { name: "lines", fields: PRICE_LINE }) };
        }
        Kind::BlockList => &[
            ("have_version", U32, "the version that the till has; 0 for none"),
            ("of_version", U32, "to go on with a whole list: the version of its first page; 0 otherwise"),
            ("after_card", U64, "to go on with a whole list: the last card of the page before"),
            ("lines_max", U16, "most lines wanted, 1 to 2000"),
            ("reserved", Zero(6), ""),
        ],
        Kind::BlockListActive => &[
            ("version", U32, "the version of the list that the till judges by from now on"),
            ("reserved", Zero(4), ""),
            ("digest", Bytes(16), "the list's digest, as the till computed it over its own list"),
            ("till_time_ns", U64, "the till's clock when it changed over"),
        ],
        Kind::BlockListAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("whole", U8, "1 for lines of the whole list, 0 for moves"),
                    ("version", U32, "the version that the list has now"),
                    ("count", U16, "lines that follow, 0 to 2000"),
                    ("more", U8, "1 when more lines follow these"),
                    ("reserved", Zero(5), ""),
                    ("digest", Bytes(16), "the digest of the list of that version"),
                    ("cards", U32, "how many cards that list has"),
                    ("reserved_tail", Zero(4), ""),
                ],
                items: Some(Items { name: "lines", fields: BLOCK_LIST_LINE }),
            };
        }
        Kind::CardDebit => &[
            ("card_uid", U64, "the card's number"),
            ("card_counter", U32, "the card's transaction counter, above any earlier one"),
            ("reserved", Zero(4), ""),
            AMOUNT,
            TILL_TIME,
        ],
        Kind::PasswordDebit => &[
            ("card_uid", U64, "the card's number"),
            ("card_counter", U32, "the card's transaction counter, above any earlier one"),
            ("reserved", Zero(4), ""),
            AMOUNT,
            PASSWORD,
            TILL_TIME,
        ],
        Kind::CodeDebit => &[
            ("code", Text(20), "the payment code: 20 ASCII digits"),
            ("reserved", Zero(4), ""),
            AMOUNT,
            TILL_TIME,
        ],
        Kind::TopUp => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            AMOUNT,
            ("channel", U8, "10 WeChat Pay, 11 Alipay, 12 counter"),
            ("reserved", Zero(7), ""),
            ("order", Text(32), "the channel's order number, not empty"),
        ],
        Kind::Reversal | Kind::Void => &[
            ("original_sequence", U32, "the sale to undo: its sequence"),
            ("original_epoch", U16, "its epoch"),
            ("reason", U8, "1 no answer, 2 card not written, 3 cashier"),
            ("reserved", Zero(1), ""),
            ("amount_fen", I64, "its amount"),
            ("till_time_ns", U64, "the till's clock when it decided to undo"),
            ("reserved_tail", Zero(8), ""),
        ],
        Kind::Refund => &[
            ("original_terminal", U32, "the debit to give back: its till, one of this merchant's"),
            ("original_sequence", U32, "its sequence"),
            ("original_epoch", U16, "its epoch"),
            ("reserved", Zero(6), ""),
            ("amount_fen", I64, "what is given back of it"),
            TILL_TIME,
        ],
        Kind::CardTap => &[
            ("card_uid", U64, "the card's number"),
            ("card_counter", U32, "the counter of this transaction: one more than stands on the chip"),
            ("reserved", Zero(4), ""),
            AMOUNT,
            TILL_TIME,
        ],
        Kind::TapConfirm => &[
            ("original_sequence", U32, "the tap: its sequence"),
            ("original_epoch", U16, "its epoch"),
            ("write", U8, "1 written, 2 not written, 3 unknown"),
            ("reserved", Zero(1), ""),
            ("amount_fen", I64, "its amount"),
            TILL_TIME,
            ("original_terminal", U32, "its till: the one that sends this"),
            ("reserved_tail", Zero(4), ""),
        ],
        Kind::CardTapAnswer => &[
            CODE,
            ACTION,
            MONEY_FLAGS,
            ACCOUNT,
            MONEY_AMOUNT,
            BALANCE_AFTER,
            RECORD,
            SERVER_TIME,
            ("chip_balance_fen", I64, "the balance to write on the chip"),
            ("chip_counter", U32, "the counter to write with it"),
            ("write", U8, "1: write both, then confirm; 0: there is nothing to write, and both are 0"),
            ("reserved", Zero(3), ""),
        ],
        Kind::TopUpUndo => &[
            ("original_sequence", U32, "the top-up to undo: its sequence"),
            ("original_epoch", U16, "its epoch"),
            ("reason", U8, "1 no answer, 2 card not written, 3 cashier"),
            ("reserved", Zero(1), ""),
            ("amount_fen", I64, "its amount"),
            ("till_time_ns", U64, "the counter's clock when it decided to undo"),
            ("reserved_tail", Zero(8), ""),
        ],
        Kind::Tender => &[
            AMOUNT,
            ("channel", U8, "10 WeChat Pay, 11 Alipay"),
            ("reserved", Zero(7), ""),
            ("order", Text(32), "the channel's order number, not empty"),
            TILL_TIME,
        ],
        Kind::Balance => &[SELECTOR_BY, SELECTOR_ZERO, SELECTOR_VALUE],
        Kind::Bill => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("before", U64, "only lines with a lower record number; 0 begins with the newest"),
            ("lines_max", U16, "most lines wanted, 1 to 50"),
            ("reserved", Zero(6), ""),
        ],
        Kind::SaleQuery | Kind::Reprint => &[
            ("sequence", U32, "the sale asked about: its sequence"),
            ("epoch", U16, "its epoch"),
            ("reserved", Zero(2), ""),
        ],
        Kind::Statement => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("before", U64, "next_before of the page to go on behind; 0 begins with the newest"),
            ("from_day", U16, "the first day of the period: days since 2000-01-01"),
            ("to_day", U16, "the last day, not before the first"),
            ("kinds", U32, "the kinds of line to show: bit n is kind n of a bill's lines; 0 all"),
            ("by", U8, "whose days: 1 calendar day of the record, at +08:00; 2 business date"),
            ("reserved", Zero(1), ""),
            ("lines_max", U16, "most lines wanted, 1 to 50"),
            ("reserved_tail", Zero(12), ""),
        ],
        Kind::CardIssue => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("card_uid", U64, "the card's number, not 0"),
            CARD_KIND,
            ("reserved", Zero(1), ""),
            EXPIRES_DAY,
            ("reserved_2", Zero(4), ""),
            CARD_FEE,
            TILL_TIME,
            ("reserved_tail", Zero(8), ""),
        ],
        Kind::CardReplace => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("new_card", U64, "the new card's number, not 0"),
            CARD_FEE,
            ("reason", U8, "1 lost, 2 broken, 3 number changed"),
            CARD_KIND,
            EXPIRES_DAY,
            ("reserved", Zero(4), ""),
            TILL_TIME,
        ],
        Kind::CardReturn => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("card_uid", U64, "the number of the card that is given back, not 0"),
            TILL_TIME,
        ],
        Kind::PasswordSet | Kind::LossReport | Kind::LossLift => {
            &[SELECTOR_BY, SELECTOR_ZERO, SELECTOR_VALUE, PASSWORD, TILL_TIME]
        }
        Kind::VirtualBind => {
            &[("student", Text(16), "the holder's student or staff number"), VIRTUAL_ID, PASSWORD, TILL_TIME]
        }
        Kind::VirtualUnbind => &[VIRTUAL_ID, TILL_TIME],
        Kind::PhoneChange => {
            &[VIRTUAL_ID, ("phone", U64, "the digest of the phone number, not 0: see phones"), TILL_TIME]
        }
        Kind::OpenGaps => &[
            ("terminal", U32, "only of this till, 0 of all"),
            ("after_terminal", U32, "the last line of the page before: its till; 0 begins with the first"),
            ("after_first", U32, "its first sequence"),
            ("after_epoch", U16, "its epoch"),
            ("lines_max", U16, "most lines wanted, 1 to 100"),
        ],
        Kind::OpenGapsAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("more", U8, "1 when there are more lines behind the last"),
                    ("count", U16, "lines that follow, 0 to 100"),
                    ("reserved", Zero(2), ""),
                    ("record", U64, "the newest record that this may have seen"),
                ],
                items: Some(Items { name: "lines", fields: GAP_LINE }),
            };
        }
        Kind::Unconfirmed => &[SELECTOR_BY, SELECTOR_ZERO, SELECTOR_VALUE],
        Kind::UnconfirmedAnswer => &[
            CODE,
            ACTION,
            ("partial", U8, "1 when the account has more records than were looked at"),
            ACCOUNT,
            ("offline_fen", I64, "offline sales of the card since its last online tap"),
            ("told_fen", I64, "what the card told of as its previous transaction, and hasn't come"),
            ("offline_sales", U32, "how many offline sales"),
            ("missing", U32, "counters of the card that are missing"),
            ("told", U32, "of them, those that the card told of"),
            ("first_missing", U32, "the lowest missing counter, 0 for none"),
            ("missing_since_ns", U64, "when the first transaction above it came, 0 for none"),
            ("missing_before", U32, "the till of that transaction, 0 for none"),
            ("silent_tills", U32, "tills that have sold and aren't connected"),
            ("silent_terminal", U32, "the one that has been silent the longest, 0 for none"),
            ("reserved", Zero(4), ""),
            ("silent_since_ns", U64, "since when, 0 for none"),
            ("record", U64, "the account's newest record that this has seen"),
            SERVER_TIME,
        ],
        Kind::ReprintAnswer => RECEIPT,
        Kind::ToldPost => TOLD_POST,
        Kind::GapClose => &[
            ("till", U32, "the till whose sequences are missing"),
            ("first", U32, "the first that is closed, not 0"),
            ("last", U32, "the last that is closed, not before the first"),
            ("epoch", U16, "the till's epoch"),
            ("reserved", Zero(2), ""),
            ("reason", Text(32), "why, not empty"),
            TILL_TIME,
        ],
        Kind::ScanPay => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("terminal", U32, "what the code says: the till"),
            ("sequence", U32, "its sequence"),
            ("epoch", U16, "its epoch"),
            ("reserved", Zero(6), ""),
            ("amount_fen", I64, "the amount"),
            ("till_time_s", U64, "the till's clock, seconds since 1970 UTC"),
            ("mac", Bytes(8), "the till's MAC"),
        ],
        Kind::ScanPayAnswer => &[
            CODE,
            ACTION,
            MONEY_FLAGS,
            ACCOUNT,
            MONEY_AMOUNT,
            BALANCE_AFTER,
            RECORD,
            SERVER_TIME,
            ("confirmation", U32, "what the phone shows, six digits; 0xFFFFFFFF unless it is paid"),
            ("reserved", Zero(4), ""),
        ],
        Kind::CodeRevoke => &[SELECTOR_BY, SELECTOR_ZERO, SELECTOR_VALUE, TILL_TIME],
        Kind::CodeKeyRotate => &[
            ("key_version", U32, "the version from now on: the current one and 1"),
            ("earlier_codes", U8, "codes under the key before: 1 run out, 2 are refused at once"),
            ("reserved", Zero(3), ""),
            TILL_TIME,
        ],
        Kind::AccountClose => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("card_uid", U64, "the card that comes back; 0 where there is none, or it is reported lost"),
            ("way", U8, "how the holder gets the money: 1 cash, 2 transfer"),
            ("reserved", Zero(7), ""),
            TILL_TIME,
        ],
        Kind::AccountFreeze => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("freeze_action", U8, "1 freeze, 2 unfreeze"),
            ("reserved", Zero(7), ""),
            REASON,
        ],
        Kind::AccountLimits => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("debit_max_fen", U32, "the holder's own limit for one debit; 0 the class's"),
            ("day_max_fen", U32, "the holder's own limit for a day; 0 the class's"),
            ("class", U8, "the account's class, 0 to 63"),
            ("reserved", Zero(7), ""),
            REASON,
        ],
        Kind::Adjust => &[
            SELECTOR_BY,
            SELECTOR_ZERO,
            SELECTOR_VALUE,
            ("amount_fen", I64, "by how much, above zero"),
            ("wallet", U8, "1 card, 3 electronic"),
            ("direction", U8, "1 give, 2 take"),
            ("reserved", Zero(6), ""),
            REASON,
        ],
        Kind::AdjustDecide => &[
            ("proposal", U64, "the record by which it was proposed"),
            ("verdict", U8, "1 approve, 2 reject"),
            ("reserved", Zero(7), ""),
            REASON,
        ],
        Kind::Adjustments => &[
            ("after", U64, "only those proposed by later records; 0 begins with the oldest"),
            ("lines_max", U16, "most lines wanted, 1 to 50"),
            ("reserved", Zero(6), ""),
        ],
        Kind::SubsidyOpen => SUBSIDY_OPEN,
        Kind::SubsidyLines => {
            return Body {
                fields: &[
                    BATCH,
                    ("first", U32, "how many lines came before this page"),
                    ("count", U16, "lines that follow, 1 to 24"),
                    ("reserved", Zero(6), ""),
                ],
                items: Some(Items {
                    name: "lines",
                    fields: &[
                        ("account", U32, "whose account, above that of the line before"),
                        ("amount_fen", U32, "how much it gets, above zero"),
                    ],
                }),
            };
        }
        Kind::SubsidyStep => &[
            BATCH,
            ("step", U8, "1 approve, 2 reject, 3 issue, 4 withdraw"),
            ("reserved", Zero(3), ""),
            REASON,
        ],
        Kind::SubsidyQuery => &[BATCH, ("reserved", Zero(4), "")],
        Kind::SubsidyPreview => &[
            BATCH,
            ("from_account", U32, "only accounts from this one on"),
            ("lines_max", U16, "most lines wanted, 1 to 100"),
            ("reserved", Zero(6), ""),
        ],
        Kind::SubsidyAnswer => SUBSIDY,
        Kind::SubsidyPreviewAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("reserved", Zero(1), ""),
                    BATCH,
                    ("next_account", U32, "`from_account` of the next page, 0 when there is none"),
                    ("count", U16, "lines that follow, 0 to 100"),
                    ("reserved_2", Zero(2), ""),
                    SERVER_TIME,
                ],
                items: Some(Items {
                    name: "lines",
                    fields: &[
                        ("account", U32, "whose account"),
                        ("amount_fen", U32, "how much it gets"),
                        ("withdrawn_fen", U32, "how much of it was taken back"),
                        ("state", U8, "0 waiting, 1 paid, 2 can't be paid, 3 paid and taken back"),
                        ("reserved", Zero(3), ""),
                    ],
                }),
            };
        }
        Kind::AdjustmentsAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("reserved", Zero(1), ""),
                    ("count", U16, "lines that follow, 0 to 50"),
                    ("reserved_2", Zero(2), ""),
                    ("next_after", U64, "`after` of the next page, 0 when there is none"),
                    SERVER_TIME,
                ],
                items: Some(Items { name: "lines", fields: ADJUSTMENT_LINE }),
            };
        }
        Kind::CardDebitAnswer
        | Kind::PasswordSetAnswer
        | Kind::VirtualBindAnswer
        | Kind::VirtualUnbindAnswer
        | Kind::PhoneChangeAnswer
        | Kind::LossReportAnswer
        | Kind::LossLiftAnswer
        | Kind::AccountCloseAnswer
        | Kind::AccountFreezeAnswer
        | Kind::AccountLimitsAnswer
        | Kind::AdjustAnswer
        | Kind::AdjustDecideAnswer
        | Kind::SubsidyOpenAnswer
        | Kind::SubsidyLinesAnswer
        | Kind::SubsidyStepAnswer
        | Kind::CardIssueAnswer
        | Kind::CardReplaceAnswer
        | Kind::CardReturnAnswer
        | Kind::CodeDebitAnswer
        | Kind::PasswordDebitAnswer
        | Kind::CodeRevokeAnswer
        | Kind::CodeKeyRotateAnswer
        | Kind::GapCloseAnswer
        | Kind::ToldPostAnswer
        | Kind::TopUpAnswer
        | Kind::ReversalAnswer
        | Kind::RefundAnswer
        | Kind::VoidAnswer
        | Kind::TapConfirmAnswer
        | Kind::TopUpUndoAnswer
        | Kind::TenderAnswer
        | Kind::BlockListActiveAnswer
        | Kind::CashierOnAnswer
        | Kind::CashierOffAnswer
        | Kind::TerminalKeyRotateAnswer
        | Kind::CardStockAnswer
        | Kind::SaleQueryAnswer => return MONEY,
        Kind::BalanceAnswer => &[
            CODE,
            ACTION,
            ("status", U8, "0 none found, 1 active, 2 frozen, 3 closed"),
            ACCOUNT,
            ("card_fen", I64, "the card wallet"),
            ("transition_fen", I64, "the transition wallet"),
            ("electronic_fen", I64, "the electronic wallet"),
            ("held_fen", I64, "what open holds reserve"),
            ("system_fen", I64, "the sum of the three wallets"),
            ("record", U64, "the account's newest record, 0 for none"),
            SERVER_TIME,
        ],
        Kind::Upload => {
            return Body {
                fields: &[
                    ("batch", U32, "the till's number for this batch"),
                    ("count", U16, "records that follow, 1 to 2000"),
                    ("reserved", Zero(2), ""),
                ],
                items: Some(Items { name: "records", fields: OFFLINE_RECORD }),
            };
        }
        Kind::BillAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("reserved", Zero(1), ""),
                    ACCOUNT,
                    ("next_before", U64, "`before` of the next page, 0 when there is none"),
                    ("count", U16, "lines that follow, 0 to 50"),
                    ("reserved_tail", Zero(6), ""),
                ],
                items: Some(Items { name: "lines", fields: BILL_LINE }),
            };
        }
        Kind::StatementAnswer => {
            return Body {
                fields: &[
                    CODE,
                    ACTION,
                    ("reserved", Zero(1), ""),
                    ACCOUNT,
                    ("next_before", U64, "ask with this as before for the next page; 0 when there is none"),
                    ("opening_fen", I64, "the system balance before what the sums are about"),
                    ("in_fen", I64, "what came in, 0 or more"),
                    ("out_fen", I64, "what went out, 0 or less"),
                    ("closing_fen", I64, "the system balance after it: opening + in + out"),
                    ("count", U16, "lines that follow, newest first, as in BillAnswer"),
                    (
                        "more",
                        U8,
                        "0 nothing is left; 1 lines are, and the sums are of all; 2 records are, and the sums are of this page; 3 no line was reached yet",
                    ),
                    ("reserved_2", Zero(5), ""),
                    ("record", U64, "the account's newest record that this has seen"),
                ],
                items: Some(Items { name: "lines", fields: BILL_LINE }),
            };
        }
        Kind::BatchAnswer => {
            return Body {
                fields: &[
                    ("batch", U32, "the till's number for the batch"),
                    ("count", U16, "lines that follow, one for each record, in the order sent"),
                    ("reserved", Zero(2), ""),
                    SERVER_TIME,
                ],
                items: Some(Items { name: "lines", fields: BATCH_LINE }),
            };
        }
        Kind::Refused => &[
            CODE,
            ACTION,
            ("flags", U8, "bits 1 to 7: the voice, see voices; bit 0 is 0"),
            ("offset", U32, "where the fault lies, in bytes from the refused frame's start; 0 for nowhere"),
            ("value", U64, "the offending value, 0 when there is none to show"),
        ],
    };
    Body { fields, items: None }
}

/// Bytes of fields that follow one another.
pub(crate) fn size_of_fields(fields: &[Field]) -> usize {
    fields.iter().map(|(_, form, _)| form.size()).sum()
}
