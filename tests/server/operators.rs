//! Operators over sockets: people with keys of their own, who freeze, limit and adjust while tills sell.

use protocol::answer::{AdjustmentLine, AdjustmentsAnswer, Answer, MoneyAnswer};
use protocol::bill::BillLineKind;
use protocol::channel::Channel;
use protocol::ids::{AccountId, RecordNumber, TerminalId};
use protocol::request::{
    AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, AdjustDirection, AdjustWallet,
    AdjustmentsQuery, FreezeAction, Reason, Reasoned, Request, Verdict,
};
use protocol::result_code::ResultCode;
use protocol::sign_in::TerminalIdentity;

use crate::campus::{
    ADMINISTRATOR, AUDITOR, CARD_CENTRE, Campus, FINANCE, OPENING_FEN, SECOND_FINANCE, card, till,
};
use crate::program::Serving;
use crate::seed::Random;
use crate::wire_till::{Tap, WireTill};

const HOLDER: AccountId = AccountId(5);
const WHY: &str = "重复扣款";

fn reason(text: &str) -> Reason<'_> {
    Reason::new(text).expect("short")
}

fn freeze(action: FreezeAction, why: &str) -> Request<'_> {
    let what = AccountFreeze { account: AccountSelector::Account(HOLDER), action };
    Request::AccountFreeze(Reasoned { what, reason: reason(why) })
}

fn adjust(amount_fen: i64, direction: AdjustDirection) -> Request<'static> {
    let (account, wallet) = (AccountSelector::Account(HOLDER), AdjustWallet::Electronic);
    let what = Adjust { account, amount_fen, wallet, direction };
    Request::Adjust(Reasoned { what, reason: reason(WHY) })
}

fn decide(proposal: RecordNumber, verdict: Verdict) -> Request<'static> {
    Request::AdjustDecide(Reasoned {
        what: AdjustDecide { proposal, verdict }, reason: reason("核对无误")
    })
}

fn waiting(
    operator: &mut WireTill,
    after: RecordNumber,
    lines_max: u16,
) -> (Vec<AdjustmentLine>, RecordNumber) {
    let answer = operator.call(0, &Request::Adjustments(AdjustmentsQuery { after, lines_max }));
    match Answer::decode(&answer).expect("an answer") {
        (_, Answer::Adjustments(AdjustmentsAnswer { code, next_after, lines, .. })) => {
            assert_eq!(code, ResultCode::Approved);
            (lines.to_vec(), next_after)
        }
        (_, other) => panic!("the question after adjustments was answered with {other:?}"),
    }
}

fn tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(HOLDER.0), counter: sequence, amount_fen: 100 }
}

#[test]
fn an_account_is_frozen_while_tills_sell_and_each_role_does_its_own() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let (mut clerk, mut auditor, mut pos) = (sign_in(CARD_CENTRE), sign_in(AUDITOR), sign_in(till(0)));
    assert_eq!(pos.tap(&tap(1)).code, ResultCode::Approved);
    let frozen = clerk.money(1, &freeze(FreezeAction::Freeze, WHY));
    assert_eq!((frozen.code, frozen.account), (ResultCode::Approved, Some(HOLDER)));
    assert_eq!(pos.tap(&tap(2)).code, ResultCode::AccountFrozen);
    let again = clerk.money(1, &freeze(FreezeAction::Freeze, WHY));
    assert_eq!((again.repeat, again.record), (true, frozen.record));
    assert_eq!(clerk.money(2, &freeze(FreezeAction::Freeze, WHY)).code, ResultCode::AlreadyFrozen);
    assert_eq!(clerk.money(3, &freeze(FreezeAction::Unfreeze, WHY)).code, ResultCode::Approved);
    assert_eq!(pos.tap(&tap(3)).code, ResultCode::Approved);
    assert_eq!(clerk.money(4, &freeze(FreezeAction::Unfreeze, "")).code, ResultCode::ReasonMissing);
    let long = "w".repeat(97);
    assert_eq!(clerk.money(4, &freeze(FreezeAction::Unfreeze, &long)).code, ResultCode::ReasonTooLong);
    let limits = AccountLimits {
        account: AccountSelector::Card(card(5)),
        debit_max_fen: 99,
        day_max_fen: 0,
        class: 0,
    };
    let limits = Request::AccountLimits(Reasoned { what: limits, reason: reason(WHY) });
    assert_eq!(clerk.money(4, &limits).code, ResultCode::Approved);
    assert_eq!(pos.tap(&tap(4)).code, ResultCode::DebitLimit);

    // What a role doesn't allow goes nowhere; nor does it from a till.
    assert_eq!(clerk.refused(5, &adjust(1, AdjustDirection::Give)).code, ResultCode::WrongRole);
    assert_eq!(auditor.refused(1, &freeze(FreezeAction::Freeze, WHY)).code, ResultCode::WrongRole);
    assert_eq!(pos.refused(5, &freeze(FreezeAction::Freeze, WHY)).code, ResultCode::NotPermitted);
    assert_eq!(auditor.balance(HOLDER.0).system_fen, OPENING_FEN - 200);
    assert_eq!(waiting(&mut auditor, RecordNumber(0), 50), (Vec::new(), RecordNumber(0)));
    assert_eq!(auditor.bill(HOLDER).len(), 1);
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_large_adjustment_takes_two_people_also_after_a_restart() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let (mut first, mut second) = (sign_in(FINANCE), sign_in(SECOND_FINANCE));
    let alone = first.money(1, &adjust(10_000, AdjustDirection::Take));
    assert_eq!((alone.code, alone.balance_after_fen), (ResultCode::Approved, OPENING_FEN - 10_000));
    let proposed: Vec<MoneyAnswer> =
        (2..5).map(|sequence| first.money(sequence, &adjust(10_001, AdjustDirection::Give))).collect();
    for answer in &proposed {
        assert_eq!(
            (answer.code, answer.balance_after_fen),
            (ResultCode::AwaitsApproval, OPENING_FEN - 10_000)
        );
    }
    let (page, next_after) = waiting(&mut second, RecordNumber(0), 2);
    assert_eq!(next_after, proposed[1].record);
    let (rest, end) = waiting(&mut second, next_after, 2);
    assert_eq!((page.len(), rest.len(), end), (2, 1, RecordNumber(0)));
    assert_eq!((rest[0].account.get(), rest[0].amount_fen.get()), (HOLDER.0, 10_001));
    assert_eq!(rest[0].proposer.get(), FINANCE.0);

    assert_eq!(first.money(5, &decide(proposed[0].record, Verdict::Approve)).code, ResultCode::SamePerson);
    let approved = second.money(1, &decide(proposed[0].record, Verdict::Approve));
    assert_eq!((approved.code, approved.balance_after_fen), (ResultCode::Approved, OPENING_FEN + 1));
    assert_eq!(second.money(2, &decide(proposed[1].record, Verdict::Reject)).code, ResultCode::Approved);
    assert_eq!(
        second.money(3, &decide(proposed[1].record, Verdict::Approve)).code,
        ResultCode::ProposalClosed
    );
    assert_eq!(second.money(4, &decide(RecordNumber(1), Verdict::Approve)).code, ResultCode::UnknownProposal);
    served.stop_unsealed();

    // Replayed, the third still waits; who asks again is told the same.
    let served = campus.serve();
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let (mut first, mut boss) = (sign_in(FINANCE), sign_in(ADMINISTRATOR));
    let again = first.money(4, &adjust(10_001, AdjustDirection::Give));
    assert_eq!((again.code, again.repeat, again.record), (proposed[2].code, true, proposed[2].record));
    let (left, _) = waiting(&mut boss, RecordNumber(0), 50);
    assert_eq!(left.iter().map(|line| line.proposal.get()).collect::<Vec<_>>(), [proposed[2].record.0]);
    let approved = boss.money(1, &decide(proposed[2].record, Verdict::Approve));
    assert_eq!(approved.balance_after_fen, OPENING_FEN + 10_002);
    let newest = boss.bill(HOLDER)[0][0];
    assert_eq!(
        (newest.kind, newest.channel),
        (BillLineKind::Adjustment.number(), Channel::Operator.number())
    );
    assert_eq!((newest.amount_fen.get(), newest.terminal.get()), (10_001, ADMINISTRATOR.0));
    served.stop();
    let report = campus.expect_sound();
    assert_eq!((report.totals.adjusted_up_fen, report.totals.adjusted_down_fen), (20_002, 10_000));
}

/// Adjusts by one fen, and by one more, up to the last sequence; says how far it came when the server went away.
fn adjust_on(
    address: std::net::SocketAddr,
    identity: &TerminalIdentity,
    from: u32,
    to: u32,
    unanswered: bool,
) -> u32 {
    let mut operator = WireTill::sign_in(address, identity);
    for sequence in from..to {
        let answer = operator.money(sequence, &adjust(1, AdjustDirection::Take));
        assert_eq!(answer.code, ResultCode::Approved);
        assert_eq!(answer.balance_after_fen, OPENING_FEN - i64::from(sequence));
    }
    if unanswered {
        let frame = operator.sealed(to, &adjust(1, AdjustDirection::Take));
        operator.write(&frame);
    }
    to
}

#[test]
fn an_adjustment_is_posted_once_through_kills() {
    const CYCLES: u32 = 8;
    let mut random = Random::for_test("an_adjustment_is_posted_once_through_kills");
    let campus = Campus::new();
    let identity = campus.keys().identity(TerminalId(FINANCE.0));
    let mut next = 1;
    for _ in 0..CYCLES {
        let server = Serving::start(&campus.data_dir(), &[]);
        // The last one's answer is never seen: it is asked again under its own sequence.
        let to = next + 1 + random.below(20) as u32;
        next = adjust_on(server.address(), &identity, next, to, true);
        server.kill();
    }
    let server = Serving::start(&campus.data_dir(), &[]);
    let asked = adjust_on(server.address(), &identity, next, next + 1, false);
    let mut auditor = WireTill::sign_in(server.address(), &campus.keys().identity(AUDITOR));
    assert_eq!(auditor.balance(HOLDER.0).system_fen, OPENING_FEN - i64::from(asked - 1));
    server.terminate();
    let report = campus.expect_sound();
    assert_eq!(report.totals.adjusted_down_fen, i128::from(asked - 1));
}
