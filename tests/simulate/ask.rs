//! What a simulated client asks, owned, and as the ledger's request.

use std::sync::LazyLock;

use engine::ledger::command::{
    AccountClose, AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, Balance, BatchSettle,
    BillHead, BlockListActive, CardDebit, CardIssue, CardReplace, CardReturn, CardStock, CardTap, Carried,
    CashierSign, Channel, CodeDebit, CodeKeyRotate, CodeRevoke, CodeVerdict, GapClose, LossLift, LossReport,
    OfflineFact, PasswordDebit, PasswordSet, PhoneChange, Previous, Refund, Reversal, Sale, SaleQuery,
    ScanPay, ShiftClose, SubsidyLines, SubsidyOpen, SubsidyStep, TapConfirm, Tender, TerminalKeyRotate,
    TillList, ToldPost, TopUp, TopUpUndo, VirtualBind, VirtualUnbind, Void,
};
use engine::ledger::record::Wallet;
use engine::ledger::{Request, TerminalSlot};
use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{
    AccountId, CardCounter, CardUid, Epoch, PhoneDigest, RecordNumber, SaleId, Sequence, TerminalId,
    VirtualId,
};
use protocol::request::{AdjustDirection, FreezeAction, SubsidyAction, SubsidyLine, SubsidyMode, Verdict};
use protocol::till_totals::TillTotals;

use super::operator::student_number;

/// Why every operator does everything.
const REASON: &[u8] = "模拟".as_bytes();

/// The bytes that stand for every request, should it have to be kept out.
const RAW: &[u8] = b"a simulated request, as it came";

/// What a till adds up that only wants its batch closed.
static NO_TOTALS: LazyLock<TillTotals> = LazyLock::new(TillTotals::default);

/// The till at a slot: what names no sale names no till.
fn terminal_of(slot: TerminalSlot) -> TerminalId {
    TerminalId(101 + u32::from(slot.0))
}

/// What the lines of a page come to.
pub fn sum_fen(lines: &[SubsidyLine]) -> i64 {
    lines.iter().map(|line| i64::from(line.amount_fen.get())).sum()
}

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// With the holder's query password, or without one.
    Tap {
        card_uid: CardUid,
        counter: u32,
        amount_fen: i64,
        password: Option<u8>,
    },
    /// In two phases.
    ChipTap {
        card_uid: CardUid,
        counter: u32,
        amount_fen: i64,
    },
    /// What became of the chip after one of these.
    Confirm {
        epoch: Epoch,
        sequence: Sequence,
        amount_fen: i64,
        write: ChipWrite,
    },
    Code {
        digits: [u8; 20],
        account: Option<AccountId>,
        amount_fen: i64,
    },
    TopUp {
        account: AccountId,
        amount_fen: i64,
        channel: Channel,
        order_number: [u8; 32],
    },
    Tender {
        amount_fen: i64,
        channel: Channel,
        order_number: [u8; 32],
    },
    TopUpUndo {
        epoch: Epoch,
        sequence: Sequence,
        amount_fen: i64,
    },
    Reversal {
        epoch: Epoch,
        sequence: Sequence,
        amount_fen: i64,
    },
    Void {
        epoch: Epoch,
        sequence: Sequence,
        amount_fen: i64,
    },
    /// Of a debit of the same till.
    Refund {
        epoch: Epoch,
        sequence: Sequence,
        amount_fen: i64,
    },
    Offline {
        card_uid: CardUid,
        counter: u32,
        amount_fen: i64,
        till_time_ns: u64,
        authentic: bool,
        own: bool,
        /// What the chip tells of its transaction before.
        previous: Previous,
    },
    Issue {
        account: AccountId,
        card_uid: CardUid,
        expires_day: u16,
    },
    Replace {
        account: AccountId,
        new_card: CardUid,
        fee_fen: i64,
    },
    GiveBack {
        account: AccountId,
        card_uid: CardUid,
    },
    SetPassword {
        account: AccountId,
        password: u8,
    },
    BindPhone {
        account: AccountId,
        virtual_id: u64,
        password: u8,
    },
    UnbindPhone {
        virtual_id: u64,
    },
    TellPhone {
        virtual_id: u64,
        phone: u64,
    },
    Lose {
        account: AccountId,
        password: u8,
    },
    Find {
        account: AccountId,
        password: u8,
    },
    ReportList {
        version: u32,
        is_right: bool,
    },
    /// A gateway pays what the till at this slot showed.
    ScanPay {
        account: AccountId,
        scanned: SaleId,
        slot: TerminalSlot,
        amount_fen: i64,
        till_time_ns: u64,
    },
    /// The till tells of what it showed.
    ScanUpload {
        amount_fen: i64,
        till_time_ns: u64,
    },
    /// A counter closes a hole of the till at this slot.
    CloseGap {
        till: TerminalId,
        slot: TerminalSlot,
        epoch: Epoch,
        first: Sequence,
        last: Sequence,
    },
    /// A counter has a sale posted that a card told of.
    PostTold {
        card_uid: CardUid,
        counter: u32,
        told: SaleId,
        amount_fen: i64,
    },
    Revoke {
        account: AccountId,
    },
    NewCodeKey {
        key_version: u32,
    },
    Freeze {
        account: AccountId,
        action: FreezeAction,
    },
    Limits {
        account: AccountId,
        day_max_fen: u32,
    },
    Adjust {
        account: AccountId,
        amount_fen: i64,
        wallet: Wallet,
        direction: AdjustDirection,
    },
    Decide {
        proposal: RecordNumber,
        verdict: Verdict,
    },
    /// Blank cards come to a counter.
    Stock {
        first: CardUid,
        count: u16,
    },
    /// An administrator takes the terminal's next key into use.
    NewTerminalKey {
        terminal: TerminalId,
        key_version: u32,
    },
    Close {
        account: AccountId,
        card_uid: CardUid,
    },
    Sign {
        cashier: u32,
        on: bool,
    },
    CloseShift {
        shift: u32,
    },
    /// Closed as it stands.
    SettleBatch {
        batch: u32,
        epoch: Epoch,
        first: u32,
        last: u32,
    },
    OpenBatch {
        batch: u32,
        lines: u32,
        total_fen: i64,
        mode: SubsidyMode,
        deadline_day: u16,
    },
    Page {
        batch: u32,
        lines: &'static [SubsidyLine],
    },
    Step {
        batch: u32,
        action: SubsidyAction,
    },
    SaleQuery,
    Balance {
        account: AccountId,
    },
    BillHead {
        account: AccountId,
    },
}

impl Ask {
    /// Whether it uses a sequence up.
    pub fn is_money(&self) -> bool {
        self.names_a_sale() && *self != Ask::SaleQuery
    }

    /// Whether it is about a sale: one of its own, or an earlier one.
    pub fn names_a_sale(&self) -> bool {
        !matches!(
            self,
            Ask::ReportList { .. }
                | Ask::Sign { .. }
                | Ask::CloseShift { .. }
                | Ask::SettleBatch { .. }
                | Ask::Balance { .. }
                | Ask::BillHead { .. }
        )
    }

    /// Whether a run has few of it.
    pub fn is_rare(&self) -> bool {
        matches!(
            self,
            Ask::NewCodeKey { .. }
                | Ask::Close { .. }
                | Ask::CloseGap { .. }
                | Ask::GiveBack { .. }
                | Ask::PostTold { .. }
                | Ask::Refund { .. }
                | Ask::TellPhone { .. }
                | Ask::TopUpUndo { .. }
                | Ask::UnbindPhone { .. }
                | Ask::Void { .. }
        )
    }

    pub fn amount_fen(&self) -> i64 {
        match *self {
            Ask::Tap { amount_fen, .. }
            | Ask::ChipTap { amount_fen, .. }
            | Ask::Confirm { amount_fen, .. }
            | Ask::Code { amount_fen, .. }
            | Ask::TopUp { amount_fen, .. }
            | Ask::Tender { amount_fen, .. }
            | Ask::TopUpUndo { amount_fen, .. }
            | Ask::Reversal { amount_fen, .. }
            | Ask::Void { amount_fen, .. }
            | Ask::Refund { amount_fen, .. }
            | Ask::Adjust { amount_fen, .. }
            | Ask::Offline { amount_fen, .. }
            | Ask::PostTold { amount_fen, .. }
            | Ask::ScanPay { amount_fen, .. }
            | Ask::ScanUpload { amount_fen, .. } => amount_fen,
            Ask::Replace { fee_fen, .. } => fee_fen,
            Ask::OpenBatch { total_fen, .. } => total_fen,
            Ask::Page { lines, .. } => sum_fen(lines),
            _ => 0,
        }
    }

    /// The query password that comes along.
    pub fn password(&self) -> Option<u8> {
        match *self {
            Ask::SetPassword { password, .. }
            | Ask::BindPhone { password, .. }
            | Ask::Lose { password, .. }
            | Ask::Find { password, .. } => Some(password),
            Ask::Tap { password, .. } => password,
            _ => None,
        }
    }

    /// Whose card it reports lost, or found.
    pub fn loses_card_of(&self) -> Option<AccountId> {
        match *self {
            Ask::Lose { account, .. } | Ask::Find { account, .. } => Some(account),
            _ => None,
        }
    }

    /// Whose card it changes.
    pub fn changes_card_of(&self) -> Option<AccountId> {
        match *self {
            Ask::Issue { account, .. }
            | Ask::Replace { account, .. }
            | Ask::GiveBack { account, .. }
            | Ask::Close { account, .. } => Some(account),
            _ => None,
        }
    }

    /// Whose status it changes.
    pub fn changes_status_of(&self) -> Option<AccountId> {
        match *self {
            Ask::Freeze { account, .. } => Some(account),
            _ => None,
        }
    }

    /// The card that it hands out, and to whom.
    pub fn hands_out(&self) -> Option<(CardUid, AccountId)> {
        match *self {
            Ask::Issue { account, card_uid, .. } | Ask::Replace { account, new_card: card_uid, .. } => {
                Some((card_uid, account))
            }
            _ => None,
        }
    }

    /// The sale that was undone when the one of this identity is answered as reversed: a till takes back what a phone paid.
    pub fn undone_as(&self, sale: SaleId) -> SaleId {
        match *self {
            Ask::ScanPay { scanned, .. } => scanned,
            _ => sale,
        }
    }

    /// The identity under which it posts, where that is another's.
    pub fn posts_as(&self) -> Option<SaleId> {
        match *self {
            Ask::ScanPay { scanned, .. } => Some(scanned),
            Ask::PostTold { told, .. } => Some(told),
            _ => None,
        }
    }

    /// Whether it comes with an upload.
    pub fn is_uploaded(&self) -> bool {
        matches!(self, Ask::Offline { .. } | Ask::ScanUpload { .. })
    }

    /// The ledger's request. `verdict` judges a payment code's digits at this moment, and says under which key.
    pub fn request(
        &self,
        slot: TerminalSlot,
        sale: SaleId,
        verdict: impl FnOnce(&[u8; 20]) -> (CodeVerdict, u32),
    ) -> Request<'static> {
        let SaleId { terminal, epoch, sequence } = sale;
        let sale = Sale { slot, terminal, epoch, sequence, raw: RAW };
        match *self {
            Ask::Tap { card_uid, counter, amount_fen, password: None } => Request::CardDebit(CardDebit {
                sale,
                card_uid,
                card_counter: CardCounter(counter),
                amount_fen,
            }),
            Ask::Tap { card_uid, counter, amount_fen, password: Some(_) } => {
                Request::PasswordDebit(PasswordDebit {
                    sale,
                    card_uid,
                    card_counter: CardCounter(counter),
                    amount_fen,
                    well_formed: true,
                })
            }
            Ask::ChipTap { card_uid, counter, amount_fen } => {
                Request::CardTap(CardTap { sale, card_uid, card_counter: CardCounter(counter), amount_fen })
            }
            Ask::Confirm { epoch, sequence, amount_fen, write } => Request::TapConfirm(TapConfirm {
                sale,
                original_terminal: terminal,
                original_epoch: epoch,
                original_sequence: sequence,
                amount_fen,
                write,
            }),
            Ask::Code { digits, amount_fen, .. } => {
                let (verdict, key_version) = verdict(&digits);
                Request::CodeDebit(CodeDebit { sale, digits, verdict, key_version, amount_fen })
            }
            Ask::TopUp { account, amount_fen, channel, order_number } => Request::TopUp(TopUp {
                sale,
                account: AccountSelector::Account(account),
                amount_fen,
                channel,
                order_number,
            }),
            Ask::Tender { amount_fen, channel, order_number } => {
                Request::Tender(Tender { sale, amount_fen, channel, order_number })
            }
            Ask::TopUpUndo { epoch, sequence, amount_fen } => Request::TopUpUndo(TopUpUndo {
                sale,
                original_epoch: epoch,
                original_sequence: sequence,
                amount_fen,
            }),
            Ask::Reversal { epoch, sequence, amount_fen } => Request::Reversal(Reversal {
                sale,
                original_epoch: epoch,
                original_sequence: sequence,
                amount_fen,
            }),
            Ask::Void { epoch, sequence, amount_fen } => {
                Request::Void(Void { sale, original_epoch: epoch, original_sequence: sequence, amount_fen })
            }
            Ask::Refund { epoch, sequence, amount_fen } => Request::Refund(Refund {
                sale,
                original: SaleId { terminal, epoch, sequence },
                original_slot: Some(slot),
                amount_fen,
            }),
            Ask::Offline { card_uid, counter, amount_fen, till_time_ns, authentic, own, previous } => {
                Request::Offline(OfflineFact {
                    sale,
                    record_terminal: if own { terminal } else { TerminalId(terminal.0 + 1_000) },
                    card_uid,
                    card_counter: CardCounter(counter),
                    amount_fen,
                    till_time_ns,
                    list: Some(TillList { version: 1, age_s: 60 }),
                    authentic,
                    carried: Carried { previous, ..Carried::default() },
                })
            }
            Ask::Issue { account, card_uid, expires_day } => Request::CardIssue(CardIssue {
                sale,
                account: AccountSelector::Account(account),
                card_uid,
                kind: CardKind::Standard,
                expires_day,
                fee_fen: 0,
            }),
            Ask::Replace { account, new_card, fee_fen } => Request::CardReplace(CardReplace {
                sale,
                account: AccountSelector::Account(account),
                new_card,
                reason: ReplaceReason::Lost,
                terms: CardTerms::STANDARD,
                fee_fen,
            }),
            Ask::GiveBack { account, card_uid } => {
                Request::CardReturn(CardReturn { sale, account: AccountSelector::Account(account), card_uid })
            }
            Ask::SetPassword { account, .. } => Request::PasswordSet(PasswordSet {
                sale,
                account: AccountSelector::Account(account),
                well_formed: true,
            }),
            Ask::BindPhone { account, virtual_id, .. } => Request::VirtualBind(VirtualBind {
                sale,
                student_number: student_number(account.0),
                virtual_id: VirtualId(virtual_id),
                well_formed: true,
                intake_step: 0,
            }),
            Ask::UnbindPhone { virtual_id } => Request::VirtualUnbind(VirtualUnbind {
                sale,
                virtual_id: VirtualId(virtual_id),
                intake_step: 0,
            }),
            Ask::TellPhone { virtual_id, phone } => Request::PhoneChange(PhoneChange {
                sale,
                virtual_id: VirtualId(virtual_id),
                phone: PhoneDigest(phone),
            }),
            Ask::Lose { account, .. } => Request::LossReport(LossReport {
                sale,
                account: AccountSelector::Account(account),
                well_formed: true,
            }),
            Ask::Find { account, .. } => Request::LossLift(LossLift {
                sale,
                account: AccountSelector::Account(account),
                well_formed: true,
            }),
            Ask::Sign { cashier, on } => Request::CashierSign(CashierSign {
                slot,
                terminal: terminal_of(slot),
                cashier,
                on,
                unsent_records: 0,
                till_time_ns: 0,
            }),
            Ask::CloseShift { shift } => Request::ShiftClose(ShiftClose {
                slot,
                terminal: terminal_of(slot),
                shift,
                unsent_records: 0,
                till_time_ns: 0,
            }),
            Ask::SettleBatch { batch, epoch, first, last } => Request::BatchSettle(BatchSettle {
                slot,
                terminal: terminal_of(slot),
                epoch,
                batch,
                first: Sequence(first),
                last: Sequence(last),
                as_it_stands: true,
                totals: &NO_TOTALS,
                till_time_ns: 0,
            }),
            Ask::ReportList { version, is_right } => Request::BlockListActive(BlockListActive {
                slot,
                terminal: terminal_of(slot),
                version,
                digest: [version as u8; 16],
                is_right,
                till_time_ns: 0,
            }),
            Ask::ScanPay { account, scanned, slot, amount_fen, till_time_ns } => Request::ScanPay(ScanPay {
                sale,
                account: AccountSelector::Account(account),
                scanned,
                scanned_slot: slot,
                amount_fen,
                till_time_ns,
                authentic: true,
                till_connected: scanned.sequence.0.is_multiple_of(5),
            }),
            Ask::ScanUpload { amount_fen, till_time_ns } => Request::Offline(OfflineFact {
                sale,
                record_terminal: terminal,
                card_uid: CardUid(0),
                card_counter: CardCounter(0),
                amount_fen,
                till_time_ns,
                list: None,
                authentic: true,
                carried: Carried { by_scan: true, ..Carried::default() },
            }),
            Ask::CloseGap { till, slot, epoch, first, last } => {
                let reason = [b'x'; 32];
                Request::GapClose(GapClose { sale, till, till_slot: slot, epoch, first, last, reason })
            }
            Ask::PostTold { card_uid, counter, .. } => {
                let (card_counter, reason) = (CardCounter(counter), [b'x'; 32]);
                Request::ToldPost(ToldPost { sale, card_uid, card_counter, reason })
            }
            Ask::Revoke { account } => Request::CodeRevoke(CodeRevoke {
                sale,
                account: AccountSelector::Account(account),
                intake_step: 0,
            }),
            Ask::NewCodeKey { key_version } => Request::CodeKeyRotate(CodeKeyRotate {
                sale,
                key_version,
                refuses_earlier: key_version.is_multiple_of(3),
            }),
            Ask::Freeze { account, action } => Request::AccountFreeze(AccountFreeze {
                sale,
                account: AccountSelector::Account(account),
                action,
                reason: REASON,
            }),
            Ask::Limits { account, day_max_fen } => Request::AccountLimits(AccountLimits {
                sale,
                account: AccountSelector::Account(account),
                debit_max_fen: 0,
                day_max_fen,
                class: 0,
                reason: REASON,
            }),
            Ask::Adjust { account, amount_fen, wallet, direction } => Request::Adjust(Adjust {
                sale,
                account: AccountSelector::Account(account),
                amount_fen,
                wallet,
                direction,
                reason: REASON,
            }),
            Ask::Decide { proposal, verdict } => {
                Request::AdjustDecide(AdjustDecide { sale, proposal, verdict, reason: REASON })
            }
            Ask::Stock { first, count } => Request::CardStock(CardStock { sale, first, count }),
            Ask::NewTerminalKey { terminal, key_version } => {
                Request::TerminalKeyRotate(TerminalKeyRotate { sale, terminal, key_version, reason: REASON })
            }
            Ask::Close { account, card_uid } => Request::AccountClose(AccountClose {
                sale,
                account: AccountSelector::Account(account),
                card_uid,
                way: PayoutWay::Cash,
            }),
            Ask::OpenBatch { batch, lines, total_fen, mode, deadline_day } => {
                let title = REASON;
                Request::SubsidyOpen(SubsidyOpen { sale, batch, mode, deadline_day, lines, total_fen, title })
            }
            Ask::Page { batch, lines } => {
                Request::SubsidyLines(SubsidyLines { sale, batch, first: 0, lines })
            }
            Ask::Step { batch, action } => {
                Request::SubsidyStep(SubsidyStep { sale, batch, action, reason: REASON })
            }
            Ask::SaleQuery => Request::SaleQuery(SaleQuery { sale }),
            Ask::Balance { account } => {
                Request::Balance(Balance { account: AccountSelector::Account(account) })
            }
            Ask::BillHead { account } => {
                Request::BillHead(BillHead { account: AccountSelector::Account(account) })
            }
        }
    }
}
