//! Records of a log as lines for people, or as JSON for scripts.
//!
//! ```text
//! 1204 2025-09-01 11:42:03.120000+08:00 debit 1/1 terminal=7 epoch=1 sequence=55 code=Approved … amount=12.50
//! ```
//!
//! Names of kinds and fields are part of the interface: scripts read them.

use core::fmt;

use protocol::answer::SubsidyState;
use protocol::ids::{AccountId, TerminalId};
use protocol::request::AdjustDirection;
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};
use serde::ser::{Serialize, SerializeMap, Serializer};
use wal::{LogReader, RecordRef, Scan, WalError};
use zerocopy::little_endian::{I64, U64};

use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::record::{
    AdjustmentClosedRecord, DutyRecord, Liability, MoneyFlags, MoneyRecord, OfflineReview, Record,
    RecordKind, ReversalRecord, SubsidyRecord, SuspenseReason, Wallets,
};
use crate::settlement::{CivilDay, LocalTime, yuan};

/// The kind of this name.
pub fn kind_named(name: &str) -> Option<RecordKind> {
    (1..=u8::MAX).filter_map(RecordKind::from_number).find(|&kind| kind.name() == name)
}

/// Which records are shown: those that fit every part that is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<RecordKind>,
    /// In this account's chain: its bill and its changes.
    pub account: Option<AccountId>,
    /// From this terminal.
    pub terminal: Option<TerminalId>,
}

impl Filter {
    fn fits(&self, record: &Record<'_>) -> bool {
        self.kind.is_none_or(|kind| record.kind() == kind)
            && self.account.is_none_or(|account| record.previous_of(account).is_some())
            && self.terminal.is_none_or(|terminal| terminal_of(record) == Some(terminal))
    }

    fn is_open(&self) -> bool {
        self.kind.is_none() && self.account.is_none() && self.terminal.is_none()
    }
}

fn terminal_of(record: &Record<'_>) -> Option<TerminalId> {
    match record {
        Record::TerminalRegistered(r) => Some(TerminalId(r.terminal.get())),
        Record::TerminalKeyTaken(r) => Some(TerminalId(r.terminal.get())),
        _ => record.sale().map(|sale| sale.terminal),
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number or an id.
    Number(u64),
    /// An amount in fen: lines show yuan, JSON has the fen.
    Fen(i64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<&'static str>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Fen(fen) => f.write_str(&yuan(i128::from(*fen))),
            // What was typed or sent by others is quoted, so that no control character reaches a screen.
            Value::Text(text)
                if !text.is_empty() && !text.chars().any(|c| c.is_control() || " \"=".contains(c)) =>
            {
                f.write_str(text)
            }
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Texts(texts) => f.write_str(&texts.join("+")),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Number(number) => serializer.serialize_u64(*number),
            Value::Fen(fen) => serializer.serialize_i64(*fen),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Texts(texts) => texts.serialize(serializer),
        }
    }
}

/// One record, its fields named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The record's number.
    pub number: u64,
    /// Logged time, nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// The kind's name; none for one that this version doesn't know.
    pub kind: Option<&'static str>,
    /// The kind's number.
    pub kind_number: u8,
    /// Whether it opens its group.
    pub first_in_group: bool,
    /// Records of the group that follow.
    pub remaining_in_group: u16,
    /// What the kind has to say, in a fixed order. Amounts are named `…_fen` and have fen in JSON.
    pub fields: Vec<(&'static str, Value)>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.number, LocalTime(self.time_ns))?;
        match self.kind {
            Some(kind) => f.write_str(kind)?,
            None => write!(f, "kind_{}", self.kind_number)?,
        }
        if !self.first_in_group || self.remaining_in_group > 0 {
            f.write_str(if self.remaining_in_group > 0 { " (group goes on)" } else { " (ends its group)" })?;
        }
        for (name, value) in &self.fields {
            // On a screen an amount is in yuan, so its name can't say fen.
            let name = match value {
                Value::Fen(_) => name.strip_suffix("_fen").unwrap_or(name),
                _ => name,
            };
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("number", &self.number)?;
        map.serialize_entry("time_ns", &self.time_ns)?;
        map.serialize_entry("time", &LocalTime(self.time_ns).to_string())?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("kind_number", &self.kind_number)?;
        map.serialize_entry("remaining_in_group", &self.remaining_in_group)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The records from `from` to `to`, both inclusive, that fit the filter. 0 as `from` is the first; a `to` beyond
/// the end is the end. A record that this version can't read is shown by its bytes when there is no filter.
pub fn inspect<'a>(reader: &'a LogReader, from: u64, to: u64, filter: Filter) -> Lines<'a> {
    Lines { scan: reader.scan(from), to, filter, ended: false }
}

/// See [`inspect`].
pub struct Lines<'a> {
    scan: Scan<'a>,
    to: u64,
    filter: Filter,
    ended: bool,
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let found = match self.scan.next()? {
                Ok(found) => found,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            if found.number > self.to {
                break;
            }
            self.ended = found.number == self.to;
            if let Some(line) = line_of(&found, &self.filter) {
                return Some(Ok(line));
            }
        }
        None
    }
}

fn line_of(found: &RecordRef<'_>, filter: &Filter) -> Option<Line> {
    let (kind, fields) = match Record::decode(found.kind, found.version, found.payload) {
        Ok(record) if filter.fits(&record) => (Some(record.kind().name()), fields_of(&record)),
        Ok(_) => return None,
        Err(_) if !filter.is_open() => return None,
        Err(error) => {
            let mut fields = Fields::default();
            fields.text("error", error.to_string());
            fields.text("payload", crate::data_dir::hex(found.payload));
            (None, fields.0)
        }
    };
    Some(Line {
        number: found.number,
        time_ns: found.time_ns,
        kind,
        kind_number: found.kind,
        first_in_group: found.first_in_group,
        remaining_in_group: found.remaining_in_group,
        fields,
    })
}

#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn number(&mut self, name: &'static str, number: impl Into<u64>) {
        self.0.push((name, Value::Number(number.into())));
    }

    /// Left out when it is 0, which stands for "none".
    fn number_if_any(&mut self, name: &'static str, number: impl Into<u64>) {
        let number = number.into();
        if number != 0 {
            self.number(name, number);
        }
    }

    fn fen(&mut self, name: &'static str, fen: i64) {
        self.0.push((name, Value::Fen(fen)));
    }

    /// Left out when it is 0.
    fn fen_if_any(&mut self, name: &'static str, fen: i64) {
        if fen != 0 {
            self.fen(name, fen);
        }
    }

    /// What changes in each wallet, as far as it does.
    fn wallets(&mut self, wallets: &Wallets) {
        self.fen_if_any("card_fen", wallets.card_fen.get());
        self.fen_if_any("transition_fen", wallets.transition_fen.get());
        self.fen_if_any("electronic_fen", wallets.electronic_fen.get());
        self.fen_if_any("subsidy_fen", wallets.subsidy_fen.get());
    }

    /// How many there are of each kind, and their amount in fen, as far as there are any.
    fn totals(&mut self, name: &'static str, totals: &TillTotals) {
        let of_kind = |kind: &TillKind| {
            let (count, amount_fen) = totals.of(*kind);
            (count > 0 || amount_fen != 0).then(|| format!("{count}×{}={amount_fen}", kind.name()))
        };
        self.text(name, TillKind::ALL.iter().filter_map(of_kind).collect::<Vec<_>>().join(" "));
    }

    fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push((name, Value::Text(text.into())));
    }

    fn padded(&mut self, name: &'static str, bytes: &[u8]) {
        self.text(name, String::from_utf8_lossy(bytes).trim_end_matches('\0'));
    }

    fn date(&mut self, name: &'static str, date: u16) {
        if date != 0 {
            self.text(name, CivilDay::from(protocol::ids::BusinessDate(date)).to_string());
        }
    }

    fn code(&mut self, code: u16) {
        self.text(
            "code",
            ResultCode::from_number(code).map_or(code.to_string(), |code| code.name().to_owned()),
        );
    }

    fn side(&mut self, name: &'static str, account: LedgerAccount) {
        if account != LedgerAccount::NONE {
            self.text(name, account.to_string().replace(' ', "-"));
        }
    }

    fn money(&mut self, money: &MoneyRecord) {
        if money.terminal_slot().is_some() {
            self.number("terminal", money.terminal.get());
            self.number("epoch", money.epoch.get());
            self.number("sequence", money.sequence.get());
        }
        self.code(money.code.get());
        self.date("business_date", money.business_date.get());
        self.side("debit", money.debit_account());
        self.side("credit", money.credit_account());
        self.fen("amount_fen", money.amount_fen.get());
        self.fen("balance_after_fen", money.balance_after_fen.get());
        if let Some(channel) = money.channel() {
            self.text("channel", crate::settlement::channel_name(channel));
        }
        if let Some(wallet) = money.wallet() {
            self.text("wallet", crate::settlement::wallet_name(wallet));
        }
        if let Some(counter) = money.card_counter() {
            self.number("card_counter", counter.0);
        }
        if let Some((step, nonce)) = money.code_step_nonce() {
            self.number("code_step", step);
            self.number("code_nonce", nonce);
        }
        if money.is_by_password() {
            self.number("by_password", true);
        }
        let review = review_names(money.money_flags());
        if money.card_counter().is_none() && !review.is_empty() {
            self.0.push(("review", Value::Texts(review)));
        }
        self.date("limit_day", money.limit_day.get());
        self.text("digest", format!("{:016x}", money.digest.get()));
        self.number_if_any("previous_account", money.previous_account.get());
        self.number_if_any("previous_counter", money.previous_counter.get());
        self.number_if_any("previous_terminal", money.previous_terminal.get());
    }

    /// What a record took on top of a price, or gave back of that.
    fn pricing(&mut self, pricing_fen: I64, previous: U64) {
        if pricing_fen.get() != 0 {
            self.fen("pricing_fen", pricing_fen.get());
            self.number_if_any("previous_pricing", previous.get());
        }
    }

    fn original(&mut self, r: &ReversalRecord) {
        self.money(&r.money);
        self.number_if_any("original_record", r.original_record.get());
        if r.original_sequence.get() != 0 {
            self.number("original_epoch", r.original_epoch.get());
            self.number("original_sequence", r.original_sequence.get());
        }
    }
}

/// The reasons for which an offline fact is held for review.
pub fn review_names(flags: MoneyFlags) -> Vec<&'static str> {
    [
        (MoneyFlags::OVER_SALE_LIMIT, "over_sale_limit"),
        (MoneyFlags::OVER_DAY_LIMIT, "over_day_limit"),
        (MoneyFlags::BELOW_FLOOR, "below_floor"),
        (MoneyFlags::CLOCK, "clock"),
        (MoneyFlags::UNKNOWN_CARD, "unknown_card"),
        (MoneyFlags::NOT_OPEN, "not_open"),
    ]
    .into_iter()
    .filter_map(|(flag, name)| flags.has(flag).then_some(name))
    .collect()
}

/// The same for those that stand beside its flags.
pub fn offline_review_names(review: OfflineReview) -> Vec<&'static str> {
    [
        (OfflineReview::LIST_AGE, "list_age"),
        (OfflineReview::DAYS_OFFLINE, "days_offline"),
        (OfflineReview::TOLD, "told"),
    ]
    .into_iter()
    .filter_map(|(reason, name)| review.has(reason).then_some(name))
    .collect()
}

fn direction_name(direction: u8) -> String {
    AdjustDirection::from_number(direction).map_or(direction.to_string(), |known| known.name().to_owned())
}

fn duty_name(what: u8) -> String {
    match what {
        DutyRecord::ON => "on".to_owned(),
        DutyRecord::OFF => "off".to_owned(),
        DutyRecord::SHIFT_CLOSED => "shift_closed".to_owned(),
        other => other.to_string(),
    }
}

fn suspense_name(reason: u8) -> String {
    match SuspenseReason::from_number(reason) {
        Some(SuspenseReason::IdentityConflict) => "identity_conflict".to_owned(),
        Some(SuspenseReason::NotAuthentic) => "not_authentic".to_owned(),
        Some(SuspenseReason::Reversed) => "reversed".to_owned(),
        Some(SuspenseReason::WrongTerminal) => "wrong_terminal".to_owned(),
        Some(SuspenseReason::BalanceOverflow) => "balance_overflow".to_owned(),
        None => reason.to_string(),
    }
}

fn fields_of(record: &Record<'_>) -> Vec<(&'static str, Value)> {
    let mut fields = Fields::default();
    match record {
        Record::Debit(r) | Record::Load(r) | Record::Opening(r) | Record::Refusal(r) => fields.money(r),
        Record::TopUp(r) | Record::Tender(r) => {
            fields.money(&r.money);
            fields.padded("order_number", &r.order_number);
        }
        Record::Reversal(r)
        | Record::ReversalBeforeOriginal(r)
        | Record::Repeat(r)
        | Record::ScanTold(r)
        | Record::TopUpUndo(r) => fields.original(r),
        Record::FullDebit(r) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
            fields.pricing(r.pricing_fen, r.previous_pricing);
            if r.is_two_phase() {
                fields.number("chip_counter", r.money.token.get());
            }
        }
        Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
            fields.money(&r.back.money);
            fields.wallets(&r.back.wallets);
            fields.pricing(r.back.pricing_fen, r.back.previous_pricing);
            fields.number("original_record", r.original_record.get());
            fields.number("original_epoch", r.original_epoch.get());
            fields.number("original_sequence", r.original_sequence.get());
        }
        Record::TapConfirmed(r) => {
            fields.money(&r.money);
            fields.number("original_record", r.original_record.get());
            fields.number("original_epoch", r.original_epoch.get());
            fields.number("original_sequence", r.original_sequence.get());
            fields.number("write", r.write);
        }
        Record::Refund(r) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
            fields.pricing(r.pricing_fen, r.previous_pricing);
            fields.number("original_record", r.original_record.get());
            fields.number("original_terminal", r.original_terminal.get());
            fields.number("original_epoch", r.original_epoch.get());
            fields.number("original_sequence", r.original_sequence.get());
            fields.fen_if_any("refunded_before_fen", r.refunded_before_fen.get());
        }
        Record::Settle(r) | Record::Fee(r) | Record::Payable(r) | Record::PaidOut(r) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
        }
        Record::SubsidyClaimed(r) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
            fields.number("batch", r.batch.get());
            fields.number("mode", r.mode);
        }
        Record::OfflineDebit(r) => {
            fields.money(&r.money);
            fields.fen_if_any("subsidy_fen", i64::from(r.subsidy_fen.get()));
            fields.number("card_uid", r.card_uid.get());
            fields.number("card_counter", r.money.token.get());
            match r.liability() {
                Some(Liability::Holder) => {}
                Some(Liability::School) => fields.text("borne_by", "school"),
                Some(Liability::Merchant) => fields.text("borne_by", "merchant"),
                None => fields.number("borne_by", r.liability),
            }
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
            let review = offline_review_names(r.offline_review());
            if !review.is_empty() {
                fields.0.push(("offline_review", Value::Texts(review)));
            }
            if let Some(previous) = r.previous() {
                fields.number("previous_till", previous.terminal.0);
                fields.number("previous_epoch", previous.epoch.0);
                fields.number("previous_sequence", previous.sequence.0);
                fields.number("previous_card_counter", previous.card_counter.0);
                fields.fen("previous_amount_fen", previous.amount_fen.into());
            }
        }
        Record::Suspense(r, bytes) => {
            fields.number("terminal", r.terminal.get());
            fields.number("epoch", r.epoch.get());
            fields.number("sequence", r.sequence.get());
            fields.code(r.code.get());
            fields.text("reason", suspense_name(r.reason));
            fields.date("business_date", r.business_date.get());
            fields.fen("amount_fen", r.amount_fen.get());
            fields.text("digest", format!("{:016x}", r.digest.get()));
            fields.number_if_any("previous_terminal", r.previous_terminal.get());
            fields.text("bytes", crate::data_dir::hex(bytes));
        }
        Record::Duty(r) => {
            fields.number("terminal", r.terminal.get());
            fields.date("business_date", r.business_date.get());
            fields.text("what", duty_name(r.what));
            fields.number_if_any("cashier", r.cashier.get());
            fields.number("shift", r.shift.get());
            if r.what == DutyRecord::SHIFT_CLOSED {
                fields.totals("totals", &r.totals);
            }
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
            fields.number_if_any("previous_terminal", r.previous_terminal.get());
        }
        Record::BatchSettled(r) => {
            fields.number("terminal", r.terminal.get());
            fields.date("business_date", r.business_date.get());
            fields.number("batch", r.batch.get());
            fields.number("epoch", r.epoch.get());
            fields.number("first", r.first.get());
            fields.number("last", r.last.get());
            fields.number("differs", r.differs);
            fields.totals("totals", &r.totals);
            if r.differs != 0 {
                fields.totals("totals_of_till", &r.totals_of_till);
            }
            fields.text("digest", format!("{:016x}", r.digest.get()));
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
            fields.number_if_any("behind", r.behind.get());
            fields.number_if_any("previous_terminal", r.previous_terminal.get());
        }
        Record::BlockListActive(r) => {
            fields.number("terminal", r.terminal.get());
            fields.date("business_date", r.business_date.get());
            fields.number("version", r.version.get());
            fields.text("digest", crate::data_dir::hex(&r.digest));
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
            fields.number_if_any("previous_terminal", r.previous_terminal.get());
        }
        Record::AccountOpened(r) => {
            fields.number("account", r.account.get());
            fields.padded("student_number", &r.student_number);
            fields.number("class", r.class);
        }
        Record::CardBound(r) => {
            fields.number("account", r.account.get());
            fields.number("card_uid", r.card_uid.get());
            fields.number_if_any("previous_account", r.previous_account.get());
        }
        Record::CardConflict(r) => {
            fields.number("card_uid", r.card_uid.get());
            fields.number("first_account", r.first.get());
            fields.number("second_account", r.second.get());
            fields.number_if_any("previous_first", r.previous_first.get());
            fields.number_if_any("previous_second", r.previous_second.get());
        }
        Record::AccountTermsSet(r) => {
            fields.number("account", r.account.get());
            fields.number("status", r.status);
            fields.number("card_lost", r.card_lost);
            fields.number("class", r.class);
            fields.fen("debit_max_fen", i64::from(r.debit_max_fen.get()));
            fields.fen("day_max_fen", i64::from(r.day_max_fen.get()));
            fields.number_if_any("previous_account", r.previous_account.get());
        }
        Record::MerchantRegistered(r, name) => {
            fields.number("merchant", r.merchant.get());
            fields.number("enabled", r.enabled);
            fields.padded("name", name);
        }
        Record::TerminalRegistered(r) => {
            fields.number("terminal", r.terminal.get());
            fields.number("slot", r.slot.get());
            fields.number("merchant", r.merchant.get());
            fields.number("kind_of_terminal", r.kind);
            fields.number("key_version", r.key_version.get());
            fields.number("enabled", r.enabled);
        }
        Record::PolicySet(r) => {
            fields.number("class", r.class);
            fields.number("rule", r.rule);
            fields.number_if_any("codes_need_phone", r.codes_need_phone);
            if r.code_max_fen.get() != 0 {
                fields.fen("code_max_fen", i64::from(r.code_max_fen.get()));
            }
            if r.meal_max_fen.get() != 0 {
                fields.fen("meal_max_fen", i64::from(r.meal_max_fen.get()));
            }
            fields.fen("floor_fen", r.floor_fen.get());
            fields.fen("debit_max_fen", i64::from(r.debit_max_fen.get()));
            fields.fen("day_max_fen", i64::from(r.day_max_fen.get()));
            fields.fen("offline_debit_max_fen", i64::from(r.offline_debit_max_fen.get()));
            fields.fen("offline_day_max_fen", i64::from(r.offline_day_max_fen.get()));
        }
        Record::PriceSet(r) => {
            fields.number("class", r.class);
            fields.number("period", r.period);
            fields.fen("rate", i64::from(r.rate.get()));
        }
        Record::MealPeriodSet(r, name) => {
            fields.number("period", r.period);
            fields.padded("name", name);
            fields.number("start_minute", r.start_minute.get());
            fields.number("end_minute", r.end_minute.get());
        }
        Record::CardIssued(r) => {
            fields.money(&r.money);
            fields.number("card_uid", r.card_uid.get());
            fields.number("kind_of_card", r.kind);
            if r.expires_day.get() != 0 {
                fields.date("expires_day", r.expires_day.get());
            }
        }
        Record::CardReplaced(r) => {
            fields.money(&r.money);
            fields.number("old_card", r.old.get());
            fields.number("new_card", r.new.get());
            fields.number("old_counter", r.old_counter.get());
            fields.number("reason", r.reason);
            fields.number("kind_of_card", r.kind_of_card());
            if r.expires_day.get() != 0 {
                fields.date("expires_day", r.expires_day.get());
            }
        }
        Record::CardReturned(r) => {
            fields.money(&r.money);
            fields.number("card_uid", r.card_uid.get());
            fields.number_if_any("block_list_version", r.block_list_version.get());
            if r.way != 0 {
                fields.number("way", r.way);
            }
        }
        Record::PasswordSet(r) => {
            fields.money(&r.money);
            fields.text("password", format!("{:016x}", r.password.get()));
        }
        Record::VirtualBound(r) => {
            fields.money(&r.money);
            fields.text("virtual_id", format!("{:016x}", r.virtual_id.get()));
            if r.old.get() != 0 {
                fields.text("old_virtual_id", format!("{:016x}", r.old.get()));
            }
            fields.number_if_any("void_to_step", r.void_to_step.get());
        }
        Record::VirtualUnbound(r) => {
            fields.money(&r.money);
            fields.text("virtual_id", format!("{:016x}", r.virtual_id.get()));
            fields.number("void_to_step", r.void_to_step.get());
        }
        Record::PhoneSet(r) => {
            fields.money(&r.money);
            fields.text("virtual_id", format!("{:016x}", r.virtual_id.get()));
            fields.text("phone", format!("{:016x}", r.phone.get()));
        }
        Record::LossReported(r) | Record::LossLifted(r) => {
            fields.money(&r.money);
            fields.number("card_uid", r.card_uid.get());
        }
        Record::GapClosed(r) => {
            fields.money(&r.money);
            fields.number("till", r.till.get());
            fields.number("till_epoch", r.epoch.get());
            fields.number("first", r.first.get());
            fields.number("last", r.last.get());
            fields.text("since", LocalTime(u64::from(r.since_s.get()) * 1_000_000_000).to_string());
            fields.padded("reason", &r.reason);
        }
        Record::ToldPosted(r) => {
            fields.money(&r.money);
            fields.number("card_uid", r.card_uid.get());
            fields.number("card_counter", r.card_counter.get());
            fields.number("witness", r.witness.get());
            fields.number("till", r.till.get());
            fields.number("till_epoch", r.epoch.get());
            fields.number("till_sequence", r.sequence.get());
            fields.padded("reason", &r.reason);
        }
        Record::ScanPaid(r) => {
            fields.money(&r.money);
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
            fields.number("gateway", r.gateway.get());
            fields.number_if_any("till_connected", r.till_connected);
        }
        Record::ScanPending(r) => {
            fields.money(&r.money);
            fields.text("till_time", LocalTime(r.till_time_ns.get()).to_string());
        }
        Record::CodesRevoked(r) => {
            fields.money(r);
            fields.number("code_step", r.token.get());
        }
        Record::CodeKeyRotated(r) => {
            fields.money(&r.money);
            fields.number("key_version", r.key_version.get());
            fields.number_if_any("earlier_until_step", r.earlier_until_step.get());
        }
        Record::TerminalKeyRotated(r, reason) => {
            fields.money(&r.money);
            fields.number("key_of", r.terminal.get());
            fields.number("key_version", r.key_version.get());
            fields.padded("reason", reason);
        }
        Record::CardsStocked(r) => {
            fields.money(&r.money);
            fields.number("first", r.first.get());
            fields.number("count", r.count.get());
        }
        Record::TerminalKeyTaken(r) => {
            fields.number("terminal", r.terminal.get());
            fields.number("key_version", r.key_version.get());
        }
        Record::Adjustment(r, reason) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
            fields.number_if_any("proposal", r.proposal.get());
            fields.padded("reason", reason);
        }
        Record::AccountChanged(r, reason) => {
            fields.money(&r.money);
            fields.number("status", r.status);
            fields.number("class", r.class);
            fields.fen("debit_max_fen", i64::from(r.debit_max_fen.get()));
            fields.fen("day_max_fen", i64::from(r.day_max_fen.get()));
            fields.padded("reason", reason);
        }
        Record::AdjustmentProposed(r, reason) => {
            fields.money(&r.money);
            fields.text("direction", direction_name(r.direction));
            fields.text("expires", LocalTime(r.expires_ns.get()).to_string());
            fields.padded("reason", reason);
        }
        Record::AdjustmentClosed(r, reason) => {
            fields.money(&r.money);
            fields.number("proposal", r.proposal.get());
            let rejected = r.end == AdjustmentClosedRecord::REJECTED;
            fields.text("end", if rejected { "rejected" } else { "expired" });
            if rejected {
                fields.padded("reason", reason);
            }
        }
        Record::SubsidyTakenBack(r) => {
            fields.money(&r.money);
            fields.wallets(&r.wallets);
            fields.number("batch", r.batch.get());
            let cleared = r.mode == SubsidyRecord::CLEARED;
            fields.text("cause", if cleared { "cleared" } else { "withdrawn" });
        }
        Record::SubsidySkipped(r) => {
            fields.money(&r.money);
            fields.number("batch", r.batch.get());
        }
        Record::SubsidyOpened(r, title) => {
            fields.money(&r.money);
            fields.number("batch", r.batch.get());
            fields.number("lines", r.lines.get());
            fields.date("deadline_day", r.deadline_day.get());
            fields.number("mode", r.mode);
            fields.padded("title", title);
        }
        Record::SubsidyLines(r, lines) => {
            fields.money(&r.money);
            fields.number("batch", r.batch.get());
            fields.number("first", r.first.get());
            fields.number("count", r.count);
            fields.text("lines", crate::data_dir::hex(lines));
        }
        Record::SubsidyStepped(r, reason) => {
            fields.money(&r.money);
            fields.number("batch", r.batch.get());
            let state = SubsidyState::from_number(r.state);
            fields.text("state", state.map_or_else(|| r.state.to_string(), |known| known.name().to_owned()));
            if !reason.is_empty() {
                fields.padded("reason", reason);
            }
        }
        Record::OfficeRulesSet(r) => {
            fields.fen("adjust_alone_max_fen", r.adjust_alone_max_fen.get());
            fields.fen("adjust_alone_day_max_fen", r.adjust_alone_day_max_fen.get().into());
            fields.number("proposal_s", r.proposal_s.get());
            fields.number_if_any("cards_from_stock", r.cards_from_stock);
        }
        Record::AccountClosed(r) => {
            fields.money(&r.money);
            fields.number_if_any("card_uid", r.card_uid.get());
            fields.number("way", r.way);
        }
        Record::CutOff(r) => {
            fields.date("closed", r.closed.get());
            fields.date("opened", r.opened.get());
        }
    }
    fields.0
}

#[cfg(test)]
mod tests;
