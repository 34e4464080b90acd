//! Subsidy batches over sockets: paid line by line beside everything else, each line once, whatever happens to the process.

use std::thread;
use std::time::Duration;

use engine::data_dir::DataDir;
use engine::ledger::Request as Configuration;
use engine::ledger::command::OpenAccount;
use engine::opened_books::{OpenOptions, OpenedBooks};
use protocol::answer::{SubsidyLineState, SubsidyState};
use protocol::ids::TerminalId;
use protocol::request::{SubsidyAction, SubsidyMode};
use protocol::result_code::ResultCode;

use crate::books_check::expect_exactly_once;
use crate::campus::{AUDITOR, Campus, FINANCE, HOLDERS, SECOND_FINANCE, sizes};
use crate::load::Load;
use crate::program::Serving;
use crate::seed::Random;
use crate::subsidy_desk::{Desk, line};
use crate::wire_till::WireTill;

/// Accounts that get something.
const PERSONS: u32 = 3_000;
/// Every line.
const LINE_FEN: u32 = 15_000;
/// Kills while the batch is issued, and while it is withdrawn.
const KILLS: u32 = 6;

/// Opens so many accounts that a batch takes a while.
fn open_accounts(campus: &Campus) {
    let data = DataDir::open(&campus.data_dir()).expect("nobody else has the books");
    let sizes = engine::ledger::Sizes { accounts_max: 4_096, ..sizes() };
    let options = OpenOptions { sizes, ..OpenOptions::default() };
    let (books, _) = OpenedBooks::open(data, &options).expect("sound books");
    for number in HOLDERS..PERSONS {
        let mut student_number = [0; 16];
        student_number[..7].copy_from_slice(format!("{}", 3_000_000 + number).as_bytes());
        let open = OpenAccount { student_number, class: 0 };
        books.engine().configure(Configuration::OpenAccount(open)).expect("there is room");
    }
    books.close().expect("a clean stop");
}

#[test]
fn a_batch_is_paid_and_taken_back_once_through_kills_while_tills_sell() {
    let mut random = Random::for_test("a_batch_is_paid_and_taken_back_once_through_kills_while_tills_sell");
    let campus = Campus::new();
    open_accounts(&campus);
    let desk_of = |server: &Serving, operator: TerminalId| {
        Desk::new(WireTill::sign_in(server.address(), &campus.keys().identity(operator)))
    };
    let lines: Vec<_> = (0..PERSONS).map(|account| line(account, LINE_FEN)).collect();
    let total_fen = i64::from(PERSONS) * i64::from(LINE_FEN);

    // Tills sell to the holders meanwhile, and use what they are given.
    let tills = Load::start(&campus.keys(), 2, &mut random);
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut opener = desk_of(&server, FINANCE);
    let deadline_day = opener.wire.welcome.business_date.0.max(30_000);
    opener.plan(9, SubsidyMode::Beside, deadline_day, &lines);
    let mut second = desk_of(&server, SECOND_FINANCE);
    let looked_at = second.batch(9);
    assert_eq!((looked_at.state, looked_at.total_fen), (SubsidyState::Previewed, total_fen));
    assert_eq!(second.preview(9, 100).len(), PERSONS as usize);
    assert_eq!(second.step(9, SubsidyAction::Approve), ResultCode::Approved);
    tills.publish(Some(server.address()));
    tills.wait_for(1);
    assert_eq!(opener.step(9, SubsidyAction::Issue), ResultCode::Approved);

    let mut server = Some(server);
    for (state, next) in [(SubsidyState::Issued, SubsidyAction::Withdraw)] {
        let mut seen = Vec::new();
        for _ in 0..KILLS {
            thread::sleep(Duration::from_micros(random.below(8_000)));
            tills.publish(None);
            server.take().expect("it runs").kill();
            let started = Serving::start(&campus.data_dir(), &[]);
            tills.publish(Some(started.address()));
            let so_far = desk_of(&started, AUDITOR).batch(9);
            seen.push(so_far.claimed);
            assert_eq!(so_far.claimed_fen, i64::from(so_far.claimed) * i64::from(LINE_FEN));
            server = Some(started);
        }
        println!("lines paid when the server was back: {seen:?}");
        let running = server.as_ref().expect("it runs");
        let done = desk_of(running, AUDITOR).wait_for(9, state);
        assert_eq!((done.claimed, done.claimed_fen, done.skipped), (PERSONS, total_fen, 0));
        tills.wait_for(20);
        assert_eq!(desk_of(running, FINANCE).step(9, next), ResultCode::Approved);
    }
    for _ in 0..KILLS {
        thread::sleep(Duration::from_micros(random.below(8_000)));
        tills.publish(None);
        server.take().expect("it runs").kill();
        let started = Serving::start(&campus.data_dir(), &[]);
        tills.publish(Some(started.address()));
        server = Some(started);
    }
    let server = server.expect("it runs");
    let mut auditor = desk_of(&server, AUDITOR);
    let done = auditor.wait_for(9, SubsidyState::Withdrawn);
    let told = tills.finish();
    // Whoever never bought anything has nothing left of it.
    assert_eq!(auditor.wire.balance(PERSONS - 1).system_fen, 0);
    server.terminate();
    let report = campus.expect_sound();
    expect_exactly_once(&campus.data_dir(), &told);
    assert_eq!(report.totals.subsidies_fen, i128::from(total_fen));
    assert_eq!(report.totals.subsidies_back_fen, i128::from(done.withdrawn_fen));
    assert!(done.withdrawn_fen >= i64::from(PERSONS - HOLDERS) * i64::from(LINE_FEN));
}

#[test]
fn a_batch_that_is_over_is_told_after_a_restart_as_before() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = |terminal| Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(terminal)));
    let (mut opener, mut second) = (sign_in(FINANCE), sign_in(SECOND_FINANCE));
    let lines: Vec<_> = (0..30).map(|account| line(account, 100 + account)).collect();
    opener.plan(1, SubsidyMode::Clear, 30_000, &lines);
    assert_eq!(second.step(1, SubsidyAction::Approve), ResultCode::Approved);
    assert_eq!(second.step(1, SubsidyAction::Issue), ResultCode::Approved);
    let issued = opener.wait_for(1, SubsidyState::Issued);
    let states: Vec<u8> = opener.preview(1, 7).iter().map(|line| line.state).collect();
    assert_eq!(states, [SubsidyLineState::Claimed.number(); 30]);
    assert_eq!(opener.batch(2).code, ResultCode::UnknownBatch);
    served.stop_unsealed();

    let served = campus.serve();
    let mut auditor = Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(AUDITOR)));
    let again = auditor.batch(1);
    assert_eq!(again, protocol::answer::SubsidyAnswer { server_time_ns: again.server_time_ns, ..issued });
    served.stop();
    // From the snapshot, too.
    let served = campus.serve();
    let mut auditor = Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(AUDITOR)));
    assert_eq!(auditor.batch(1).claimed_fen, issued.claimed_fen);
    assert_eq!(auditor.preview(1, 100).len(), 30);
    served.stop();
    campus.expect_sound();
}
