//! What the ledger is asked: a command, with everything that isn't the ledger's to find out already in it.

use protocol::ids::{AccountId, CardUid, Epoch, RecordNumber, SaleId, Sequence, TerminalId};

use super::fold::Fold;
use super::known::Known;

pub use super::kind::Request;
pub use super::kind::account_close::AccountClose;
pub use super::kind::account_freeze::AccountFreeze;
pub use super::kind::account_limits::AccountLimits;
pub use super::kind::adjust::Adjust;
pub use super::kind::adjust_decide::{AdjustDecide, AdjustExpire};
pub use super::kind::balance::Balance;
pub use super::kind::batch_settle::BatchSettle;
pub use super::kind::bill_head::BillHead;
pub use super::kind::bind_card::BindCard;
pub use super::kind::block_list_active::BlockListActive;
pub use super::kind::card_debit::CardDebit;
pub use super::kind::card_issue::CardIssue;
pub use super::kind::card_replace::CardReplace;
pub use super::kind::card_return::CardReturn;
pub use super::kind::card_stock::CardStock;
pub use super::kind::card_tap::CardTap;
pub use super::kind::cashier::{CashierSign, DutyQuery, ShiftClose};
pub use super::kind::code_debit::{CodeDebit, CodeVerdict};
pub use super::kind::code_key_rotate::CodeKeyRotate;
pub use super::kind::code_revoke::CodeRevoke;
pub use super::kind::cut_off::CutOff;
pub use super::kind::gap_close::GapClose;
pub use super::kind::loss_lift::LossLift;
pub use super::kind::loss_report::LossReport;
pub use super::kind::offline::{Carried, OfflineFact, Previous, TillList};
pub use super::kind::open_account::OpenAccount;
pub use super::kind::opening::Opening;
pub use super::kind::password_debit::PasswordDebit;
pub use super::kind::password_set::{PasswordImport, PasswordSet};
pub use super::kind::phone_change::PhoneChange;
pub use super::kind::refund::Refund;
pub use super::kind::register_merchant::RegisterMerchant;
pub use super::kind::register_terminal::RegisterTerminal;
pub use super::kind::reversal::Reversal;
pub use super::kind::sale_query::SaleQuery;
pub use super::kind::scan_pay::ScanPay;
pub use super::kind::set_account_class::SetAccountClass;
pub use super::kind::set_account_terms::SetAccountTerms;
pub use super::kind::set_meal_period::SetMealPeriod;
pub use super::kind::set_office_rules::SetOfficeRules;
pub use super::kind::set_policy::SetPolicy;
pub use super::kind::set_price::SetPrice;
pub use super::kind::subsidy::{SubsidyClaim, SubsidyTakeBack};
pub use super::kind::subsidy_lines::SubsidyLines;
pub use super::kind::subsidy_open::SubsidyOpen;
pub use super::kind::subsidy_step::{SubsidyAdvance, SubsidyStep};
pub use super::kind::tap_confirm::TapConfirm;
pub use super::kind::tender::Tender;
pub use super::kind::terminal_key::{TerminalKeyRotate, TerminalKeyTaken};
pub use super::kind::told_post::ToldPost;
pub use super::kind::top_up::TopUp;
pub use super::kind::top_up_undo::TopUpUndo;
pub use super::kind::virtual_bind::VirtualBind;
pub use super::kind::virtual_unbind::VirtualUnbind;
pub use super::kind::void::Void;

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
    /// Top-up from WeChat Pay, or a tender paid through it.
    WeChat = 5,
    /// Top-up from Alipay, or a tender paid through it.
    Alipay = 6,
    /// An operator or an import.
    Operator = 7,
    /// A reversal or another request of the till itself.
    Till = 8,
    /// What an offline till shows, paid by phone.
    Scan = 11,
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
            11 => Channel::Scan,
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

impl AccountSelector {
    /// Adds it to the digest of a body: it stands in records and never changes.
    pub(super) fn fold(&self, fold: Fold) -> Fold {
        match self {
            AccountSelector::Account(account) => fold.word(1).word(u64::from(account.0)),
            AccountSelector::StudentNumber(text) => fold.word(2).bytes(text),
            AccountSelector::Card(card_uid) => fold.word(3).word(card_uid.0),
        }
    }
}

/// A request, and what was fetched for it if the ledger asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// What is asked.
    pub request: Request<'a>,
    /// The answers to [`super::decision::Decision::Needs`], when deciding again.
    pub known: Option<&'a Known>,
}

impl<'a> From<Request<'a>> for Command<'a> {
    fn from(request: Request<'a>) -> Self {
        Self { request, known: None }
    }
}

impl<'a> Command<'a> {
    /// Whether it may change the registry or the directory: both are needed for writing then, and every shard.
    #[inline]
    pub fn configures(&self) -> bool {
        self.request.configures()
    }

    /// The identity of a money request or of the sale asked about.
    #[inline]
    pub fn sale(&self) -> Option<&Sale<'a>> {
        self.request.sale()
    }
}

/// A batch's commands are copied: three cache lines each. What is longer is lent by the frame that it came in.
const _: () = assert!(size_of::<Command<'_>>() <= 192);
