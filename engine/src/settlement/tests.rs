//! Small logs, settled.

use std::fs;
use std::path::Path;

use rust_decimal::Decimal;

use super::{CivilDay, Published, SettlementError, TenderTotals, settle_log};
use crate::audit::small_log::{DAY, HOUR_NS, SmallLog};
use crate::ledger::command::Channel;

fn day() -> CivilDay {
    "2025-09-01".parse().expect("a day")
}

fn next_day() -> CivilDay {
    "2025-09-02".parse().expect("a day")
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a file of the settlement")
}

/// The cells of a CSV file, its mark and head taken off.
fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = read(folder, name);
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
    assert!(text.ends_with("\r\n") && text.matches('\n').count() == text.matches("\r\n").count());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

fn sum(rows: &[Vec<String>], column: usize) -> Decimal {
    rows.iter().map(|row| row[column].parse::<Decimal>().expect("an amount")).sum()
}

#[test]
fn a_day_is_settled_the_same_every_time() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::with_a_day();
    log.cut_off(DAY + 1);
    let wal = log.write();
    let report = settle_log(&wal.reader(), day(), &out.path().join("a")).expect("settled");
    assert_eq!(report.published, Published::Written);
    assert_eq!(report.folder, out.path().join("a/2025-09-01"));
    let m = &report.manifest;
    assert_eq!((m.opened_by_record, m.first_record), (1, Some(2)));
    assert_eq!(m.last_record, Some(m.cut_off_record - 1));
    assert_eq!((m.totals.sales, m.totals.gross.as_str()), (7, "88.00"));
    assert_eq!((m.totals.reversed.as_str(), m.totals.net.as_str()), ("15.00", "73.00"));
    assert_eq!(m.totals.held_back, "6.00");
    assert_eq!(m.totals.by_kind["top_up"], "50.00");

    let summary = rows(&report.folder, "summary.csv");
    let line = |cells: [&str; 10]| cells.map(str::to_owned).to_vec();
    assert_eq!(
        summary,
        [
            line(["1\t", "一食堂", "午餐", "card", "4", "64.00", "1", "15.00", "49.00", "0.00"]),
            line(["1\t", "一食堂", "午餐", "code", "1", "10.00", "0", "0.00", "10.00", "0.00"]),
            line(["1\t", "一食堂", "午餐", "offline", "1", "6.00", "0", "0.00", "6.00", "6.00"]),
            line(["1\t", "一食堂", "other", "offline", "1", "8.00", "0", "0.00", "8.00", "0.00"]),
        ]
    );
    let balance = rows(&report.folder, "trial_balance.csv");
    let (lines, total) = balance.split_at(balance.len() - 1);
    assert_eq!(total[0][0], "total");
    for column in [3, 6] {
        assert_eq!(sum(lines, column), Decimal::ZERO);
        assert_eq!(total[0][column], "0.00");
    }
    assert_eq!(sum(lines, 4), sum(lines, 5));
    let merchant = lines.iter().find(|row| row[0] == "merchant").expect("a merchant");
    assert_eq!(merchant[1..], ["1\t", "一食堂", "0.00", "15.00", "82.00", "67.00"].map(str::to_owned));
    let detail = rows(&report.folder, "detail.csv");
    assert_eq!(detail.len() as u64, m.postings);
    // Each posting once: the detail adds up to the turnover of the trial balance.
    assert_eq!(sum(&detail, 6), sum(lines, 4));
    let top_up = detail.iter().find(|row| row[2] == "top_up").expect("the top-up");
    assert_eq!(top_up[4..7], ["clearing/top_up", "person/0/electronic", "50.00"].map(str::to_owned));
    assert_eq!((top_up[14].as_str(), top_up[20].as_str()), ("0180000\t", "W0001\t"));

    for file in &m.files {
        let bytes = fs::read(report.folder.join(&file.name)).expect("a file");
        let sha256 = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
        assert_eq!((file.bytes, &file.sha256), (bytes.len() as u64, &crate::data_dir::hex(&sha256)));
    }
    let again = settle_log(&wal.reader(), day(), &out.path().join("a")).expect("settled");
    assert_eq!(again.published, Published::Unchanged);
    let elsewhere = settle_log(&wal.reader(), day(), &out.path().join("b")).expect("settled");
    for name in ["detail.csv", "summary.csv", "trial_balance.csv", "manifest.json"] {
        assert_eq!(read(&report.folder, name), read(&elsewhere.folder, name));
    }
}

#[test]
fn what_comes_after_the_cut_off_belongs_to_the_next_date() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    let sold_ns = log.time_ns;
    log.cut_off(DAY + 1);
    let first = settle_log(&log.write().reader(), day(), out.path()).expect("settled");

    // The next date: an offline sale of the first, and the first's sale taken back.
    log.time_ns += 20 * HOUR_NS;
    log.offline(102, 800, sold_ns + HOUR_NS);
    log.reverse(1, 1_500);
    log.cut_off(DAY + 2);
    let wal = log.write();
    let again = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    assert_eq!(again.published, Published::Unchanged);
    assert_eq!(again.manifest, first.manifest);
    let second = settle_log(&wal.reader(), next_day(), out.path()).expect("settled");
    assert_eq!(second.manifest.totals.net, "-7.00");
    let balance = rows(&second.folder, "trial_balance.csv");
    let merchant = balance.iter().find(|row| row[0] == "merchant").expect("a merchant");
    assert_eq!(merchant[3..], ["15.00", "15.00", "8.00", "8.00"].map(str::to_owned));
    let detail = rows(&second.folder, "detail.csv");
    assert_eq!(detail[0][22], "2025-09-01 12:30:00.000000+08:00");
    assert_eq!(detail[0][9], "午餐");
}

/// The same sale and the same late record, the sale given back by refund: 1500 sold on a date, −700 on the next.
#[test]
fn worked_example_4_a_refund_and_a_late_record_of_a_closed_date_stand_under_the_next() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    let sold_ns = log.time_ns;
    log.cut_off(DAY + 1);
    let first = settle_log(&log.write().reader(), day(), out.path()).expect("settled");
    assert_eq!(
        (first.manifest.totals.gross.as_str(), first.manifest.totals.net.as_str()),
        ("15.00", "15.00")
    );

    log.time_ns += 20 * HOUR_NS;
    log.refund(1, 1_500);
    log.offline(102, 800, sold_ns + HOUR_NS);
    log.cut_off(DAY + 2);
    let wal = log.write();
    let again = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    assert_eq!((again.published, again.manifest), (Published::Unchanged, first.manifest));
    let second = settle_log(&wal.reader(), next_day(), out.path()).expect("settled");
    let totals = &second.manifest.totals;
    assert_eq!((totals.sales, totals.gross.as_str()), (1, "8.00"));
    assert_eq!((totals.reversals, totals.reversed.as_str(), totals.net.as_str()), (1, "15.00", "-7.00"));
    assert_eq!(totals.by_kind["refund"], "15.00");
    // Each on the line of the sale: the refund among what was paid by card at lunch.
    let line = |cells: [&str; 10]| cells.map(str::to_owned).to_vec();
    assert_eq!(
        rows(&second.folder, "summary.csv"),
        [
            line(["1\t", "一食堂", "午餐", "card", "0", "0.00", "1", "15.00", "-15.00", "0.00"]),
            line(["1\t", "一食堂", "午餐", "offline", "1", "8.00", "0", "0.00", "8.00", "0.00"]),
        ]
    );
    let detail = rows(&second.folder, "detail.csv");
    assert_eq!(
        detail[0][2..7],
        ["refund", "till", "merchant/1", "person/0/card", "15.00"].map(str::to_owned)
    );
    let balance = rows(&second.folder, "trial_balance.csv");
    let merchant = balance.iter().find(|row| row[0] == "merchant").expect("a merchant");
    // Opened with what was owed for the first date; 15.00 given back, 8.00 sold.
    assert_eq!(merchant[3..], ["15.00", "15.00", "8.00", "8.00"].map(str::to_owned));
}

#[test]
fn what_is_given_back_counts_as_reversed_and_a_closed_accounts_as_payable() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    log.void(1, 1_500);
    log.offline(102, 800, log.time_ns);
    log.close_account(protocol::ids::AccountId(1));
    log.refund(3, 500);
    log.cut_off(DAY + 1);
    let report = settle_log(&log.write().reader(), day(), out.path()).expect("settled");
    let totals = &report.manifest.totals;
    assert_eq!((totals.reversals, totals.reversed.as_str(), totals.net.as_str()), (2, "20.00", "3.00"));
    let by_kind = ["void", "refund", "payable"].map(|kind| totals.by_kind[kind].as_str());
    assert_eq!(by_kind, ["15.00", "5.00", "5.00"]);
    let balance = rows(&report.folder, "trial_balance.csv");
    let payable = balance.iter().find(|row| row[1] == "payable\t" || row[1] == "payable").expect("payable");
    assert_eq!(payable[3..], ["0.00", "0.00", "5.00", "5.00"].map(str::to_owned));
}

#[test]
fn what_is_paid_beside_prices_has_lines_and_columns_of_its_own() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.set_rate(500);
    log.tap(101, 1, 1_500);
    let sold = log.latest();
    log.refund(sold, 500);
    log.set_rate(-1_000);
    log.tap(102, 1, 800);
    log.cut_off(DAY + 1);
    log.set_rate(0);
    log.tap(102, 2, 500);
    log.cut_off(DAY + 2);
    let wal = log.write();
    let report = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    let totals = &report.manifest.totals;
    assert_eq!((totals.sales, totals.net.as_str()), (2, "18.00"), "the merchant gets the price");
    let by_kind = ["surcharge", "discount"].map(|kind| totals.by_kind[kind].as_str());
    assert_eq!(by_kind, ["1.00", "0.80"]);
    let summary = rows(&report.folder, "summary.csv");
    assert_eq!(summary.iter().map(|row| row[10..].join(" ")).collect::<Vec<_>>(), ["0.50 0.80"]);
    let balance = rows(&report.folder, "trial_balance.csv");
    let pricing = balance.iter().find(|row| row[1].trim() == "pricing").expect("pricing");
    assert_eq!(pricing[3..], ["0.00", "1.05", "0.75", "-0.30"].map(str::to_owned));
    let detail = rows(&report.folder, "detail.csv");
    let beside: Vec<_> = detail.iter().filter(|row| ["surcharge", "discount"].contains(&&*row[2])).collect();
    assert_eq!(beside.iter().map(|row| row[6].as_str()).collect::<Vec<_>>(), ["0.75", "0.25", "0.80"]);
    // A date without any is as it ever was.
    let next = settle_log(&wal.reader(), next_day(), out.path()).expect("settled");
    assert!(!read(&next.folder, "summary.csv").contains("surcharge"));
}

#[test]
fn what_was_paid_by_other_channels_has_a_file_of_its_own() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.tap(101, 1, 500);
    log.tender(Channel::WeChat, "0042", 1_800);
    log.tender(Channel::WeChat, "0042", 1_800);
    log.tender(Channel::Alipay, "0043", 700);
    log.cut_off(DAY + 1);
    log.tap(101, 2, 500);
    log.cut_off(DAY + 2);
    let wal = log.write();
    let report = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    let totals = &report.manifest.totals;
    assert_eq!((totals.sales, totals.net.as_str()), (1, "5.00"), "it is in no balance here");
    assert_eq!(totals.tenders, Some(TenderTotals { count: 2, amount: "25.00".to_owned() }));
    assert_eq!(report.manifest.files.last().map(|file| file.name.as_str()), Some("tenders.csv"));
    let lines = rows(&report.folder, "tenders.csv");
    let shown = lines.iter().map(|line| [2, 3, 4, 5, 7].map(|at| line[at].as_str())).collect::<Vec<_>>();
    assert_eq!(
        shown,
        [["wechat", "0042\t", "18.00", "1\t", "午餐"], ["alipay", "0043\t", "7.00", "1\t", "午餐"]]
    );
    let again = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    assert_eq!(again.published, Published::Unchanged);
    // A date without any is as it was before there were tenders.
    let next = settle_log(&wal.reader(), next_day(), out.path()).expect("settled");
    assert_eq!((next.manifest.files.len(), &next.manifest.totals.tenders), (3, &None));
    assert!(!read(&next.folder, "manifest.json").contains("tenders"));
}

#[test]
fn another_content_is_never_overwritten() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    log.cut_off(DAY + 1);
    let wal = log.write();
    let report = settle_log(&wal.reader(), day(), out.path()).expect("settled");
    let path = report.folder.join("summary.csv");
    fs::write(&path, "mine").expect("written");
    let error = settle_log(&wal.reader(), day(), out.path()).expect_err("another content");
    assert!(matches!(&error, SettlementError::Differs { path: named, .. } if *named == path), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("still there"), "mine");
    fs::remove_file(&path).expect("removed");
    let error = settle_log(&wal.reader(), day(), out.path()).expect_err("a file is missing").to_string();
    assert!(error.contains("missing"), "{error}");
    let entries: Vec<_> = fs::read_dir(out.path()).expect("a folder").flatten().collect();
    assert_eq!(entries.len(), 1, "no temporary folder is left: {entries:?}");
}

#[test]
fn a_date_that_is_not_closed_is_told_with_those_that_are() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    let told = |log: &SmallLog, date: CivilDay| {
        settle_log(&log.write().reader(), date, out.path()).expect_err("not closed").to_string()
    };
    assert_eq!(
        told(&log, day()),
        "2025-09-01 isn't a closed business date; 2025-09-01 is open, no date is closed yet"
    );
    log.cut_off(DAY + 1);
    // A date that is passed over never was a business date.
    log.cut_off(DAY + 5);
    let passed_over: CivilDay = "2025-09-04".parse().expect("a day");
    assert_eq!(
        told(&log, passed_over),
        "2025-09-04 isn't a closed business date; 2025-09-06 is open, closed are 2 from 2025-09-01 to \
         2025-09-02: 2025-09-02, 2025-09-01"
    );
    assert_eq!(fs::read_dir(out.path()).expect("a folder").count(), 0);
}

#[test]
fn what_is_posted_on_a_cards_word_is_listed_as_held_back() {
    let out = tempfile::tempdir().expect("a folder");
    let mut log = SmallLog::new();
    let lost = log.skip();
    log.offline_telling(101, 800, (lost, 2, 650));
    assert!(log.post_told(101, 2).code.is_approved());
    log.cut_off(DAY + 1);
    let wal = log.write();
    let report = settle_log(&wal.reader(), day(), &out.path().join("a")).expect("settled");
    let totals = &report.manifest.totals;
    assert_eq!((totals.net.as_str(), totals.held_back.as_str()), ("14.50", "6.50"));
    let detail = rows(&report.folder, "detail.csv");
    let sold = detail.iter().filter(|row| row[2] == "offline_debit");
    let told: Vec<_> = sold.map(|row| [6, 12, 17, 18].map(|column| row[column].trim().to_owned())).collect();
    let line = |cells: [&str; 4]| cells.map(str::to_owned);
    assert_eq!(told, [line(["8.00", "2", "Approved", ""]), line(["6.50", "1", "ApprovedFlagged", "told"])]);
}
