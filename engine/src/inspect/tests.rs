//! A small log, in words.

use super::*;
use crate::audit::small_log::SmallLog;

#[test]
fn kinds_have_one_name_each() {
    let kinds: Vec<RecordKind> = (0..=u8::MAX).filter_map(RecordKind::from_number).collect();
    for &kind in &kinds {
        assert_eq!(kind_named(kind.name()), Some(kind));
    }
    assert_eq!(kind_named("nothing"), None);
}

#[test]
fn what_others_wrote_can_not_steer_a_screen() {
    assert_eq!(Value::Text("食堂".to_owned()).to_string(), "食堂");
    assert_eq!(Value::Text("a b".to_owned()).to_string(), "\"a b\"");
    assert_eq!(Value::Text("\u{1b}[2J".to_owned()).to_string(), "\"\\u{1b}[2J\"");
    assert_eq!(Value::Text(String::new()).to_string(), "\"\"");
}

#[test]
fn a_log_is_read_in_words() {
    let log = SmallLog::with_a_day().write();
    let reader = log.reader();
    let lines = |from, to, filter| -> Vec<Line> {
        inspect(&reader, from, to, filter).collect::<Result<_, _>>().expect("a log that can be read")
    };
    let all = lines(0, u64::MAX, Filter::default());
    let numbers: Vec<u64> = all.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=reader.last_number()).collect::<Vec<_>>());
    assert_eq!(lines(3, 5, Filter::default()), all[2..5]);

    let cut_off = "1 2025-09-01 11:30:00.000000+08:00 cut_off opened=2025-09-01";
    assert_eq!(all[0].to_string(), cut_off);
    let taps = lines(0, u64::MAX, Filter { kind: Some(RecordKind::Debit), ..Filter::default() });
    let tap = taps[0].to_string();
    for part in [
        " debit terminal=11 epoch=1 sequence=1 code=Approved",
        "amount=15.00",
        "debit=person-0",
        "wallet=card",
    ] {
        assert!(tap.contains(part), "{tap}");
    }
    let json = serde_json::to_value(&taps[0]).expect("a line is JSON");
    assert_eq!(json["amount_fen"], 1_500);
    assert_eq!(json["kind"], "debit");
    assert_eq!(json["time"], "2025-09-01 11:30:00.000000+08:00");

    // An account's lines are its chain.
    let account = AccountId(2);
    let bill = lines(0, u64::MAX, Filter { account: Some(account), ..Filter::default() });
    let kinds: Vec<_> = bill.iter().filter_map(|line| line.kind).collect();
    assert_eq!(kinds, ["account_opened", "card_bound", "opening", "offline_debit"]);
    let elsewhere = Filter { terminal: Some(TerminalId(12)), ..Filter::default() };
    assert_eq!(lines(0, u64::MAX, elsewhere), []);
}
