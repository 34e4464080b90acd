//! Query passwords, virtual cards and lost cards: every refusal, the lock, what a change of phone makes void.

use protocol::ids::{AccountId, CardUid, PhoneDigest, TerminalId, VirtualId};
use protocol::payment_code::{STEP_NS, step_at};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, register_till, sale, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountSelector, CodeVerdict, LossLift, LossReport, OpenAccount, PasswordImport, PasswordSet,
    PhoneChange, RegisterTerminal, Request, Sale, SetAccountTerms, SetPolicy, VirtualBind, VirtualUnbind,
};
use crate::ledger::holder::PasswordRef;
use crate::ledger::limits::{PASSWORD_FAILURES_MAX, PASSWORD_LOCK_NS};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::state;

/// The slot of the counter, and of a till; those below are gateways.
const COUNTER: u16 = 4;
const TILL: u16 = 5;
/// An account without a card.
const BARE: u32 = 2;
const RIGHT: u32 = 123_456;
const WRONG: u32 = 123_457;

/// Two people with cards, one without, a counter and a till; the gateway's sequences are given out in order.
struct Campus {
    bench: Bench,
    next: u32,
}

impl Campus {
    fn new() -> Campus {
        let mut bench = Bench::new(4, 2);
        for (slot, kind) in [(COUNTER, TerminalKind::Counter), (TILL, TerminalKind::PointOfSale)] {
            let Request::RegisterTerminal(gateway) = register_till(slot) else {
                unreachable!("it registers")
            };
            bench.done(Request::RegisterTerminal(RegisterTerminal { merchant: MERCHANT, kind, ..gateway }));
        }
        bench.done(Request::OpenAccount(OpenAccount { student_number: number(BARE), class: 0 }));
        Campus { bench, next: 1 }
    }

    /// The same with a password for everybody.
    fn with_passwords() -> Campus {
        let mut campus = Campus::new();
        for account in 0..=BARE {
            campus.bench.typed = RIGHT;
            let sale = campus.sale(COUNTER);
            campus.bench.done(set(sale, account));
        }
        campus
    }

    fn sale(&mut self, slot: u16) -> Sale<'static> {
        self.next += 1;
        sale(slot, 1, self.next - 1)
    }

    /// From the gateway, with this password typed.
    fn ask(&mut self, typed: u32, request: impl FnOnce(Sale<'static>) -> Request<'static>) -> ResultCode {
        self.bench.typed = typed;
        let sale = self.sale(1);
        let answer = self.bench.run(request(sale));
        assert_eq!(answer.records, 1, "{answer:?}");
        answer.outcome.code
    }

    fn terms(&mut self, account: u32, status: AccountStatus) {
        self.bench.done(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(account),
            status,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
    }

    /// Pays by a code of so many steps from now.
    fn pay(&mut self, account: u32, steps: u32, nonce: u8) -> ResultCode {
        let step = step_at(self.bench.time_ns) as u32 + steps;
        let verdict = CodeVerdict::Authentic { account: AccountId(account), step, nonce };
        let sale = self.sale(0);
        self.bench.code(sale, verdict, 100).outcome.code
    }
}

fn number(account: u32) -> [u8; 16] {
    text(&format!("18{account:04}"))
}

fn by(account: u32) -> AccountSelector {
    AccountSelector::Account(AccountId(account))
}

fn set(sale: Sale<'_>, account: u32) -> Request<'_> {
    Request::PasswordSet(PasswordSet { sale, account: by(account), well_formed: true })
}

fn report(account: u32) -> impl FnOnce(Sale<'static>) -> Request<'static> {
    move |sale| Request::LossReport(LossReport { sale, account: by(account), well_formed: true })
}

fn lift(account: u32) -> impl FnOnce(Sale<'static>) -> Request<'static> {
    move |sale| Request::LossLift(LossLift { sale, account: by(account), well_formed: true })
}

fn bind(account: u32, virtual_id: u64) -> impl FnOnce(Sale<'static>) -> Request<'static> {
    move |sale| {
        let (student_number, virtual_id) = (number(account), VirtualId(virtual_id));
        Request::VirtualBind(VirtualBind {
            sale,
            student_number,
            virtual_id,
            well_formed: true,
            intake_step: 0,
        })
    }
}

fn unbind(virtual_id: u64) -> impl FnOnce(Sale<'static>) -> Request<'static> {
    move |sale| {
        Request::VirtualUnbind(VirtualUnbind { sale, virtual_id: VirtualId(virtual_id), intake_step: 0 })
    }
}

fn phone(virtual_id: u64, phone: u64) -> impl FnOnce(Sale<'static>) -> Request<'static> {
    move |sale| {
        let (virtual_id, phone) = (VirtualId(virtual_id), PhoneDigest(phone));
        Request::PhoneChange(PhoneChange { sale, virtual_id, phone })
    }
}

#[test]
fn a_password_is_set_by_a_counter_and_once_by_an_import() {
    use ResultCode::*;
    let mut campus = Campus::new();
    assert_eq!(campus.ask(RIGHT, report(0)), PasswordNotSet);
    let bench = &mut campus.bench;
    bench.typed = RIGHT;
    let first = bench.done(set(sale(COUNTER, 1, 1), 0));
    assert_eq!((first.account, first.amount_fen), (Some(AccountId(0)), 0));
    // The same again, whatever is typed: it isn't part of the body.
    bench.typed = WRONG;
    let again = bench.run(set(sale(COUNTER, 1, 1), 0));
    assert_eq!((again.short(), again.outcome.record), ((Approved, 0), first.record));
    assert_eq!(bench.run(set(sale(COUNTER, 1, 1), 1)).short(), (IdentityConflict, 1));
    // By whom it may not be, and what isn't a password.
    assert_eq!(bench.run(set(sale(1, 1, 5), 0)).short(), (NotPermitted, 0));
    assert_eq!(bench.run(set(sale(COUNTER, 1, 0), 0)).short(), (SequenceZero, 0));
    let stranger = Sale { terminal: TerminalId(999), ..sale(COUNTER, 1, 2) };
    assert_eq!(bench.run(set(stranger, 0)).short(), (UnknownTerminal, 0));
    let malformed = PasswordSet { sale: sale(COUNTER, 1, 2), account: by(99), well_formed: false };
    assert_eq!(bench.run(Request::PasswordSet(malformed)).short(), (PasswordMalformed, 1));
    assert_eq!(bench.run(set(sale(COUNTER, 1, 3), 99)).short(), (UnknownAccount, 1));
    campus.terms(1, AccountStatus::Closed);
    assert_eq!(campus.bench.run(set(sale(COUNTER, 1, 4), 1)).short(), (AccountClosed, 1));

    // The import leaves a password that is set alone.
    let import = |account, password| {
        Request::PasswordImport(PasswordImport {
            account: AccountId(account),
            password: PasswordRef(password),
        })
    };
    let bench = &mut campus.bench;
    assert_eq!(bench.run(import(0, 77)).short(), (Approved, 0));
    assert_eq!(bench.run(import(BARE, 0)).short(), (NotPermitted, 0));
    assert_eq!(bench.run(import(99, 77)).short(), (UnknownAccount, 0));
    bench.vault.resize(77, 0);
    bench.vault.push(RIGHT);
    bench.done(import(BARE, 77));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::PasswordSet));
    assert_eq!(campus.ask(RIGHT, report(BARE)), NoCard);
    campus.bench.close();
}

#[test]
fn five_wrong_passwords_lock_for_a_time_and_a_success_forgets() {
    use ResultCode::*;
    let mut campus = Campus::with_passwords();
    for _ in 1..PASSWORD_FAILURES_MAX {
        assert_eq!(campus.ask(WRONG, report(0)), PasswordWrong);
    }
    // Right, but for nothing: the count stays. Approved: it begins anew.
    assert_eq!(campus.ask(RIGHT, lift(0)), CardNotLost);
    assert_eq!(campus.ask(RIGHT, report(0)), Approved);
    for _ in 0..PASSWORD_FAILURES_MAX {
        assert_eq!(campus.ask(WRONG, lift(0)), PasswordWrong);
    }
    assert_eq!(campus.ask(RIGHT, lift(0)), PasswordLocked);
    // Another account isn't.
    assert_eq!(campus.ask(RIGHT, report(1)), Approved);
    campus.bench.close();
    campus.bench.time_ns += PASSWORD_LOCK_NS - 1;
    assert_eq!(campus.ask(RIGHT, lift(0)), PasswordLocked);
    campus.bench.time_ns += 1;
    for _ in 1..PASSWORD_FAILURES_MAX {
        assert_eq!(campus.ask(WRONG, lift(0)), PasswordWrong);
    }
    assert_eq!(campus.ask(RIGHT, lift(0)), Approved);
    // Set anew, a lock ends.
    for _ in 0..PASSWORD_FAILURES_MAX {
        assert_eq!(campus.ask(WRONG, report(0)), PasswordWrong);
    }
    campus.bench.typed = WRONG;
    let sale = campus.sale(COUNTER);
    campus.bench.done(set(sale, 0));
    assert_eq!(campus.ask(RIGHT, report(0)), PasswordWrong);
    assert_eq!(campus.ask(WRONG, report(0)), Approved);
    campus.bench.close();
}

#[test]
fn a_loss_report_stops_taps_at_once_and_each_wrong_state_has_its_code() {
    use ResultCode::*;
    let mut campus = Campus::with_passwords();
    assert_eq!(campus.bench.tap(sale(0, 1, 1), 0, 1, 100).outcome.code, Approved);
    assert_eq!(campus.ask(RIGHT, report(0)), Approved);
    assert_eq!(campus.bench.kinds().last(), Some(&RecordKind::LossReported));
    assert_eq!(campus.bench.tap(sale(0, 1, 2), 0, 2, 100).outcome.code, CardLost);
    assert_eq!(campus.ask(RIGHT, report(0)), CardAlreadyLost);
    assert_eq!(campus.ask(RIGHT, report(BARE)), NoCard);
    assert_eq!(campus.ask(RIGHT, lift(BARE)), NoCard);
    assert_eq!(campus.ask(RIGHT, lift(1)), CardNotLost);
    assert_eq!(campus.ask(RIGHT, report(99)), UnknownAccount);
    // A lost card names its account; a card that nobody has doesn't.
    let by_card = |card: u64| {
        move |sale| {
            let account = AccountSelector::Card(CardUid(card));
            Request::LossLift(LossLift { sale, account, well_formed: true })
        }
    };
    assert_eq!(campus.ask(RIGHT, by_card(7)), UnknownCard);
    assert_eq!(campus.ask(RIGHT, by_card(uid(0).0)), Approved);
    assert_eq!(campus.bench.kinds().last(), Some(&RecordKind::LossLifted));
    assert_eq!(campus.bench.tap(sale(0, 1, 3), 0, 3, 100).outcome.code, Approved);
    // Closed or frozen, a card can be lost all the same; a till reports none.
    for status in [AccountStatus::Frozen, AccountStatus::Closed] {
        campus.terms(0, status);
        assert_eq!(campus.ask(RIGHT, report(0)), Approved);
        assert_eq!(campus.ask(RIGHT, lift(0)), Approved);
    }
    let by_till = campus.bench.run(report(0)(sale(TILL, 1, 1)));
    assert_eq!(by_till.short(), (NotPermitted, 0));
    // Whoever doesn't know the password isn't told whether the card is lost.
    assert_eq!(campus.ask(WRONG, lift(1)), PasswordWrong);
    let moves = campus.bench.state.registry.block_list().moves_after(0).expect("they are kept").count();
    assert_eq!(moves, 6);
    campus.bench.close();
}

#[test]
fn a_virtual_card_is_bound_to_one_account_and_moves_with_the_phone() {
    use ResultCode::*;
    let mut campus = Campus::with_passwords();
    assert_eq!(campus.ask(RIGHT, bind(99, 500)), UnknownAccount);
    assert_eq!(campus.ask(WRONG, bind(0, 500)), PasswordWrong);
    assert_eq!(campus.ask(RIGHT, unbind(500)), VirtualNotBound);
    assert_eq!(campus.ask(RIGHT, phone(500, 9)), VirtualNotBound);
    assert_eq!(campus.ask(RIGHT, bind(0, 500)), Approved);
    assert_eq!(campus.ask(RIGHT, bind(0, 500)), VirtualAlreadyBound);
    assert_eq!(campus.ask(RIGHT, bind(1, 500)), VirtualTaken);
    assert_eq!(campus.ask(WRONG, bind(1, 500)), PasswordWrong, "whose it is, a stranger isn't told");
    assert_eq!(campus.ask(RIGHT, phone(500, 9)), Approved);
    assert_eq!(campus.ask(RIGHT, phone(500, 9)), PhoneUnchanged);
    // Another phone of the same person; the one before is free for somebody else.
    assert_eq!(campus.ask(RIGHT, bind(0, 501)), Approved);
    assert_eq!(campus.bench.state.directory.virtual_card(VirtualId(500)), None);
    let holder = |campus: &Campus| {
        let holder = state::holder(&campus.bench.state.shards, AccountId(0));
        (holder.virtual_id, holder.phone)
    };
    assert_eq!(holder(&campus), (501, 0), "the number was the other phone's");
    assert_eq!(campus.ask(RIGHT, phone(501, 9)), Approved);
    assert_eq!(campus.ask(RIGHT, bind(1, 500)), Approved);
    assert_eq!(holder(&campus), (501, 9));
    for (status, code) in [(AccountStatus::Frozen, AccountFrozen), (AccountStatus::Closed, AccountClosed)] {
        campus.terms(BARE, status);
        assert_eq!(campus.ask(RIGHT, bind(BARE, 502)), code);
    }
    assert_eq!(campus.ask(RIGHT, unbind(501)), Approved);
    assert_eq!(holder(&campus), (0, 0));
    assert_eq!(campus.ask(RIGHT, unbind(501)), VirtualNotBound);
    let by_counter = campus.bench.run(bind(0, 503)(sale(COUNTER, 1, 400)));
    assert_eq!(by_counter.short(), (NotPermitted, 0));
    campus.bench.close();
}

#[test]
fn codes_are_void_once_their_phone_is_cut_off() {
    use ResultCode::*;
    let mut campus = Campus::with_passwords();
    // Never bound: as the class says.
    assert_eq!(campus.pay(0, 0, 0), Approved);
    let policy = Policy { codes_need_phone: true, ..Policy::DEFAULT };
    campus.bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    assert_eq!(campus.pay(0, 0, 1), CodeNotBound);
    // It was authenticated, so it is used up.
    assert_eq!(campus.pay(0, 0, 1), CodeUsed);
    assert_eq!(campus.ask(RIGHT, bind(0, 500)), Approved);
    assert_eq!(campus.pay(0, 0, 2), Approved);
    // Another phone: what the first may have shown is void, also what it showed ahead; the new one's next step isn't.
    assert_eq!(campus.ask(RIGHT, bind(0, 501)), Approved);
    assert_eq!(campus.pay(0, 0, 3), CodeRevoked);
    assert_eq!(campus.pay(0, 1, 3), CodeRevoked);
    campus.bench.time_ns += 2 * STEP_NS;
    assert_eq!(campus.pay(0, 0, 3), Approved);
    // The clock that codes are judged by is ahead of logged time: what can have been shown by it is void, too.
    let intake_step = step_at(campus.bench.time_ns) as u32 + 3;
    let moved = campus.ask(RIGHT, |sale| match bind(0, 502)(sale) {
        Request::VirtualBind(bind) => Request::VirtualBind(VirtualBind { intake_step, ..bind }),
        other => other,
    });
    assert_eq!(moved, Approved);
    assert_eq!(
        (campus.pay(0, 3, 4), campus.pay(0, 4, 4), campus.pay(0, 5, 4)),
        (CodeRevoked, CodeRevoked, Approved)
    );
    campus.bench.time_ns += 8 * STEP_NS;
    // Unbound: nothing any more, whatever the class says.
    campus.bench.done(Request::SetPolicy(SetPolicy { class: 0, policy: Policy::DEFAULT }));
    assert_eq!(campus.ask(RIGHT, unbind(502)), Approved);
    assert_eq!(campus.pay(0, 0, 4), CodeRevoked);
    campus.bench.time_ns += 2 * STEP_NS;
    assert_eq!(campus.pay(0, 0, 4), CodeNotBound);
    assert_eq!(campus.pay(1, 0, 4), Approved);
    assert_eq!(campus.ask(RIGHT, bind(0, 502)), Approved);
    assert_eq!(campus.pay(0, 0, 5), Approved);
    campus.bench.close();
}
