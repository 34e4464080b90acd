//! `yika import`: a file is taken whole or not at all, and what is wrong with it is said with its place.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{fail, succeed};

const HEADER: &str = "Index,CardNo,Sex,Major,AccessCardNo\n";
const GOOD: &str = "1,180001,男,18国际金融,19762330\n2,180002,女,18会计,19762331\n";

/// A folder with books in `data` that hold the two good holders.
struct Books {
    folder: TempDir,
}

impl Books {
    fn new() -> Books {
        let books = Books { folder: tempfile::tempdir().expect("a temporary directory") };
        let report = books.import_json("holders", &books.file("good.csv", format!("{HEADER}{GOOD}")), &[]);
        assert_eq!((&report["accounts_opened"], &report["cards_bound"]), (&Value::from(2), &Value::from(2)));
        books
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a writable folder");
        path
    }

    fn arguments(&self, kind: &str, file: &Path, more: &[&str]) -> Vec<OsString> {
        let sizes = ["--accounts-max", "8192", "--cards-max", "8192", "--terminals-max", "64", "--data"];
        let mut arguments: Vec<OsString> = vec!["import".into(), kind.into(), file.into()];
        arguments.extend(sizes.map(OsString::from));
        arguments.push(self.data().into());
        arguments.extend(more.iter().map(OsString::from));
        arguments
    }

    fn import_json(&self, kind: &str, file: &Path, more: &[&str]) -> Value {
        let more = [more, &["--json"]].concat();
        serde_json::from_str(&succeed(self.arguments(kind, file, &more))).expect("JSON")
    }

    fn import_fails(&self, kind: &str, file: &Path, more: &[&str]) -> String {
        fail(self.arguments(kind, file, more))
    }

    /// What the audit counts: accounts and records.
    fn counts(&self) -> (u64, u64) {
        let report =
            succeed(["verify".into(), "--json".into(), "--data".into(), OsString::from(self.data())]);
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["ok"], true, "{report}");
        let count = |name: &str| report[name].as_u64().expect("a count");
        (count("accounts"), count("records"))
    }
}

#[test]
fn a_bad_roster_is_refused_with_line_column_and_value_and_nothing_is_taken() {
    let books = Books::new();
    let before = books.counts();
    let new = "3,180003,男,m,19762332\n";
    for (name, content, said) in [
        (
            "bad_card.csv",
            format!("{HEADER}{new}4,180004,男,m,19x\n5,180005,男,m,1\n"),
            "bad_card.csv: line 3, column AccessCardNo: a card number is digits, from 1 up to 2^64-1: \"19x\"",
        ),
        (
            "twice.csv",
            format!("{HEADER}{new}4,180004,男,m,5\n5,180003,男,m,1\n"),
            "twice.csv: line 4, column CardNo: duplicate student number, first on line 2: \"180003\"",
        ),
        (
            "long.csv",
            format!("{HEADER}{new}4,18000412345678901,男,m,5\n"),
            "long.csv: line 3, column CardNo: a student number has 1 to 16 bytes: \"18000412345678901\"",
        ),
        (
            "short.csv",
            format!("{HEADER}{new}4,180004\n"),
            "short.csv: line 3: 2 fields where the header has 5",
        ),
        ("header.csv", format!("No,Name\n{new}"), "header.csv: line 1: no column StudentNo or CardNo"),
    ] {
        let errors = books.import_fails("holders", &books.file(name, content), &[]);
        assert!(errors.contains(said), "{errors}");
    }
    let missing = books.import_fails("holders", &books.folder.path().join("nowhere.csv"), &[]);
    assert!(missing.contains("nowhere.csv") && missing.contains("No such file"), "{missing}");
    assert_eq!(books.counts(), before, "nothing is half-imported");
}

#[test]
fn the_wrong_encoding_is_named_with_its_line() {
    let books = Books::new();
    let before = books.counts();
    // 男 in GBK is C4 D0, which is no UTF-8.
    let gbk = [HEADER.as_bytes(), b"3,180003,\xc4\xd0,m,19762332\n"].concat();
    let errors = books.import_fails("holders", &books.file("gbk.csv", &gbk), &["--encoding", "utf8"]);
    assert!(
        errors.contains("gbk.csv: line 2: not valid UTF-8; give the right one with --encoding"),
        "{errors}"
    );
    let neither = [HEADER.as_bytes(), b"3,180003,\xff\xff,m,19762332\n"].concat();
    let errors = books.import_fails("holders", &books.file("neither.csv", &neither), &[]);
    assert!(errors.contains("neither.csv: line 2: not valid GBK"), "{errors}");
    assert_eq!(books.counts(), before);
    let report = books.import_json("holders", &books.folder.path().join("gbk.csv"), &[]);
    assert_eq!(report["accounts_opened"], 1);
}

#[test]
fn the_same_file_again_changes_nothing_and_a_dry_run_never_does() {
    let books = Books::new();
    let before = books.counts();
    let good = books.folder.path().join("good.csv");
    let again = books.import_json("holders", &good, &[]);
    assert_eq!((&again["accounts_opened"], &again["cards_bound"]), (&Value::from(0), &Value::from(0)));
    assert!(succeed(books.arguments("holders", &good, &[])).starts_with("0 changes"));
    assert_eq!(books.counts(), before);

    let more = books.file("more.csv", format!("{HEADER}{GOOD}3,180003,男,m,19762332\n"));
    let said = succeed(books.arguments("holders", &more, &["--dry-run"]));
    assert!(said.contains("dry run, nothing written: 2 changes: 1 accounts opened, 1 cards bound"), "{said}");
    assert_eq!(books.counts(), before);
    let report = books.import_json("holders", &more, &[]);
    assert_eq!((&report["accounts_opened"], &report["cards_bound"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(books.counts().0, before.0 + 1);
}

#[test]
fn a_class_follows_the_roster_and_what_the_roster_does_not_say_stays() {
    let books = Books::new();
    let campus = "[class.7]\ndebit_max = '50'\nday_max = '200'\nrule = 'above-zero'\nfloor = '-10'\n";
    let campus = books.file("campus.toml", campus);
    assert_eq!(books.import_json("campus", &campus, &[])["settings_changed"], 1);
    assert_eq!(books.import_json("campus", &campus, &[])["settings_changed"], 0);

    let staff = books.file("staff.csv", "StudentNo,CardUid,Class\n180001,19762330,7\n180009,19762339,7\n");
    let report = books.import_json("holders", &staff, &[]);
    assert_eq!((&report["accounts_opened"], &report["classes_changed"]), (&Value::from(1), &Value::from(1)));
    let again = books.import_json("holders", &staff, &[]);
    assert_eq!((&again["accounts_opened"], &again["classes_changed"]), (&Value::from(0), &Value::from(0)));
    // The first roster has no such column, so it takes nobody's class away.
    let first = books.import_json("holders", &books.folder.path().join("good.csv"), &[]);
    assert_eq!(first["classes_changed"], 0, "{first}");

    let wrong = books.file("wrong.csv", "StudentNo,CardUid,Class\n180001,19762330,64\n");
    let said = books.import_fails("holders", &wrong, &[]);
    assert!(said.contains("wrong.csv: line 2, column Class: a class is 0 to 63: \"64\""), "{said}");
}

/// A whole school's roster, as the card centre's computer writes it: 4,341 holders, two card numbers given to two people each.
#[test]
fn worked_example_3_a_roster_of_4341_holders_binds_4337_cards_and_again_changes_nothing() {
    let books = Books { folder: tempfile::tempdir().expect("a temporary directory") };
    let line = |index: u32| {
        // The 17th and the 4,001st have one card between them, the 18th and the 4,002nd another.
        let card = 19_700_000 + if matches!(index, 4_001 | 4_002) { index - 3_984 } else { index };
        format!("{index},{},男,18国际金融,{card}\n", 170_000 + index)
    };
    let roster: String = core::iter::once(HEADER.to_owned()).chain((1..=4_341).map(line)).collect();
    // 男 and 国际金融 in GBK.
    let in_gbk = |text: &str| match text {
        "男" => vec![0xc4, 0xd0],
        "国" => vec![0xb9, 0xfa],
        "际" => vec![0xbc, 0xca],
        "金" => vec![0xbd, 0xf0],
        "融" => vec![0xc8, 0xda],
        other => other.as_bytes().to_vec(),
    };
    let bytes: Vec<u8> = roster.chars().flat_map(|c| in_gbk(&c.to_string())).collect();
    assert!(String::from_utf8(bytes.clone()).is_err(), "it is GBK");
    let roster = books.file("cardholders.csv", bytes);
    let report = books.import_json("holders", &roster, &[]);
    let figures = |report: &Value| {
        ["accounts_opened", "cards_bound", "lines_in_conflict"].map(|name| report[name].as_u64())
    };
    assert_eq!(figures(&report), [4_341, 4_337, 4].map(Some), "{report}");
    let counts = books.counts();
    let again = books.import_json("holders", &roster, &[]);
    assert_eq!(figures(&again), [0, 0, 4].map(Some), "{again}");
    assert!(succeed(books.arguments("holders", &roster, &[])).contains("0 changes"));
    assert_eq!(books.counts(), counts);
}

#[test]
fn two_cards_given_twice_are_four_lines_left_unbound() {
    let books = Books::new();
    let roster = format!(
        "{HEADER}1,a1,男,m,701\n2,a2,男,m,702\n3,a3,男,m,703\n4,a4,男,m,701\n5,a5,男,m,702\n6,a6,男,m,\n"
    );
    let roster = books.file("conflicts.csv", roster);
    let report = books.import_json("holders", &roster, &[]);
    assert_eq!(report["accounts_opened"], 6, "{report}");
    assert_eq!(report["cards_bound"], 1, "{report}");
    assert_eq!(report["lines_in_conflict"], 4, "{report}");
    let said = succeed(books.arguments("holders", &roster, &[]));
    assert!(said.contains("card 701 is given to a1 (line 2) and a4 (line 5); left unbound"), "{said}");
    assert!(said.contains("card 702 is given to a2 (line 3) and a5 (line 6); left unbound"), "{said}");
    assert!(said.contains("0 changes"), "{said}");

    // A card that the books gave to somebody else before is a conflict too, and the one who has it keeps it.
    let taken = books.file("taken.csv", format!("{HEADER}1,b1,男,m,19762330\n"));
    let report = books.import_json("holders", &taken, &[]);
    assert_eq!((&report["cards_bound"], &report["lines_in_conflict"]), (&Value::from(0), &Value::from(1)));
    let conflict = report["conflicts"][0].as_str().expect("a sentence");
    assert!(conflict.contains("card 19762330 of b1 (line 2)") && conflict.contains("180001"), "{conflict}");
    let keys = books.folder.path().join("keys.json");
    let arguments: [OsString; 5] =
        ["keys".into(), "--out".into(), keys.clone().into(), "--data".into(), books.data().into()];
    succeed(arguments);
    let keys: Value = serde_json::from_slice(&fs::read(keys).expect("written")).expect("JSON");
    let card_of = |student: &str| {
        let holders = keys["holders"].as_array().expect("a list");
        let holder = holders.iter().find(|holder| holder["student_no"] == student);
        holder.unwrap_or_else(|| panic!("no {student}"))["card_uid"].clone()
    };
    assert_eq!(card_of("180001"), 19_762_330);
    assert_eq!(card_of("180002"), 19_762_331);
    assert_eq!(card_of("a3"), 703);
    for student in ["a1", "a2", "a4", "a5", "a6", "b1"] {
        assert_eq!(card_of(student), Value::Null, "{student}");
    }
}

#[test]
fn a_bad_campus_file_is_refused_with_its_place_and_nothing_is_taken() {
    let books = Books::new();
    let before = books.counts();
    let merchant = "[[merchant]]\nid = 1\nname = \"一食堂\"\n";
    for (name, content, said) in [
        ("key.toml", format!("{merchant}colour = 1\n"), "line 4, column 1"),
        ("syntax.toml", format!("{merchant}[[terminal\n"), "line 4"),
        (
            "kind.toml",
            format!("{merchant}[[terminal]]\nid=5\nmerchant=1\nkind='tap'\n"),
            "\"tap\" isn't a kind",
        ),
        (
            "yuan.toml",
            format!("{merchant}[policy]\ndebit_max='1.005'\nday_max='2'\n"),
            "more than two decimals",
        ),
        (
            "codes.toml",
            format!("{merchant}[policy]\ndebit_max='20'\nday_max='50'\ncode_max='0'\n"),
            "code_max: it is above zero",
        ),
        (
            "meals.toml",
            format!("{merchant}[policy]\ndebit_max='20'\nday_max='50'\nmeal_max='0'\n"),
            "meal_max: it is above zero",
        ),
        ("twice.toml", format!("{merchant}{merchant}"), "merchant 1 is given twice"),
        (
            "nobody.toml",
            format!("{merchant}[[terminal]]\nid=5\nmerchant=1\n[[terminal]]\nid=6\nmerchant=99\n"),
            "terminal 6 of merchant 99: its merchant isn't registered",
        ),
    ] {
        let errors = books.import_fails("campus", &books.file(name, content), &[]);
        assert!(errors.contains(said), "{name}: {errors}");
        assert!(
            ["nobody.toml", "codes.toml", "meals.toml"].contains(&name) || errors.contains(name),
            "{errors}"
        );
    }
    assert_eq!(books.counts(), before, "nothing is half-imported");

    let good = format!(
        "{merchant}[[terminal]]\nid=5\nmerchant=1\n[[meal_period]]\nname='lunch'\nstart='10:30'\nend='13:30'\n\
         [policy]\ndebit_max='20'\nday_max='50.5'\n"
    );
    let good = books.file("good.toml", good);
    assert_eq!(books.import_json("campus", &good, &["--dry-run"])["settings_changed"], 4);
    assert_eq!(books.counts(), before);
    assert_eq!(books.import_json("campus", &good, &[])["settings_changed"], 4);
    assert!(succeed(books.arguments("campus", &good, &[])).starts_with("0 changes"));
}

#[test]
fn an_identity_number_gives_a_password_once_and_is_kept_nowhere() {
    let books = Books::new();
    let holders = |third: &str| {
        format!("StudentNo,IdNumber,CardUid\n180001,42122120020978123X,\n180002,,\n180003,{third},\n")
    };
    let bad = books.import_fails("holders", &books.file("bad.csv", holders("42122120020978912Z")), &[]);
    assert!(bad.contains("bad.csv: line 4, column IdNumber: an identity number ends in six digits"), "{bad}");
    assert!(!bad.contains("78912"), "{bad}");
    let good = books.file("ids.csv", holders("421221200209787456"));
    let said = succeed(books.arguments("holders", &good, &["--dry-run"]));
    assert!(said.starts_with("dry run, nothing written: 3 changes: 1 accounts opened"), "{said}");
    let report = books.import_json("holders", &good, &[]);
    assert_eq!((&report["accounts_opened"], &report["passwords_set"]), (&Value::from(1), &Value::from(2)));
    assert_eq!(books.import_json("holders", &good, &[])["passwords_set"], 0);
    // A password that is set stays, whatever the roster says later.
    let other = books.file("other.csv", holders("421221200209781111"));
    assert_eq!(books.import_json("holders", &other, &[])["passwords_set"], 0);
    let vault = fs::read(books.data().join("passwords")).expect("the vault");
    assert_eq!(vault.len(), 16 + 2 * 72);
    for password in [&b"978123"[..], b"787456"] {
        assert!(!vault.windows(6).any(|window| window == password));
    }
    books.counts();
}
