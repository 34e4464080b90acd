//! What is there to be taken back of a subsidy: not what was spent by phone, and again what came back after it was spent.

use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::{SubsidyAction, SubsidyMode};
use protocol::result_code::ResultCode;

use super::bench::{SECOND_NS, sale};
use super::subsidy_batches::Office;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::CodeVerdict;
use crate::ledger::subsidies;

use SubsidyMode::{Beside, Clear};

/// An office, whose accounts have nothing but what the school gives.
fn office(accounts: u32) -> Office {
    let mut office = Office::new(2, accounts);
    for account in 0..accounts {
        office.bench.upload(sale(1, 1, account + 1), account, 1, 10_000);
        assert_eq!(office.bench.wallets(account), [0, 0, 0]);
    }
    // What was spent today counts to the day's limit.
    office.bench.time_ns += DAY_NS;
    office
}

fn by_phone(office: &mut Office, sequence: u32, amount_fen: i64) -> ResultCode {
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 100 + sequence, nonce: 0 };
    office.bench.code(sale(0, 1, sequence), verdict, amount_fen).outcome.code
}

fn withdrawn_fen(office: &Office, batch: u32) -> i64 {
    subsidies::totals(&office.bench.state.shards, batch).withdrawn_fen
}

/// The next day, goes through a withdrawn batch once more; how many lines there were to go through.
fn next_day(office: &mut Office, batch: u32, account: u32) -> (ResultCode, usize) {
    office.bench.time_ns += DAY_NS;
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), Some(batch));
    assert_eq!(office.advance(batch, false), (ResultCode::Approved, 1));
    assert_eq!(office.state(batch), SubsidyState::Withdrawing);
    let taken = office.take_back(batch, account).short();
    assert_eq!(office.advance(batch, true), (ResultCode::Approved, 1));
    assert_eq!(office.state(batch), SubsidyState::Withdrawn);
    taken
}

#[test]
fn what_was_spent_by_phone_isnt_taken_back() {
    for (spent_fen, taken_fen) in [(500, 0), (499, 1), (200, 300)] {
        let mut office = office(1);
        office.issued(1, Beside, &[(0, 500)]);
        assert_eq!(by_phone(&mut office, 1, spent_fen), ResultCode::Approved);
        // It is on the card until a tap settles it.
        assert_eq!(office.bench.wallets(0), [500, -spent_fen, 0]);
        office.withdrawn(1, &[0]);
        assert_eq!(withdrawn_fen(&office, 1), taken_fen);
        assert_eq!(office.bench.balance(0).system_fen, 0, "she owes nothing");
        assert_eq!(office.given_fen(), spent_fen);
        office.bench.close();
    }
}

#[test]
fn a_batch_that_clears_leaves_what_was_spent_by_phone() {
    let mut office = office(1);
    office.issued(1, Beside, &[(0, 500)]);
    assert_eq!(by_phone(&mut office, 1, 400), ResultCode::Approved);
    office.issued(2, Clear, &[(0, 100)]);
    assert_eq!(office.bench.wallets(0), [500, -400, 0]);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 2).cleared_fen, 100);
    // The first batch again: what it brought is spent, and what is there is the second's.
    office.withdrawn(1, &[0]);
    assert_eq!(withdrawn_fen(&office, 1), 0);
    office.bench.tap(sale(0, 1, 2), 0, 2, 100);
    assert_eq!((office.bench.wallets(0), office.bench.subsidy_fen(0)), ([0, 0, 0], 0));
    office.withdrawn(2, &[0]);
    assert_eq!(office.bench.balance(0).system_fen, 0);
    assert_eq!(office.given_fen(), 500);
    office.bench.close();
}

#[test]
fn what_comes_back_of_a_withdrawn_batch_is_taken_back_the_next_day() {
    let mut office = office(2);
    office.issued(1, Beside, &[(0, 500), (1, 500)]);
    office.bench.tap(sale(0, 1, 1), 0, 2, 200);
    assert_eq!(by_phone(&mut office, 2, 100), ResultCode::Approved);
    office.withdrawn(1, &[0, 1]);
    assert_eq!((withdrawn_fen(&office, 1), office.given_fen()), (700, 300));
    // Nothing of the other's can come back: the line is gone, hers is kept.
    let kept = subsidies::lines(&office.bench.state.shards, 1, AccountId(0), 9);
    assert_eq!(kept.iter().map(|line| line.account.0).collect::<Vec<_>>(), [0]);
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), None);

    assert_eq!(office.bench.reverse(sale(0, 1, 3), (1, 1), 200).outcome.code, ResultCode::Approved);
    assert_eq!(office.bench.subsidy_fen(0), 300, "100 of it is spent by phone");
    // By an operator it is over; by itself, it isn't the same day.
    assert_eq!(
        office.step(super::subsidy_batches::OPENER, 1, SubsidyAction::Withdraw),
        ResultCode::BatchOver
    );
    assert_eq!(office.advance(1, false), (ResultCode::BatchRunning, 0));
    assert_eq!(next_day(&mut office, 1, 0), (ResultCode::Approved, 1));
    assert_eq!((withdrawn_fen(&office, 1), office.given_fen()), (900, 100));
    assert_eq!(office.take_back(1, 0).short(), (ResultCode::BatchNotApproved, 0));

    // What was paid by phone comes back, too: on the last day that counts, the one after the deadline.
    assert_eq!(office.bench.reverse(sale(0, 1, 4), (1, 2), 100).outcome.code, ResultCode::Approved);
    assert_eq!(next_day(&mut office, 1, 0), (ResultCode::Approved, 1));
    assert_eq!((withdrawn_fen(&office, 1), office.given_fen()), (1_000, 0));
    assert_eq!((office.bench.subsidy_fen(0), office.bench.wallets(0)), (0, [0, 0, 0]));
    assert_eq!(subsidies::totals(&office.bench.state.shards, 1).withdrawn, 2, "lines are counted once");
    office.bench.time_ns += DAY_NS;
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), None);
    assert_eq!(office.bench.state.registry.subsidies().get(1).expect("opened").lines_kept, 0);
    office.bench.close();
}

#[test]
fn what_comes_back_later_stays_and_is_nobody_elses() {
    let mut office = office(1);
    office.issued(1, Beside, &[(0, 500)]);
    office.issued(2, Beside, &[(0, 300)]);
    office.bench.tap(sale(0, 1, 1), 0, 2, 500);
    office.withdrawn(1, &[0]);
    // What is there is the second's.
    assert_eq!((withdrawn_fen(&office, 1), office.bench.subsidy_fen(0)), (0, 300));
    assert_eq!(office.bench.void(sale(0, 1, 2), (1, 1), 500).outcome.code, ResultCode::Approved);
    assert_eq!(next_day(&mut office, 1, 0), (ResultCode::Approved, 1));
    assert_eq!((withdrawn_fen(&office, 1), office.bench.subsidy_fen(0)), (500, 300));
    office.bench.time_ns += 2 * DAY_NS;
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), Some(2));
    office.advance(2, false);
    assert_eq!((office.state(2), office.bench.subsidy_fen(0)), (SubsidyState::Expired, 300));
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), None);
    assert_eq!(office.given_fen(), 300);
    office.bench.time_ns += SECOND_NS;
    office.bench.close();
}

#[test]
fn a_batch_of_which_nothing_was_spent_isnt_gone_through_again() {
    let mut office = office(1);
    office.issued(1, Beside, &[(0, 500)]);
    office.withdrawn(1, &[0]);
    assert_eq!((withdrawn_fen(&office, 1), office.given_fen()), (500, 0));
    office.bench.time_ns += DAY_NS;
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), None);
    assert_eq!(office.advance(1, false), (ResultCode::BatchRunning, 0));
    office.bench.close();
}
