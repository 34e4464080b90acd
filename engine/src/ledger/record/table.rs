//! The rows: which records there are, how each lies in the log, and what it does to the state.

use protocol::bill::BillLineKind;
use protocol::ids::{AccountId, RecordNumber, SaleId};
use zerocopy::IntoBytes;

use super::{
    AccountChangedRecord, AccountClosedRecord, AccountOpenedRecord, AccountTermsSetRecord,
    AdjustmentClosedRecord, AdjustmentProposedRecord, AdjustmentRecord, BatchSettledRecord,
    BlockListActiveRecord, CardBoundRecord, CardConflictRecord, CardIssuedRecord, CardReplacedRecord,
    CardReturnedRecord, CardsStockedRecord, CodeKeyRotatedRecord, CutOffRecord, DutyRecord, FullDebitRecord,
    FullReversalRecord, GapClosedRecord, LossRecord, MealPeriodSetRecord, MerchantRegisteredRecord,
    MoneyRecord, OfficeRulesSetRecord, OfflineDebitRecord, PasswordSetRecord, Payload, PayloadBuffer,
    PhoneSetRecord, PolicySetRecord, PriceSetRecord, RefundRecord, ReversalRecord, ScanPaidRecord,
    ScanPendingRecord, SubsidyLinesRecord, SubsidyOpenedRecord, SubsidyRecord, SubsidySkippedRecord,
    SubsidySteppedRecord, SuspenseRecord, TapConfirmedRecord, TerminalKeyRotatedRecord,
    TerminalKeyTakenRecord, TerminalRegisteredRecord, ToldPostedRecord, TopUpRecord, VirtualBoundRecord,
    VirtualUnboundRecord, WalletsRecord, fixed, followed, join,
};
use crate::ledger::apply::{Posting, Setting};
use crate::ledger::error::LedgerError;
use crate::ledger::shard::Parts;

/// [`RecordKind::uses_reserve`] of what must still fit when requests are refused because the log is full.
const RESERVED: bool = true;
/// [`RecordKind::uses_reserve`] of everything else.
const NORMAL: bool = false;

/// Where configuration's numbers begin.
pub(super) const CONFIGURATION: u8 = 64;

/// [`RecordKind`] and [`Record`], and all that depends on a record's kind alone. A row:
///
/// ```text
/// /// What it stands for: the text of its kind.
/// 35 Suspense(SuspenseRecord, bytes: &'a [u8]), 1, "suspense", NORMAL, None, suspense;
/// │  │        │               │                 │  │           │       │     └ its effect: a method of `Posting` or `Setting`
/// │  │        │               │                 │  │           │       └ its line in a bill, if it has one
/// │  │        │               │                 │  │           └ whether space in the log is kept back for it
/// │  │        │               │                 │  └ its name in filters and lists
/// │  │        │               │                 └ the latest version of its layout
/// │  │        │               └ the bytes that follow, if any do
/// │  │        └ its layout
/// │  └ its kind, and its variant of `Record`
/// └ its number: below 32 it moves money
/// ```
///
/// What needs the touched shards only stands apart from what needs all of them and the registry, and has no line in a
/// bill.
macro_rules! records {
    (@payload $buffer:ident, $r:ident) => { $r.written() };
    (@payload $buffer:ident, $r:ident, $bytes:ident) => { join($buffer, $r.as_bytes(), $bytes) };
    (@decode $kind:ident, $version:ident, $payload:ident, $layout:ty) => {
        Record::$kind(fixed::<$layout>(RecordKind::$kind, $version, $payload)?)
    };
    (@decode $kind:ident, $version:ident, $payload:ident, $layout:ty, $bytes:ident) => {{
        let (r, $bytes) = followed::<$layout>(RecordKind::$kind, $payload)?;
        Record::$kind(r, $bytes)
    }};
    (
        shards_only { $(
            $(#[$doc:meta])*
            $number:literal $kind:ident($layout:ty $(, $bytes:ident: $bytes_type:ty)?),
                $version:literal, $name:literal, $reserve:expr, $bill:expr, $effect:ident;
        )* }
        configuration { $(
            $(#[$set_doc:meta])*
            $set_number:literal $set_kind:ident($set_layout:ty $(, $set_bytes:ident: $set_bytes_type:ty)?),
                $set_version:literal, $set_name:literal, $set_reserve:expr, $set_effect:ident;
        )* }
    ) => {
        /// What a record is. Numbers are never reused and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum RecordKind {
            $($(#[$doc])* $kind = $number,)*
            $($(#[$set_doc])* $set_kind = $set_number,)*
        }

        $(const _: () = assert!($number < CONFIGURATION, "it has a number of configuration");)*
        $(const _: () = assert!($set_number >= CONFIGURATION, "configuration has higher numbers");)*

        impl RecordKind {
            /// The kind with this number.
            pub const fn from_number(number: u8) -> Option<RecordKind> {
                Some(match number {
                    $($number => RecordKind::$kind,)*
                    $($set_number => RecordKind::$set_kind,)*
                    _ => return None,
                })
            }

            /// Its name, as filters take it and lists show it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(RecordKind::$kind => $name,)*
                    $(RecordKind::$set_kind => $set_name,)*
                }
            }

            /// The latest version of its layout.
            pub const fn version(self) -> u8 {
                match self {
                    $(RecordKind::$kind => $version,)*
                    $(RecordKind::$set_kind => $set_version,)*
                }
            }

            /// Whether the version before is the same layout without its last bytes.
            const fn has_earlier_version(self) -> bool {
                match self {
                    $(RecordKind::$kind => <$layout as Payload>::EARLIER_BYTES < size_of::<$layout>(),)*
                    $(RecordKind::$set_kind => {
                        <$set_layout as Payload>::EARLIER_BYTES < size_of::<$set_layout>()
                    })*
                }
            }

            /// True when it must still fit into a log that is too full for debits.
            pub const fn uses_reserve(self) -> bool {
                match self {
                    $(RecordKind::$kind => $reserve,)*
                    $(RecordKind::$set_kind => $set_reserve,)*
                }
            }

            /// Its line in a person's bill; none for what moves no money.
            pub const fn bill_line(self) -> Option<BillLineKind> {
                match self {
                    $(RecordKind::$kind => $bill,)*
                    _ => None,
                }
            }
        }

        /// A decoded record. What has a variable length borrows its bytes from the command or from the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Record<'a> {
            $(
                #[doc = concat!("See [`RecordKind::", stringify!($kind), "`].")]
                $kind($layout $(, $bytes_type)?),
            )*
            $(
                #[doc = concat!("See [`RecordKind::", stringify!($set_kind), "`].")]
                $set_kind($set_layout $(, $set_bytes_type)?),
            )*
        }

        impl<'a> Record<'a> {
            /// The record's kind.
            #[inline]
            pub const fn kind(&self) -> RecordKind {
                match self {
                    $(Record::$kind { .. } => RecordKind::$kind,)*
                    $(Record::$set_kind { .. } => RecordKind::$set_kind,)*
                }
            }

            /// The version that it is written in: see [`Payload::written`].
            #[inline]
            pub fn version(&self) -> u8 {
                let latest = self.kind().version();
                match self {
                    $(Record::$kind(r, ..) => latest - u8::from(r.written().len() < size_of::<$layout>()),)*
                    $(Record::$set_kind(r, ..) => {
                        latest - u8::from(r.written().len() < size_of::<$set_layout>())
                    })*
                }
            }

            /// The payload as it goes to the log. Records of a fixed layout are lent as they are; those with bytes
            /// that follow are put together in `buffer`.
            #[inline]
            pub fn payload<'b>(&'b self, buffer: &'b mut PayloadBuffer) -> &'b [u8] {
                match self {
                    $(Record::$kind(r $(, $bytes)?) => records!(@payload buffer, r $(, $bytes)?),)*
                    $(Record::$set_kind(r $(, $set_bytes)?) => records!(@payload buffer, r $(, $set_bytes)?),)*
                }
            }

            /// Reads a record back.
            ///
            /// # Errors
            /// An unknown kind or version, or a payload whose length isn't the kind's.
            pub fn decode(kind: u8, version: u8, payload: &'a [u8]) -> Result<Record<'a>, LedgerError> {
                let known = RecordKind::from_number(kind).ok_or(LedgerError::UnknownKind { kind })?;
                let earlier = known.has_earlier_version() && version.checked_add(1) == Some(known.version());
                if version != known.version() && !earlier {
                    return Err(LedgerError::UnknownVersion { kind: known, version });
                }
                Ok(match known {
                    $(RecordKind::$kind => records!(@decode $kind, version, payload, $layout $(, $bytes)?),)*
                    $(RecordKind::$set_kind => {
                        records!(@decode $set_kind, version, payload, $set_layout $(, $set_bytes)?)
                    })*
                })
            }

            /// The 80 bytes that money records have in common; none for suspense and configuration.
            #[inline]
            pub fn money(&self) -> Option<&MoneyRecord> {
                match self {
                    $(Record::$kind(r, ..) => Payload::money(r),)*
                    $(Record::$set_kind(r, ..) => Payload::money(r),)*
                }
            }

            /// The identity that the record stands under, when a till sent it.
            pub fn sale(&self) -> Option<SaleId> {
                match self {
                    $(Record::$kind(r, ..) => Payload::sale(r),)*
                    $(Record::$set_kind(r, ..) => Payload::sale(r),)*
                }
            }

            /// The record before this one in `account`'s chain (0 at its start); none when the record isn't in it.
            /// A bill is this walk, from the head that the ledger gives.
            pub fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
                match self {
                    $(Record::$kind(r, ..) => Payload::previous_of(r, account),)*
                    $(Record::$set_kind(r, ..) => Payload::previous_of(r, account),)*
                }
            }

            /// The record before this one in its till's chain (0 at its start); none when no till sent it.
            pub fn previous_of_terminal(&self) -> Option<RecordNumber> {
                match self {
                    $(Record::$kind(r, ..) => Payload::previous_of_terminal(r),)*
                    $(Record::$set_kind(r, ..) => Payload::previous_of_terminal(r),)*
                }
            }

            /// Has its effect on the touched shards.
            #[inline(always)]
            pub(in crate::ledger) fn post<P: Parts + ?Sized>(
                &self,
                posting: &mut Posting<'_, P>,
            ) -> Result<(), LedgerError> {
                match self {
                    $(Record::$kind(r, ..) => posting.$effect(r),)*
                    _ => Err(posting.bad("kind")),
                }
            }

            /// Has its effect on what is configured.
            pub(in crate::ledger) fn set<P: Parts + ?Sized>(
                &self,
                setting: &mut Setting<'_, P>,
            ) -> Result<(), LedgerError> {
                match self {
                    $(Record::$set_kind(r $(, $set_bytes)?) => setting.$set_effect(r $(, $set_bytes)?),)*
                    _ => Err(setting.bad("kind")),
                }
            }
        }
    };
}

records! {
    shards_only {
        /// Posting: a person's wallet → a merchant, online.
        1 Debit(MoneyRecord), 1, "debit", NORMAL, Some(BillLineKind::Debit), debit;
        /// Posting within one person: electronic → card, before the tap that needs it, in its group. Debit and credit
        /// are the same person; the wallet is the one loaded (card).
        2 Load(MoneyRecord), 1, "load", NORMAL, Some(BillLineKind::Load), load;
        /// Posting: top-up clearing → a person's electronic wallet.
        3 TopUp(TopUpRecord), 1, "top_up", NORMAL, Some(BillLineKind::TopUp), top_up;
        /// Posting: opening clearing → a person's wallet, from an import.
        4 Opening(MoneyRecord), 1, "opening", NORMAL, Some(BillLineKind::Opening), opening;
        /// Posting: a merchant → the person's wallet that was debited.
        5 Reversal(ReversalRecord), 1, "reversal", RESERVED, Some(BillLineKind::Reversal), reversal;
        /// Posting: a person's card wallet (or unknown-card clearing) → a merchant (or its held-back part).
        6 OfflineDebit(OfflineDebitRecord),
            2, "offline_debit", NORMAL, Some(BillLineKind::OfflineDebit), offline_debit;
        /// Posting: as a debit, of money that is subsidy in part.
        7 FullDebit(FullDebitRecord), 1, "full_debit", NORMAL, Some(BillLineKind::Debit), full_debit;
        /// Posting: as a reversal, into more than the one wallet, or of money that was subsidy in part.
        8 FullReversal(FullReversalRecord),
            1, "full_reversal", RESERVED, Some(BillLineKind::Reversal), full_reversal;
        /// Posting: a merchant → the person's wallet that was debited, of a debit on whatever date.
        9 Refund(RefundRecord), 2, "refund", NORMAL, Some(BillLineKind::Refund), refund;
        /// Posting within one person: card → transition, before the tap that leaves so much, in its group. Debit and
        /// credit are the same person; the wallet is the one settled (transition).
        10 Settle(WalletsRecord), 1, "settle", NORMAL, Some(BillLineKind::Settle), settle;
        /// Posting: a person → fees, before the record of what it is paid for, in its group.
        11 Fee(WalletsRecord), 1, "fee", NORMAL, Some(BillLineKind::Fee), fee;
        /// Posting: as a full reversal, of a tap whose chip wasn't written. It has the tap's identity, stands in the chain of the
        /// tap's till, and in a group before the record of who found it out.
        12 TapUndone(FullReversalRecord), 1, "tap_undone", RESERVED, Some(BillLineKind::Reversal), tap_undone;
        /// Posting: subsidy clearing → the subsidy part of a person's card wallet.
        13 SubsidyClaimed(SubsidyRecord),
            1, "subsidy_claimed", NORMAL, Some(BillLineKind::Subsidy), subsidy_claimed;
        /// Posting: as a full reversal, by a void.
        14 Void(FullReversalRecord), 1, "void", RESERVED, Some(BillLineKind::Void), void;
        /// Posting: a person → payable clearing, or what is left of the school's → subsidy clearing, before the record that
        /// closes the account, in its group.
        15 PaidOut(WalletsRecord), 1, "paid_out", NORMAL, Some(BillLineKind::PaidOut), paid_out;
        /// Posting: a person's electronic wallet → top-up clearing: a top-up taken back at its counter.
        16 TopUpUndo(ReversalRecord),
            1, "top_up_undo", NORMAL, Some(BillLineKind::TopUpUndone), top_up_undo;
        /// Posting: a closed account → payable, behind the refund that it comes from, in its group.
        17 Payable(WalletsRecord), 1, "payable", NORMAL, Some(BillLineKind::Payable), payable;
        /// Posting: a person's transition wallet → a merchant: what an offline till showed, paid by phone. The gateway's memo
        /// ([`RecordKind::ScanTold`]) follows in its group.
        19 ScanPaid(ScanPaidRecord), 1, "scan_paid", NORMAL, Some(BillLineKind::Debit), scan_paid;
        /// Posting: clearing of adjustments → a person's wallet, or the other way round.
        22 Adjustment(AdjustmentRecord, reason: &'a [u8]),
            1, "adjustment", NORMAL, Some(BillLineKind::Adjustment), adjustment;
        /// Posting: the subsidy part of a person's card wallet → subsidy clearing.
        23 SubsidyTakenBack(SubsidyRecord),
            1, "subsidy_taken_back", NORMAL, Some(BillLineKind::SubsidyTakenBack), subsidy_taken_back;
        /// Memo: a refused request.
        32 Refusal(MoneyRecord), 1, "refusal", NORMAL, None, refusal;
        /// Memo: a reversal that came before its original, which is refused from now on.
        33 ReversalBeforeOriginal(ReversalRecord),
            1, "reversal_before_original", RESERVED, None, reversal_before_original;
        /// Memo: a request under a new identity for an effect that already happened; it was answered the same.
        34 Repeat(ReversalRecord), 1, "repeat", RESERVED, None, repeat;
        /// Memo: a request kept out of the books, with its bytes.
        35 Suspense(SuspenseRecord, bytes: &'a [u8]), 1, "suspense", NORMAL, None, suspense;
        /// Memo: a payment through another channel, taken at a till; its credit is the merchant.
        40 Tender(TopUpRecord), 1, "tender", NORMAL, None, tender;
        /// Memo: a batch of a till was settled.
        41 BatchSettled(BatchSettledRecord), 1, "batch_settled", NORMAL, None, batch_settled;
        /// Memo: the block-list that a till judges by from now on.
        42 BlockListActive(BlockListActiveRecord), 1, "block_list_active", NORMAL, None, block_list_active;
        /// Memo: a person's payment codes up to the step in `token` are revoked.
        44 CodesRevoked(MoneyRecord), 1, "codes_revoked", NORMAL, None, codes_revoked;
        /// Memo: an offline till's sale by self-scan, told before it was paid. Its payment stands under the same identity.
        45 ScanPending(ScanPendingRecord), 1, "scan_pending", NORMAL, None, scan_pending;
        /// Memo: a hole in a till's sequences is closed by an operator.
        46 GapClosed(GapClosedRecord), 1, "gap_closed", NORMAL, None, gap_closed;
        /// Memo: a payment by phone, told to the gateway that asked for it, in the payment's group or, of one that was paid
        /// before, alone.
        47 ScanTold(ReversalRecord), 1, "scan_told", NORMAL, None, scan_told;
        /// Memo: an operator sets an account's status, class or limits.
        48 AccountChanged(AccountChangedRecord, reason: &'a [u8]),
            1, "account_changed", NORMAL, None, account_changed;
        /// Memo: an operator proposes an adjustment that another must approve.
        49 AdjustmentProposed(AdjustmentProposedRecord, reason: &'a [u8]),
            1, "adjustment_proposed", NORMAL, None, adjustment_proposed;
        /// Memo: a proposed adjustment is rejected, or its time has passed.
        50 AdjustmentClosed(AdjustmentClosedRecord, reason: &'a [u8]),
            1, "adjustment_closed", NORMAL, None, adjustment_closed;
        /// Memo: what a till says of the chip after a tap.
        36 TapConfirmed(TapConfirmedRecord), 1, "tap_confirmed", RESERVED, None, tap_confirmed;
        /// Memo: a cashier signed on at a till or off, or a shift of it was closed.
        43 Duty(DutyRecord), 1, "duty", NORMAL, None, duty;
        /// Memo: a line of a subsidy batch that can't be paid.
        51 SubsidySkipped(SubsidySkippedRecord), 1, "subsidy_skipped", NORMAL, None, subsidy_skipped;
        /// Memo: a counter had a sale posted of which its card told, by the record before it in its group.
        55 ToldPosted(ToldPostedRecord), 1, "told_posted", NORMAL, None, told_posted;
    }
    configuration {
        /// An account is opened.
        64 AccountOpened(AccountOpenedRecord), 1, "account_opened", NORMAL, account_opened;
        /// A card is bound.
        65 CardBound(CardBoundRecord), 1, "card_bound", NORMAL, card_bound;
        /// A card number was given twice.
        66 CardConflict(CardConflictRecord), 1, "card_conflict", NORMAL, card_conflict;
        /// An account's status, class and limits are set.
        67 AccountTermsSet(AccountTermsSetRecord), 1, "account_terms_set", NORMAL, account_terms_set;
        /// A merchant is registered.
        68 MerchantRegistered(MerchantRegisteredRecord, name: &'a [u8]),
            1, "merchant_registered", NORMAL, merchant_registered;
        /// A terminal is registered.
        69 TerminalRegistered(TerminalRegisteredRecord),
            1, "terminal_registered", NORMAL, terminal_registered;
        /// A class's rules are set.
        70 PolicySet(PolicySetRecord), 2, "policy_set", NORMAL, policy_set;
        /// A meal period is set.
        71 MealPeriodSet(MealPeriodSetRecord, name: &'a [u8]), 1, "meal_period_set", NORMAL, meal_period_set;
        /// The business date is closed.
        72 CutOff(CutOffRecord), 1, "cut_off", RESERVED, cut_off;
        /// An account without a card gets one, at a counter.
        73 CardIssued(CardIssuedRecord), 1, "card_issued", NORMAL, card_issued;
        /// A new card takes the place of an account's current one, at a counter.
        74 CardReplaced(CardReplacedRecord), 1, "card_replaced", NORMAL, card_replaced;
        /// An account's current card is given back, at a counter.
        75 CardReturned(CardReturnedRecord), 1, "card_returned", NORMAL, card_returned;
        /// An account gets a query password.
        80 PasswordSet(PasswordSetRecord), 1, "password_set", NORMAL, password_set;
        /// A virtual card is bound to an account.
        81 VirtualBound(VirtualBoundRecord), 1, "virtual_bound", NORMAL, virtual_bound;
        /// A virtual card is bound to its account no more.
        82 VirtualUnbound(VirtualUnboundRecord), 1, "virtual_unbound", NORMAL, virtual_unbound;
        /// The holder of a virtual card has another phone number.
        83 PhoneSet(PhoneSetRecord), 1, "phone_set", NORMAL, phone_set;
        /// An account's current card is reported lost.
        84 LossReported(LossRecord), 1, "loss_reported", NORMAL, loss_reported;
        /// The loss report of an account's current card is taken back.
        85 LossLifted(LossRecord), 1, "loss_lifted", NORMAL, loss_lifted;
        /// The next payment-code key is in use.
        92 CodeKeyRotated(CodeKeyRotatedRecord), 1, "code_key_rotated", NORMAL, code_key_rotated;
        /// What one operator may do alone is set.
        96 OfficeRulesSet(OfficeRulesSetRecord), 2, "office_rules_set", NORMAL, office_rules_set;
        /// A subsidy batch is opened.
        97 SubsidyOpened(SubsidyOpenedRecord, title: &'a [u8]), 1, "subsidy_opened", NORMAL, subsidy_opened;
        /// A page of a batch's lines.
        98 SubsidyLines(SubsidyLinesRecord, lines: &'a [u8]), 1, "subsidy_lines", NORMAL, subsidy_lines;
        /// A batch takes a step.
        99 SubsidyStepped(SubsidySteppedRecord, reason: &'a [u8]),
            1, "subsidy_stepped", NORMAL, subsidy_stepped;
        /// What a class pays beside the price in a meal period is set.
        100 PriceSet(PriceSetRecord), 1, "price_set", NORMAL, price_set;
        /// A terminal's next key is in use.
        110 TerminalKeyRotated(TerminalKeyRotatedRecord, reason: &'a [u8]),
            1, "terminal_key_rotated", NORMAL, terminal_key_rotated;
        /// A terminal has signed in under the key in use.
        111 TerminalKeyTaken(TerminalKeyTakenRecord), 1, "terminal_key_taken", NORMAL, terminal_key_taken;
        /// Blank cards come into stock, at a counter.
        112 CardsStocked(CardsStockedRecord), 1, "cards_stocked", NORMAL, cards_stocked;
        /// An account is closed, at a counter.
        76 AccountClosed(AccountClosedRecord), 1, "account_closed", NORMAL, account_closed;
    }
}
