//! `yika cutoff`, `settle`, `verify` and `inspect` on books that tills have sold on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::Value;

use crate::campus::{Campus, card, till};
use crate::program::{fail, run, succeed};
use crate::wire_till::{Tap, WireTill};

fn sell(campus: &Campus, sequences: std::ops::RangeInclusive<u32>) {
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    for sequence in sequences {
        let tap = Tap { sequence, card: card(sequence % 5), counter: sequence, amount_fen: 100 };
        assert!(peer.tap(&tap).code.is_approved());
    }
    peer.sign_out();
    served.stop();
}

fn settle_arguments(campus: &Campus, date: &str, out: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["settle".into(), "--data".into(), campus.data_dir().into()];
    arguments.extend(["--date".into(), date.into(), "--out".into(), out.into()]);
    arguments
}

/// Every file below `folder`, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").display().to_string();
        assert!(path.is_file() && !name.ends_with(".tmp"), "left behind: {}", path.display());
        found.insert(name, fs::read(path).expect("readable"));
    }
    found
}

#[test]
fn an_open_date_is_not_settled_and_a_closed_one_always_the_same() {
    let campus = Campus::new();
    sell(&campus, 1..=20);
    let out = campus.folder().join("out");
    let open = campus.expect_sound().business_date.expect("a date is open");
    let errors = fail(settle_arguments(&campus, &open, &out));
    assert!(errors.contains(&format!("{open} isn't a closed business date; {open} is open")), "{errors}");
    assert!(!out.exists() || files(&out).is_empty(), "nothing is left behind");
    let errors = fail(settle_arguments(&campus, "2026-02-30", &out));
    assert!(errors.contains("2026-02-30"), "{errors}");

    let data = OsString::from(campus.data_dir());
    let said = succeed(["cutoff".into(), "--data".into(), data.clone()]);
    assert!(said.starts_with(&format!("{open} is closed, ")), "{said}");
    succeed(settle_arguments(&campus, &open, &out));
    let first = files(&out.join(&open));
    assert!(first.contains_key("manifest.json") && first.len() > 2, "{:?}", first.keys());
    let manifest: Value = serde_json::from_slice(&first["manifest.json"]).expect("JSON");
    assert_eq!(manifest["totals"]["gross"], "20.00", "{manifest}");
    for (name, bytes) in &first {
        assert!(!name.ends_with(".csv") || bytes.starts_with(b"\xef\xbb\xbf"), "{name} has no BOM");
    }

    // Later sales and another cut-off change nothing of it, here or elsewhere.
    sell(&campus, 21..=30);
    succeed(["cutoff".into(), "--data".into(), data]);
    succeed(settle_arguments(&campus, &open, &out));
    let elsewhere = campus.folder().join("elsewhere");
    succeed(settle_arguments(&campus, &open, &elsewhere));
    assert_eq!(files(&out.join(&open)), first);
    assert_eq!(files(&elsewhere.join(&open)), first);

    // A settled folder that somebody has touched is never written over.
    let detail = out.join(&open).join("detail.csv");
    fs::write(&detail, "nothing to see").expect("writable");
    let errors = fail(settle_arguments(&campus, &open, &out));
    assert!(errors.contains("detail.csv: the date was settled before, and its content"), "{errors}");
    assert_eq!(fs::read(&detail).expect("readable"), b"nothing to see");
}

#[test]
fn inspect_prints_every_record_as_json_and_verify_counts_them() {
    let campus = Campus::new();
    sell(&campus, 1..=5);
    let data = OsString::from(campus.data_dir());
    let lines = succeed(["inspect".into(), "--json".into(), "--data".into(), data.clone()]);
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (number, record) in (1_u64..).zip(&records) {
        assert_eq!(record["number"].as_u64().or(record["record"].as_u64()), Some(number), "{record}");
    }
    let debits = records.iter().filter(|record| record["kind"] == "debit").count();
    assert_eq!(debits, 5);
    let part = ["inspect".into(), "--from".into(), "3".into(), "--to".into(), "7".into(), "--data".into()];
    let part = succeed(part.into_iter().chain([data.clone()]));
    assert_eq!(part.lines().count(), 5);
    let report = succeed(["verify".into(), "--json".into(), "--data".into(), data.clone()]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["records"].as_u64(), Some(records.len() as u64));
    assert_eq!((&report["ok"], &report["violations_total"]), (&Value::from(true), &Value::from(0)));
    assert!(!succeed(["verify".into(), "--data".into(), data]).is_empty());
}

#[test]
fn a_damaged_log_is_neither_verified_nor_served() {
    let campus = Campus::new();
    sell(&campus, 1..=50);
    let log = campus.data_dir().join("log");
    let mut segments: Vec<_> =
        fs::read_dir(&log).expect("a log").map(|entry| entry.expect("an entry").path()).collect();
    segments.sort();
    let mut file = fs::File::options().read(true).write(true).open(&segments[0]).expect("a segment");
    // Well within the first blocks, which many others follow.
    let offset = 2 * 4_096 + 100;
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset)).expect("long enough");
    file.read_exact(&mut byte).expect("long enough");
    file.seek(SeekFrom::Start(offset)).expect("long enough");
    file.write_all(&[byte[0] ^ 0x10]).expect("writable");
    drop(file);
    fs::remove_dir_all(campus.data_dir().join("snapshots")).expect("there are some");
    fs::create_dir(campus.data_dir().join("snapshots")).expect("a folder");
    let data = OsString::from(campus.data_dir());
    for arguments in [
        vec!["verify".into(), "--data".into(), data.clone()],
        vec!["serve".into(), "--listen".into(), "127.0.0.1:0".into(), "--data".into(), data],
    ] {
        let output = run(&arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains("segment") && errors.contains("page 2"), "{arguments:?}: {errors}");
    }
}
