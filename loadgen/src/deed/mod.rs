//! Deeds: what a terminal does besides selling, one file each.
//!
//! ```text
//! errand (of a profile) ──▶ begin ──▶ request, and its entry in the outcome log
//!                                        │
//!                             answer ◀───┘ asked again, with the same sequence, until there is one
//!                               │
//!                               ├─ approved: what is true from now on: who has which card, what was undone
//!                               └─ not done: it is as it was
//! ```
//!
//! The till sends, retries and measures ([`crate::till`]); a deed only knows what its request is and what an answer to it
//! means. Those that take a sequence have an entry in the outcome log: the check afterwards asks for each of them
//! again, and adds up their amounts by [`Effect`].
//!
//! A new deed is a file here with its [`Deed`], and a row in the table below. Who does it, and how often, says a profile
//! ([`crate::profile::canteen_day`]).

mod account_close;
mod account_freeze;
mod account_limits;
mod adjust;
mod adjust_decide;
mod adjustments;
mod balance;
mod batch_lines;
mod batch_settle;
mod bill;
mod block_list;
mod block_list_active;
mod card_issue;
mod card_replace;
mod card_return;
mod card_stock;
mod cash_top_up;
mod cashier;
mod chip_tap;
mod code_key_rotate;
mod code_revoke;
mod gap_close;
mod lines;
mod loss;
mod open_gaps;
mod password_debit;
mod password_set;
mod refund;
mod reprint;
mod sale_query;
mod scan_pay;
mod shift;
mod statement;
mod subsidy_plan;
mod subsidy_query;
mod subsidy_step;
mod tables;
mod tender;
mod terminal_key;
mod told_post;
mod top_up;
mod top_up_again;
mod top_up_undo;
mod unconfirmed;
mod virtual_card;
mod void;

use protocol::answer::{ACCOUNT_NONE, Answer, MoneyAnswer};
use protocol::command_table::Kind;
use protocol::ids::{AccountId, SaleId};
use protocol::request::{Reason, Reasoned, Request};
use serde::Serialize;

pub(crate) use lines::Lines;

use crate::outcome_log::EntryId;
use crate::world::World;

/// Something that a person wants of a terminal besides paying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// What is done.
    pub deed: DeedKind,
    /// For whom.
    pub holder: u32,
    /// The amount, in fen: what is paid in, or the fee. 0 where neither is.
    pub amount_fen: i64,
    /// How many answers to it the network swallows.
    pub answers_lost: u8,
}

impl Errand {
    /// An errand without an amount, all of whose answers arrive.
    pub fn new(deed: DeedKind, holder: u32) -> Errand {
        Errand { deed, holder, amount_fen: 0, answers_lost: 0 }
    }
}

/// What an approved entry of the outcome log does to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The amount leaves it.
    Takes,
    /// The amount comes into it.
    Brings,
    /// Nothing: no money moves, or another entry says that it does.
    Nothing,
}

/// Where and when a deed is done.
pub(crate) struct Place<'a> {
    /// The sequence that it takes, if it takes one.
    pub(crate) sale: SaleId,
    /// The terminal's clock.
    pub(crate) unix_ns: u64,
    /// Sales that the terminal has stored and not uploaded.
    pub(crate) unsent_records: u32,
    /// What the terminal did before.
    pub(crate) recent: &'a mut Recent,
    /// Where a request that carries lines leaves them.
    pub(crate) lines: &'a mut Lines,
}

/// An approved request that a terminal remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) sale: SaleId,
    pub(crate) entry: EntryId,
    pub(crate) account: AccountId,
    pub(crate) amount_fen: i64,
}

/// The last of each kind that a terminal did, for deeds that name an earlier request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent {
    /// A sale, online and approved.
    pub(crate) sale: Option<Done>,
    deeds: [Option<Done>; DeedKind::ALL.len()],
}

impl Recent {
    /// Nothing was done yet.
    pub(crate) const fn new() -> Recent {
        Recent { sale: None, deeds: [None; DeedKind::ALL.len()] }
    }

    /// The last approved deed of a kind.
    pub(crate) fn of(&mut self, deed: DeedKind) -> &mut Option<Done> {
        &mut self.deeds[deed as usize]
    }
}

/// A deed on its way.
pub(crate) struct Begun<D> {
    pub(crate) doing: D,
    pub(crate) request: Request<'static>,
    /// What its entry in the outcome log says; for those that take a sequence, and for no other.
    pub(crate) entry: Option<Entry>,
}

/// The account of an entry that is about none.
const NOBODY: AccountId = AccountId(ACCOUNT_NONE);

/// What a deed's entry in the outcome log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// [`NOBODY`] where no account is touched.
    pub(crate) account: AccountId,
    pub(crate) amount_fen: i64,
    /// The sequence of what it undoes, or the subsidy batch that it is about; 0 for nothing.
    pub(crate) reference: u32,
}

impl Entry {
    fn new(account: AccountId, amount_fen: i64) -> Entry {
        Entry { account, amount_fen, reference: 0 }
    }

    /// The entry of what is about a subsidy batch. Whom it pays is read from its lines afterwards.
    fn of_batch(batch: u32, amount_fen: i64) -> Entry {
        Entry { account: NOBODY, amount_fen, reference: batch }
    }

    /// The entry of what undoes an earlier request, or a part of it.
    fn of_original(original: &Done, amount_fen: i64) -> Entry {
        Entry { account: original.account, amount_fen, reference: original.sale.sequence.0 }
    }

    /// True when an approval says the same.
    fn is_said_by(&self, answer: &Answer<'_>) -> bool {
        money(answer).is_some_and(|money| {
            let account = money.account.unwrap_or(NOBODY);
            account == self.account && money.amount_fen == self.amount_fen && money.record.0 != 0
        })
    }
}

/// What an answer to a request that takes a sequence says, whatever else it says.
pub(crate) fn money<'a>(answer: &'a Answer<'_>) -> Option<&'a MoneyAnswer> {
    match answer {
        Answer::Money(money) => Some(money),
        Answer::Tap(tap) => Some(&tap.money),
        Answer::ScanPay(paid) => Some(&paid.money),
        _ => None,
    }
}

/// What an operator asks, with a short reason.
fn reasoned<T>(what: T, why: &'static str) -> Reasoned<'static, T> {
    Reasoned { what, reason: Reason::new(why).expect("a few words fit") }
}

/// What a deed knows of itself, while it is done.
pub(crate) trait Deed: Copy {
    /// Whether its amount is what an approval says, and its entry has none before.
    const AMOUNT_IS_TOLD: bool = false;

    /// Makes its request. `None` when it can't be done: nothing to undo, nothing to return.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<Self>>;

    /// It was approved. False when the answer isn't what an approval must say.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool;

    /// It was refused, or never began.
    fn not_done(&self, _world: &mut World) {}

    /// It was refused, and this is the answer.
    fn refused(&self, _answer: &Answer<'_>, world: &mut World) {
        self.not_done(world);
    }
}

/// The table of deeds. A row:
///
/// ```text
/// /// What is done.
/// TopUp(top_up::TopUp), "top-up", TopUp, 4, Brings;
/// │     │               │         │      │  └ what it does to the account, approved
/// │     │               │         │      └ the row of the guide that its message is counted under
/// │     │               │         └ its message
/// │     │               └ its name in files
/// │     └ what knows it; of several kinds, where they differ by what the errand says
/// └ its kind
/// ```
macro_rules! deeds {
    ($($(#[$doc:meta])* $name:ident($doing:ty), $text:literal, $message:ident, $row:literal, $effect:ident;)*) => {
        /// What can be done besides selling.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum DeedKind {
            $($(#[$doc])* $name,)*
        }

        impl DeedKind {
            /// Every kind.
            pub const ALL: &'static [DeedKind] = &[$(DeedKind::$name,)*];

            /// The name as it stands in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(DeedKind::$name => $text,)*
                }
            }

            /// The message that is sent for it.
            pub const fn message(self) -> Kind {
                match self {
                    $(DeedKind::$name => Kind::$message,)*
                }
            }

            /// The row of the guide that its message is counted under: 1 to 18.
            pub const fn guide_row(self) -> u8 {
                match self {
                    $(DeedKind::$name => $row,)*
                }
            }

            /// What it does to the account, approved.
            pub const fn effect(self) -> Effect {
                match self {
                    $(DeedKind::$name => Effect::$effect,)*
                }
            }
        }

        /// Whichever deed is being done.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Doing {
            $($name($doing),)*
        }

        impl Doing {
            /// Begins what an errand wants.
            pub(crate) fn begin(
                errand: &Errand,
                place: &mut Place<'_>,
                world: &mut World,
            ) -> Option<Begun<Doing>> {
                match errand.deed {
                    $(DeedKind::$name => <$doing as Deed>::begin(errand, place, world).map(|begun| Begun {
                        doing: Doing::$name(begun.doing),
                        request: begun.request,
                        entry: begun.entry,
                    }),)*
                }
            }

            /// Its kind.
            pub(crate) const fn kind(&self) -> DeedKind {
                match self {
                    $(Doing::$name(_) => DeedKind::$name,)*
                }
            }

            /// See [`Deed::AMOUNT_IS_TOLD`].
            pub(crate) const fn amount_is_told(&self) -> bool {
                match self {
                    $(Doing::$name(_) => <$doing as Deed>::AMOUNT_IS_TOLD,)*
                }
            }

            /// See [`Deed::approved`].
            pub(crate) fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
                match self {
                    $(Doing::$name(doing) => doing.approved(answer, world),)*
                }
            }

            /// See [`Deed::refused`].
            pub(crate) fn refused(&self, answer: &Answer<'_>, world: &mut World) {
                match self {
                    $(Doing::$name(doing) => doing.refused(answer, world),)*
                }
            }

            /// See [`Deed::not_done`].
            pub(crate) fn not_done(&self, world: &mut World) {
                match self {
                    $(Doing::$name(doing) => doing.not_done(world),)*
                }
            }
        }
    };
}

deeds! {
    /// A counter puts blank cards into stock.
    CardStock(card_stock::CardStock), "card-stock", CardStock, 1, Nothing;
    /// A counter gives a card to a person who has none.
    CardIssue(card_issue::CardIssue), "card-issue", CardIssue, 1, Takes;
    /// A counter gives a new card in the place of a lost or broken one.
    CardReplace(card_replace::CardReplace), "card-replace", CardReplace, 1, Takes;
    /// A counter takes a card back.
    CardReturn(card_return::CardReturn), "card-return", CardReturn, 1, Nothing;
    /// A counter pays out what somebody has who leaves.
    AccountClose(account_close::AccountClose), "account-close", AccountClose, 1, Takes;
    /// A person taps at a till that writes chips.
    ChipTap(chip_tap::ChipTap), "chip-tap", CardTap, 1, Takes;
    /// The till has written the chip.
    ChipWritten(chip_tap::ChipWritten), "chip-written", TapConfirm, 1, Nothing;
    /// A counter gives a person a query password.
    PasswordSet(password_set::PasswordSet), "password-set", PasswordSet, 2, Nothing;
    /// A person binds a phone.
    VirtualBind(virtual_card::VirtualBind), "virtual-bind", VirtualBind, 2, Nothing;
    /// A person unbinds the phone.
    VirtualUnbind(virtual_card::VirtualUnbind), "virtual-unbind", VirtualUnbind, 2, Nothing;
    /// A person has another phone number.
    PhoneChange(virtual_card::PhoneChange), "phone-change", PhoneChange, 2, Nothing;
    /// A person looks at the balance, at a till or on the phone.
    Balance(balance::Balance), "balance", Balance, 3, Nothing;
    /// Money is paid in on the phone.
    TopUp(top_up::TopUp), "top-up", TopUp, 4, Brings;
    /// Cash is paid in at a counter.
    CashTopUp(cash_top_up::CashTopUp), "cash-top-up", TopUp, 4, Brings;
    /// The channel tells the last order of its gateway once more.
    TopUpAgain(top_up_again::TopUpAgain), "top-up-again", TopUp, 4, Nothing;
    /// A counter takes the last cash top-up back.
    TopUpUndo(top_up_undo::TopUpUndo), "top-up-undo", TopUpUndo, 4, Nothing;
    /// Finance opens a subsidy batch.
    SubsidyOpen(subsidy_plan::SubsidyOpen), "subsidy-open", SubsidyOpen, 4, Nothing;
    /// Finance sends a page of its lines.
    SubsidyLines(subsidy_plan::SubsidyLines), "subsidy-lines", SubsidyLines, 4, Nothing;
    /// A second person approves it.
    SubsidyApprove(subsidy_step::SubsidyStep), "subsidy-approve", SubsidyStep, 4, Nothing;
    /// A second person rejects it.
    SubsidyReject(subsidy_step::SubsidyStep), "subsidy-reject", SubsidyStep, 4, Nothing;
    /// It is issued.
    SubsidyIssue(subsidy_step::SubsidyStep), "subsidy-issue", SubsidyStep, 4, Nothing;
    /// It is withdrawn.
    SubsidyWithdraw(subsidy_step::SubsidyStep), "subsidy-withdraw", SubsidyStep, 4, Nothing;
    /// Finance asks how far a batch has come.
    SubsidyQuery(subsidy_query::SubsidyQuery), "subsidy-query", SubsidyQuery, 4, Nothing;
    /// Finance looks at its lines.
    SubsidyPreview(subsidy_query::SubsidyPreview), "subsidy-preview", SubsidyPreview, 4, Nothing;
    /// A person pays above the limits, with the query password.
    PasswordDebit(password_debit::PasswordDebit), "password-debit", PasswordDebit, 6, Takes;
    /// A cashier asks what became of the last sale.
    SaleQuery(sale_query::SaleQuery), "sale-query", SaleQuery, 6, Nothing;
    /// A till prints the last slip again.
    Reprint(reprint::Reprint), "reprint", Reprint, 6, Nothing;
    /// A person revokes the codes that the phone has shown.
    CodeRevoke(code_revoke::CodeRevoke), "code-revoke", CodeRevoke, 5, Nothing;
    /// A counter takes the next payment-code key into use.
    CodeKeyRotate(code_key_rotate::CodeKeyRotate), "code-key-rotate", CodeKeyRotate, 5, Nothing;
    /// A phone pays what a till without a network shows.
    ScanPay(scan_pay::ScanPay), "scan-pay", ScanPay, 7, Takes;
    /// A person asks how far the balance is confirmed.
    Unconfirmed(unconfirmed::Unconfirmed), "unconfirmed", Unconfirmed, 7, Nothing;
    /// A counter looks at the holes in tills' sequences.
    OpenGaps(open_gaps::OpenGaps), "open-gaps", OpenGaps, 7, Nothing;
    /// A counter closes one of them.
    GapClose(gap_close::GapClose), "gap-close", GapClose, 7, Nothing;
    /// A counter has a sale posted that its till has lost, on the word of its card.
    ToldPost(told_post::ToldPost), "told-post", ToldPost, 7, Takes;
    /// A person reports the card lost.
    LossReport(loss::LossReport), "loss-report", LossReport, 13, Nothing;
    /// A person has found the card.
    LossLift(loss::LossLift), "loss-lift", LossLift, 13, Nothing;
    /// A cashier undoes the last sale.
    Void(void::Void), "void", Void, 6, Nothing;
    /// A merchant gives half of the last sale back.
    Refund(refund::Refund), "refund", Refund, 6, Brings;
    /// A guest pays through WeChat Pay or Alipay.
    Tender(tender::Tender), "tender", Tender, 6, Nothing;
    /// An operator freezes an account.
    AccountFreeze(account_freeze::AccountFreeze), "account-freeze", AccountFreeze, 6, Nothing;
    /// An operator opens an account again.
    AccountUnfreeze(account_freeze::AccountFreeze), "account-unfreeze", AccountFreeze, 6, Nothing;
    /// An operator sets an account's limits.
    AccountLimits(account_limits::AccountLimits), "account-limits", AccountLimits, 6, Nothing;
    /// An operator corrects a balance alone.
    Adjust(adjust::Adjust), "adjust", Adjust, 3, Brings;
    /// An operator proposes to correct a balance.
    AdjustLarge(adjust::Adjust), "adjust-large", Adjust, 3, Brings;
    /// A second operator approves it.
    AdjustDecide(adjust_decide::AdjustDecide), "adjust-decide", AdjustDecide, 3, Brings;
    /// An operator looks at what waits for a second one.
    Adjustments(adjustments::Adjustments), "adjustments", Adjustments, 3, Nothing;
    /// A cashier comes to a till.
    CashierOn(cashier::CashierOn), "cashier-on", CashierOn, 6, Nothing;
    /// A cashier goes.
    CashierOff(cashier::CashierOff), "cashier-off", CashierOff, 6, Nothing;
    /// A cashier looks at what the shift adds up to.
    ShiftTotals(shift::ShiftTotals), "shift-totals", ShiftTotals, 6, Nothing;
    /// A cashier closes the shift.
    ShiftClose(shift::ShiftClose), "shift-close", ShiftClose, 6, Nothing;
    /// A till has lines of its batch held against the books.
    BatchLines(batch_lines::BatchLines), "batch-lines", BatchLines, 6, Nothing;
    /// A till settles its batch.
    BatchSettle(batch_settle::BatchSettle), "batch-settle", BatchSettle, 6, Nothing;
    /// A till settles its batch once more, after a refusal.
    BatchSettleAgain(batch_settle::BatchSettle), "batch-settle-again", BatchSettle, 6, Nothing;
    /// A till downloads the rules of account classes.
    ClassRules(tables::ClassRules), "class-rules", ClassRules, 6, Nothing;
    /// A till downloads the meal periods.
    MealPeriods(tables::MealPeriods), "meal-periods", MealPeriods, 6, Nothing;
    /// A till downloads what is paid beside prices.
    PriceTable(tables::PriceTable), "price-table", PriceTable, 6, Nothing;
    /// A terminal fetches its newest key.
    TerminalKey(terminal_key::TerminalKey), "terminal-key", TerminalKey, 6, Nothing;
    /// An administrator takes the next key of a till into use.
    TerminalKeyRotate(terminal_key::TerminalKeyRotate), "terminal-key-rotate", TerminalKeyRotate, 6, Nothing;
    /// A till brings its block-list up to date.
    BlockList(block_list::BlockList), "block-list", BlockList, 13, Nothing;
    /// A till reports the block-list that it judges by.
    BlockListActive(block_list_active::BlockListActive), "block-list-active", BlockListActive, 13, Nothing;
    /// A person looks at the newest lines of the bill.
    Bill(bill::Bill), "bill", Bill, 14, Nothing;
    /// A person looks at a week's statement.
    Statement(statement::Statement), "statement", Statement, 14, Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_of_its_message_what_the_protocol_says() {
        for deed in DeedKind::ALL {
            let takes_sequence = deed.message().command().consumes_sequence;
            assert!(takes_sequence || deed.effect() == Effect::Nothing, "{deed:?} moves nothing");
        }
        let names: std::collections::HashSet<&str> = DeedKind::ALL.iter().map(|deed| deed.name()).collect();
        assert_eq!(names.len(), DeedKind::ALL.len());
    }
}
