//! Fields, and rows of fields, that more than one body has; the frame's header and the offline record.

use super::Form::{Bytes, I16, I64, Text, U8, U16, U32, U64, Zero};
use super::{Body, Field};

pub(crate) const HEADER: &[Field] = &[
    ("length", U32, "bytes of the whole frame, MAC and all"),
    ("magic", U8, "0x59, the letter Y"),
    ("version", U8, "1"),
    ("kind", U8, "what the frame is: see the table of kinds"),
    ("flags", U8, "0"),
    ("terminal", U32, "the till's number"),
    ("sequence", U32, "the till's sequence in a money request, 0 in the others"),
    ("epoch", U16, "the till's epoch"),
    ("reserved", Zero(2), ""),
    ("request_id", U32, "chosen by the till for this frame, not 0"),
    ("counter", U64, "position of the frame in its direction of the session"),
];

pub(super) const PASSWORD: Field =
    ("password", Bytes(16), "the query password, sealed for this frame: see phones");
pub(super) const VIRTUAL_ID: Field = ("virtual_id", U64, "the virtual card, not 0: see phones");
pub(super) const SELECTOR_BY: Field = ("account_by", U8, "1 account number, 2 card number, 3 student number");
pub(super) const SELECTOR_ZERO: Field = ("reserved", Zero(7), "");
pub(super) const SELECTOR_VALUE: Field =
    ("account_value", Bytes(16), "by 1: u32, 12 zero bytes; by 2: u64, 8 zero bytes; by 3: text 16");
pub(super) const CODE: Field = ("code", U16, "the result code");
pub(super) const ACTION: Field = ("action", U8, "what the till does about it: see the table of actions");
pub(super) const ACCOUNT: Field = ("account", U32, "the account's number; 0xFFFFFFFF when none was found");
pub(super) const SERVER_TIME: Field = ("server_time_ns", U64, "the server's clock");
pub(super) const TILL_TIME: Field = ("till_time_ns", U64, "the till's clock at the event");
pub(super) const AMOUNT: Field = ("amount_fen", I64, "the amount");

pub(super) const CARD_KIND: Field = ("kind", U8, "1 standard, 2 temporary, 3 visitor");
pub(super) const EXPIRES_DAY: Field = (
    "expires_day",
    U16,
    "the first day it isn't taken any more: days since 2000-01-01; 0 never, for a standard card only",
);
pub(super) const CARD_FEE: Field = ("fee_fen", I64, "what the account pays for the card; 0 = nothing");

pub(super) const REASON: Field =
    ("reason", Text(128), "why, not empty, at most 96 bytes; it stands in the log: no personal data");

pub(super) const BATCH: Field = ("batch", U32, "the batch's number");

pub(super) const ADJUSTMENT_LINE: &[Field] = &[
    ("proposal", U64, "the record by which it was proposed"),
    ("time_ns", U64, "when that was"),
    ("expires_ns", U64, "from when on it can't be approved any more"),
    ("amount_fen", I64, "by how much, above zero"),
    ("account", U32, "whose account"),
    ("proposer", U32, "the operator who proposed it"),
    ("wallet", U8, "1 card, 3 electronic"),
    ("direction", U8, "1 give, 2 take"),
    ("reserved", Zero(6), ""),
];

/// A subsidy batch as it is planned.
pub(super) const SUBSIDY_OPEN: &[Field] = &[
    BATCH,
    ("mode", U8, "1 beside what is left of earlier batches, 2 clear that first"),
    ("reserved", Zero(1), ""),
    ("deadline_day", U16, "the last day on which it is issued or withdrawn: days since 2000-01-01"),
    ("lines", U32, "how many lines will come"),
    ("reserved_2", Zero(4), ""),
    ("total_fen", I64, "what they will add up to"),
    ("title", Text(128), "the batch's title, not empty, at most 96 bytes"),
];

/// How far a subsidy batch has come.
pub(super) const SUBSIDY: &[Field] = &[
    CODE,
    ACTION,
    (
        "state",
        U8,
        "0 none, 1 open, 2 previewed, 3 approved, 4 issuing, 5 issued, 6 withdrawing, 7 withdrawn, 8 rejected, 9 expired",
    ),
    BATCH,
    ("total_fen", I64, "what it is to pay in all"),
    ("claimed_fen", I64, "what was paid"),
    ("skipped_fen", I64, "what can't be paid: an account that was closed, or can't hold it"),
    ("cleared_fen", I64, "what was taken back of earlier batches, to make place for this one"),
    ("withdrawn_fen", I64, "what was taken back of it"),
    ("lines", U32, "lines that it is to have"),
    ("uploaded", U32, "lines that have come"),
    ("claimed", U32, "lines that were paid"),
    ("skipped", U32, "lines that can't be paid"),
    ("withdrawn", U32, "lines of which something was taken back"),
    ("opener", U32, "the operator who opened it"),
    ("approver", U32, "the operator who approved or rejected it, 0 for nobody yet"),
    ("deadline_day", U16, "the last day on which it is issued or withdrawn: days since 2000-01-01"),
    ("mode", U8, "1 beside, 2 clear; 0 when there is no batch"),
    ("reserved", Zero(1), ""),
    SERVER_TIME,
    ("title", Text(96), "its title"),
];

pub(super) const MONEY_FLAGS: Field = (
    "flags",
    U8,
    "bit 0: repeat, the same identity was answered before and nothing moved now; bits 1 to 7: the voice, see voices",
);
pub(super) const MONEY_AMOUNT: Field = ("amount_fen", I64, "the amount that moved or was refused");
pub(super) const BALANCE_AFTER: Field = ("balance_after_fen", I64, "the account's system balance after it");
pub(super) const RECORD: Field = ("record", U64, "number of the record that holds the outcome, 0 for none");

pub(super) const MONEY: Body = Body {
    fields: &[CODE, ACTION, MONEY_FLAGS, ACCOUNT, MONEY_AMOUNT, BALANCE_AFTER, RECORD, SERVER_TIME],
    items: None,
};

pub(crate) const OFFLINE_RECORD: &[Field] = &[
    ("terminal", U32, "the till"),
    ("sequence", U32, "its sequence for this sale"),
    ("epoch", U16, "its epoch at the sale"),
    (
        "flags",
        U16,
        "bit 0: paid by self-scan; the card's number and counter are 0 then, and the terminal signs",
    ),
    ("card_counter", U32, "the card's transaction counter for this sale"),
    ("card_uid", U64, "the card's number"),
    ("balance_before_fen", I64, "the balance on the chip before the sale"),
    ("amount_fen", I64, "the amount, above zero"),
    ("till_time_ns", U64, "the till's clock at the sale"),
    ("previous_terminal", U32, "the card's transaction before this one: where, 0 for none"),
    ("previous_sequence", U32, "its sequence"),
    ("previous_amount_fen", I64, "its amount"),
    ("previous_card_counter", U32, "its card counter"),
    ("previous_epoch", U16, "its epoch"),
    ("tac_key", U8, "1: the card's key made the TAC; 2: the terminal's TAC key"),
    ("layout", U8, "1"),
    ("block_list_version", U32, "version of the block-list that the till judged by"),
    ("block_list_age_s", U32, "how old that list was, in seconds"),
    ("offline_since_ns", U64, "when the till last heard from the server before the sale"),
    ("tac", Bytes(8), "the first 8 bytes of CMAC over bytes 0 to 87"),
];

pub(super) const TABLE_HEAD: &[Field] = &[
    CODE,
    ACTION,
    ("reserved", Zero(1), ""),
    ("parameter_version", U32, "the version of the parameters that the table is of"),
    ("count", U16, "lines that follow"),
    ("reserved_tail", Zero(6), ""),
];

pub(super) const CLASS_RULES_LINE: &[Field] = &[
    ("floor_fen", I64, "what a debit must leave"),
    ("debit_max_fen", U32, "most of one debit without the password"),
    ("day_max_fen", U32, "most of a calendar day (+08:00) without the password"),
    ("offline_debit_max_fen", U32, "an offline sale above it is flagged"),
    ("offline_day_max_fen", U32, "an offline sale that takes its day above it is flagged"),
    ("class", U8, "the class of accounts"),
    ("rule", U8, "0 the balance covers the amount, 1 it is above zero, too"),
    ("reserved", Zero(2), ""),
    ("code_max_fen", U32, "most of one payment by code"),
    ("meal_max_fen", U32, "most of one meal period of a day without the password; 0 as much as the day"),
];

pub(super) const PRICE_LINE: &[Field] = &[
    (
        "rate",
        I16,
        "what is paid on top of the price, in hundredths of a percent of it; a discount is below zero",
    ),
    ("class", U8, "the class of accounts"),
    ("period", U8, "the meal period's number; 16 for the time outside of every one"),
    ("reserved", Zero(4), ""),
];

pub(super) const MEAL_PERIOD_LINE: &[Field] = &[
    ("start_minute", U16, "the first minute of the day (+08:00) that belongs to it"),
    ("end_minute", U16, "the first minute that doesn't any more"),
    ("period", U8, "its number"),
    ("reserved", Zero(3), ""),
    ("name", Text(64), "its name"),
];

pub(super) const TOTAL_COUNTS: [Field; 8] = [
    ("debits", U32, "how many online debits"),
    ("offline", U32, "how many offline sales"),
    ("reversals", U32, "how many reversals that gave something back"),
    ("voids", U32, "how many voids"),
    ("refunds", U32, "how many refunds"),
    ("top_ups", U32, "how many top-ups"),
    ("top_ups_undone", U32, "how many top-ups taken back"),
    ("tenders", U32, "how many payments through other channels"),
];

pub(super) const TOTAL_AMOUNTS: [Field; 8] = [
    ("debits_fen", I64, "their amounts"),
    ("offline_fen", I64, "their amounts"),
    ("reversals_fen", I64, "their amounts"),
    ("voids_fen", I64, "their amounts"),
    ("refunds_fen", I64, "their amounts"),
    ("top_ups_fen", I64, "their amounts"),
    ("top_ups_undone_fen", I64, "their amounts"),
    ("tenders_fen", I64, "their amounts"),
];

pub(super) const TILL_LINE: &[Field] = &[
    ("sequence", U32, "the till's sequence"),
    (
        "kind",
        U8,
        "1 debit, 2 offline, 3 reversal, 4 void, 5 refund, 6 top-up, 7 top-up undone, 8 tender; in an answer that of the books, where these have it",
    ),
    (
        "result",
        U8,
        "in an answer: 2 only here (in the books), 3 only there (at the till), 4 differs; 0 from the till",
    ),
    ("reserved", Zero(2), ""),
    ("amount_fen", I64, "its amount; in an answer that of the books, where these have it"),
    ("record", U64, "in an answer: the record of the books, 0 where these haven't it; 0 from the till"),
];

pub(super) const BLOCK_LIST_LINE: &[Field] = &[
    ("card_uid", U64, "the card"),
    ("version", U32, "the version that the list has with this move; 0 in the whole list"),
    ("blocked", U8, "1 blocked from here on, 0 freed"),
    ("reserved", Zero(3), ""),
];

pub(super) const BILL_LINE: &[Field] = &[
    ("record", U64, "the record's number; lines fall by it"),
    ("time_ns", U64, "when it was recorded"),
    ("amount_fen", I64, "what it did to the account: negative when money left"),
    ("balance_after_fen", I64, "the system balance after it"),
    ("merchant", U32, "the merchant, 0 for none"),
    ("terminal", U32, "the till, 0 for none"),
    ("sequence", U32, "the till's sequence, 0 for none"),
    ("epoch", U16, "the till's epoch"),
    ("code", U16, "the result code"),
    ("related_record", U64, "the record it belongs to (a reversal's or a refund's original), 0 for none"),
    ("business_date", U16, "days since 2000-01-01"),
    (
        "kind",
        U8,
        "1 debit, 2 load, 3 top-up, 4 reversal, 5 offline debit, 6 opening, 7 fee, 8 refund, 9 settle, 10 void, 11 subsidy, 12 payable, 13 top-up undone, 20 paid out, 24 adjustment, 25 subsidy taken back",
    ),
    (
        "channel",
        U8,
        "1 card, 2 code, 3 offline, 4 self-scan, 10 WeChat Pay, 11 Alipay, 12 counter, 13 import, 20 operator; 0 for a reversal",
    ),
    ("wallet", U8, "1 card, 2 transition, 3 electronic"),
    ("flags", U8, "bit 0: reversed later; bit 1: held for review; bit 2: refunded later, wholly or in part"),
    ("reserved", Zero(2), ""),
];

pub(super) const BATCH_LINE: &[Field] = &[
    ("sequence", U32, "the record's sequence"),
    ("epoch", U16, "the record's epoch"),
    ("code", U16, "its result code"),
    ("record", U64, "the log record that holds the sale, 0 for none"),
];

pub(super) const GAP_LINE: &[Field] = &[
    ("terminal", U32, "the till"),
    ("first", U32, "the first sequence"),
    ("last", U32, "the last"),
    ("epoch", U16, "the till's epoch"),
    ("kind", U8, "1 missing: they haven't come; 2 unpaid: a self-scan that was told of and nobody has paid"),
    ("reserved", Zero(1), ""),
    ("since_ns", U64, "when it was noticed, to the second"),
    ("amount_fen", I64, "what is unpaid, 0 for what is missing"),
];

pub(super) const RECEIPT: &[Field] = &[
    CODE,
    ACTION,
    (
        "marks",
        U8,
        "bit 0: a copy; what has become of it, bit 1: reversed, 2: voided or taken back, 3: given back at least in part, 4: undone because the chip wasn't written; bit 5: held for review; bit 6: too long ago to say",
    ),
    ACCOUNT,
    MONEY_AMOUNT,
    BALANCE_AFTER,
    RECORD,
    ("related_record", U64, "the record of the sale that is reversed, voided or given back, 0 for none"),
    ("time_ns", U64, "when it was recorded"),
    ("till_time_ns", U64, "the till's clock at an offline sale, 0 for everything else"),
    ("card_uid", U64, "the card that paid, or was handed out or taken back, 0 for none"),
    ("student", Text(16), "the student number of the account"),
    ("merchant", U32, "the merchant, 0 for none"),
    ("sequence", U32, "the sequence that is asked about"),
    ("epoch", U16, "its epoch"),
    ("business_date", U16, "the business date that it counts on: days since 2000-01-01"),
    (
        "kind",
        U8,
        "0 no receipt, 1 debit, 2 offline sale, 3 reversal, 4 void, 5 refund, 6 top-up, 7 top-up taken back, 8 payment through another channel, 9 refused, 10 change of a card or an account, 11 note",
    ),
    ("channel", U8, "the channel, as in a bill's line"),
    ("wallet", U8, "1 card, 2 transition, 3 electronic, 0 for none"),
    ("reserved", Zero(1), ""),
];

pub(super) const TOLD_POST: &[Field] = &[
    ("card_uid", U64, "the card, not 0"),
    ("card_counter", U32, "the card's counter at the sale that never came"),
    ("reserved", Zero(4), ""),
    ("reason", Text(32), "why it won't come, not empty"),
    TILL_TIME,
];

pub(super) const TERMINAL_KEY: &[Field] = &[
    CODE,
    ACTION,
    ("reserved", Zero(1), ""),
    ("key_version", U32, "the version of the key"),
    ("wrapped", Bytes(16), "the key, wrapped for this session: see keys"),
    ("check_value", Bytes(3), "the key's check value"),
    ("reserved_tail", Zero(5), ""),
];
