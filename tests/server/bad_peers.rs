//! Peers that keep to the frames and not to the rules: silent, deaf, too many, twice.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use engine::server::ServerConfig;
use protocol::answer::Answer;
use protocol::channel::Channel;
use protocol::ids::{AccountId, TerminalId};
use protocol::request::{AccountSelector, Heartbeat, Request, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;

use crate::bystander::Bystander;
use crate::campus::{COUNTER, Campus, DOOR, GATEWAY, card, till};
use crate::wire_till::{
    PATIENCE, Tap, WireTill, connect, offline_record, read_frame, refusal_in, tap_request,
};

const HEARTBEAT: Request<'static> = Request::Heartbeat(Heartbeat { till_time_ns: 1 });

fn a_tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 }
}

fn a_top_up() -> Request<'static> {
    Request::TopUp(TopUp {
        account: AccountSelector::Account(AccountId(0)),
        amount_fen: 100,
        channel: Channel::Counter,
        order: OrderNumber::new("order-1").expect("short"),
    })
}

#[test]
fn who_connects_and_says_nothing_is_let_go() {
    let campus = Campus::new();
    let config = ServerConfig { sign_in_timeout: Duration::from_millis(200), ..ServerConfig::default() };
    let served = campus.serve_with(config);
    let bystander = Bystander::start(&served);
    let mut silent = connect(served.address());
    let mut half = connect(served.address());
    half.write_all(&[88, 0, 0, 0, b'Y']).expect("the server reads");
    for stream in [&mut silent, &mut half] {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).expect("closed, not hanging"), 0);
    }
    bystander.finish();
    served.stop();
}

#[test]
fn an_idle_session_is_closed_and_a_beating_one_is_not() {
    let campus = Campus::new();
    let config = ServerConfig { idle_timeout: Duration::from_secs(1), ..ServerConfig::default() };
    let served = campus.serve_with(config);
    let mut idle = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut beating = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    idle.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket option");
    let begun = std::time::Instant::now();
    loop {
        beating.call(0, &HEARTBEAT);
        let mut byte = [0];
        match idle.stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => panic!("an idle session is told something"),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
            Err(_) => assert!(begun.elapsed() < PATIENCE, "an idle session stays open"),
        }
    }
    beating.sign_out();
    served.stop();
}

#[test]
fn who_never_reads_its_answers_is_let_go() {
    let campus = Campus::new();
    let served = campus.serve();
    let bystander = Bystander::start(&served);
    let mut deaf = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    // Many at a time, so that the server, not this test, is what stops.
    let ended = (0..100_000).find_map(|_| {
        let frames: Vec<u8> = (0..64).flat_map(|_| deaf.sealed(0, &HEARTBEAT)).collect();
        deaf.stream.write_all(&frames).err()
    });
    let ended = ended.expect("the server lets go of a peer that doesn't read").kind();
    assert!(matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended}");
    bystander.wait_for_sales(10);
    bystander.finish();
    served.stop();
}

#[test]
fn a_flood_of_heartbeats_leaves_room_for_others() {
    let campus = Campus::new();
    let served = campus.serve();
    let bystander = Bystander::start(&served);
    let flooder = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut reading = flooder.stream.try_clone().expect("a descriptor");
    let mut writing = flooder;
    let reader = std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while reading.read(&mut bytes).is_ok_and(|count| count > 0) {}
    });
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Acquire) {
            let frames: Vec<u8> = (0..64).flat_map(|_| writing.sealed(0, &HEARTBEAT)).collect();
            if writing.stream.write_all(&frames).is_err() {
                break;
            }
        }
        let _ = writing.stream.shutdown(std::net::Shutdown::Both);
    });
    bystander.wait_for_sales(100);
    stop.store(true, std::sync::atomic::Ordering::Release);
    writer.join().expect("no panic");
    reader.join().expect("no panic");
    bystander.finish();
    served.stop();
}

#[test]
fn a_second_sign_in_fences_the_first() {
    let campus = Campus::new();
    let served = campus.serve();
    let identity = served.keys.identity(till(0));
    let mut first = WireTill::sign_in(served.address(), &identity);
    assert!(first.tap(&a_tap(1)).code.is_approved());
    let mut second = WireTill::sign_in(served.address(), &identity);
    assert_eq!(second.welcome.last_sequence.0, 1);
    // The server may notice the old session by itself before it is asked.
    let frame = first.sealed(2, &tap_request(&a_tap(2)));
    if first.stream.write_all(&frame).is_ok()
        && let Some(answer) = first.read()
    {
        assert_eq!(refusal_in(&answer).code, ResultCode::Fenced);
        assert!(first.read().is_none(), "a fenced session is closed");
    }
    assert_eq!(second.ask(2).code, ResultCode::UnknownSale, "a fenced till sells nothing");
    assert!(second.tap(&a_tap(2)).code.is_approved());
    // Another till's sign-in fences nobody.
    let other = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    assert!(second.tap(&a_tap(3)).code.is_approved());
    other.sign_out();
    second.sign_out();
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_second_request_in_flight_is_told_to_come_again() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut frames = peer.sealed(1, &tap_request(&a_tap(1)));
    frames.extend(peer.sealed(2, &tap_request(&a_tap(2))));
    peer.write(&frames);
    let (mut approved, mut busy) = (None, None);
    for _ in 0..2 {
        let answer = peer.read().expect("an answer to each");
        match Answer::decode(&answer).expect("an answer") {
            (header, Answer::Money(sold)) if sold.code.is_approved() => approved = Some(header.sequence.0),
            (header, Answer::Refused(refusal)) => busy = Some((header.sequence.0, refusal.code)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((approved, busy), (Some(1), Some((2, ResultCode::Busy))));
    // Nothing was taken, and the session goes on.
    assert_eq!(peer.ask(2).code, ResultCode::UnknownSale);
    let sold = peer.tap(&a_tap(2));
    assert!(sold.code.is_approved() && !sold.repeat);

    // Two uploads likewise; a live request beside one upload is in order.
    let record = |sequence| offline_record(&served.keys, till(0), &a_tap(sequence), 1);
    let records: Vec<_> = (10..2_010).map(record).collect();
    let upload = |batch, records| Request::Upload(protocol::request::Upload { batch, records });
    let mut frames = peer.sealed(0, &upload(1, &records));
    frames.extend(peer.sealed(0, &upload(2, &records[..1])));
    frames.extend(peer.sealed(3, &tap_request(&a_tap(3))));
    peer.write(&frames);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = peer.read().expect("an answer to each");
        seen.push(match Answer::decode(&answer).expect("an answer").1 {
            Answer::Money(sold) => sold.code.to_string(),
            Answer::Refused(refusal) => format!("refused {}", refusal.code),
            Answer::Batch(batch) => format!("batch {}", batch.batch),
            other => panic!("{other:?}"),
        });
    }
    seen.sort();
    assert_eq!(seen, ["Approved", "batch 1", "refused Busy"]);
    peer.sign_out();
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_terminal_may_send_only_what_its_kind_may() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = |terminal: TerminalId| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let mut shop = sign_in(till(0));
    assert_eq!(shop.refused(1, &a_top_up()).code, ResultCode::NotPermitted);
    assert_eq!(shop.ask(1).code, ResultCode::UnknownSale, "the sequence isn't used up");
    assert!(shop.tap(&a_tap(1)).code.is_approved(), "and the session goes on");

    let mut door = sign_in(DOOR);
    assert_eq!(door.refused(1, &tap_request(&a_tap(2))).code, ResultCode::NotPermitted);
    assert_eq!(door.refused(1, &a_top_up()).code, ResultCode::NotPermitted);
    assert!(door.balance(0).code.is_approved());

    let mut counter = sign_in(COUNTER);
    assert!(counter.money(1, &a_top_up()).code.is_approved());

    let mut gateway = sign_in(GATEWAY);
    assert!(gateway.tap(&Tap { counter: 2, ..a_tap(1) }).code.is_approved());
    let again = gateway.money(2, &a_top_up());
    assert!(again.code.is_approved() && again.repeat, "an order is credited once: {again:?}");
    for till in [shop, door, counter, gateway] {
        till.sign_out();
    }
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_connection_too_many_is_told_that_the_server_is_busy() {
    let campus = Campus::new();
    let served = campus.serve_with(ServerConfig { connections_max: 2, ..ServerConfig::default() });
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let second = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    let mut third = connect(served.address());
    let answer = read_frame(&mut third).expect("an answer");
    assert_eq!(refusal_in(&answer).code, ResultCode::Busy);
    assert!(read_frame(&mut third).is_none());
    assert!(first.tap(&a_tap(1)).code.is_approved());
    second.sign_out();
    // The place is free again once the server has noticed.
    let begun = std::time::Instant::now();
    let free = loop {
        assert!(begun.elapsed() < PATIENCE, "the place isn't given back");
        let stream = connect(served.address());
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket option");
        // Who has a place is told nothing before it speaks.
        match stream.peek(&mut [0]) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => break stream,
            _ => {}
        }
    };
    free.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let third = WireTill::sign_in_on(free, &served.keys.identity(till(2)));
    third.expect("the third till is let in").sign_out();
    first.sign_out();
    served.stop();
}
