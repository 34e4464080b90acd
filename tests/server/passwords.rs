//! Query passwords over sockets: set, typed wrong, locked, reset; none of them lost by a kill, none of them readable in a
//! file; and a card reported lost pays nothing more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use engine::ledger::Request as Configuration;
use engine::ledger::command::SetPolicy;
use engine::ledger::registry::Policy;
use protocol::answer::MoneyAnswer;
use protocol::holder_digest::virtual_id;
use protocol::ids::{AccountId, CardCounter};
use protocol::password::SealedPassword;
use protocol::request::{AccountPassword, AccountSelector, PasswordDebit, Request, VirtualBind};
use protocol::result_code::{ResultCode, TillAction};
use protocol::text::StudentNumber;

use crate::campus::{COUNTER, Campus, DOOR, GATEWAY, Served, card, student_no, till};
use crate::program::{Serving, succeed};
use crate::seed::Random;
use crate::wire_till::{Tap, WireTill};

/// Whose password it is in most of the tests.
const ACCOUNT: u32 = 7;

fn sign_in(served: &Served, terminal: protocol::ids::TerminalId) -> WireTill {
    WireTill::sign_in(served.address(), &served.keys.identity(terminal))
}

/// A request under a password, sealed for its next frame.
fn typed(till: &mut WireTill, account: u32, password: &str) -> AccountPassword {
    let password = till.password(password);
    AccountPassword { account: AccountSelector::Account(AccountId(account)), password, till_time_ns: 0 }
}

fn set(till: &mut WireTill, sequence: u32, account: u32, password: &str) -> MoneyAnswer {
    let body = typed(till, account, password);
    till.money(sequence, &Request::PasswordSet(body))
}

fn report(till: &mut WireTill, sequence: u32, account: u32, password: &str) -> MoneyAnswer {
    let body = typed(till, account, password);
    till.money(sequence, &Request::LossReport(body))
}

fn lift(till: &mut WireTill, sequence: u32, account: u32, password: &str) -> MoneyAnswer {
    let body = typed(till, account, password);
    till.money(sequence, &Request::LossLift(body))
}

/// Somebody keys the password in at a till, for so much.
fn pay(pos: &mut WireTill, sequence: u32, counter: u32, amount_fen: i64, password: &str) -> MoneyAnswer {
    let password = pos.password(password);
    let (card_uid, card_counter) = (card(ACCOUNT), CardCounter(counter));
    let debit = PasswordDebit { card_uid, card_counter, amount_fen, password, till_time_ns: 0 };
    pos.money(sequence, &Request::PasswordDebit(debit))
}

/// Every file below a directory, as bytes.
fn files_below(dir: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(fs::read(&path).expect("a readable file"));
        }
    }
    files
}

#[test]
fn a_password_is_set_typed_wrong_locked_and_set_anew() {
    use ResultCode::*;
    let campus = Campus::new();
    let served = campus.serve();
    let (mut counter, mut phone) = (sign_in(&served, COUNTER), sign_in(&served, GATEWAY));
    assert_eq!(report(&mut phone, 1, ACCOUNT, "918273").code, PasswordNotSet);
    assert_eq!(set(&mut counter, 1, 9_999, "918273").code, UnknownAccount);
    let first = set(&mut counter, 2, ACCOUNT, "918273");
    assert_eq!((first.code, first.repeat, first.account), (Approved, false, Some(AccountId(ACCOUNT))));
    // Sent again, in a frame of its own: the same answer, and the password is the first one still.
    let again = set(&mut counter, 2, ACCOUNT, "111111");
    assert_eq!((again.code, again.repeat, again.record), (Approved, true, first.record));
    // What isn't six digits under the session's key; and a terminal that may not.
    let garbage =
        AccountPassword { password: SealedPassword([7; 16]), ..typed(&mut phone, ACCOUNT, "918273") };
    assert_eq!(phone.money(2, &Request::LossReport(garbage)).code, PasswordMalformed);
    let mut door = sign_in(&served, DOOR);
    let body = typed(&mut door, ACCOUNT, "918273");
    assert_eq!(door.refused(1, &Request::LossReport(body)).code, NotPermitted);
    let body = typed(&mut phone, ACCOUNT, "918273");
    assert_eq!(phone.refused(3, &Request::PasswordSet(body)).code, NotPermitted);

    // Four wrong ones, and a right one that counts: the count begins anew. A lift of what isn't lost doesn't count.
    for sequence in 3..7 {
        assert_eq!(report(&mut phone, sequence, ACCOUNT, "918274").code, PasswordWrong);
    }
    assert_eq!(report(&mut phone, 7, ACCOUNT, "918273").code, Approved);
    assert_eq!(report(&mut phone, 8, ACCOUNT, "918273").code, CardAlreadyLost);
    assert_eq!(lift(&mut phone, 9, ACCOUNT, "918273").code, Approved);
    assert_eq!(lift(&mut phone, 10, ACCOUNT, "918273").code, CardNotLost);
    for sequence in 11..16 {
        assert_eq!(report(&mut phone, sequence, ACCOUNT, "918274").code, PasswordWrong);
    }
    assert_eq!(report(&mut phone, 16, ACCOUNT, "918273").code, PasswordLocked);
    served.stop_unsealed();

    // Locked for whoever starts next, too, by replay and by snapshot; another password at the counter ends it.
    let served = campus.serve();
    let mut phone = sign_in(&served, GATEWAY);
    assert_eq!(report(&mut phone, 17, ACCOUNT, "918273").code, PasswordLocked);
    assert_eq!(report(&mut phone, 16, ACCOUNT, "918273").code, PasswordLocked);
    drop(phone);
    served.stop();
    let served = campus.serve();
    let (mut counter, mut phone) = (sign_in(&served, COUNTER), sign_in(&served, GATEWAY));
    assert_eq!(report(&mut phone, 18, ACCOUNT, "918273").code, PasswordLocked);
    assert_eq!(set(&mut counter, 3, ACCOUNT, "546372").code, Approved);
    assert_eq!(report(&mut phone, 19, ACCOUNT, "918273").code, PasswordWrong);
    assert_eq!(report(&mut phone, 20, ACCOUNT, "546372").code, Approved);
    // Another body under a known identity is kept in suspense, without what was typed.
    let body = typed(&mut phone, ACCOUNT + 1, "546372");
    assert_eq!(phone.money(20, &Request::LossReport(body)).code, IdentityConflict);
    served.stop();

    let files = files_below(&campus.data_dir());
    for password in [b"918273", b"918274", b"546372"] {
        assert!(!files.iter().any(|file| file.windows(6).any(|window| window == password)));
    }
    // The first password's hash is gone with the next start: the account names another.
    assert_eq!(campus.serve().report.passwords_lost, 0);
    let vault = fs::read(campus.data_dir().join("passwords")).expect("the vault");
    assert_eq!(vault.len(), 16 + 72);
    campus.expect_sound();
}

#[test]
fn a_till_asks_for_the_password_above_a_limit() {
    use ResultCode::*;
    let campus = Campus::new();
    let served = campus.serve();
    let mut counter = sign_in(&served, COUNTER);
    assert_eq!(set(&mut counter, 1, ACCOUNT, "918273").code, Approved);
    let policy = Policy { debit_max_fen: 2_000, day_max_fen: 5_000, ..Policy::DEFAULT };
    served.engine().configure(Configuration::SetPolicy(SetPolicy { class: 0, policy })).expect("taken");
    let mut pos = sign_in(&served, till(0));
    let before_fen = pos.balance(ACCOUNT).system_fen;
    let dear = pos.tap(&Tap { sequence: 1, card: card(ACCOUNT), counter: 1, amount_fen: 6_000 });
    assert_eq!((dear.code, dear.code.action()), (DebitLimit, TillAction::AskPassword));
    assert_eq!(pay(&mut pos, 2, 1, 6_000, "918274").code, PasswordWrong);
    let paid = pay(&mut pos, 3, 1, 6_000, "918273");
    assert_eq!((paid.code, paid.amount_fen, paid.repeat), (Approved, 6_000, false));
    assert_eq!(paid.balance_after_fen, before_fen - 6_000);
    // Above the day's total from here on, and asked for by it.
    let more = pos.tap(&Tap { sequence: 4, card: card(ACCOUNT), counter: 2, amount_fen: 1 });
    assert_eq!((more.code, more.code.action()), (DayLimit, TillAction::AskPassword));
    served.stop_unsealed();

    // After a kill it is answered as before, in another session, whatever is keyed in.
    let served = campus.serve();
    let mut pos = sign_in(&served, till(0));
    let again = pay(&mut pos, 3, 1, 6_000, "111111");
    assert_eq!((again.code, again.repeat, again.record), (Approved, true, paid.record));
    for sequence in 5..10 {
        assert_eq!(pay(&mut pos, sequence, 2, 100, "918274").code, PasswordWrong);
    }
    assert_eq!(pay(&mut pos, 10, 2, 100, "918273").code, PasswordLocked);
    let password = pos.password("918273");
    let mut door = sign_in(&served, DOOR);
    let debit = PasswordDebit {
        card_uid: card(ACCOUNT),
        card_counter: CardCounter(2),
        amount_fen: 100,
        password,
        till_time_ns: 0,
    };
    assert_eq!(door.refused(1, &Request::PasswordDebit(debit)).code, NotPermitted);
    assert_eq!(pos.balance(ACCOUNT).system_fen, before_fen - 6_000);
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_phone_is_bound_once_and_by_a_gateway_alone() {
    let campus = Campus::new();
    let served = campus.serve();
    let (mut counter, mut phone) = (sign_in(&served, COUNTER), sign_in(&served, GATEWAY));
    assert_eq!(set(&mut counter, 1, ACCOUNT, "918273").code, ResultCode::Approved);
    let bind = |till: &mut WireTill, user: &str| {
        Request::VirtualBind(VirtualBind {
            student: StudentNumber::new(&student_no(ACCOUNT)).expect("short"),
            virtual_id: virtual_id(&served.keys.holder_key(), user),
            password: till.password("918273"),
            till_time_ns: 0,
        })
    };
    let request = bind(&mut phone, "her");
    let bound = phone.money(1, &request);
    assert_eq!((bound.code, bound.repeat), (ResultCode::Approved, false));
    // In a later session the same is sealed otherwise: the same answer. Another phone under the same identity isn't the same.
    let mut phone = sign_in(&served, GATEWAY);
    let request = bind(&mut phone, "her");
    let again = phone.money(1, &request);
    assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, bound.record));
    let request = bind(&mut phone, "another");
    assert_eq!(phone.money(1, &request).code, ResultCode::IdentityConflict);
    for terminal in [COUNTER, till(0), DOOR] {
        let mut other = sign_in(&served, terminal);
        let request = bind(&mut other, "her");
        assert_eq!(other.refused(9, &request).code, ResultCode::NotPermitted);
    }
    served.stop();
    campus.expect_sound();
}

/// What is acknowledged is in the vault and in the log, whenever the process is killed.
#[test]
fn an_acknowledged_password_survives_kill_9() {
    const CYCLES: u32 = 8;
    let mut random = Random::for_test("an_acknowledged_password_survives_kill_9");
    let campus = Campus::new();
    let mut known: BTreeMap<u32, String> = BTreeMap::new();
    let mut in_doubt: Option<(u32, String)> = None;
    let mut checked = 0;
    for cycle in 0..=CYCLES {
        let server = Serving::start(&campus.data_dir(), &[]);
        assert_eq!(server.started["passwords_lost"], 0);
        let mut phone = WireTill::sign_in(server.address(), &campus.keys().identity(GATEWAY));
        let mut sequence = phone.welcome.last_sequence.0;
        let mut is_right = |account: u32, password: &str| {
            sequence += 2;
            let reported = report(&mut phone, sequence - 1, account, password);
            if reported.code == ResultCode::Approved {
                assert_eq!(lift(&mut phone, sequence, account, password).code, ResultCode::Approved);
            }
            reported.code == ResultCode::Approved
        };
        // What was under way may have happened, or not.
        if let Some((account, password)) = in_doubt.take()
            && is_right(account, &password)
        {
            known.insert(account, password);
        }
        for (account, password) in &known {
            assert!(is_right(*account, password), "account {account}'s password is lost (cycle {cycle})");
            checked += 1;
        }
        if cycle == CYCLES {
            server.terminate();
            break;
        }
        let mut counter = WireTill::sign_in(server.address(), &campus.keys().identity(COUNTER));
        let mut sequence = counter.welcome.last_sequence.0;
        for _ in 0..=random.below(3) {
            let (account, password) = (random.below(4) as u32, format!("{:06}", random.below(1_000_000)));
            sequence += 1;
            assert_eq!(set(&mut counter, sequence, account, &password).code, ResultCode::Approved);
            known.insert(account, password);
        }
        // One more, killed somewhere between its frame and its answer.
        let (account, password) = (random.below(4) as u32, format!("{:06}", random.below(1_000_000)));
        let body = typed(&mut counter, account, &password);
        let frame = counter.sealed(sequence + 1, &Request::PasswordSet(body));
        counter.write(&frame);
        thread::sleep(std::time::Duration::from_micros(random.below(40_000)));
        in_doubt = Some((account, password));
        server.kill();
    }
    assert!(checked > CYCLES as usize, "few passwords were asked for again: {checked}");
    let report =
        succeed(["verify".as_ref(), "--json".as_ref(), "--data".as_ref(), campus.data_dir().as_os_str()]);
    assert!(report.contains("\"ok\":true"), "{report}");
}

/// Tills tap the same card as fast as they can; whoever begins a tap after the report was acknowledged is refused.
#[test]
fn no_debit_passes_after_an_acknowledged_loss_report() {
    const TILLS: u32 = 4;
    const ROUNDS: u32 = 6;
    let campus = Campus::new();
    let served = campus.serve();
    let mut counter = sign_in(&served, COUNTER);
    assert_eq!(set(&mut counter, 1, ACCOUNT, "918273").code, ResultCode::Approved);
    let mut phone = sign_in(&served, GATEWAY);
    let chip = AtomicU32::new(0);
    let (mut approved, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let (lost, enough, paid) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            let tapping: Vec<_> = (0..TILLS)
                .map(|index| {
                    let (served, chip, lost, enough, paid) = (&served, &chip, &lost, &enough, &paid);
                    scope.spawn(move || {
                        let mut pos = sign_in(served, till(index));
                        let mut sequence = pos.welcome.last_sequence.0;
                        let (mut approved, mut refused) = (0_u32, 0_u32);
                        while !enough.load(Ordering::SeqCst) {
                            sequence += 1;
                            let was_lost = lost.load(Ordering::SeqCst);
                            let counter = chip.fetch_add(1, Ordering::SeqCst) + 1;
                            let card = card(ACCOUNT);
                            let answer = pos.tap(&Tap { sequence, card, counter, amount_fen: 1 });
                            match answer.code {
                                ResultCode::Approved => {
                                    assert!(!was_lost, "a tap begun after the report was approved");
                                    approved += 1;
                                    paid.fetch_add(1, Ordering::SeqCst);
                                }
                                ResultCode::CardLost => refused += 1,
                                // Another till's tap of a later transaction came first.
                                ResultCode::CardCounterReplayed => {}
                                other => panic!("a tap is answered {other}"),
                            }
                        }
                        (approved, refused)
                    })
                })
                .collect();
            while paid.load(Ordering::SeqCst) < 20 {
                thread::yield_now();
            }
            let reported = report(&mut phone, 2 * round + 1, ACCOUNT, "918273");
            lost.store(true, Ordering::SeqCst);
            assert_eq!(reported.code, ResultCode::Approved);
            // Each till taps a few times more, in vain.
            let begun = chip.load(Ordering::SeqCst);
            while chip.load(Ordering::SeqCst) < begun + 4 * TILLS {
                thread::yield_now();
            }
            enough.store(true, Ordering::SeqCst);
            for till in tapping {
                let (paid, in_vain) = till.join().expect("a till");
                approved += paid;
                refused += in_vain;
            }
        });
        assert_eq!(lift(&mut phone, 2 * round + 2, ACCOUNT, "918273").code, ResultCode::Approved);
    }
    println!("{approved} taps approved, {refused} refused");
    assert!(approved >= 20 * ROUNDS && refused >= ROUNDS, "{approved} approved, {refused} refused");
    served.stop();
    campus.expect_sound();
}
