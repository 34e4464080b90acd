//! Frame MACs, TACs of offline records, payment codes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RequestId, Sequence, TerminalId};
use protocol::keys::{Key128, derive_card_key, derive_terminal_tac_key};
use protocol::mac::Cmac128;
use protocol::offline_record::{
    OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD, TAC_KEY_TERMINAL, TacVerifier,
};
use protocol::payment_code;
use protocol::request::{CardDebit, Request, RequestIds};
use protocol::sign_in::SessionKeys;

const TERMINAL: TerminalId = TerminalId(1_001);
const NOW_NS: u64 = 1_795_492_800_000_000_000;

fn frame() -> Vec<u8> {
    let ids =
        RequestIds { terminal: TERMINAL, epoch: Epoch(1), sequence: Sequence(1), request_id: RequestId(1) };
    let debit = CardDebit {
        card_uid: CardUid(7),
        card_counter: CardCounter(1),
        amount_fen: 1_500,
        till_time_ns: NOW_NS,
    };
    let mut frame = Vec::new();
    Request::CardDebit(debit).append(&ids, &mut frame).expect("a debit in its bounds");
    frame
}

fn frames(criterion: &mut Criterion) {
    let keys = SessionKeys { up: Key128::new([1; 16]), down: Key128::new([2; 16]) };
    let mut group = criterion.benchmark_group("mac");
    group.throughput(Throughput::Elements(1));

    let (mut sealer, _) = keys.till_session(1, 1).into_split();
    let mut sealed = frame();
    group.bench_function("debit/seal", |b| b.iter(|| sealer.seal(black_box(&mut sealed))));

    // A frame opens once: each round seals it anew, so that the difference to the one above is the opening.
    let (mut sealer, _) = keys.till_session(1, 1).into_split();
    let (_, mut opener) = keys.server_session(1, 1).into_split();
    group.bench_function("debit/seal and open", |b| {
        b.iter(|| {
            sealer.seal(black_box(&mut sealed));
            opener.open(&sealed).expect("sealed in order");
        });
    });
    group.finish();
}

fn tacs(criterion: &mut Criterion) {
    let card_master = Key128::new([3; 16]);
    let terminal_key = Key128::new([4; 16]);
    let mut verifier = TacVerifier::new(&card_master, &terminal_key, TERMINAL);
    let mut group = criterion.benchmark_group("mac");
    group.throughput(Throughput::Elements(1));
    for (name, tac_key) in [("card", TAC_KEY_CARD), ("terminal", TAC_KEY_TERMINAL)] {
        let mut record = OfflineRecord {
            terminal: TERMINAL.0.into(),
            sequence: 1.into(),
            card_uid: 77.into(),
            amount_fen: 850.into(),
            layout: OFFLINE_RECORD_LAYOUT,
            tac_key,
            ..OfflineRecord::default()
        };
        record.sign(&match tac_key {
            TAC_KEY_CARD => derive_card_key(&card_master, CardUid(77)),
            _ => derive_terminal_tac_key(&terminal_key, TERMINAL),
        });
        assert!(record.verify_tac(&mut verifier));
        group.bench_function(format!("TAC under the {name}'s key/verify"), |b| {
            b.iter(|| black_box(&record).verify_tac(&mut verifier));
        });
    }
    group.finish();
}

fn codes(criterion: &mut Criterion) {
    let key = Key128::new([5; 16]);
    let step = payment_code::step_at(NOW_NS);
    let digits = payment_code::issue(&key, 0, AccountId(7), step, 3).expect("all in their bounds");
    let mut prepared = Cmac128::new(&key);
    let mut group = criterion.benchmark_group("mac");
    group.throughput(Throughput::Elements(1));
    group.bench_function("payment code/parse and authenticate", |b| {
        b.iter(|| {
            let parsed = payment_code::parse(black_box(&digits)).expect("20 digits");
            parsed.authenticate(&mut prepared, NOW_NS).expect("it is live")
        });
    });
    group.finish();
}

criterion_group!(benches, frames, tacs, codes);
criterion_main!(benches);
