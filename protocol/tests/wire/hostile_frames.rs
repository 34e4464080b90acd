//! Truncated, oversized, unknown, forged, replayed, reordered and reflected frames are refused, each with the
//! code that says so, and no bytes at all make the codec panic.

use crate::support::{
    CLIENT_NONCE, Random, SERVER_NONCE, TERMINAL, answer_to, batch_lines, bill_lines, identity, ids, master,
    offline_records, requests, sign_in, terminal_key, welcome,
};
use protocol::answer::{Answer, Refusal};
use protocol::command_table::{COMMANDS, Direction, Kind};
use protocol::error::DecodeError;
use protocol::frame::{self, FRAME_BYTES_MIN, HEADER_BYTES, Header, LENGTH_PREFIX_BYTES, MAGIC};
use protocol::keys::derive_terminal_key;
use protocol::request::Request;
use protocol::result_code::ResultCode;
use protocol::session::OpenError;
use protocol::sign_in::{
    ClientHandshake, ServerHandshake, SignInError, SignInKeys, TerminalIdentity, Welcome,
};
use protocol::wrapped_key::WrappedKey;

/// One sealed request of every kind, from one session.
fn sealed_requests() -> (crate::support::SignedIn, Vec<(&'static str, Vec<u8>)>) {
    let mut sides = sign_in();
    let records = offline_records();
    let mut frames = Vec::new();
    for (request_id, (name, sequence, request)) in (1..).zip(requests(&records)) {
        let mut frame = Vec::new();
        request.append(&ids(sequence, request_id), &mut frame).expect("fits");
        sides.till.seal(&mut frame);
        frames.push((name, frame));
    }
    (sides, frames)
}

#[test]
fn a_truncated_frame_waits_for_its_end_and_is_never_decoded() {
    let (mut sides, frames) = sealed_requests();
    for (name, whole) in &frames {
        for have in 0..whole.len() {
            let part = &whole[..have];
            let length = frame::length(part).expect("a good beginning");
            assert_eq!(length, (have >= LENGTH_PREFIX_BYTES).then_some(whole.len()), "{name}");
            let need = if have < LENGTH_PREFIX_BYTES { FRAME_BYTES_MIN } else { whole.len() };
            let expected = DecodeError::Truncated { offset: have, need, have };
            assert_eq!(Request::decode(part), Err(expected), "{name}");
            assert_eq!(sides.server.open(part), Err(OpenError::Frame(expected)), "{name}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(matches!(Request::decode(&longer), Err(DecodeError::Length { .. })), "{name}");
    }
}

#[test]
fn a_length_outside_its_kind_is_refused_from_the_prefix_alone() {
    for command in COMMANDS {
        let kind = command.kind.number();
        for (length, fits) in [
            (0, false),
            (command.frame_bytes_min() - 1, false),
            (command.frame_bytes_min(), true),
            (command.frame_bytes_max(), true),
            (command.frame_bytes_max() + 1, false),
            (u32::MAX as usize, false),
        ] {
            let mut prefix = (length as u32).to_le_bytes().to_vec();
            prefix.extend_from_slice(&[MAGIC, 1, kind]);
            let expected = if fits {
                Ok(Some(length))
            } else {
                let (min, max) = (command.frame_bytes_min(), command.frame_bytes_max());
                Err(DecodeError::Length { kind, have: length, min, max })
            };
            assert_eq!(frame::length(&prefix), expected, "{}", command.name);
        }
    }
}

#[test]
fn before_a_session_only_small_frames_of_the_sign_in_pass() {
    for number in 0..=u8::MAX {
        let mut prefix = 48_u32.to_le_bytes().to_vec();
        prefix.extend_from_slice(&[MAGIC, 1, number]);
        let refused = frame::sign_in_length(&prefix);
        match Kind::from_number(number) {
            None => assert_eq!(refused, Err(DecodeError::UnknownKind { have: number })),
            Some(Kind::Hello | Kind::Challenge | Kind::Prove | Kind::Welcome | Kind::Refused) => {
                assert!(!matches!(refused, Err(DecodeError::Misplaced { .. })));
                let max = Kind::from_number(number).expect("just found").command().frame_bytes_max();
                assert!(max <= 128, "a frame of the sign-in is small");
            }
            Some(_) => assert_eq!(refused, Err(DecodeError::Misplaced { have: number })),
        }
    }
    assert_eq!(frame::length(b"GET / H"), Err(DecodeError::Magic { have: b'/' }));
    assert_eq!(frame::length(&[40, 0, 0, 0, MAGIC, 2, 3]), Err(DecodeError::Version { have: 2 }));
    assert_eq!(DecodeError::Version { have: 2 }.code(), ResultCode::UnsupportedVersion);
    assert_eq!(DecodeError::UnknownKind { have: 2 }.code(), ResultCode::UnknownKind);
}

#[test]
fn any_changed_bit_is_refused() {
    let (mut sides, frames) = sealed_requests();
    for (name, whole) in &frames {
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let refused = sides.server.open(&changed).expect_err("a changed bit");
            assert!(
                matches!(refused, OpenError::Frame(_) | OpenError::BadMac),
                "{name}, bit {bit}: {refused}"
            );
        }
        sides.server.open(whole).expect("the frame as it was sent, for nothing was used up");
    }
}

#[test]
fn replayed_lost_and_reordered_frames_are_refused() {
    let (mut sides, frames) = sealed_requests();
    let server = &mut sides.server;
    let refused = |need, have| Err(OpenError::BadCounter { need, have });
    assert_eq!(server.open(&frames[1].1), refused(1, 2), "reordered, or one lost");
    assert_eq!(server.open(&frames[0].1), Ok(()));
    assert_eq!(server.open(&frames[0].1), refused(2, 1), "replayed");
    assert_eq!(server.open(&frames[1].1), Ok(()));
    assert_eq!(server.open(&sides.prove), refused(3, 0), "the Prove of this very sign-in");
    assert_eq!(
        Refusal::from(OpenError::BadCounter { need: 2, have: 1 }),
        Refusal { code: ResultCode::BadCounter, offset: 24, value: 1 }
    );
}

#[test]
fn a_frame_of_the_other_direction_or_of_another_session_is_refused() {
    let (mut sides, frames) = sealed_requests();
    assert_eq!(sides.till.open(&frames[0].1), Err(OpenError::BadMac), "reflected to the till");
    let (header, _) = Request::decode(&frames[0].1).expect("whole");
    let mut down = Vec::new();
    answer_to(Kind::Heartbeat, &[], &[]).append(&header, &mut down).expect("fits");
    sides.server.seal(&mut down);
    assert_eq!(sides.server.open(&down), Err(OpenError::BadMac), "reflected to the server");
    assert_eq!(Request::decode(&down), Err(DecodeError::Misplaced { have: 0x84 }));
    assert!(matches!(Answer::decode(&frames[0].1), Err(DecodeError::Misplaced { have: 0x04 })));

    let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    let (server, challenge) =
        ServerHandshake::on_hello(&hello, *b"server-nonce-002", |_| Some(terminal_key())).expect("good");
    let (_, prove) = client.on_challenge(&challenge).expect("good");
    let (mut later, _) = server.on_prove(&prove).expect("good").welcome(&welcome());
    assert_eq!(later.open(&frames[0].1), Err(OpenError::BadMac), "of an earlier session");
}

#[test]
fn fields_out_of_range_are_refused_with_their_place() {
    let (_, frames) = sealed_requests();
    let cases: &[(&str, usize, u8, DecodeError)] = &[
        ("heartbeat", 7, 1, DecodeError::Reserved { offset: 7 }),
        ("heartbeat", 18, 1, DecodeError::Reserved { offset: 18 }),
        ("card_debit", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("code_debit", 52, 1, DecodeError::Reserved { offset: 52 }),
        ("password_debit", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("top_up", 32, 9, DecodeError::Field { offset: 32, value: 9 }),
        ("top_up", 33, 9, DecodeError::Reserved { offset: 33 }),
        ("top_up", 40, 0xFF, DecodeError::Text { offset: 40 }),
        ("top_up", 64, 1, DecodeError::Field { offset: 64, value: 1 }),
        ("top_up", 72, 0, DecodeError::Text { offset: 72 }),
        ("reversal", 38, 77, DecodeError::Field { offset: 38, value: 77 }),
        ("reversal", 39, 1, DecodeError::Reserved { offset: 39 }),
        ("reversal", 56, 1, DecodeError::Reserved { offset: 56 }),
        ("card_tap", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("tap_confirm", 38, 0, DecodeError::Field { offset: 38, value: 0 }),
        ("tap_confirm", 38, 4, DecodeError::Field { offset: 38, value: 4 }),
        ("tap_confirm", 39, 1, DecodeError::Reserved { offset: 39 }),
        ("tap_confirm", 60, 1, DecodeError::Reserved { offset: 60 }),
        ("top_up_undo", 38, 0, DecodeError::Field { offset: 38, value: 0 }),
        ("top_up_undo", 39, 1, DecodeError::Reserved { offset: 39 }),
        ("top_up_undo", 56, 1, DecodeError::Reserved { offset: 56 }),
        ("refund", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("void", 38, 0, DecodeError::Field { offset: 38, value: 0 }),
        ("void", 39, 1, DecodeError::Reserved { offset: 39 }),
        ("void", 56, 1, DecodeError::Reserved { offset: 56 }),
        ("tender", 40, 12, DecodeError::Field { offset: 40, value: 12 }),
        ("tender", 41, 1, DecodeError::Reserved { offset: 41 }),
        ("tender", 48, 0xFF, DecodeError::Text { offset: 48 }),
        ("block_list", 48, 0xD1, DecodeError::Field { offset: 48, value: 2_001 }),
        ("block_list", 50, 1, DecodeError::Reserved { offset: 50 }),
        ("block_list_active", 36, 1, DecodeError::Reserved { offset: 36 }),
        ("batch_settle", 44, 2, DecodeError::Field { offset: 44, value: 2 }),
        ("batch_settle", 45, 1, DecodeError::Reserved { offset: 45 }),
        ("batch_settle", 32, 0, DecodeError::Field { offset: 32, value: 0 }),
        ("batch_settle", 36, 0, DecodeError::Field { offset: 36, value: 0 }),
        ("batch_settle", 40, 68, DecodeError::Field { offset: 40, value: 68 }),
        ("batch_settle", 88, 1, DecodeError::Field { offset: 88, value: 1 }),
        ("batch_lines", 32, 0, DecodeError::Field { offset: 32, value: 0 }),
        ("batch_lines", 36, 69, DecodeError::Field { offset: 36, value: 69 }),
        ("batch_lines", 40, 3, DecodeError::Field { offset: 40, value: 3 }),
        ("batch_lines", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("batch_lines", 48, 69, DecodeError::Field { offset: 48, value: 69 }),
        ("batch_lines", 52, 9, DecodeError::Field { offset: 52, value: 9 }),
        ("batch_lines", 53, 1, DecodeError::Reserved { offset: 53 }),
        ("batch_lines", 54, 1, DecodeError::Reserved { offset: 54 }),
        ("batch_lines", 64, 1, DecodeError::Reserved { offset: 64 }),
        ("batch_lines", 72, 80, DecodeError::Field { offset: 72, value: 80 }),
        ("balance", 48, 1, DecodeError::Reserved { offset: 48 }),
        ("bill", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("bill", 64, 51, DecodeError::Field { offset: 64, value: 51 }),
        ("bill", 64, 0, DecodeError::Field { offset: 64, value: 0 }),
        ("sale_query", 38, 1, DecodeError::Reserved { offset: 38 }),
        ("reprint", 38, 1, DecodeError::Reserved { offset: 38 }),
        ("statement", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("statement", 66, 0x41, DecodeError::Field { offset: 66, value: 0x2641 }),
        ("statement", 68, 1, DecodeError::Field { offset: 68, value: 1 }),
        ("statement", 72, 0, DecodeError::Field { offset: 72, value: 0 }),
        ("statement", 72, 3, DecodeError::Field { offset: 72, value: 3 }),
        ("statement", 73, 1, DecodeError::Reserved { offset: 73 }),
        ("statement", 74, 0, DecodeError::Field { offset: 74, value: 0 }),
        ("statement", 74, 51, DecodeError::Field { offset: 74, value: 51 }),
        ("statement", 76, 1, DecodeError::Reserved { offset: 76 }),
        ("upload", 36, 3, DecodeError::Field { offset: 36, value: 3 }),
        ("upload", 38, 1, DecodeError::Reserved { offset: 38 }),
        ("card_issue", 64, 0, DecodeError::Field { offset: 64, value: 0 }),
        ("card_issue", 64, 4, DecodeError::Field { offset: 64, value: 4 }),
        ("card_issue", 65, 1, DecodeError::Reserved { offset: 65 }),
        ("card_issue", 68, 1, DecodeError::Reserved { offset: 68 }),
        ("card_issue", 88, 1, DecodeError::Reserved { offset: 88 }),
        ("card_replace", 72, 4, DecodeError::Field { offset: 72, value: 4 }),
        ("card_replace", 73, 0, DecodeError::Field { offset: 73, value: 0 }),
        ("card_replace", 73, 4, DecodeError::Field { offset: 73, value: 4 }),
        ("card_replace", 76, 1, DecodeError::Reserved { offset: 76 }),
        ("card_return", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("password_set", 32, 9, DecodeError::Field { offset: 32, value: 9 }),
        ("password_set", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("loss_report", 40, 0xFF, DecodeError::Text { offset: 40 }),
        ("loss_lift", 48, 1, DecodeError::Reserved { offset: 48 }),
        ("virtual_bind", 32, 0xFF, DecodeError::Text { offset: 32 }),
        ("open_gaps", 46, 0, DecodeError::Field { offset: 46, value: 0 }),
        ("open_gaps", 46, 101, DecodeError::Field { offset: 46, value: 101 }),
        ("unconfirmed", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("gap_close", 36, 0, DecodeError::Field { offset: 36, value: 0 }),
        ("gap_close", 40, 70, DecodeError::Field { offset: 40, value: 70 }),
        ("gap_close", 46, 1, DecodeError::Reserved { offset: 46 }),
        ("gap_close", 48, 0, DecodeError::Text { offset: 48 }),
        ("gap_close", 48, 0xFF, DecodeError::Text { offset: 48 }),
        ("told_post", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("told_post", 48, 0, DecodeError::Text { offset: 48 }),
        ("told_post", 48, 0xFF, DecodeError::Text { offset: 48 }),
        ("scan_pay", 32, 9, DecodeError::Field { offset: 32, value: 9 }),
        ("scan_pay", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("scan_pay", 66, 1, DecodeError::Reserved { offset: 66 }),
        ("code_revoke", 32, 0, DecodeError::Field { offset: 32, value: 0 }),
        ("code_revoke", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("code_key_rotate", 36, 0, DecodeError::Field { offset: 36, value: 0 }),
        ("code_key_rotate", 36, 3, DecodeError::Field { offset: 36, value: 3 }),
        ("code_key_rotate", 37, 1, DecodeError::Reserved { offset: 37 }),
        ("account_freeze", 56, 0, DecodeError::Field { offset: 56, value: 0 }),
        ("account_freeze", 56, 3, DecodeError::Field { offset: 56, value: 3 }),
        ("account_freeze", 57, 1, DecodeError::Reserved { offset: 57 }),
        ("account_freeze", 64, 0xFF, DecodeError::Text { offset: 64 }),
        ("account_limits", 65, 1, DecodeError::Reserved { offset: 65 }),
        ("account_limits", 72, 0xFF, DecodeError::Text { offset: 72 }),
        ("adjust", 64, 0, DecodeError::Field { offset: 64, value: 0 }),
        ("adjust", 64, 2, DecodeError::Field { offset: 64, value: 2 }),
        ("adjust", 65, 0, DecodeError::Field { offset: 65, value: 0 }),
        ("adjust", 65, 3, DecodeError::Field { offset: 65, value: 3 }),
        ("adjust", 66, 1, DecodeError::Reserved { offset: 66 }),
        ("adjust", 72, 0xFF, DecodeError::Text { offset: 72 }),
        ("adjust_decide", 40, 0, DecodeError::Field { offset: 40, value: 0 }),
        ("adjust_decide", 40, 3, DecodeError::Field { offset: 40, value: 3 }),
        ("adjust_decide", 41, 1, DecodeError::Reserved { offset: 41 }),
        ("adjust_decide", 48, 0xFF, DecodeError::Text { offset: 48 }),
        ("subsidy_open", 36, 3, DecodeError::Field { offset: 36, value: 3 }),
        ("subsidy_open", 37, 1, DecodeError::Reserved { offset: 37 }),
        ("subsidy_open", 44, 1, DecodeError::Reserved { offset: 44 }),
        ("subsidy_open", 56, 0xFF, DecodeError::Text { offset: 56 }),
        ("subsidy_lines", 40, 3, DecodeError::Field { offset: 40, value: 3 }),
        ("subsidy_lines", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("subsidy_step", 36, 0, DecodeError::Field { offset: 36, value: 0 }),
        ("subsidy_step", 36, 5, DecodeError::Field { offset: 36, value: 5 }),
        ("subsidy_step", 37, 1, DecodeError::Reserved { offset: 37 }),
        ("subsidy_query", 36, 1, DecodeError::Reserved { offset: 36 }),
        ("subsidy_preview", 40, 0, DecodeError::Field { offset: 40, value: 0 }),
        ("subsidy_preview", 40, 101, DecodeError::Field { offset: 40, value: 101 }),
        ("subsidy_preview", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("adjustments", 40, 0, DecodeError::Field { offset: 40, value: 0 }),
        ("adjustments", 40, 51, DecodeError::Field { offset: 40, value: 51 }),
        ("adjustments", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("card_stock", 42, 1, DecodeError::Reserved { offset: 42 }),
        ("terminal_key_rotate", 40, 0xFF, DecodeError::Text { offset: 40 }),
        ("account_close", 33, 1, DecodeError::Reserved { offset: 33 }),
        ("account_close", 64, 0, DecodeError::Field { offset: 64, value: 0 }),
        ("account_close", 64, 3, DecodeError::Field { offset: 64, value: 3 }),
        ("account_close", 65, 1, DecodeError::Reserved { offset: 65 }),
    ];
    for (name, offset, byte, expected) in cases {
        let mut frame = frames.iter().find(|(known, _)| known == name).expect("a known name").1.clone();
        frame[*offset] = *byte;
        assert_eq!(Request::decode(&frame), Err(*expected), "{name} with byte {offset} = {byte}");
        assert_eq!(Refusal::from(*expected).offset as usize, *offset, "{name} with byte {offset} = {byte}");
    }
    for name in ["cashier_on", "cashier_off", "terminal_key_rotate"] {
        let mut frame = frames.iter().find(|(known, _)| *known == name).expect("a known name").1.clone();
        frame[32..36].fill(0);
        assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset: 32, value: 0 }), "{name}");
    }
    for (name, offset) in [("batch_settle", 80), ("batch_lines", 56)] {
        let mut frame = frames.iter().find(|(known, _)| *known == name).expect("a known name").1.clone();
        frame[offset..offset + 8].fill(0xFF);
        assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset, value: u64::MAX }), "{name}");
    }
    let mut frame =
        frames.iter().find(|(known, _)| *known == "subsidy_open").expect("a known name").1.clone();
    frame[32..36].fill(0);
    assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset: 32, value: 0 }), "batch 0");
    for (name, offset) in [("gap_close", 48), ("told_post", 48)] {
        let mut frame = frames.iter().find(|(known, _)| *known == name).expect("a known name").1.clone();
        frame[offset..offset + 32].fill(0);
        assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset, value: 0 }), "{name}");
    }
    for name in ["card_issue", "card_replace", "card_return"] {
        let mut frame = frames.iter().find(|(known, _)| *known == name).expect("a known name").1.clone();
        frame[56..64].fill(0);
        assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset: 56, value: 0 }), "{name}");
    }
    let numbers = [
        ("virtual_bind", 48),
        ("virtual_unbind", 32),
        ("phone_change", 32),
        ("phone_change", 40),
        ("told_post", 32),
    ];
    for (name, offset) in numbers {
        let mut frame = frames.iter().find(|(known, _)| *known == name).expect("a known name").1.clone();
        frame[offset..offset + 8].fill(0);
        assert_eq!(Request::decode(&frame), Err(DecodeError::Field { offset, value: 0 }), "{name}");
    }
}

#[test]
fn an_answer_that_says_something_else_than_its_code_is_refused() {
    let (_, frames) = sealed_requests();
    for (name, up) in frames {
        let (header, _) = Request::decode(&up).expect("whole");
        for answer in [answer_to(header.kind, &[], &[]), Answer::Refused(Refusal::new(ResultCode::Busy))] {
            let Some(voice) = answer.voice(header.kind) else { continue };
            let mut down = Vec::new();
            answer.append(&header, &mut down).expect("fits");
            assert_eq!(down[35] >> 1, voice.number(), "{name}");
            down[35] ^= 1 << 1;
            let refused = DecodeError::Field { offset: 35, value: down[35].into() };
            assert_eq!(Answer::decode(&down), Err(refused), "{name}");
        }
    }
}

#[test]
fn a_receipt_out_of_range_is_refused_with_its_place() {
    let (_, frames) = sealed_requests();
    let (_, up) = frames.iter().find(|(name, _)| *name == "reprint").expect("a known name");
    let (header, _) = Request::decode(up).expect("whole");
    let mut down = Vec::new();
    answer_to(header.kind, &[], &[]).append(&header, &mut down).expect("fits");
    for (offset, byte, expected) in [
        (35, 0, DecodeError::Field { offset: 35, value: 0 }),
        (35, 0x89, DecodeError::Field { offset: 35, value: 0x89 }),
        (96, 0xFF, DecodeError::Text { offset: 96 }),
        (124, 0, DecodeError::Field { offset: 35, value: 9 }),
        (124, 12, DecodeError::Field { offset: 124, value: 12 }),
        (125, 9, DecodeError::Field { offset: 125, value: 9 }),
        (126, 4, DecodeError::Field { offset: 126, value: 4 }),
        (127, 1, DecodeError::Reserved { offset: 127 }),
    ] {
        let mut frame = down.clone();
        frame[offset] = byte;
        assert_eq!(Answer::decode(&frame), Err(expected), "byte {offset} = {byte}");
    }
}

#[test]
fn a_sign_in_without_the_key_fails_on_both_sides() {
    let stranger = protocol::keys::Key128::new([9; 16]);
    let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    let (server, challenge) =
        ServerHandshake::on_hello(&hello, SERVER_NONCE, |_| Some(stranger.clone())).expect("good");
    let (client, prove) = client.on_challenge(&challenge).expect("good");
    let refused = server.on_prove(&prove).err().expect("the keys differ");
    assert_eq!(refused.code, ResultCode::BadMac);
    let told = client.on_welcome(&refused.frame(&prove)).expect_err("refused");
    assert_eq!(told, SignInError::Refused(refused));

    let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    let refused = ServerHandshake::on_hello(&hello, SERVER_NONCE, |_| None::<protocol::keys::Key128>)
        .err()
        .expect("unknown");
    assert_eq!((refused.code, refused.value), (ResultCode::UnknownTerminal, 101));
    let told = client.on_challenge(&refused.frame(&hello)).err().expect("refused");
    assert_eq!(told, SignInError::Refused(refused));
}

#[test]
fn a_till_signs_in_under_the_key_in_use_or_the_one_before_while_that_is_taken() {
    let [earlier, current] = [1, 2].map(|version| derive_terminal_key(&master(), TERMINAL, version));
    let both = SignInKeys { current: current.clone(), earlier: Some(earlier.clone()) };
    for (till_key, keys, has_current) in [
        (&current, &both, Some(true)),
        (&earlier, &both, Some(false)),
        (&earlier, &SignInKeys::from(current.clone()), None),
        (&protocol::keys::Key128::new([9; 16]), &both, None),
    ] {
        let identity = TerminalIdentity { key: till_key.clone(), ..identity() };
        let (client, hello) = ClientHandshake::start(&identity, CLIENT_NONCE);
        let (server, challenge) =
            ServerHandshake::on_hello(&hello, SERVER_NONCE, |_| Some(keys.clone())).expect("good");
        let (client, prove) = client.on_challenge(&challenge).expect("good");
        let Some(has_current) = has_current else {
            assert_eq!(server.on_prove(&prove).err().map(|refused| refused.code), Some(ResultCode::BadMac));
            continue;
        };
        let proven = server.on_prove(&prove).expect("a key that is taken");
        assert_eq!(proven.has_current_key(), has_current);
        let told = Welcome { key_version: 2, key_check: current.check_value(), ..welcome() };
        let (server, welcome) = proven.welcome(&told);
        let (mut till, read) = client.on_welcome(&welcome).expect("the server has that key, too");
        assert_eq!(read, told);
        // Under either the next key comes through.
        let (mut down, _) = server.into_split();
        let wrapped = WrappedKey::wrap(&current, &down.wrapping_key());
        assert_eq!(wrapped.unwrap(&till.wrapping_key(), read.key_check), Some(current.clone()));
    }
}

#[test]
fn a_changed_hello_or_challenge_breaks_the_proofs() {
    for bit in 0..(protocol::sign_in::HELLO_BYTES + protocol::sign_in::CHALLENGE_BYTES) * 8 {
        let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
        let mut sent = hello;
        if bit < sent.len() * 8 {
            sent[bit / 8] ^= 1 << (bit % 8);
        }
        let Ok((server, challenge)) =
            ServerHandshake::on_hello(&sent, SERVER_NONCE, |_| Some(terminal_key()))
        else {
            continue;
        };
        let mut answered = challenge;
        if let Some(bit) = bit.checked_sub(sent.len() * 8) {
            answered[bit / 8] ^= 1 << (bit % 8);
        }
        let Ok((_, prove)) = client.on_challenge(&answered) else {
            continue;
        };
        assert!(server.on_prove(&prove).is_err(), "bit {bit} can be changed unseen");
    }
}

#[test]
fn versions_are_negotiated() {
    let (_, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    for (min, max, expected) in [
        (1, 9, None),
        (2, 9, Some(ResultCode::UnsupportedVersion)),
        (0, 0, Some(ResultCode::UnsupportedVersion)),
        (3, 2, Some(ResultCode::MalformedFrame)),
    ] {
        let mut sent = hello;
        sent[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&[min, max]);
        let got = ServerHandshake::on_hello(&sent, SERVER_NONCE, |_| Some(terminal_key()));
        match got {
            Ok((_, challenge)) => assert_eq!((challenge[HEADER_BYTES], expected), (1, None)),
            Err(refusal) => assert_eq!(Some(refusal.code), expected),
        }
    }
}

/// Every way that bytes from outside can be read.
fn read_all(bytes: &[u8]) {
    let _ = frame::length(bytes);
    let _ = frame::sign_in_length(bytes);
    let _ = Header::decode(bytes, Direction::ToServer);
    let _ = Request::decode(bytes);
    let _ = Answer::decode(bytes);
    let _ = Refusal::new(ResultCode::MalformedFrame).frame(bytes);
    let _ = protocol::payment_code::parse(bytes);
    let _ = protocol::self_scan::ScanCode::parse(bytes);
    let _ = ServerHandshake::on_hello(bytes, SERVER_NONCE, |_| Some(terminal_key()));
    let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    let _ = client.on_challenge(bytes);
    let (server, _) =
        ServerHandshake::on_hello(&hello, SERVER_NONCE, |_| Some(terminal_key())).expect("a good Hello");
    let _ = server.on_prove(bytes);
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random::announced("random_bytes_never_panic");
    for _ in 0..20_000 {
        let mut bytes = vec![0; random.below(400)];
        bytes.fill_with(|| random.next() as u8);
        read_all(&bytes);
    }
}

/// As above, with frames that are right but for a few bytes, so the reading gets far.
#[test]
fn nearly_right_frames_never_panic() {
    let mut random = Random::announced("nearly_right_frames_never_panic");
    let (mut sides, frames) = sealed_requests();
    let (bill, batch) = (bill_lines(), batch_lines());
    let mut seeds: Vec<Vec<u8>> = vec![sides.hello, sides.challenge, sides.prove, sides.welcome];
    for (_, up) in frames {
        let (header, _) = Request::decode(&up).expect("whole");
        let mut down = Vec::new();
        answer_to(header.kind, &bill, &batch).append(&header, &mut down).expect("fits");
        sides.server.seal(&mut down);
        seeds.extend([up, down]);
    }
    for _ in 0..40_000 {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len());
            bytes[place] = random.next() as u8;
        }
        if random.below(4) == 0 {
            bytes.truncate(random.below(bytes.len() + 1));
        }
        if random.below(8) == 0 {
            let length = bytes.len() as u32;
            bytes.iter_mut().zip(length.to_le_bytes()).for_each(|(byte, right)| *byte = right);
        }
        read_all(&bytes);
        let _ = sides.till.open(&bytes);
    }
}
