//! Operators: who may do what, who and why in the log, and two people where the amount needs them.

use protocol::ids::{AccountId, MerchantId, RecordNumber};
use protocol::request::{AdjustDirection, FreezeAction, Verdict};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, SECOND_NS, register_till, sale, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, AdjustExpire, RegisterTerminal,
    Request, SetAccountTerms, SetOfficeRules, SetPolicy,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{PROPOSALS_MAX, REASON_BYTES_MAX};
use crate::ledger::proposals;
use crate::ledger::record::{Record, RecordKind, Wallet};
use crate::ledger::registry::{OfficeRules, Policy, TerminalKind};
use crate::ledger::state::{account, total_fen};

/// Slots behind the bench's four tills.
pub(super) const CARD_CENTRE: u16 = 4;
pub(super) const FINANCE: u16 = 5;
pub(super) const SECOND_FINANCE: u16 = 6;
pub(super) const AUDITOR: u16 = 7;
pub(super) const ADMINISTRATOR: u16 = 8;
pub(super) const TILL: u16 = 0;

const WHY: &[u8] = "重复扣款".as_bytes();

/// A bench with an operator of every role, and a second one of finance; five yuan need a second person.
pub(super) fn with_operators(shards: usize, accounts: u32) -> Bench {
    let mut bench = Bench::new(shards, accounts);
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    for (slot, kind) in [
        (CARD_CENTRE, TerminalKind::CardCentre),
        (FINANCE, TerminalKind::Finance),
        (SECOND_FINANCE, TerminalKind::Finance),
        (AUDITOR, TerminalKind::Auditor),
        (ADMINISTRATOR, TerminalKind::Administrator),
    ] {
        let terminal = sale(slot, 1, 1).terminal;
        let merchant = MerchantId(0);
        bench.done(Request::RegisterTerminal(RegisterTerminal { terminal, merchant, kind, ..till }));
    }
    let rules = OfficeRules {
        adjust_alone_max_fen: 500,
        adjust_alone_day_max_fen: 1_000,
        proposal_s: 60,
        cards_from_stock: false,
    };
    bench.done(Request::SetOfficeRules(SetOfficeRules { rules }));
    bench
}

fn by_number(id: u32) -> AccountSelector {
    AccountSelector::Account(AccountId(id))
}

fn freeze(bench: &mut Bench, by: (u16, u32), id: u32, action: FreezeAction) -> Answer {
    let sale = sale(by.0, 1, by.1);
    bench.run(Request::AccountFreeze(AccountFreeze { sale, account: by_number(id), action, reason: WHY }))
}

fn adjust(
    bench: &mut Bench,
    by: (u16, u32),
    id: u32,
    amount_fen: i64,
    (wallet, direction): (Wallet, AdjustDirection),
) -> Answer {
    let (sale, account) = (sale(by.0, 1, by.1), by_number(id));
    bench.run(Request::Adjust(Adjust { sale, account, amount_fen, wallet, direction, reason: WHY }))
}

fn decide(bench: &mut Bench, by: (u16, u32), proposal: RecordNumber, verdict: Verdict) -> Answer {
    let sale = sale(by.0, 1, by.1);
    bench.run(Request::AdjustDecide(AdjustDecide { sale, proposal, verdict, reason: WHY }))
}

fn status(bench: &Bench, id: u32) -> AccountStatus {
    account(&bench.state.shards, AccountId(id)).expect("opened").status()
}

fn adjusted_fen(bench: &Bench) -> i64 {
    -total_fen(&bench.state.shards, LedgerAccount::clearing(Clearing::Adjustments))
}

const GIVE: (Wallet, AdjustDirection) = (Wallet::Electronic, AdjustDirection::Give);
const TAKE: (Wallet, AdjustDirection) = (Wallet::Card, AdjustDirection::Take);

#[test]
fn an_account_is_frozen_once_and_opened_once() {
    let mut bench = with_operators(2, 2);
    assert_eq!(
        freeze(&mut bench, (CARD_CENTRE, 1), 0, FreezeAction::Unfreeze).short(),
        (ResultCode::NotFrozen, 1)
    );
    let frozen = freeze(&mut bench, (CARD_CENTRE, 2), 0, FreezeAction::Freeze);
    assert_eq!(frozen.short(), (ResultCode::Approved, 1));
    assert_eq!((frozen.outcome.account, frozen.outcome.balance_after_fen), (Some(AccountId(0)), 10_000));
    assert_eq!(status(&bench, 0), AccountStatus::Frozen);
    assert_eq!(bench.tap(sale(TILL, 1, 1), 0, 1, 100).outcome.code, ResultCode::AccountFrozen);
    // Again under its identity: answered as before. Under another: it is frozen already.
    let again = freeze(&mut bench, (CARD_CENTRE, 2), 0, FreezeAction::Freeze);
    assert_eq!((again.outcome.repeat, again.records), (true, 0));
    assert_eq!(
        freeze(&mut bench, (ADMINISTRATOR, 1), 0, FreezeAction::Freeze).outcome.code,
        ResultCode::AlreadyFrozen
    );
    assert_eq!(
        freeze(&mut bench, (CARD_CENTRE, 2), 0, FreezeAction::Unfreeze).outcome.code,
        ResultCode::IdentityConflict
    );
    assert_eq!(
        freeze(&mut bench, (ADMINISTRATOR, 2), 0, FreezeAction::Unfreeze).outcome.code,
        ResultCode::Approved
    );
    assert_eq!(bench.tap(sale(TILL, 1, 2), 0, 2, 100).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn who_and_why_stand_in_the_log() {
    let mut bench = with_operators(1, 1);
    freeze(&mut bench, (CARD_CENTRE, 1), 0, FreezeAction::Freeze);
    let logged = bench.log.last().expect("it was logged");
    match Record::decode(logged.kind, logged.version, &logged.payload).expect("it was written") {
        Record::AccountChanged(r, why) => {
            assert_eq!(r.money.terminal.get(), sale(CARD_CENTRE, 1, 1).terminal.0);
            assert_eq!((r.status, why), (AccountStatus::Frozen as u8, WHY));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_role_does_its_own() {
    let mut bench = with_operators(1, 1);
    let before = bench.log.len();
    for (slot, freezes, adjusts) in [
        (CARD_CENTRE, true, false),
        (FINANCE, false, true),
        (AUDITOR, false, false),
        (ADMINISTRATOR, true, true),
    ] {
        let code = |may| if may { ResultCode::NotFrozen } else { ResultCode::WrongRole };
        let answer = freeze(&mut bench, (slot, 1), 0, FreezeAction::Unfreeze);
        assert_eq!(answer.outcome.code, code(freezes), "slot {slot}");
        let answer = adjust(&mut bench, (slot, 2), 0, 0, GIVE);
        assert_eq!(answer.outcome.code, ResultCode::AmountNotPositive, "fields come first");
        let answer = adjust(&mut bench, (slot, 3), 0, 10_001, TAKE);
        let code = if adjusts { ResultCode::InsufficientFunds } else { ResultCode::WrongRole };
        assert_eq!(answer.outcome.code, code, "slot {slot}");
        let answer = decide(&mut bench, (slot, 4), RecordNumber(1), Verdict::Reject);
        let code = if adjusts { ResultCode::UnknownProposal } else { ResultCode::WrongRole };
        assert_eq!(answer.outcome.code, code, "slot {slot}");
    }
    assert_eq!(bench.log.len() - before, 6, "wrong roles leave no trace");
    let answer = freeze(&mut bench, (TILL, 1), 0, FreezeAction::Freeze);
    assert_eq!(answer.short(), (ResultCode::NotPermitted, 0));
    bench.close();
}

#[test]
fn every_field_has_its_limits() {
    let mut bench = with_operators(1, 1);
    let request = |sequence, reason| {
        let (account, action) = (by_number(0), FreezeAction::Freeze);
        Request::AccountFreeze(AccountFreeze {
            sale: sale(CARD_CENTRE, 1, sequence),
            account,
            action,
            reason,
        })
    };
    let long = [b'w'; REASON_BYTES_MAX + 1];
    assert_eq!(bench.run(request(0, WHY)).short(), (ResultCode::SequenceZero, 0));
    assert_eq!(bench.run(request(1, &[])).short(), (ResultCode::ReasonMissing, 0));
    assert_eq!(bench.run(request(1, &long)).short(), (ResultCode::ReasonTooLong, 0));
    assert_eq!(bench.run(request(1, &long[1..])).short(), (ResultCode::Approved, 1));

    assert_eq!(
        adjust(&mut bench, (FINANCE, 1), 0, 1_000_000_001, GIVE).short(),
        (ResultCode::AmountTooLarge, 0)
    );
    let transition = (Wallet::Transition, AdjustDirection::Give);
    assert_eq!(adjust(&mut bench, (FINANCE, 1), 0, 1, transition).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(adjust(&mut bench, (FINANCE, 1), 9, 1, GIVE).short(), (ResultCode::UnknownAccount, 1));

    let limits = |sequence, class| {
        Request::AccountLimits(AccountLimits {
            sale: sale(CARD_CENTRE, 1, sequence),
            account: AccountSelector::Card(uid(0)),
            debit_max_fen: 300,
            day_max_fen: 0,
            class,
            reason: WHY,
        })
    };
    assert_eq!(bench.run(limits(2, 64)).short(), (ResultCode::NotPermitted, 0));
    let of_nobody = AccountLimits {
        sale: sale(ADMINISTRATOR, 1, 5),
        account: by_number(9),
        debit_max_fen: 0,
        day_max_fen: 0,
        class: 0,
        reason: WHY,
    };
    assert_eq!(bench.run(Request::AccountLimits(of_nobody)).short(), (ResultCode::UnknownAccount, 1));
    assert_eq!(bench.run(limits(2, 1)).short(), (ResultCode::Approved, 1));
    // Frozen it stays, and the limits count once it is open.
    assert_eq!(status(&bench, 0), AccountStatus::Frozen);
    freeze(&mut bench, (ADMINISTRATOR, 1), 0, FreezeAction::Unfreeze);
    assert_eq!(bench.tap(sale(TILL, 1, 1), 0, 1, 301).outcome.code, ResultCode::DebitLimit);

    let rules = |adjust_alone_max_fen, proposal_s| {
        let rules = OfficeRules {
            adjust_alone_max_fen,
            adjust_alone_day_max_fen: 1_000,
            proposal_s,
            cards_from_stock: false,
        };
        Request::SetOfficeRules(SetOfficeRules { rules })
    };
    assert_eq!(bench.run(rules(-1, 60)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.run(rules(1_000_000_001, 60)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.run(rules(0, 0)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.run(rules(500, 60)).short(), (ResultCode::Approved, 0));
    bench.close();
}

#[test]
fn nothing_is_changed_in_a_closed_account_and_a_lost_card_names_its_own() {
    let mut bench = with_operators(1, 2);
    let terms = |id, status, card_lost| {
        let account = AccountId(id);
        Request::SetAccountTerms(SetAccountTerms {
            account,
            status,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        })
    };
    bench.done(terms(0, AccountStatus::Closed, false));
    bench.done(terms(1, AccountStatus::Open, true));
    assert_eq!(
        freeze(&mut bench, (CARD_CENTRE, 1), 0, FreezeAction::Freeze).outcome.code,
        ResultCode::AccountClosed
    );
    assert_eq!(adjust(&mut bench, (FINANCE, 1), 0, 1, GIVE).outcome.code, ResultCode::AccountClosed);
    let lost = Request::AccountFreeze(AccountFreeze {
        sale: sale(CARD_CENTRE, 1, 2),
        account: AccountSelector::Card(uid(1)),
        action: FreezeAction::Freeze,
        reason: WHY,
    });
    assert_eq!(bench.done(lost).account, Some(AccountId(1)));
    bench.close();
}

#[test]
fn one_person_adjusts_up_to_the_set_amount() {
    let mut bench = with_operators(2, 1);
    let given = adjust(&mut bench, (FINANCE, 1), 0, 500, GIVE);
    assert_eq!(given.short(), (ResultCode::Approved, 1));
    assert_eq!(given.outcome.balance_after_fen, 10_500);
    assert_eq!((bench.wallets(0), adjusted_fen(&bench)), ([10_000, 0, 500], 500));
    assert_eq!(adjust(&mut bench, (FINANCE, 1), 0, 500, GIVE).records, 0, "once");
    assert_eq!(adjust(&mut bench, (FINANCE, 2), 0, 400, TAKE).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), adjusted_fen(&bench)), ([9_600, 0, 500], 100));
    let too_much = (Wallet::Electronic, AdjustDirection::Take);
    assert_eq!(
        adjust(&mut bench, (FINANCE, 3), 0, 501, too_much).outcome.code,
        ResultCode::InsufficientFunds
    );
    bench.close();
}

#[test]
fn one_person_adjusts_up_to_the_days_amount() {
    let mut bench = with_operators(2, 2);
    assert_eq!(adjust(&mut bench, (FINANCE, 1), 0, 500, GIVE).outcome.code, ResultCode::Approved);
    // Given and taken add up, whoever's account it is; what nobody got doesn't count.
    assert_eq!(adjust(&mut bench, (FINANCE, 2), 1, 400, TAKE).outcome.code, ResultCode::Approved);
    let nothing = (Wallet::Electronic, AdjustDirection::Take);
    assert_eq!(adjust(&mut bench, (FINANCE, 3), 1, 100, nothing).outcome.code, ResultCode::InsufficientFunds);
    let beyond = adjust(&mut bench, (FINANCE, 4), 1, 101, GIVE);
    assert_eq!(beyond.short(), (ResultCode::AwaitsApproval, 1));
    assert_eq!(adjust(&mut bench, (FINANCE, 5), 1, 100, GIVE).outcome.code, ResultCode::Approved);
    assert_eq!(adjust(&mut bench, (FINANCE, 6), 1, 1, GIVE).outcome.code, ResultCode::AwaitsApproval);
    // Each operator has his own; what a second one approved counts for neither.
    let approved = decide(&mut bench, (SECOND_FINANCE, 1), beyond.outcome.record, Verdict::Approve);
    assert_eq!(approved.outcome.code, ResultCode::Approved);
    for sequence in 2..4 {
        let other = adjust(&mut bench, (SECOND_FINANCE, sequence), 0, 500, GIVE);
        assert_eq!(other.outcome.code, ResultCode::Approved);
    }
    assert_eq!(adjust(&mut bench, (SECOND_FINANCE, 4), 0, 1, GIVE).outcome.code, ResultCode::AwaitsApproval);
    // The next day begins at 0.
    bench.time_ns += 86_400 * SECOND_NS;
    assert_eq!(adjust(&mut bench, (FINANCE, 7), 1, 500, GIVE).outcome.code, ResultCode::Approved);
    // Without such a limit it is each amount alone.
    let rules = OfficeRules {
        adjust_alone_max_fen: 500,
        adjust_alone_day_max_fen: 0,
        proposal_s: 60,
        cards_from_stock: false,
    };
    bench.done(Request::SetOfficeRules(SetOfficeRules { rules }));
    for sequence in 8..12 {
        assert_eq!(adjust(&mut bench, (FINANCE, sequence), 1, 500, GIVE).outcome.code, ResultCode::Approved);
    }
    bench.close();
}

#[test]
fn an_account_that_was_closed_meanwhile_stays_as_it_is() {
    let mut bench = with_operators(2, 2);
    let proposal = adjust(&mut bench, (FINANCE, 1), 1, 501, GIVE).outcome.record;
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(1),
        status: AccountStatus::Closed,
        card_lost: false,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    let late = decide(&mut bench, (SECOND_FINANCE, 1), proposal, Verdict::Approve);
    assert_eq!(late.outcome.code, ResultCode::AccountClosed);
    // Rejecting needs no account that could be corrected, but a reason.
    let silent = Request::AdjustDecide(AdjustDecide {
        sale: sale(SECOND_FINANCE, 1, 2),
        proposal,
        verdict: Verdict::Reject,
        reason: &[],
    });
    assert_eq!(bench.run(silent).short(), (ResultCode::ReasonMissing, 0));
    let rejected = decide(&mut bench, (SECOND_FINANCE, 2), proposal, Verdict::Reject);
    assert_eq!(rejected.outcome.code, ResultCode::Approved);
    assert_eq!(adjust(&mut bench, (FINANCE, 0), 0, 5, GIVE).short(), (ResultCode::SequenceZero, 0));
    bench.close();
}

#[test]
fn only_an_administrator_gives_credit_by_another_class() {
    let mut bench = with_operators(1, 1);
    for (class, floor_fen) in [(1, -500), (2, 0)] {
        let policy = Policy { floor_fen, day_max_fen: 6_000, ..Policy::DEFAULT };
        bench.done(Request::SetPolicy(SetPolicy { class, policy }));
    }
    let limits = |slot, sequence, class| {
        Request::AccountLimits(AccountLimits {
            sale: sale(slot, 1, sequence),
            account: by_number(0),
            debit_max_fen: 0,
            day_max_fen: 0,
            class,
            reason: WHY,
        })
    };
    assert_eq!(bench.run(limits(CARD_CENTRE, 1, 2)).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.run(limits(CARD_CENTRE, 2, 1)).short(), (ResultCode::WrongRole, 0));
    assert_eq!(bench.run(limits(ADMINISTRATOR, 1, 1)).short(), (ResultCode::Approved, 1));
    // Once given, everybody may set the limits beside it, or take it back.
    assert_eq!(bench.run(limits(CARD_CENTRE, 2, 1)).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.run(limits(CARD_CENTRE, 3, 0)).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn what_the_school_gave_isnt_taken_by_an_adjustment() {
    let mut bench = with_operators(1, 1);
    bench.give_subsidy(0, 1_000);
    let all_own = adjust(&mut bench, (FINANCE, 1), 0, 10_000, TAKE);
    assert_eq!(all_own.outcome.code, ResultCode::AwaitsApproval);
    let approved = decide(&mut bench, (SECOND_FINANCE, 1), all_own.outcome.record, Verdict::Approve);
    assert_eq!(approved.outcome.code, ResultCode::Approved);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([1_000, 0, 0], 1_000));
    assert_eq!(adjust(&mut bench, (FINANCE, 2), 0, 1, TAKE).outcome.code, ResultCode::InsufficientFunds);
    bench.close();
}

#[test]
fn above_it_a_second_person_approves() {
    let mut bench = with_operators(2, 2);
    let proposed = adjust(&mut bench, (FINANCE, 1), 1, 501, GIVE);
    assert_eq!(proposed.short(), (ResultCode::AwaitsApproval, 1));
    let proposal = proposed.outcome.record;
    assert_eq!(adjusted_fen(&bench), 0, "nothing has moved");
    let again = adjust(&mut bench, (FINANCE, 1), 1, 501, GIVE);
    assert_eq!((again.outcome.record, again.outcome.repeat, again.records), (proposal, true, 0));
    assert_eq!(proposals::waiting(&bench.state.shards).len(), 1);

    let own = decide(&mut bench, (FINANCE, 2), proposal, Verdict::Approve);
    assert_eq!(own.short(), (ResultCode::SamePerson, 1));
    let approved = decide(&mut bench, (SECOND_FINANCE, 1), proposal, Verdict::Approve);
    assert_eq!(approved.short(), (ResultCode::Approved, 1));
    assert_eq!((approved.outcome.amount_fen, approved.outcome.balance_after_fen), (501, 10_501));
    assert_eq!((bench.wallets(1), adjusted_fen(&bench)), ([10_000, 0, 501], 501));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Adjustment));
    // Told again it is the same; by anybody else it is closed.
    assert!(decide(&mut bench, (SECOND_FINANCE, 1), proposal, Verdict::Approve).outcome.repeat);
    for verdict in [Verdict::Approve, Verdict::Reject] {
        let sequence = u32::from(verdict.number());
        let late = decide(&mut bench, (ADMINISTRATOR, sequence), proposal, verdict);
        assert_eq!(late.outcome.code, ResultCode::ProposalClosed);
    }
    assert_eq!(proposals::waiting(&bench.state.shards), []);
    bench.close();
}

#[test]
fn a_proposal_is_rejected_or_its_time_passes() {
    let mut bench = with_operators(2, 1);
    let first = adjust(&mut bench, (FINANCE, 1), 0, 600, GIVE).outcome.record;
    let second = adjust(&mut bench, (FINANCE, 2), 0, 700, GIVE).outcome.record;
    // Whoever proposed it may take it back.
    assert_eq!(decide(&mut bench, (FINANCE, 3), first, Verdict::Reject).short(), (ResultCode::Approved, 1));
    let expire = |proposal| Request::AdjustExpire(AdjustExpire { proposal });
    assert_eq!(bench.run(expire(second)).short(), (ResultCode::UnknownProposal, 0), "too early");
    bench.time_ns += 60 * SECOND_NS;
    assert_eq!(proposals::expired(&bench.state.shards, bench.time_ns), Some(second));
    for verdict in [Verdict::Approve, Verdict::Reject] {
        let sequence = u32::from(verdict.number());
        let late = decide(&mut bench, (SECOND_FINANCE, sequence), second, verdict);
        assert_eq!(late.outcome.code, ResultCode::ProposalExpired);
    }
    assert_eq!(bench.run(expire(second)).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.run(expire(second)).short(), (ResultCode::UnknownProposal, 0));
    assert_eq!(proposals::expired(&bench.state.shards, bench.time_ns), None);
    let closed = decide(&mut bench, (SECOND_FINANCE, 3), second, Verdict::Approve);
    assert_eq!(closed.outcome.code, ResultCode::ProposalClosed);
    assert_eq!(adjusted_fen(&bench), 0);
    bench.close();
}

#[test]
fn what_cant_be_done_any_more_waits_on() {
    let mut bench = with_operators(1, 1);
    let proposal = adjust(&mut bench, (FINANCE, 1), 0, 10_000, TAKE).outcome.record;
    bench.tap(sale(TILL, 1, 1), 0, 1, 1);
    let short = decide(&mut bench, (SECOND_FINANCE, 1), proposal, Verdict::Approve);
    assert_eq!(short.outcome.code, ResultCode::InsufficientFunds);
    bench.reverse(sale(TILL, 1, 2), (1, 1), 1);
    let now = decide(&mut bench, (SECOND_FINANCE, 2), proposal, Verdict::Approve);
    assert_eq!(now.outcome.code, ResultCode::Approved);
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    bench.close();
}

#[test]
fn what_is_no_proposal_is_unknown_and_too_many_are_refused() {
    let mut bench = with_operators(2, 3);
    let ahead = RecordNumber(bench.head().0 + 1);
    for (sequence, proposal) in (1..).zip([RecordNumber(0), RecordNumber(3), ahead, RecordNumber(u64::MAX)]) {
        let answer = decide(&mut bench, (FINANCE, sequence), proposal, Verdict::Approve);
        assert_eq!(answer.short(), (ResultCode::UnknownProposal, 1), "{proposal}");
    }
    for number in 0..PROPOSALS_MAX as u32 {
        let by = (SECOND_FINANCE, number + 1);
        assert_eq!(adjust(&mut bench, by, number % 3, 501, GIVE).outcome.code, ResultCode::AwaitsApproval);
    }
    let next = (SECOND_FINANCE, PROPOSALS_MAX as u32 + 1);
    assert_eq!(adjust(&mut bench, next, 0, 501, GIVE).short(), (ResultCode::Busy, 0));
    // What one person may do needs no place, and a place becomes free.
    assert_eq!(adjust(&mut bench, (FINANCE, 5), 0, 500, GIVE).outcome.code, ResultCode::Approved);
    let oldest = proposals::waiting(&bench.state.shards)[0].record;
    assert_eq!(decide(&mut bench, (FINANCE, 6), oldest, Verdict::Reject).outcome.code, ResultCode::Approved);
    assert_eq!(adjust(&mut bench, next, 0, 501, GIVE).outcome.code, ResultCode::AwaitsApproval);
    bench.close();
}

#[test]
fn an_operator_sells_for_nobody() {
    let mut bench = with_operators(1, 1);
    let Request::RegisterTerminal(till) = register_till(9) else { unreachable!("it registers") };
    let operator = RegisterTerminal { kind: TerminalKind::Auditor, ..till };
    assert_eq!(bench.run(Request::RegisterTerminal(operator)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.tap(sale(FINANCE, 1, 1), 0, 1, 100).short(), (ResultCode::NotPermitted, 0));
    bench.close();
}
