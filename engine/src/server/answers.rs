//! Answers: what a reply of the ledger is on the wire, one arm a variant.

use protocol::answer::{
    AccountStatus, Answer, BalanceAnswer, BatchLinesAnswer, BatchSettleAnswer, BillAnswer, BlockListAnswer,
    Chip, MoneyAnswer, Refusal, ScanPayAnswer, ShiftAnswer, StatementAnswer, StatementMore, TapAnswer,
    UnconfirmedAnswer,
};
use protocol::command_table::Kind;
use protocol::frame::Header;
use protocol::ids::{AccountId, Epoch, RecordNumber, Sequence};
use protocol::result_code::ResultCode;
use protocol::till_totals::TillTotals;

use crate::ledger::Outcome;
use crate::ledger::account;
use crate::ledger::decision::BalanceView;
use crate::runtime::block_list_pages::BlockListPage;
use crate::runtime::engine::Reply;
use crate::runtime::statement::Statement;
use crate::runtime::till_desk::TillTold;
use crate::runtime::unconfirmed::{Silent, Unconfirmed};

/// What is to be told of a statement.
pub(super) struct ToldStatement {
    /// Approved, or why there is no page.
    pub(super) code: ResultCode,
    /// Whose it is.
    pub(super) account: AccountId,
    /// The account's newest record when it was asked for.
    pub(super) record: RecordNumber,
    /// The page; an empty one when there is none.
    pub(super) page: Statement,
}

/// What is to be told of how far a balance is confirmed.
pub(super) struct ToldUnconfirmed {
    /// Approved, or why it isn't known.
    pub(super) code: ResultCode,
    /// Whose balance it is.
    pub(super) account: AccountId,
    /// The account's newest record when it was asked for.
    pub(super) record: RecordNumber,
    /// What of the account may not have come.
    pub(super) found: Unconfirmed,
    /// Who may still have something.
    pub(super) silent: Silent,
}

/// The answer to who asked how far a balance is confirmed.
pub(super) fn unconfirmed_answer(told: &ToldUnconfirmed, server_time_ns: u64) -> UnconfirmedAnswer {
    let ToldUnconfirmed { code, account, record, found, silent } = told;
    UnconfirmedAnswer {
        code: *code,
        partial: found.partial,
        account: Some(*account),
        offline_fen: found.offline_fen,
        offline_sales: found.offline_sales,
        missing: found.missing,
        told_fen: found.told_fen,
        told: found.told,
        first_missing: found.first_missing,
        missing_since_ns: found.missing_since_ns,
        missing_before: found.missing_before,
        silent_tills: silent.tills,
        silent_terminal: silent.terminal,
        silent_since_ns: silent.since_ns,
        record: *record,
        server_time_ns,
    }
}

/// A reply as an answer to the request with this header.
pub(super) fn answer(header: &Header, reply: &Reply, server_time_ns: u64) -> Answer<'static> {
    match reply {
        Reply::Refused(code) => Answer::Refused(Refusal::new(*code)),
        Reply::Balance(view) => Answer::Balance(balance_answer(view, server_time_ns)),
        Reply::SaleNotSeen { .. } => Answer::Money(unknown_sale(server_time_ns)),
        Reply::Outcome(outcome) => match header.kind {
            Kind::Balance => Answer::Balance(no_balance(outcome.code, server_time_ns)),
            Kind::Bill => Answer::Bill(BillAnswer {
                code: outcome.code,
                account: None,
                next_before: RecordNumber(0),
                lines: &[],
            }),
            Kind::Statement => Answer::Statement(no_statement(outcome.code)),
            Kind::ShiftTotals | Kind::ShiftClose => Answer::Shift(no_shift(outcome.code)),
            Kind::BatchSettle => Answer::BatchSettle(no_batch(outcome.code)),
            Kind::BatchLines => {
                Answer::BatchLines(BatchLinesAnswer { code: outcome.code, equal: 0, lines: &[] })
            }
            Kind::CardTap => {
                Answer::Tap(TapAnswer { money: money_answer(outcome, server_time_ns), chip: None })
            }
            Kind::Unconfirmed => Answer::Unconfirmed(UnconfirmedAnswer::none(outcome.code, server_time_ns)),
            _ => Answer::Money(money_answer(outcome, server_time_ns)),
        },
        Reply::Tap { outcome, chip } => Answer::Tap(TapAnswer {
            money: money_answer(outcome, server_time_ns),
            chip: Some(Chip { balance_fen: chip.balance_fen, counter: chip.counter }),
        }),
        Reply::BillHead(_) | Reply::Duty(_) | Reply::Needs(_) => {
            unreachable!("the slow lane answers these with something else")
        }
    }
}

/// A reply to the payment of what was scanned: `confirmation` is what the phone shows if it is paid.
pub(super) fn scan_answer(
    header: &Header,
    reply: &Reply,
    confirmation: u32,
    server_time_ns: u64,
) -> Answer<'static> {
    let Reply::Outcome(outcome) = reply else { return answer(header, reply, server_time_ns) };
    let confirmation = outcome.code.is_approved().then_some(confirmation);
    Answer::ScanPay(ScanPayAnswer { money: money_answer(outcome, server_time_ns), confirmation })
}

fn money_answer(outcome: &Outcome, server_time_ns: u64) -> MoneyAnswer {
    MoneyAnswer {
        code: outcome.code,
        repeat: outcome.repeat,
        account: outcome.account,
        amount_fen: outcome.amount_fen,
        balance_after_fen: outcome.balance_after_fen,
        record: outcome.record,
        server_time_ns,
    }
}

/// The answer about a sale that never came.
const fn unknown_sale(server_time_ns: u64) -> MoneyAnswer {
    MoneyAnswer {
        code: ResultCode::UnknownSale,
        repeat: false,
        account: None,
        amount_fen: 0,
        balance_after_fen: 0,
        record: RecordNumber(0),
        server_time_ns,
    }
}

fn balance_answer(view: &BalanceView, server_time_ns: u64) -> BalanceAnswer {
    BalanceAnswer {
        code: ResultCode::Approved,
        status: match view.status {
            account::AccountStatus::Open => AccountStatus::Active,
            account::AccountStatus::Frozen => AccountStatus::Frozen,
            account::AccountStatus::Closed => AccountStatus::Closed,
        },
        account: Some(view.account),
        card_fen: view.card_fen,
        transition_fen: view.transition_fen,
        electronic_fen: view.electronic_fen,
        held_fen: view.held_fen,
        system_fen: view.system_fen,
        record: view.observed,
        server_time_ns,
    }
}

fn no_balance(code: ResultCode, server_time_ns: u64) -> BalanceAnswer {
    BalanceAnswer {
        code,
        status: AccountStatus::None,
        account: None,
        card_fen: 0,
        transition_fen: 0,
        electronic_fen: 0,
        held_fen: 0,
        system_fen: 0,
        record: RecordNumber(0),
        server_time_ns,
    }
}

const fn no_statement(code: ResultCode) -> StatementAnswer<'static> {
    StatementAnswer {
        code,
        account: None,
        next_before: RecordNumber(0),
        opening_fen: 0,
        in_fen: 0,
        out_fen: 0,
        closing_fen: 0,
        more: StatementMore::Nothing,
        record: RecordNumber(0),
        lines: &[],
    }
}

/// A page of a statement as the answer to who asked for it.
pub(super) fn statement_answer(told: &ToldStatement) -> StatementAnswer<'_> {
    let ToldStatement { code, account, record, page } = told;
    StatementAnswer {
        code: *code,
        account: Some(*account),
        next_before: page.next_before,
        opening_fen: page.opening_fen,
        in_fen: page.in_fen,
        out_fen: page.out_fen,
        closing_fen: page.closing_fen,
        more: page.more,
        record: *record,
        lines: &page.lines,
    }
}

/// A page of the block-list.
pub(super) fn block_list_answer(page: &BlockListPage) -> BlockListAnswer<'_> {
    let BlockListPage { whole, version, more, digest, cards, ref lines, .. } = *page;
    BlockListAnswer { code: ResultCode::Approved, whole, version, more, digest, cards, lines }
}

/// A shift that isn't told.
fn no_shift(code: ResultCode) -> ShiftAnswer {
    ShiftAnswer {
        code,
        repeat: false,
        shift: 0,
        cashier: 0,
        record: RecordNumber(0),
        totals: TillTotals::default(),
    }
}

/// A batch that isn't settled, without its totals.
fn no_batch(code: ResultCode) -> BatchSettleAnswer {
    BatchSettleAnswer {
        code,
        repeat: false,
        epoch: Epoch(0),
        batch: 0,
        last: Sequence(0),
        record: RecordNumber(0),
        totals: TillTotals::default(),
    }
}

/// What a till is told about itself.
pub(super) fn till_answer(told: &TillTold) -> Answer<'_> {
    match told {
        TillTold::Shift(shift) => Answer::Shift(*shift),
        TillTold::Batch(batch) => Answer::BatchSettle(*batch),
        TillTold::Receipt(receipt) => Answer::Reprint(*receipt),
        TillTold::Lines { equal, lines } => {
            Answer::BatchLines(BatchLinesAnswer { code: ResultCode::Approved, equal: *equal, lines })
        }
        TillTold::Reply(_) => unreachable!("a reply is told as any other"),
    }
}
