//! The rows: which requests the ledger knows, and what is asked of whichever it is.

use super::account_close::AccountClose;
use super::account_freeze::AccountFreeze;
use super::account_limits::AccountLimits;
use super::adjust::Adjust;
use super::adjust_decide::{AdjustDecide, AdjustExpire};
use super::balance::Balance;
use super::batch_settle::BatchSettle;
use super::bill_head::BillHead;
use super::bind_card::BindCard;
use super::block_list_active::BlockListActive;
use super::card_debit::CardDebit;
use super::card_issue::CardIssue;
use super::card_replace::CardReplace;
use super::card_return::CardReturn;
use super::card_stock::CardStock;
use super::card_tap::CardTap;
use super::cashier::{CashierSign, DutyQuery, ShiftClose};
use super::code_debit::CodeDebit;
use super::code_key_rotate::CodeKeyRotate;
use super::code_revoke::CodeRevoke;
use super::cut_off::CutOff;
use super::gap_close::GapClose;
use super::loss_lift::LossLift;
use super::loss_report::LossReport;
use super::offline::OfflineFact;
use super::open_account::OpenAccount;
use super::opening::Opening;
use super::password_debit::PasswordDebit;
use super::password_set::{PasswordImport, PasswordSet};
use super::phone_change::PhoneChange;
use super::refund::Refund;
use super::register_merchant::RegisterMerchant;
use super::register_terminal::RegisterTerminal;
use super::reversal::Reversal;
use super::sale_query::SaleQuery;
use super::scan_pay::ScanPay;
use super::set_account_class::SetAccountClass;
use super::set_account_terms::SetAccountTerms;
use super::set_meal_period::SetMealPeriod;
use super::set_office_rules::SetOfficeRules;
use super::set_policy::SetPolicy;
use super::set_price::SetPrice;
use super::subsidy::{SubsidyClaim, SubsidyTakeBack};
use super::subsidy_lines::SubsidyLines;
use super::subsidy_open::SubsidyOpen;
use super::subsidy_step::{SubsidyAdvance, SubsidyStep};
use super::tap_confirm::TapConfirm;
use super::tender::Tender;
use super::terminal_key::{TerminalKeyRotate, TerminalKeyTaken};
use super::told_post::ToldPost;
use super::top_up::TopUp;
use super::top_up_undo::TopUpUndo;
use super::virtual_bind::VirtualBind;
use super::virtual_unbind::VirtualUnbind;
use super::void::Void;
use super::{Ask, Desk, shards_of};
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// [`Request`], and each question of [`Ask`] passed on to the request that it holds. A row:
///
/// ```text
/// /// What it asks for: the text of its variant.
/// CardDebit(CardDebit<'a>);
/// │         └ the request, which is an `Ask`
/// └ its variant of `Request`
/// ```
macro_rules! asks {
    ($($(#[$doc:meta])* $variant:ident($ask:ty);)*) => {
        /// What is asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Request<'a> {
            $($(#[$doc])* $variant($ask),)*
        }

        impl<'a> Request<'a> {
            /// See [`Ask::CONFIGURES`].
            #[inline]
            pub(in crate::ledger) fn configures(&self) -> bool {
                match self {
                    $(Request::$variant(_) => <$ask as Ask<'a>>::CONFIGURES,)*
                }
            }

            /// See [`Ask::sale`].
            #[inline]
            pub(in crate::ledger) fn sale(&self) -> Option<&Sale<'a>> {
                match self {
                    $(Request::$variant(ask) => <$ask as Ask<'a>>::sale(ask),)*
                }
            }

            /// See [`Ask::lead`].
            #[inline]
            pub(in crate::ledger) fn lead(&self, directory: &Directory) -> Lead {
                match self {
                    $(Request::$variant(ask) => <$ask as Ask<'a>>::lead(ask, directory),)*
                }
            }

            /// See [`Ask::prefetch_route`].
            #[inline]
            pub(in crate::ledger) fn prefetch_route(&self, directory: &Directory) {
                match self {
                    $(Request::$variant(ask) => <$ask as Ask<'a>>::prefetch_route(ask, directory),)*
                }
            }

            /// The shards that it touches.
            #[inline]
            pub(super) fn shards(&self, layout: Layout, lead: Lead) -> ShardSet {
                match self {
                    $(Request::$variant(ask) => shards_of::<$ask>(ask, layout, lead),)*
                }
            }

            /// See [`Ask::decide`].
            #[inline]
            pub(super) fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
                match self {
                    $(Request::$variant(ask) => <$ask as Ask<'a>>::decide(ask, desk),)*
                }
            }
        }
    };
}

asks! {
    /// A tap.
    CardDebit(CardDebit<'a>);
    /// A tap with the holder's query password.
    PasswordDebit(PasswordDebit<'a>);
    /// A tap in two phases.
    CardTap(CardTap<'a>);
    /// What became of the chip after a tap in two phases.
    TapConfirm(TapConfirm<'a>);
    /// A payment by code.
    CodeDebit(CodeDebit<'a>);
    /// A top-up.
    TopUp(TopUp<'a>);
    /// A payment through another channel, taken at a till.
    Tender(Tender<'a>);
    /// A reversal.
    Reversal(Reversal<'a>);
    /// A debit given back by its merchant, wholly or in part.
    Refund(Refund<'a>);
    /// A whole sale undone at its till, on the same business date.
    Void(Void<'a>);
    /// A top-up taken back at its counter.
    TopUpUndo(TopUpUndo<'a>);
    /// One uploaded record.
    Offline(OfflineFact<'a>);
    /// What an offline till shows, paid by phone.
    ScanPay(ScanPay<'a>);
    /// An account's balances. Leaves no record.
    Balance(Balance);
    /// What became of a sale of this till. Leaves no record.
    SaleQuery(SaleQuery<'a>);
    /// A till reports the block-list that it judges by.
    BlockListActive(BlockListActive);
    /// A cashier signs on at a till, or off.
    CashierSign(CashierSign);
    /// A till's shift is closed.
    ShiftClose(ShiftClose);
    /// Who is on duty at a till. Leaves no record.
    DutyQuery(DutyQuery);
    /// A till settles a batch.
    BatchSettle(BatchSettle<'a>);
    /// Where an account's chain begins. Leaves no record.
    BillHead(BillHead);
    /// Opens an account.
    OpenAccount(OpenAccount);
    /// Credits an account once with the balance of an earlier system.
    Opening(Opening);
    /// Makes a card the account's current one.
    BindCard(BindCard);
    /// Sets an account's status, class and holder's limits.
    SetAccountTerms(SetAccountTerms);
    /// Sets an account's class alone.
    SetAccountClass(SetAccountClass);
    /// Registers a merchant, or changes what is known of it.
    RegisterMerchant(RegisterMerchant<'a>);
    /// Registers a terminal, or changes what is known of it.
    RegisterTerminal(RegisterTerminal);
    /// Sets the rules of an account class.
    SetPolicy(SetPolicy);
    /// Sets a meal period.
    SetMealPeriod(SetMealPeriod<'a>);
    /// Sets what a class pays beside the price in a meal period.
    SetPrice(SetPrice);
    /// Closes the open business date.
    CutOff(CutOff);
    /// Gives a card to an account that has none, at a counter.
    CardIssue(CardIssue<'a>);
    /// Gives a new card in the place of the account's current one, at a counter.
    CardReplace(CardReplace<'a>);
    /// Takes the account's current card back, at a counter.
    CardReturn(CardReturn<'a>);
    /// Puts a range of blank cards into stock, at a counter.
    CardStock(CardStock<'a>);
    /// Gives an account a query password, at a counter.
    PasswordSet(PasswordSet<'a>);
    /// Gives an account that has no query password one.
    PasswordImport(PasswordImport);
    /// Binds a virtual card to an account.
    VirtualBind(VirtualBind<'a>);
    /// Unbinds a virtual card.
    VirtualUnbind(VirtualUnbind<'a>);
    /// Says which phone number the holder of a virtual card has now.
    PhoneChange(PhoneChange<'a>);
    /// Reports an account's current card lost.
    LossReport(LossReport<'a>);
    /// Takes the loss report of an account's current card back.
    LossLift(LossLift<'a>);
    /// Closes a hole in a till's sequences.
    GapClose(GapClose<'a>);
    /// Posts a sale that never came, of which its card told.
    ToldPost(ToldPost<'a>);
    /// Revokes every code that an account may have shown by now.
    CodeRevoke(CodeRevoke<'a>);
    /// Takes the next payment-code key into use.
    CodeKeyRotate(CodeKeyRotate<'a>);
    /// Takes a terminal's next key into use.
    TerminalKeyRotate(TerminalKeyRotate<'a>);
    /// A terminal has signed in under its next key.
    TerminalKeyTaken(TerminalKeyTaken);
    /// Sets what one operator may do alone.
    SetOfficeRules(SetOfficeRules);
    /// Freezes an account, or lifts that again.
    AccountFreeze(AccountFreeze<'a>);
    /// Sets an account's class and the holder's own limits, while tills sell.
    AccountLimits(AccountLimits<'a>);
    /// Corrects a balance, or proposes to.
    Adjust(Adjust<'a>);
    /// Approves or rejects a proposed adjustment.
    AdjustDecide(AdjustDecide<'a>);
    /// Closes a proposed adjustment whose time has passed.
    AdjustExpire(AdjustExpire);
    /// Pays out what is left in an account and closes it, at a counter.
    AccountClose(AccountClose<'a>);
    /// Opens a subsidy batch.
    SubsidyOpen(SubsidyOpen<'a>);
    /// Brings the next lines of a batch.
    SubsidyLines(SubsidyLines<'a>);
    /// Takes a batch to its next step.
    SubsidyStep(SubsidyStep<'a>);
    /// Takes a batch on when it is time.
    SubsidyAdvance(SubsidyAdvance);
    /// Pays a line of a batch.
    SubsidyClaim(SubsidyClaim);
    /// Takes back what is left of a line.
    SubsidyTakeBack(SubsidyTakeBack);
}
