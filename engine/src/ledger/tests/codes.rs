use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::bench::{Bench, NOON_NS, register_till, sale, text, uid};
use crate::ledger::command::{
    AccountSelector, CodeDebit, CodeKeyRotate, CodeRevoke, CodeVerdict, RegisterTerminal, Request, Sale,
    SaleQuery,
};
use crate::ledger::decision::Decision;
use crate::ledger::limits::CODE_KEY_OVERLAP_STEPS;
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;

const STEP_NS: u64 = 30_000_000_000;
const NOON_STEP: u32 = (NOON_NS / STEP_NS) as u32;

fn code(step: u32, nonce: u8) -> CodeVerdict {
    CodeVerdict::Authentic { account: AccountId(0), step, nonce }
}

fn revoke(bench: &mut Bench, sale: Sale<'_>, account: AccountSelector) -> (ResultCode, usize) {
    bench.run(Request::CodeRevoke(CodeRevoke { sale, account, intake_step: 0 })).short()
}

fn rotate(bench: &mut Bench, sequence: u32, key_version: u32, refuses_earlier: bool) -> (ResultCode, usize) {
    let sale = sale(0, 1, sequence);
    bench.run(Request::CodeKeyRotate(CodeKeyRotate { sale, key_version, refuses_earlier })).short()
}

/// A payment with a code made under a key of this version.
fn pay(bench: &mut Bench, sequence: u32, key_version: u32, step: u32) -> ResultCode {
    let digits = *b"12345678901234567890";
    let (sale, verdict, amount_fen) = (sale(1, 1, sequence), code(step, (sequence % 16) as u8), 100);
    let debit = CodeDebit { sale, digits, verdict, key_version, amount_fen };
    bench.run(Request::CodeDebit(debit)).outcome.code
}

/// Terminal 101 is a counter.
pub(super) fn with_counter(shards: usize) -> Bench {
    let mut bench = Bench::new(shards, 2);
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Counter, ..till }));
    bench
}

#[test]
fn every_code_shown_by_now_is_revoked_and_later_ones_pay() {
    let mut bench = Bench::new(2, 2);
    let account = AccountSelector::Account(AccountId(0));
    assert_eq!(bench.code(sale(1, 1, 1), code(NOON_STEP, 1), 100).outcome.code, ResultCode::Approved);
    assert_eq!(revoke(&mut bench, sale(0, 1, 1), account), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::CodesRevoked));
    for (sequence, step) in (2..).zip([NOON_STEP - 1, NOON_STEP, NOON_STEP + 1]) {
        let refused = bench.code(sale(1, 1, sequence), code(step, 2), 100);
        assert_eq!(refused.short(), (ResultCode::CodeRevoked, 1), "step {step}");
    }
    assert_eq!(bench.code(sale(1, 1, 5), code(NOON_STEP - 2, 2), 100).outcome.code, ResultCode::CodeExpired);
    assert_eq!(bench.code(sale(1, 1, 6), code(NOON_STEP + 2, 2), 100).outcome.code, ResultCode::Approved);
    // Another's codes are as they were.
    let other = CodeVerdict::Authentic { account: AccountId(1), step: NOON_STEP, nonce: 1 };
    assert_eq!(bench.code(sale(1, 1, 7), other, 100).outcome.code, ResultCode::Approved);
    // Asked again it is the same answer; asked anew it revokes what was shown meanwhile.
    let again = bench.run(Request::CodeRevoke(CodeRevoke { sale: sale(0, 1, 1), account, intake_step: 0 }));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(bench.code(sale(1, 1, 8), code(NOON_STEP + 2, 3), 100).outcome.code, ResultCode::Approved);
    bench.time_ns += STEP_NS;
    assert_eq!(revoke(&mut bench, sale(0, 1, 2), account), (ResultCode::Approved, 1));
    assert_eq!(bench.code(sale(1, 1, 9), code(NOON_STEP + 2, 4), 100).outcome.code, ResultCode::CodeRevoked);
    bench.close();
}

#[test]
fn whose_codes_are_revoked_is_found_like_any_account() {
    let mut bench = Bench::new(2, 2);
    let by = |text_of: &str| AccountSelector::StudentNumber(text(text_of));
    assert_eq!(revoke(&mut bench, sale(0, 1, 1), by("180001")), (ResultCode::Approved, 1));
    assert_eq!(revoke(&mut bench, sale(0, 1, 2), AccountSelector::Card(uid(1))), (ResultCode::Approved, 1));
    assert_eq!(revoke(&mut bench, sale(0, 1, 3), by("999999")), (ResultCode::UnknownAccount, 1));
    assert_eq!(
        revoke(&mut bench, sale(0, 1, 4), AccountSelector::Card(uid(77))),
        (ResultCode::UnknownCard, 1)
    );
    assert_eq!(revoke(&mut bench, sale(0, 1, 4), by("180001")), (ResultCode::IdentityConflict, 1));
    assert_eq!(revoke(&mut bench, sale(0, 1, 0), by("180001")), (ResultCode::SequenceZero, 0));
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::PointOfSale, ..till }));
    assert_eq!(revoke(&mut bench, sale(0, 1, 5), by("180001")), (ResultCode::NotPermitted, 0));
    assert_eq!(revoke(&mut bench, sale(9, 1, 1), by("180001")), (ResultCode::UnknownTerminal, 0));
    bench.close();
}

#[test]
fn codes_of_the_key_before_run_out_and_older_ones_are_refused() {
    let mut bench = with_counter(2);
    assert_eq!(pay(&mut bench, 1, 0, NOON_STEP), ResultCode::Approved);
    assert_eq!(rotate(&mut bench, 1, 1, false), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::CodeKeyRotated));
    let last = NOON_STEP + CODE_KEY_OVERLAP_STEPS;
    assert_eq!(pay(&mut bench, 2, 1, last), ResultCode::Approved);
    assert_eq!(pay(&mut bench, 3, 0, last), ResultCode::Approved);
    assert_eq!(pay(&mut bench, 4, 0, last + 1), ResultCode::CodeKeyRetired);
    // What was refused for its key isn't used up.
    assert_eq!(pay(&mut bench, 4 + 16, 1, last + 1), ResultCode::Approved);

    // Somebody else knows key 1.
    assert_eq!(rotate(&mut bench, 2, 2, true), (ResultCode::Approved, 1));
    assert_eq!(pay(&mut bench, 5, 1, last), ResultCode::CodeKeyRetired);
    assert_eq!(pay(&mut bench, 6, 0, last), ResultCode::CodeKeyRetired);
    assert_eq!(pay(&mut bench, 7, 2, last), ResultCode::Approved);
    bench.close();
}

#[test]
fn a_key_comes_into_use_after_the_one_before_it() {
    let mut bench = with_counter(1);
    for wrong in [0, 2, u32::MAX] {
        assert_eq!(rotate(&mut bench, wrong.wrapping_add(3), wrong, false).0, ResultCode::CodeKeyNotNext);
    }
    assert_eq!(rotate(&mut bench, 10, 1, false), (ResultCode::Approved, 1));
    let again = bench.run(Request::CodeKeyRotate(CodeKeyRotate {
        sale: sale(0, 1, 10),
        key_version: 1,
        refuses_earlier: false,
    }));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(rotate(&mut bench, 10, 1, true), (ResultCode::IdentityConflict, 1));
    assert_eq!(rotate(&mut bench, 11, 1, false), (ResultCode::CodeKeyNotNext, 1));
    assert_eq!(rotate(&mut bench, 0, 2, false), (ResultCode::SequenceZero, 0));
    // A gateway makes codes, and isn't asked under which key.
    let by_gateway = CodeKeyRotate { sale: sale(1, 1, 1), key_version: 2, refuses_earlier: false };
    assert_eq!(bench.run(Request::CodeKeyRotate(by_gateway)).short(), (ResultCode::NotPermitted, 0));
    let told = bench.decide(Request::SaleQuery(SaleQuery { sale: sale(0, 1, 10) }));
    assert!(matches!(told, Decision::NoRecord(outcome) if outcome.code == ResultCode::Approved), "{told:?}");
    assert_eq!(bench.state.registry.code_key().version, 1);
    bench.close();
}
