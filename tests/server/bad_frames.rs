//! Frames that no till should send: each gets its code, and another till never notices.

use std::io::Write;
use std::net::Shutdown;

use engine::data_dir::random_bytes;
use protocol::answer::Answer;
use protocol::frame::{HEADER_BYTES, MAC_BYTES};
use protocol::ids::TerminalId;
use protocol::request::{Heartbeat, Request};
use protocol::result_code::ResultCode;
use protocol::sign_in::ClientHandshake;

use crate::bystander::Bystander;
use crate::campus::{Campus, Served, card, till};
use crate::seed::Random;
use crate::wire_till::{Tap, WireTill, connect, read_frame, refusal_in, tap_request};

/// Serves a campus with a till that sells meanwhile, and audits the books afterwards.
fn beside_a_selling_till(bad: impl FnOnce(&Served, &Bystander)) {
    let campus = Campus::new();
    let served = campus.serve();
    let bystander = Bystander::start(&served);
    bad(&served, &bystander);
    bystander.finish();
    served.stop();
    campus.expect_sound();
}

const HEARTBEAT: Request<'static> = Request::Heartbeat(Heartbeat { till_time_ns: 1 });

fn a_tap(sequence: u32) -> Request<'static> {
    tap_request(&Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 })
}

/// Sends bytes in a new session and expects a refusal with `code`, then the end of the connection.
fn expect_end(served: &Served, name: &str, code: ResultCode, bytes: impl FnOnce(&mut WireTill) -> Vec<u8>) {
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let bytes = bytes(&mut peer);
    peer.write(&bytes);
    let answer = peer.read().unwrap_or_else(|| panic!("{name}: closed without a word"));
    assert_eq!(refusal_in(&answer).code, code, "{name}");
    assert!(peer.read().is_none(), "{name}: the connection stays open");
}

/// A sealed tap with one thing wrong that the MAC covers too.
fn sealed_with(peer: &mut WireTill, spoil: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = peer.encode(1, &a_tap(1));
    spoil(&mut frame);
    // Seals by hand: the codec refuses to seal what is no frame.
    let good = peer.sealed(1, &a_tap(1));
    let counter = HEADER_BYTES - 8..HEADER_BYTES;
    frame[counter.clone()].copy_from_slice(&good[counter]);
    frame
}

#[test]
fn a_frame_that_is_none_ends_its_session_with_the_code_that_says_why() {
    use ResultCode::{MalformedFrame, UnknownKind, UnsupportedVersion};
    beside_a_selling_till(|served, _| {
        type Spoil = fn(&mut Vec<u8>);
        let cases: [(&str, ResultCode, Spoil); 8] = [
            ("wrong magic", MalformedFrame, |frame| frame[4] = b'X'),
            ("unknown version", UnsupportedVersion, |frame| frame[5] = 9),
            ("unknown kind", UnknownKind, |frame| frame[6] = 0x7e),
            ("length of all ones", MalformedFrame, |frame| frame[..4].fill(0xff)),
            ("length 0", MalformedFrame, |frame| frame[..4].fill(0)),
            ("a byte longer than its kind", MalformedFrame, |frame| {
                let length = frame.len() as u32 + 1;
                frame[..4].copy_from_slice(&length.to_le_bytes());
                frame.push(0);
            }),
            ("a byte shorter than its kind", MalformedFrame, |frame| {
                let length = frame.len() as u32 - 1;
                frame[..4].copy_from_slice(&length.to_le_bytes());
                frame.pop();
            }),
            ("an upload above 2,000 records", MalformedFrame, |frame| {
                frame[6] = 0x30;
                frame[..4].copy_from_slice(&(40 + 8 + 96 * 2_001_u32).to_le_bytes());
            }),
        ];
        for (name, code, spoil) in cases {
            expect_end(served, name, code, |peer| sealed_with(peer, spoil));
        }
    });
}

#[test]
fn a_right_mac_does_not_excuse_what_is_in_the_frame() {
    beside_a_selling_till(|served, _| {
        // The codec seals anything that is a frame by its length, so these carry the right MAC.
        let sealed = |peer: &mut WireTill, offset: usize| {
            let mut frame = peer.encode(1, &a_tap(1));
            frame[offset] = 1;
            peer.session.seal(&mut frame);
            frame
        };
        for (name, offset) in
            [("flags", 7), ("reserved in the header", 18), ("reserved in the body", HEADER_BYTES + 12)]
        {
            expect_end(served, name, ResultCode::MalformedFrame, |peer| sealed(peer, offset));
        }
        expect_end(served, "sign-in within a session", ResultCode::MalformedFrame, |peer| {
            let (_, hello) = ClientHandshake::start(&served.keys.identity(till(0)), random_bytes());
            let mut frame = hello.to_vec();
            peer.session.seal(&mut frame);
            frame
        });

        // Another till's number: the session ends, and nothing is recorded for either.
        expect_end(served, "another till's number", ResultCode::MalformedFrame, |peer| {
            let mut frame = peer.encode(1, &a_tap(1));
            frame[8..12].copy_from_slice(&till(1).0.to_le_bytes());
            peer.session.seal(&mut frame);
            frame
        });
        let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
        assert_eq!(peer.ask(1).code, ResultCode::UnknownSale);
        let mut other = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
        assert_eq!(other.ask(1).code, ResultCode::UnknownSale);
    });
}

#[test]
fn forged_replayed_reordered_and_reflected_frames_end_their_session() {
    use ResultCode::{BadCounter, BadMac};
    beside_a_selling_till(|served, _| {
        expect_end(served, "a forged MAC", BadMac, |peer| {
            let mut frame = peer.sealed(1, &a_tap(1));
            let last = frame.len() - 1;
            frame[last] ^= 1;
            frame
        });
        for offset in [8, 12, 16, 20, 24, HEADER_BYTES, HEADER_BYTES + 16] {
            expect_end(served, &format!("byte {offset} altered"), BadMac, |peer| {
                let mut frame = peer.sealed(1, &a_tap(1));
                frame[offset] ^= 1;
                frame
            });
        }
        expect_end(served, "a frame left out", BadCounter, |peer| {
            peer.sealed(0, &HEARTBEAT);
            peer.sealed(1, &a_tap(1))
        });
        expect_end(served, "two frames in the wrong order", BadCounter, |peer| {
            let first = peer.sealed(0, &HEARTBEAT);
            let mut second = peer.sealed(1, &a_tap(1));
            second.extend(first);
            second
        });
        expect_end(served, "a frame of an earlier session", BadMac, |_| {
            let mut earlier = WireTill::sign_in(served.address(), &served.keys.identity(till(2)));
            earlier.sealed(1, &a_tap(1))
        });
        expect_end(served, "an answer sent back", BadMac, |peer| {
            let frame = peer.sealed(0, &HEARTBEAT);
            peer.write(&frame);
            peer.read().expect("an answer")
        });
        expect_end(served, "an answer sent back as a request", BadMac, |peer| {
            let mut answer = peer.call(0, &Request::SaleQuery(query()));
            answer[6] = 0x10;
            answer.truncate(72);
            answer[..4].copy_from_slice(&72_u32.to_le_bytes());
            answer
        });

        // A replay of a sale that was made: the sale stands once.
        let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
        let before_fen = peer.balance(0).system_fen;
        let frame = peer.sealed(1, &a_tap(1));
        peer.write(&frame);
        let answer = peer.read().expect("an answer");
        assert!(matches!(Answer::decode(&answer), Ok((_, Answer::Money(sold))) if sold.code.is_approved()));
        peer.write(&frame);
        assert_eq!(refusal_in(&peer.read().expect("an answer")).code, BadCounter);
        assert!(peer.read().is_none());
        let mut again = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
        assert_eq!(again.balance(0).system_fen, before_fen - 10);
    });
}

fn query() -> protocol::request::SaleQuery {
    protocol::request::SaleQuery { epoch: protocol::ids::Epoch(1), sequence: protocol::ids::Sequence(1) }
}

#[test]
fn nothing_but_a_sign_in_is_taken_before_the_sign_in() {
    beside_a_selling_till(|served, _| {
        let refused = |name: &str, bytes: &[u8]| {
            let mut stream = connect(served.address());
            stream.write_all(bytes).expect("the server reads");
            let answer = read_frame(&mut stream).unwrap_or_else(|| panic!("{name}: closed without a word"));
            assert!(read_frame(&mut stream).is_none(), "{name}: the connection stays open");
            refusal_in(&answer).code
        };
        let mut signed_in = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
        let tap = signed_in.sealed(1, &a_tap(1));
        assert_eq!(refused("a tap", &tap), ResultCode::MalformedFrame);
        assert_eq!(refused("garbage", b"GET / HTTP/1.1\r\n\r\n"), ResultCode::MalformedFrame);
        assert_eq!(refused("zeros", &[0; 16]), ResultCode::MalformedFrame);

        let hello_of =
            |terminal| ClientHandshake::start(&served.keys.identity(TerminalId(terminal)), random_bytes()).1;
        let mut versions = hello_of(till(0).0);
        versions[HEADER_BYTES..HEADER_BYTES + 2].fill(7);
        assert_eq!(refused("versions of tomorrow", &versions), ResultCode::UnsupportedVersion);
        assert_eq!(refused("an unknown terminal", &hello_of(4_711)), ResultCode::UnknownTerminal);
        let mut sealed = hello_of(till(0).0);
        let mac = sealed.len() - MAC_BYTES;
        sealed[mac] = 1;
        assert_eq!(refused("a Hello with a MAC", &sealed), ResultCode::MalformedFrame);

        // A Prove for another challenge: the right key alone isn't enough.
        let identity = served.keys.identity(till(3));
        let (first, first_hello) = ClientHandshake::start(&identity, random_bytes());
        let (_, second_hello) = ClientHandshake::start(&identity, random_bytes());
        let (mut one, mut two) = (connect(served.address()), connect(served.address()));
        one.write_all(&first_hello).expect("the server reads");
        two.write_all(&second_hello).expect("the server reads");
        let challenge = read_frame(&mut one).expect("a challenge");
        read_frame(&mut two).expect("a challenge");
        let (_, prove) = first.on_challenge(&challenge).expect("a challenge");
        two.write_all(&prove).expect("the server reads");
        assert_eq!(refusal_in(&read_frame(&mut two).expect("an answer")).code, ResultCode::BadMac);
        assert!(read_frame(&mut two).is_none());

        let mut wrong_key = served.keys.identity(till(3));
        wrong_key.key = served.keys.identity(till(4)).key;
        let refusal = WireTill::try_sign_in(served.address(), &wrong_key).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code, ResultCode::BadMac);
    });
}

#[test]
fn frames_cut_off_anywhere_and_random_bytes_hurt_nobody() {
    let mut random = Random::for_test("frames_cut_off_anywhere_and_random_bytes_hurt_nobody");
    beside_a_selling_till(|served, bystander| {
        let identity = served.keys.identity(till(0));
        for cut in (0..72).step_by(7) {
            let mut peer = WireTill::sign_in(served.address(), &identity);
            let frame = peer.sealed(1, &a_tap(1));
            peer.write(&frame[..cut]);
            peer.stream.shutdown(Shutdown::Write).expect("an open socket");
            assert!(peer.read().is_none(), "half a frame is no request");
        }
        for _ in 0..200 {
            let mut bytes: Vec<u8> = (0..random.below(300)).map(|_| random.next() as u8).collect();
            // Half of them begin like a frame, so that they get past the first look.
            if random.below(2) == 0 && bytes.len() > 8 {
                let kinds = [1, 2, 3, 4, 0x10, 0x12, 0x20, 0x21, 0x30, 0xff];
                let length = 40 + random.below(80) as u32;
                bytes[..4].copy_from_slice(&length.to_le_bytes());
                bytes[4..7].copy_from_slice(&[b'Y', 1, kinds[random.below(10) as usize]]);
            }
            if random.below(2) == 0 {
                let mut peer = WireTill::sign_in(served.address(), &identity);
                let _ = peer.stream.write_all(&bytes);
            } else {
                let _ = connect(served.address()).write_all(&bytes);
            }
        }
        bystander.wait_for_sales(10);
        let mut peer = WireTill::sign_in(served.address(), &identity);
        assert_eq!(peer.ask(1).code, ResultCode::UnknownSale, "nothing of it was taken for a sale");
    });
}
