//! The fixed rows of a snapshot: little-endian, sizes asserted. Rows name logical ids, never a shard's places.

use protocol::ids::{AccountId, BusinessDate, CardUid, Epoch, RecordNumber, TerminalId};
use protocol::request::AdjustDirection;
use zerocopy::little_endian::{I32, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ledger::account::{Account, AccountStatus, Marks};
use crate::ledger::card_past::CardPast;
use crate::ledger::card_stock::BLOCK_WORDS;
use crate::ledger::gaps::Gaps;
use crate::ledger::holder::{Holder, PasswordRef};
use crate::ledger::hot::HotPart;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::limits::{GAPS_MAX, NAME_BYTES_MAX, SUSPENSE_RECENT};
use crate::ledger::meals::{MealSpent, Window};
use crate::ledger::open_taps::OpenTap;
use crate::ledger::orders::{Order, OrderKey};
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::proposals::Proposal;
use crate::ledger::record::{MealPeriodSetRecord, MerchantRegisteredRecord, RecordKind, Wallet};
use crate::ledger::terminal_entry::{AdjustedAlone, Duty, TerminalEntry};

/// A kind of row.
pub(super) trait Row: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned {
    /// Stands before the rows; never reused.
    const TAG: u32;
}

macro_rules! row {
    ($(#[$doc:meta])* $name:ident, tag $tag:literal, $bytes:literal bytes { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
        #[repr(C)]
        pub(in crate::ledger::snapshot) struct $name {
            $(pub(in crate::ledger::snapshot) $field: $type,)*
        }

        const _: () = assert!(size_of::<$name>() == $bytes);

        impl Row for $name {
            const TAG: u32 = $tag;
        }
    };
}

mod subsidies;

pub(super) use subsidies::{BatchRow, LineRow};

row! {
    /// One row: what isn't in a table.
    BooksRow, tag 1, 24 bytes {
        changed: U64,
        accounts: U32,
        subsidies_gone_up_to: U32,
        business_date: U16,
        reserved: [u8; 6],
    }
}

row! {
    MerchantRow, tag 2, 72 bytes {
        merchant: MerchantRegisteredRecord,
        name: [u8; NAME_BYTES_MAX],
    }
}

impl Row for crate::ledger::record::TerminalRegisteredRecord {
    const TAG: u32 = 3;
}

impl Row for crate::ledger::record::PolicySetRecord {
    const TAG: u32 = 4;
}

/// A rate that isn't 0.
impl Row for crate::ledger::record::PriceSetRecord {
    const TAG: u32 = 27;
}

row! {
    MealPeriodRow, tag 5, 72 bytes {
        period: MealPeriodSetRecord,
        name: [u8; NAME_BYTES_MAX],
    }
}

row! {
    /// In order of account, without holes.
    AccountRow, tag 6, 128 bytes {
        card_fen: I64,
        transition_fen: I64,
        electronic_fen: I64,
        held_fen: I64,
        head: U64,
        card_uid: U64,
        day_spent_fen: [I64; 2],
        card_counter: U32,
        debit_max_fen: U32,
        day_max_fen: U32,
        code_step: U32,
        days: [U16; 2],
        code_used: [U16; 3],
        month_end: U16,
        class: u8,
        status: u8,
        card_lost: u8,
        marks: u8,
        month_start: U64,
        student_number: [u8; 16],
        subsidy_fen: U32,
        card_seen: U32,
    }
}

row! {
    /// In order of card number.
    CardRow, tag 7, 16 bytes {
        card_uid: U64,
        account: U32,
        conflicted: u8,
        reserved: [u8; 3],
    }
}

row! {
    /// In order of slot.
    TillRow, tag 8, 3224 bytes {
        head: U64,
        bad_codes_since_ns: U64,
        suspense_recent: [U64; SUSPENSE_RECENT],
        slot: U16,
        epoch: U16,
        bad_codes: U16,
        suspense_date: U16,
        suspense_count: U16,
        batch_epoch: U16,
        block_list_version: U32,
        block_list_since_ns: U64,
        cashier: U32,
        shifts_closed: U32,
        cashier_before: U32,
        adjusted_day: U16,
        reserved: [u8; 2],
        adjusted_fen: I64,
        signed_by: U64,
        shift_above: U64,
        batch: U32,
        batch_last: U32,
        batch_record: U64,
        batch_above: U64,
        batch_digest: U64,
        highest: U32,
        gaps: U32,
        missing: [[U32; 2]; GAPS_MAX],
        since_s: [U32; GAPS_MAX],
    }
}

row! {
    /// In order of slot, then of sequence.
    OutcomeRow, tag 9, 72 bytes {
        record: U64,
        time_ns: U64,
        digest: U64,
        balance_after_fen: I64,
        amounts: I64,
        sequence: U32,
        debit: U32,
        credit: U32,
        slot: U16,
        epoch: U16,
        code: U16,
        limit_day: U16,
        channel_wallet: u8,
        kind: u8,
        marks: u8,
        subsidy: [u8; 3],
        reserved: [u8; 6],
    }
}

row! {
    /// In order of account, then of part. In the logical digest, one part with the sum and no head.
    HotRow, tag 10, 32 bytes {
        total_fen: I64,
        postings: U64,
        head: U64,
        account: U32,
        part: U32,
    }
}

row! {
    /// In order of record.
    OrderRow, tag 11, 48 bytes {
        digest: U64,
        check: U64,
        record: U64,
        amount_fen: I64,
        balance_after_fen: I64,
        credit: U32,
        reserved: U32,
    }
}

row! {
    /// In order of account.
    OpenTapRow, tag 12, 64 bytes {
        record: U64,
        amount_fen: I64,
        chip_balance_fen: I64,
        account: U32,
        counter: U32,
        terminal: U32,
        sequence: U32,
        credit: U32,
        subsidy_fen: U32,
        epoch: U16,
        slot: U16,
        limit_day: U16,
        contradicted: u8,
        pricing_fen: I32,
        window: u8,
        reserved: [u8; 4],
    }
}

row! {
    /// In order of card number.
    CardPastRow, tag 13, 48 bytes {
        card_uid: U64,
        since_ns: U64,
        former_since_ns: U64,
        ended_ns: U64,
        former_ended_ns: U64,
        former: U32,
        expires_day: U16,
        kind: u8,
        has_former: u8,
    }
}

row! {
    /// A blocked card, in order of card; then the moves of the block-list that are kept, in order of version.
    BlockRow, tag 14, 24 bytes {
        card_uid: U64,
        time_ns: U64,
        version: U32,
        what: u8,
        reserved: [u8; 3],
    }
}

row! {
    /// What is known of an account's holder, where anything is; in order of account.
    HolderRow, tag 15, 40 bytes {
        password: U64,
        locked_until_ns: U64,
        virtual_id: U64,
        phone: U64,
        account: U32,
        failures: u8,
        reserved: [u8; 3],
    }
}

impl HolderRow {
    pub(super) fn new(account: u32, holder: &Holder) -> Self {
        Self {
            password: holder.password.0.into(),
            locked_until_ns: holder.locked_until_ns.into(),
            virtual_id: holder.virtual_id.into(),
            phone: holder.phone.into(),
            account: account.into(),
            failures: holder.failures,
            reserved: [0; 3],
        }
    }

    pub(super) fn holder(&self) -> Holder {
        Holder {
            password: PasswordRef(self.password.get()),
            locked_until_ns: self.locked_until_ns.get(),
            virtual_id: self.virtual_id.get(),
            phone: self.phone.get(),
            failures: self.failures,
        }
    }
}

impl BlockRow {
    /// `what` of a card that is blocked, since the version and the time.
    pub(super) const BLOCKED: u8 = 0;
    /// `what` of a move that blocked the card.
    pub(super) const MOVE_ON: u8 = 1;
    /// `what` of a move that freed it.
    pub(super) const MOVE_OFF: u8 = 2;
    /// As [`Self::BLOCKED`], for a card that was lost.
    pub(super) const LOST: u8 = 3;
}

row! {
    /// One row.
    CodeKeyRow, tag 24, 8 bytes {
        version: U32,
        earlier_until_step: U32,
    }
}

row! {
    /// In order of slot; of terminals whose key was changed.
    KeyRotationRow, tag 29, 16 bytes {
        rotated_ns: U64,
        slot: U16,
        taken: u8,
        reserved: [u8; 5],
    }
}

row! {
    /// In order of block.
    StockRow, tag 30, 136 bytes {
        block: U64,
        bits: [U64; BLOCK_WORDS],
    }
}

impl Row for crate::ledger::record::OfficeRulesSetRecord {
    const TAG: u32 = 22;
}

row! {
    /// In order of record.
    ProposalRow, tag 23, 48 bytes {
        record: U64,
        time_ns: U64,
        expires_ns: U64,
        amount_fen: I64,
        account: U32,
        proposer: U32,
        wallet: u8,
        direction: u8,
        reserved: [u8; 6],
    }
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        Self {
            card_fen: account.card_fen.into(),
            transition_fen: account.transition_fen.into(),
            electronic_fen: account.electronic_fen.into(),
            held_fen: account.held_fen.into(),
            head: account.head.into(),
            card_uid: account.card_uid.into(),
            day_spent_fen: account.day_spent_fen.map(I64::new),
            card_counter: account.card_counter.into(),
            debit_max_fen: account.debit_max_fen.into(),
            day_max_fen: account.day_max_fen.into(),
            code_step: account.code_step.into(),
            days: account.days.map(U16::new),
            code_used: account.code_used.map(U16::new),
            month_end: account.month_end.into(),
            class: account.class,
            status: account.status as u8,
            card_lost: account.card_lost.into(),
            marks: account.marks.0,
            month_start: account.month_start.into(),
            student_number: account.student_number,
            subsidy_fen: account.subsidy_fen.into(),
            card_seen: account.card_seen.into(),
        }
    }
}

impl AccountRow {
    pub(super) fn account(&self) -> Option<Account> {
        Some(Account {
            card_fen: self.card_fen.get(),
            transition_fen: self.transition_fen.get(),
            electronic_fen: self.electronic_fen.get(),
            held_fen: self.held_fen.get(),
            head: self.head.get(),
            card_uid: self.card_uid.get(),
            day_spent_fen: self.day_spent_fen.map(I64::get),
            card_counter: self.card_counter.get(),
            debit_max_fen: self.debit_max_fen.get(),
            day_max_fen: self.day_max_fen.get(),
            code_step: self.code_step.get(),
            days: self.days.map(U16::get),
            code_used: self.code_used.map(U16::get),
            month_end: self.month_end.get(),
            class: self.class,
            status: AccountStatus::from_number(self.status)?,
            card_lost: self.card_lost != 0,
            marks: Marks(self.marks),
            month_start: self.month_start.get(),
            student_number: self.student_number,
            subsidy_fen: self.subsidy_fen.get(),
            card_seen: self.card_seen.get(),
        })
    }
}

impl TillRow {
    pub(super) fn new(slot: u16, entry: &TerminalEntry) -> Self {
        Self {
            head: entry.head.into(),
            bad_codes_since_ns: entry.bad_codes_since_ns.into(),
            suspense_recent: entry.suspense_recent.map(U64::new),
            slot: slot.into(),
            epoch: entry.epoch.0.into(),
            bad_codes: entry.bad_codes.into(),
            suspense_date: entry.suspense_date.0.into(),
            suspense_count: entry.suspense_count.into(),
            batch_epoch: entry.duty.batch_epoch.into(),
            block_list_version: entry.block_list_version.into(),
            block_list_since_ns: entry.block_list_since_ns.into(),
            cashier: entry.duty.cashier.into(),
            cashier_before: entry.duty.cashier_before.into(),
            adjusted_day: entry.adjusted_alone.day.into(),
            reserved: [0; 2],
            adjusted_fen: entry.adjusted_alone.fen.into(),
            signed_by: entry.duty.signed_by.into(),
            shifts_closed: entry.duty.shifts_closed.into(),
            shift_above: entry.duty.shift_above.into(),
            batch: entry.duty.batch.into(),
            batch_last: entry.duty.batch_last.into(),
            batch_record: entry.duty.batch_record.into(),
            batch_above: entry.duty.batch_above.into(),
            batch_digest: entry.duty.batch_digest.into(),
            highest: entry.gaps.highest.into(),
            gaps: entry.gaps.count.into(),
            missing: entry.gaps.missing.map(|(first, last)| [first.into(), last.into()]),
            since_s: entry.gaps.since_s.map(U32::new),
        }
    }

    pub(super) fn restore(&self, entry: &mut TerminalEntry) -> Option<()> {
        if self.gaps.get() as usize > GAPS_MAX {
            return None;
        }
        entry.head = self.head.get();
        entry.bad_codes_since_ns = self.bad_codes_since_ns.get();
        entry.suspense_recent = self.suspense_recent.map(U64::get);
        entry.block_list_version = self.block_list_version.get();
        entry.block_list_since_ns = self.block_list_since_ns.get();
        entry.duty = Duty {
            cashier: self.cashier.get(),
            cashier_before: self.cashier_before.get(),
            signed_by: self.signed_by.get(),
            shifts_closed: self.shifts_closed.get(),
            shift_above: self.shift_above.get(),
            batch: self.batch.get(),
            batch_last: self.batch_last.get(),
            batch_epoch: self.batch_epoch.get(),
            batch_record: self.batch_record.get(),
            batch_above: self.batch_above.get(),
            batch_digest: self.batch_digest.get(),
        };
        entry.adjusted_alone = AdjustedAlone { day: self.adjusted_day.get(), fen: self.adjusted_fen.get() };
        entry.epoch = Epoch(self.epoch.get());
        entry.bad_codes = self.bad_codes.get();
        entry.suspense_date = BusinessDate(self.suspense_date.get());
        entry.suspense_count = self.suspense_count.get();
        entry.gaps = Gaps {
            highest: self.highest.get(),
            count: self.gaps.get(),
            missing: self.missing.map(|[first, last]| (first.get(), last.get())),
            since_s: self.since_s.map(U32::get),
        };
        Some(())
    }
}

impl OutcomeRow {
    pub(super) fn new(slot: u16, outcome: &RememberedOutcome) -> Self {
        Self {
            record: outcome.record.into(),
            time_ns: outcome.time_ns.into(),
            digest: outcome.digest.into(),
            balance_after_fen: outcome.balance_after_fen.into(),
            amounts: outcome.amounts.into(),
            sequence: outcome.sequence.into(),
            debit: outcome.debit.bits().into(),
            credit: outcome.credit.bits().into(),
            slot: slot.into(),
            epoch: outcome.epoch.into(),
            code: outcome.code.into(),
            limit_day: outcome.limit_day.into(),
            channel_wallet: outcome.channel_wallet,
            kind: outcome.kind.map_or(0, |kind| kind as u8),
            marks: outcome.marks.0,
            subsidy: outcome.subsidy,
            reserved: [0; 6],
        }
    }

    pub(super) fn outcome(&self) -> RememberedOutcome {
        RememberedOutcome {
            record: self.record.get(),
            time_ns: self.time_ns.get(),
            digest: self.digest.get(),
            balance_after_fen: self.balance_after_fen.get(),
            amounts: self.amounts.get(),
            sequence: self.sequence.get(),
            debit: LedgerAccount::from_bits(self.debit.get()),
            credit: LedgerAccount::from_bits(self.credit.get()),
            epoch: self.epoch.get(),
            code: self.code.get(),
            limit_day: self.limit_day.get(),
            channel_wallet: self.channel_wallet,
            kind: RecordKind::from_number(self.kind),
            marks: OutcomeMarks(self.marks),
            subsidy: self.subsidy,
        }
    }
}

impl HotRow {
    pub(super) fn new(account: LedgerAccount, part: u32, hot: &HotPart) -> Self {
        Self {
            total_fen: hot.total_fen.into(),
            postings: hot.postings.into(),
            head: hot.head.into(),
            account: account.bits().into(),
            part: part.into(),
        }
    }
}

impl From<&Proposal> for ProposalRow {
    fn from(proposal: &Proposal) -> Self {
        Self {
            record: proposal.record.0.into(),
            time_ns: proposal.time_ns.into(),
            expires_ns: proposal.expires_ns.into(),
            amount_fen: proposal.amount_fen.into(),
            account: proposal.account.0.into(),
            proposer: proposal.proposer.0.into(),
            wallet: proposal.wallet as u8,
            direction: proposal.direction.number(),
            reserved: [0; 6],
        }
    }
}

row! {
    /// In order of account; of those alone who have spent something in a window.
    MealRow, tag 30, 16 bytes {
        spent_fen: I64,
        account: U32,
        day: U16,
        window: u8,
        reserved: u8,
    }
}

impl MealRow {
    pub(super) fn new(account: u32, spent: &MealSpent) -> Self {
        Self {
            spent_fen: spent.spent_fen.into(),
            account: account.into(),
            day: spent.day.into(),
            window: spent.window.number(),
            reserved: 0,
        }
    }

    /// None where there is no such window.
    pub(super) fn spent(&self) -> Option<MealSpent> {
        let window = Window::from_number(self.window.into()).filter(|window| window.is_some())?;
        Some(MealSpent { spent_fen: self.spent_fen.get(), day: self.day.get(), window })
    }
}

impl From<&(u64, OpenTap)> for OpenTapRow {
    fn from((key, tap): &(u64, OpenTap)) -> Self {
        Self {
            record: tap.record.into(),
            amount_fen: tap.amount_fen.into(),
            chip_balance_fen: tap.chip_balance_fen.into(),
            account: OpenTap::account_of(*key).0.into(),
            counter: tap.counter.into(),
            terminal: tap.terminal.into(),
            sequence: tap.sequence.into(),
            credit: tap.credit.bits().into(),
            subsidy_fen: tap.subsidy_fen.into(),
            epoch: tap.epoch.into(),
            slot: tap.slot.into(),
            limit_day: tap.limit_day.into(),
            contradicted: tap.contradicted.into(),
            pricing_fen: tap.pricing_fen.into(),
            window: tap.window.number(),
            reserved: [0; 4],
        }
    }
}

impl OpenTapRow {
    /// The tap and its key; none when a mark isn't one.
    pub(super) fn tap(&self) -> Option<(u64, OpenTap)> {
        let tap = OpenTap {
            record: self.record.get(),
            amount_fen: self.amount_fen.get(),
            chip_balance_fen: self.chip_balance_fen.get(),
            counter: self.counter.get(),
            terminal: self.terminal.get(),
            sequence: self.sequence.get(),
            credit: LedgerAccount::from_bits(self.credit.get()),
            subsidy_fen: self.subsidy_fen.get(),
            pricing_fen: self.pricing_fen.get(),
            epoch: self.epoch.get(),
            slot: self.slot.get(),
            limit_day: self.limit_day.get(),
            window: Window::from_number(self.window.into())?,
            contradicted: match self.contradicted {
                0 => false,
                1 => true,
                _ => return None,
            },
        };
        Some((OpenTap::key(AccountId(self.account.get())), tap))
    }
}

impl From<&(CardUid, CardPast)> for CardPastRow {
    fn from((uid, past): &(CardUid, CardPast)) -> Self {
        Self {
            card_uid: uid.0.into(),
            since_ns: past.since_ns.into(),
            former_since_ns: past.former_since_ns.into(),
            former: past.former.map_or(0, |former| former.0).into(),
            ended_ns: past.ended_ns.into(),
            former_ended_ns: past.former_ended_ns.into(),
            expires_day: past.expires_day.into(),
            kind: past.kind,
            has_former: past.former.is_some().into(),
        }
    }
}

impl ProposalRow {
    pub(super) fn proposal(&self) -> Option<Proposal> {
        Some(Proposal {
            record: RecordNumber(self.record.get()),
            time_ns: self.time_ns.get(),
            expires_ns: self.expires_ns.get(),
            amount_fen: self.amount_fen.get(),
            account: AccountId(self.account.get()),
            proposer: TerminalId(self.proposer.get()),
            wallet: Wallet::from_number(self.wallet)?,
            direction: AdjustDirection::from_number(self.direction)?,
        })
    }
}

impl CardPastRow {
    /// The card and what is known of it; none when a mark isn't one.
    pub(super) fn past(&self) -> Option<(CardUid, CardPast)> {
        let past = CardPast {
            since_ns: self.since_ns.get(),
            former_since_ns: self.former_since_ns.get(),
            former: match self.has_former {
                0 => None,
                1 => Some(AccountId(self.former.get())),
                _ => return None,
            },
            ended_ns: self.ended_ns.get(),
            former_ended_ns: self.former_ended_ns.get(),
            expires_day: self.expires_day.get(),
            kind: self.kind,
        };
        Some((CardUid(self.card_uid.get()), past))
    }
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        Self {
            digest: order.key.digest.into(),
            check: order.key.check.into(),
            record: order.record.into(),
            amount_fen: order.amount_fen.into(),
            balance_after_fen: order.balance_after_fen.into(),
            credit: order.credit.bits().into(),
            reserved: U32::ZERO,
        }
    }
}

impl OrderRow {
    pub(super) fn order(&self) -> Order {
        Order {
            key: OrderKey { digest: self.digest.get(), check: self.check.get() },
            record: self.record.get(),
            amount_fen: self.amount_fen.get(),
            balance_after_fen: self.balance_after_fen.get(),
            credit: LedgerAccount::from_bits(self.credit.get()),
        }
    }
}
