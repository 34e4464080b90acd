//! The bytes of records, as they stand in logs: a change here is a new version of the kind.

use super::bench::{Bench, sale};
use crate::ledger::record::RecordKind;

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect()
}

#[test]
fn records_of_one_till() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(1, 1, 1), 0, 1, 1_250);
    bench.tap(sale(1, 1, 1), 0, 1, 1_251);
    bench.top_up(sale(1, 1, 2), 0, 5_000, "wx-20261124-0001");
    bench.reverse(sale(1, 1, 3), (1, 1), 1_250);
    bench.upload(sale(1, 1, 4), 0, 2, 300);
    let mut text = String::new();
    for logged in &bench.log {
        let kind = RecordKind::from_number(logged.kind).unwrap();
        text += &format!("{kind:?} {} v{}\n{}", logged.kind, logged.version, hex(&logged.payload));
    }
    assert_eq!(text, include_str!("golden_records.txt"));
}
