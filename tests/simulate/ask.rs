//! What a simulated client asks, owned, and as the ledger's request.

use engine::ledger::command::{
    AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, Balance, BillHead, CardDebit,
    CardIssue, CardReplace, CardReturn, Channel, CodeDebit, CodeVerdict, OfflineFact, Reversal, Sale,
    SaleQuery, SubsidyLines, SubsidyOpen, SubsidyStep, TopUp, TopUpUndo,
};
use engine::ledger::record::Wallet;
use engine::ledger::{Request, TerminalSlot};
use protocol::card::{CardKind, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::request::{AdjustDirection, FreezeAction, SubsidyAction, SubsidyLine, SubsidyMode, Verdict};

/// Why every operator does everything.
const REASON: &[u8] = "模拟".as_bytes();

/// The bytes that stand for every request, should it have to be kept out.
const RAW: &[u8] = b"a simulated request, as it came";

/// What the lines of a page come to.
pub fn sum_fen(lines: &[SubsidyLine]) -> i64 {
    lines.iter().map(|line| i64::from(line.amount_fen.get())).sum()
}

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Tap {
        card_uid: CardUid,
        counter: u32,
        amount_fen: i64,
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
    Offline {
        card_uid: CardUid,
        counter: u32,
        amount_fen: i64,
        till_time_ns: u64,
        authentic: bool,
        own: bool,
    },
    Issue {
        account: AccountId,
        card_uid: CardUid,
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
        !matches!(self, Ask::SaleQuery | Ask::Balance { .. } | Ask::BillHead { .. })
    }

    pub fn amount_fen(&self) -> i64 {
        match *self {
            Ask::Tap { amount_fen, .. }
            | Ask::Code { amount_fen, .. }
            | Ask::TopUp { amount_fen, .. }
            | Ask::TopUpUndo { amount_fen, .. }
            | Ask::Reversal { amount_fen, .. }
            | Ask::Adjust { amount_fen, .. }
            | Ask::Offline { amount_fen, .. } => amount_fen,
            Ask::Replace { fee_fen, .. } => fee_fen,
            Ask::Issue { .. } | Ask::GiveBack { .. } => 0,
            Ask::OpenBatch { total_fen, .. } => total_fen,
            Ask::Page { lines, .. } => sum_fen(lines),
            Ask::Freeze { .. } | Ask::Limits { .. } | Ask::Decide { .. } | Ask::Step { .. } => 0,
            Ask::SaleQuery | Ask::Balance { .. } | Ask::BillHead { .. } => 0,
        }
    }

    /// Whose card it changes.
    pub fn changes_card_of(&self) -> Option<AccountId> {
        match *self {
            Ask::Issue { account, .. } | Ask::Replace { account, .. } | Ask::GiveBack { account, .. } => {
                Some(account)
            }
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
            Ask::Issue { account, card_uid } | Ask::Replace { account, new_card: card_uid, .. } => {
                Some((card_uid, account))
            }
            _ => None,
        }
    }

    /// The ledger's request. `verdict` judges a payment code's digits at this moment.
    pub fn request(
        &self,
        slot: TerminalSlot,
        sale: SaleId,
        verdict: impl FnOnce(&[u8; 20]) -> CodeVerdict,
    ) -> Request<'static> {
        let SaleId { terminal, epoch, sequence } = sale;
        let sale = Sale { slot, terminal, epoch, sequence, raw: RAW };
        match *self {
            Ask::Tap { card_uid, counter, amount_fen } => Request::CardDebit(CardDebit {
                sale,
                card_uid,
                card_counter: CardCounter(counter),
                amount_fen,
            }),
            Ask::Code { digits, amount_fen, .. } => {
                Request::CodeDebit(CodeDebit { sale, digits, verdict: verdict(&digits), amount_fen })
            }
            Ask::TopUp { account, amount_fen, channel, order_number } => Request::TopUp(TopUp {
                sale,
                account: AccountSelector::Account(account),
                amount_fen,
                channel,
                order_number,
            }),
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
            Ask::Offline { card_uid, counter, amount_fen, till_time_ns, authentic, own } => {
                Request::Offline(OfflineFact {
                    sale,
                    record_terminal: if own { terminal } else { TerminalId(terminal.0 + 1_000) },
                    card_uid,
                    card_counter: CardCounter(counter),
                    amount_fen,
                    till_time_ns,
                    authentic,
                })
            }
            Ask::Issue { account, card_uid } => Request::CardIssue(CardIssue {
                sale,
                account: AccountSelector::Account(account),
                card_uid,
                kind: CardKind::Standard,
                expires_day: 0,
                fee_fen: 0,
            }),
            Ask::Replace { account, new_card, fee_fen } => Request::CardReplace(CardReplace {
                sale,
                account: AccountSelector::Account(account),
                new_card,
                reason: ReplaceReason::Lost,
                fee_fen,
            }),
            Ask::GiveBack { account, card_uid } => {
                Request::CardReturn(CardReturn { sale, account: AccountSelector::Account(account), card_uid })
            }
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
