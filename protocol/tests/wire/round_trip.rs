//! Every message comes out of its frame as it went in, and every answer echoes its request.

use crate::support::{answer_to, batch_lines, bill_lines, ids, offline_records, requests, sign_in};
use protocol::answer::{Answer, Refusal};
use protocol::command_table::{BILL_LINES_MAX, LIVE_FRAME_BYTES_MAX, Lane, UPLOAD_RECORDS_MAX};
use protocol::error::EncodeError;
use protocol::frame::{self, FRAME_BYTES_MAX};
use protocol::offline_record::OfflineRecord;
use protocol::request::{Request, Upload};
use protocol::result_code::ResultCode;
use protocol::terminal_kind::TerminalKind;

#[test]
fn every_message_of_a_session() {
    let mut sides = sign_in();
    let records = offline_records();
    let (bill, batch) = (bill_lines(), batch_lines());
    let mut buffer = Vec::new();
    for (request_id, (name, sequence, request)) in (1..).zip(requests(&records)) {
        buffer.clear();
        let ids = ids(sequence, request_id);
        let place = request.append(&ids, &mut buffer).expect("fits");
        let up = &mut buffer[place];
        sides.till.seal(up);
        assert_eq!(frame::length(up), Ok(Some(up.len())), "{name}");
        sides.server.open(up).expect("just sealed");
        let (header, decoded) = Request::decode(up).expect(name);
        assert_eq!(decoded, request, "{name}");
        assert_eq!(header.kind, request.kind(), "{name}");
        assert_eq!((header.terminal, header.epoch), (ids.terminal, ids.epoch), "{name}");
        assert_eq!((header.sequence, header.request_id), (ids.sequence, ids.request_id), "{name}");
        assert_eq!(header.kind.command().consumes_sequence, sequence != 0, "{name}");
        assert_eq!(header.counter, u64::from(request_id), "{name}");
        match header.kind.command().lane {
            Lane::Live | Lane::Walk | Lane::Change => {
                assert_eq!(decoded.owned(), Some(request), "{name}");
                assert!(up.len() <= LIVE_FRAME_BYTES_MAX, "{name}");
            }
            Lane::Batch => {
                assert!(decoded.owned().is_none_or(|owned| owned == request), "{name}");
            }
            Lane::Session | Lane::Office => {}
        }

        for answer in [
            answer_to(header.kind, &bill, &batch),
            Answer::Refused(Refusal { code: ResultCode::Busy, offset: 0, value: 0 }),
        ] {
            let mut down = vec![0xEE; answer.frame_bytes().expect("fits")];
            assert_eq!(answer.encode(&header, &mut down), Ok(down.len()), "{name}");
            sides.server.seal(&mut down);
            sides.till.open(&down).expect("just sealed");
            let (echo, decoded) = Answer::decode(&down).expect(name);
            assert_eq!(decoded, answer, "{name}");
            assert_eq!(Ok(echo.kind), answer.kind(header.kind), "{name}");
            assert_eq!(echo.sale(), header.sale(), "{name}");
            assert_eq!(echo.request_id, header.request_id, "{name}");
        }
    }
}

#[test]
fn the_largest_upload_fits_and_one_more_does_not() {
    let records = vec![offline_records()[0]; UPLOAD_RECORDS_MAX + 1];
    let fits = Request::Upload(Upload { batch: 1, records: &records[1..] });
    let mut frame = vec![0; FRAME_BYTES_MAX];
    let length = fits.encode(&ids(0, 1), &mut frame).expect("fits");
    assert_eq!(Request::decode(&frame[..length]).expect("whole").1, fits);
    let (min, max) = (1, UPLOAD_RECORDS_MAX);
    for wrong in [&records[..], &records[..0]] {
        let refused = Request::Upload(Upload { batch: 1, records: wrong }).encode(&ids(0, 1), &mut frame);
        assert_eq!(refused, Err(EncodeError::ItemCount { have: wrong.len(), min, max }));
    }
}

#[test]
fn a_small_buffer_and_a_wrong_answer_are_refused() {
    let records: [OfflineRecord; 2] = offline_records();
    let (bill, batch) = (bill_lines(), batch_lines());
    for (name, sequence, request) in requests(&records) {
        let need = request.frame_bytes().expect("fits");
        let refused = request.encode(&ids(sequence, 1), &mut vec![0; need - 1]);
        assert_eq!(refused, Err(EncodeError::BufferTooSmall { need, have: need - 1 }), "{name}");
        let right = answer_to(request.kind(), &bill, &batch);
        for (_, _, other) in requests(&records) {
            let expected = right.kind(other.kind());
            let same = core::mem::discriminant(&answer_to(other.kind(), &bill, &batch))
                == core::mem::discriminant(&right);
            assert_eq!(expected.is_ok(), same, "{name} for {:?}", other.kind());
        }
    }
    let lines = vec![bill[0]; BILL_LINES_MAX + 1];
    let Answer::Bill(page) = answer_to(protocol::command_table::Kind::Bill, &lines, &batch) else {
        panic!("a bill is answered with a bill");
    };
    assert!(matches!(Answer::Bill(page).frame_bytes(), Err(EncodeError::ItemCount { have: 51, .. })));
}

#[test]
fn who_may_send_what() {
    use protocol::command_table::Kind;
    assert!(Kind::CardDebit.command().may_be_sent_by(TerminalKind::PointOfSale));
    assert!(!Kind::CardDebit.command().may_be_sent_by(TerminalKind::Door));
    assert!(!Kind::TopUp.command().may_be_sent_by(TerminalKind::PointOfSale));
    let adjust = Kind::Adjust.command();
    assert_eq!(adjust.refusal_to(TerminalKind::Finance), None);
    assert_eq!(adjust.refusal_to(TerminalKind::Auditor), Some(ResultCode::WrongRole));
    assert_eq!(adjust.refusal_to(TerminalKind::Counter), Some(ResultCode::NotPermitted));
    for operator in TerminalKind::ALL.into_iter().filter(|kind| kind.is_operator()) {
        assert!(Kind::Adjustments.command().may_be_sent_by(operator));
        assert!(!Kind::CardDebit.command().may_be_sent_by(operator));
    }
    assert!(Kind::TopUp.command().may_be_sent_by(TerminalKind::Counter));
}
