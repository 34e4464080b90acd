//! The program, killed again and again while tills sell and upload: nothing acknowledged is lost or done twice.

use std::thread;
use std::time::Duration;

use crate::books_check::{balances_fen, expect_exactly_once};
use crate::campus::{Campus, till};
use crate::load::Load;
use crate::program::{Serving, succeed};
use crate::seed::Random;
use crate::wire_till::WireTill;

/// Kills with SIGKILL.
const CYCLES: u32 = 24;
/// Tills that sell meanwhile.
const TILLS: u32 = 4;
/// Longest time from when the server listens until it is killed.
const ALIVE_US_MAX: u64 = 150_000;
/// Keeps every outcome in memory, so that all of them can be asked for at the end.
const ARGUMENTS: &[&str] = &["--outcomes-per-terminal", "16384"];

#[test]
fn what_was_acknowledged_survives_kill_9_exactly_once() {
    let mut random = Random::for_test("what_was_acknowledged_survives_kill_9_exactly_once");
    let campus = Campus::new();
    let load = Load::start(&campus.keys(), TILLS, &mut random);
    let mut cut_short = 0;
    for cycle in 0..CYCLES {
        let back_end = if cycle % 4 == 3 { "map" } else { "through" };
        let arguments = [ARGUMENTS, &["--durability", back_end]].concat();
        let server = Serving::start(&campus.data_dir(), &arguments);
        load.publish(Some(server.address()));
        // Every third kill comes at once, in the middle of the sign-ins; the others while the tills sell.
        if cycle % 3 > 0 {
            load.wait_for(1 + random.below(50));
        } else {
            cut_short += 1;
        }
        thread::sleep(Duration::from_micros(random.below(ALIVE_US_MAX)));
        load.publish(None);
        server.kill();
    }
    let acknowledged = load.acknowledged();
    let server = Serving::start(&campus.data_dir(), ARGUMENTS);
    load.publish(Some(server.address()));
    load.wait_for(50);
    let told = load.finish();
    println!(
        "{CYCLES} kills, {cut_short} of them during sign-in; {acknowledged} sales acknowledged before the last start"
    );
    assert!(acknowledged > u64::from(CYCLES), "the tills hardly sold anything");

    let mut asking = WireTill::sign_in(server.address(), &campus.keys().identity(till(TILLS)));
    for (account, balance_fen) in (0..).zip(balances_fen(&told)) {
        assert_eq!(asking.balance(account).system_fen, balance_fen, "account {account}");
    }
    asking.sign_out();
    server.terminate();

    let report =
        succeed(["verify".as_ref(), "--json".as_ref(), "--data".as_ref(), campus.data_dir().as_os_str()]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["holdings"]["sum_fen"], 0, "{report}");
    expect_exactly_once(&campus.data_dir(), &told);
}
