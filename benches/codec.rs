//! Encoding and decoding of frames, without their MACs.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::answer::{Answer, BatchAnswer, BatchLine, MoneyAnswer};
use protocol::frame::Header;
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, RequestId, Sequence, TerminalId};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD};
use protocol::request::{CardDebit, Request, RequestIds, Upload};
use protocol::result_code::ResultCode;

const RECORDS: usize = 1_000;

fn ids() -> RequestIds {
    RequestIds {
        terminal: TerminalId(1_001),
        epoch: Epoch(1),
        sequence: Sequence(77),
        request_id: RequestId(9),
    }
}

fn debit() -> Request<'static> {
    Request::CardDebit(CardDebit {
        card_uid: CardUid(20_000_000),
        card_counter: CardCounter(5),
        amount_fen: 1_500,
        till_time_ns: 1_795_492_800_000_000_000,
    })
}

fn money_answer() -> Answer<'static> {
    Answer::Money(MoneyAnswer {
        code: ResultCode::Approved,
        repeat: false,
        account: Some(AccountId(7)),
        amount_fen: 1_500,
        balance_after_fen: 8_500,
        record: RecordNumber(123_456),
        server_time_ns: 1_795_492_800_000_000_000,
    })
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    request.append(&ids(), &mut frame).expect("a request in its bounds");
    frame
}

fn header() -> Header {
    Request::decode(&encoded(&debit())).expect("it was just encoded").0
}

fn live(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    let mut frame = Vec::with_capacity(256);
    group.bench_function("debit/encode", |b| {
        b.iter(|| {
            frame.clear();
            black_box(debit()).append(&ids(), &mut frame).expect("a debit in its bounds");
            black_box(&frame);
        });
    });
    let frame = encoded(&debit());
    group.bench_function("debit/decode", |b| b.iter(|| Request::decode(black_box(&frame))));

    let header = header();
    let mut bytes = [0; 256];
    group.bench_function("answer/encode", |b| {
        b.iter(|| {
            let length = black_box(money_answer()).encode(&header, &mut bytes);
            black_box(length)
        });
    });
    let length = money_answer().encode(&header, &mut bytes).expect("256 bytes hold a small answer");
    group.bench_function("answer/decode", |b| b.iter(|| Answer::decode(black_box(&bytes[..length])).is_ok()));
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let record = |sequence: usize| OfflineRecord {
        terminal: 1_001.into(),
        sequence: (sequence as u32).into(),
        epoch: 1.into(),
        card_uid: 20_000_000.into(),
        amount_fen: 850.into(),
        layout: OFFLINE_RECORD_LAYOUT,
        tac_key: TAC_KEY_CARD,
        ..OfflineRecord::default()
    };
    let records: Vec<OfflineRecord> = (1..=RECORDS).map(record).collect();
    let upload = encoded(&Request::Upload(Upload { batch: 1, records: &records }));
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group
        .bench_function("upload of 1,000/decode", |b| b.iter(|| Request::decode(black_box(&upload)).is_ok()));

    let header = Request::decode(&upload).expect("it was just encoded").0;
    let line = |sequence: usize| {
        let number = RecordNumber(sequence as u64);
        BatchLine::new(Epoch(1), Sequence(sequence as u32), ResultCode::Approved, number)
    };
    let lines: Vec<BatchLine> = (1..=RECORDS).map(line).collect();
    let mut frame = Vec::with_capacity(64 << 10);
    group.bench_function("batch answer of 1,000/encode", |b| {
        b.iter(|| {
            frame.clear();
            let answer = BatchAnswer { batch: 1, server_time_ns: 1, lines: black_box(&lines) };
            Answer::Batch(answer).append(&header, &mut frame).expect("as many lines as records");
            black_box(&frame);
        });
    });
    group.finish();
}

criterion_group!(benches, live, batches);
criterion_main!(benches);
