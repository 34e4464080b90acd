//! What the ledger is asked: a command, with everything that isn't the ledger's to find out already in it.

use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, SaleId, Sequence,
    TerminalId,
};

use super::account::AccountStatus;
use super::fold::Fold;
use super::history::History;
use super::record::Wallet;
use super::registry::{Policy, TerminalKind};

/// A terminal's dense number, given at its registration. A live connection holds it and looks nothing up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminalSlot(pub u16);

/// Where a command stands in the log: given by the caller, from the staging buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The number that the group's first record will get, if there is one.
    pub number: RecordNumber,
    /// Logged time, nanoseconds since 1970-01-01 UTC; never backwards.
    pub time_ns: u64,
}

/// By which way money came or went. Numbers stand in records (4 bits) and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channel {
    /// A tap of a physical card, online.
    Card = 1,
    /// A payment code.
    Code = 2,
    /// A tap of a physical card while the till was offline.
    Offline = 3,
    /// Top-up at a counter.
    Counter = 4,
    /// Top-up from WeChat.
    WeChat = 5,
    /// Top-up from Alipay.
    Alipay = 6,
    /// An operator or an import.
    Operator = 7,
    /// A reversal or another request of the till itself.
    Till = 8,
}

impl Channel {
    /// The channel with this number.
    pub const fn from_number(number: u8) -> Option<Channel> {
        Some(match number {
            1 => Channel::Card,
            2 => Channel::Code,
            3 => Channel::Offline,
            4 => Channel::Counter,
            5 => Channel::WeChat,
            6 => Channel::Alipay,
            7 => Channel::Operator,
            8 => Channel::Till,
            _ => return None,
        })
    }
}

/// The identity of a money request, and its bytes for the suspense list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sale<'a> {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
    /// The till's epoch.
    pub epoch: Epoch,
    /// The till's counter, from 1.
    pub sequence: Sequence,
    /// The request as it came; kept (up to [`super::limits::SUSPENSE_BYTES_MAX`]) if it has to be kept out.
    pub raw: &'a [u8],
}

impl Sale<'_> {
    /// The identity alone.
    pub const fn id(&self) -> SaleId {
        SaleId { terminal: self.terminal, epoch: self.epoch, sequence: self.sequence }
    }
}

/// How an account is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountSelector {
    /// By its number in this system.
    Account(AccountId),
    /// By the student or staff number, UTF-8, padded with zeros.
    StudentNumber([u8; 16]),
    /// By its current card.
    Card(CardUid),
}

/// What checking a payment code's digits against the campus key and the clock said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Authentic and in its time: a code of this account, time step and nonce.
    Authentic {
        /// The account that it pays from.
        account: AccountId,
        /// The 30-second step it was issued for; below 2^28.
        step: u32,
        /// Which of the step's codes, 0 to 15.
        nonce: u8,
    },
    /// Not a code: digits, length or key id.
    Malformed,
    /// The MAC is wrong.
    NotAuthentic,
    /// The time has passed, or hasn't come.
    Expired,
}

/// A tap, online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardDebit<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The card.
    pub card_uid: CardUid,
    /// The chip's counter.
    pub card_counter: CardCounter,
    /// What is to be paid.
    pub amount_fen: i64,
}

/// A payment by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDebit<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The digits as they were scanned; only their digest is kept.
    pub digits: [u8; 20],
    /// What checking them said.
    pub verdict: CodeVerdict,
    /// What is to be paid.
    pub amount_fen: i64,
}

/// A top-up through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Who is credited.
    pub account: AccountSelector,
    /// What the channel brought.
    pub amount_fen: i64,
    /// [`Channel::Counter`], [`Channel::WeChat`] or [`Channel::Alipay`].
    pub channel: Channel,
    /// The channel's own order number, UTF-8, padded with zeros. Unique within its channel.
    pub order_number: [u8; 32],
}

/// A till undoes a debit whose answer it never saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The original's epoch, on the same till.
    pub original_epoch: Epoch,
    /// The original's sequence.
    pub original_sequence: Sequence,
    /// The original's amount.
    pub amount_fen: i64,
}

/// A record that a till made while it was offline: a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflineFact<'a> {
    /// Its identity, under the session's slot and terminal.
    pub sale: Sale<'a>,
    /// The terminal that the record itself names.
    pub record_terminal: TerminalId,
    /// The card.
    pub card_uid: CardUid,
    /// The chip's counter.
    pub card_counter: CardCounter,
    /// What was paid.
    pub amount_fen: i64,
    /// When, by the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
    /// Whether its TAC was right.
    pub authentic: bool,
}

/// Asks for an account's balances. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub account: AccountSelector,
}

/// Asks what became of a sale of this till. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleQuery<'a> {
    /// The identity of the sale asked about.
    pub sale: Sale<'a>,
}

/// Asks where an account's chain begins. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillHead {
    /// Whose.
    pub account: AccountSelector,
}

/// Opens an account. A student number that has one answers with it, and nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// The student or staff number, UTF-8, padded with zeros; not empty.
    pub student_number: [u8; 16],
    /// The account's class, below [`super::limits::CLASSES_MAX`].
    pub class: u8,
}

/// Credits an account once with the balance of an earlier system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The account.
    pub account: AccountId,
    /// The wallet credited: card or electronic.
    pub wallet: Wallet,
    /// The balance taken over.
    pub amount_fen: i64,
}

/// Makes a card the account's current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindCard {
    /// The account.
    pub account: AccountId,
    /// The card; not 0.
    pub card_uid: CardUid,
}

/// Sets an account's status, class and holder's limits, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAccountTerms {
    /// The account.
    pub account: AccountId,
    /// Its status.
    pub status: AccountStatus,
    /// Whether its current card is reported lost.
    pub card_lost: bool,
    /// Its class.
    pub class: u8,
    /// The holder's own limit for one debit; 0 = the class's.
    pub debit_max_fen: u32,
    /// The holder's own limit for a day; 0 = the class's.
    pub day_max_fen: u32,
}

/// Registers a merchant, or changes its name or whether it trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterMerchant<'a> {
    /// The merchant: below the number of merchants given at start.
    pub merchant: MerchantId,
    /// Its name, 1 to [`super::limits::NAME_BYTES_MAX`] bytes.
    pub name: &'a str,
    /// Whether it trades.
    pub enabled: bool,
}

/// Registers a terminal, or changes what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterTerminal {
    /// The terminal; not 0.
    pub terminal: TerminalId,
    /// A registered merchant.
    pub merchant: MerchantId,
    /// What it may send.
    pub kind: TerminalKind,
    /// The version of its master key.
    pub key_version: u32,
    /// Whether it may trade.
    pub enabled: bool,
}

/// Sets the rules of an account class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPolicy {
    /// The class.
    pub class: u8,
    /// Its rules.
    pub policy: Policy,
}

/// Sets a meal period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetMealPeriod<'a> {
    /// Its number, below [`super::limits::MEAL_PERIODS_MAX`].
    pub period: u8,
    /// Its name.
    pub name: &'a str,
    /// First minute of the day (+08:00) that belongs to it.
    pub start_minute: u16,
    /// First minute that doesn't any more, 1,440 at most. Start = end takes the period away.
    pub end_minute: u16,
}

/// Closes the open business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The date to open: later than the open one.
    pub opened: BusinessDate,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A tap.
    CardDebit(CardDebit<'a>),
    /// A payment by code.
    CodeDebit(CodeDebit<'a>),
    /// A top-up.
    TopUp(TopUp<'a>),
    /// A reversal.
    Reversal(Reversal<'a>),
    /// One uploaded record.
    Offline(OfflineFact<'a>),
    /// An account's balances. Leaves no record.
    Balance(Balance),
    /// What became of a sale of this till. Leaves no record.
    SaleQuery(SaleQuery<'a>),
    /// Where an account's chain begins. Leaves no record.
    BillHead(BillHead),
    /// See [`OpenAccount`].
    OpenAccount(OpenAccount),
    /// See [`Opening`].
    Opening(Opening),
    /// See [`BindCard`].
    BindCard(BindCard),
    /// See [`SetAccountTerms`].
    SetAccountTerms(SetAccountTerms),
    /// See [`RegisterMerchant`].
    RegisterMerchant(RegisterMerchant<'a>),
    /// See [`RegisterTerminal`].
    RegisterTerminal(RegisterTerminal),
    /// See [`SetPolicy`].
    SetPolicy(SetPolicy),
    /// See [`SetMealPeriod`].
    SetMealPeriod(SetMealPeriod<'a>),
    /// See [`CutOff`].
    CutOff(CutOff),
}

/// A request, and what was found in the log if the ledger asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// What is asked.
    pub request: Request<'a>,
    /// The answer to [`super::decision::Decision::NeedsHistory`], when deciding again.
    pub history: Option<History>,
}

impl<'a> From<Request<'a>> for Command<'a> {
    fn from(request: Request<'a>) -> Self {
        Self { request, history: None }
    }
}

impl<'a> Command<'a> {
    /// The identity of a money request or of the sale asked about.
    pub const fn sale(&self) -> Option<&Sale<'a>> {
        match &self.request {
            Request::CardDebit(r) => Some(&r.sale),
            Request::CodeDebit(r) => Some(&r.sale),
            Request::TopUp(r) => Some(&r.sale),
            Request::Reversal(r) => Some(&r.sale),
            Request::Offline(r) => Some(&r.sale),
            Request::SaleQuery(r) => Some(&r.sale),
            _ => None,
        }
    }

    /// True when the registry or the directory may change: the caller needs both, and every shard, for writing.
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self.request,
            Request::OpenAccount(_)
                | Request::BindCard(_)
                | Request::SetAccountTerms(_)
                | Request::RegisterMerchant(_)
                | Request::RegisterTerminal(_)
                | Request::SetPolicy(_)
                | Request::SetMealPeriod(_)
                | Request::CutOff(_)
        )
    }
}

/// Domains of the digests of bodies. They stand in records and never change.
const DOMAIN_CARD: u64 = 1;
const DOMAIN_CODE: u64 = 2;
const DOMAIN_TOP_UP: u64 = 3;
const DOMAIN_REVERSAL: u64 = 4;

/// A tap and its upload have the same digest: card and amount. The same sale may come both ways and is one.
pub(super) fn card_digest(card_uid: CardUid, amount_fen: i64) -> u64 {
    Fold::new(DOMAIN_CARD).word(card_uid.0).word(amount_fen.cast_unsigned()).finish()
}

impl CodeDebit<'_> {
    pub(super) fn digest(&self) -> u64 {
        Fold::new(DOMAIN_CODE).word(self.amount_fen.cast_unsigned()).bytes(&self.digits).finish()
    }
}

impl TopUp<'_> {
    pub(super) fn digest(&self) -> u64 {
        let fold = Fold::new(DOMAIN_TOP_UP)
            .word(self.amount_fen.cast_unsigned())
            .word(self.channel as u64)
            .bytes(&self.order_number);
        match self.account {
            AccountSelector::Account(account) => fold.word(1).word(u64::from(account.0)),
            AccountSelector::StudentNumber(text) => fold.word(2).bytes(&text),
            AccountSelector::Card(card_uid) => fold.word(3).word(card_uid.0),
        }
        .finish()
    }
}

impl Reversal<'_> {
    pub(super) const fn original(&self) -> SaleId {
        SaleId { terminal: self.sale.terminal, epoch: self.original_epoch, sequence: self.original_sequence }
    }

    pub(super) fn digest(&self) -> u64 {
        Fold::new(DOMAIN_REVERSAL)
            .word(self.amount_fen.cast_unsigned())
            .word(u64::from(self.original_epoch.0) << 32 | u64::from(self.original_sequence.0))
            .finish()
    }
}
