//! Whole runs against a small server that is right, or wrong on purpose.

mod fake_server;

use std::sync::atomic::Ordering;

use fake_server::{FakeServer, Faults, campus};
use loadgen::config::{MILLISECOND_NS, SECOND_NS};
use loadgen::{
    Baseline, Campus, CanteenDayConfig, ClosedConfig, ClosedRequest, ConstantConfig, DeedKind, Effect,
    LunchConfig, MessageReport, OutcomeEntry, OutcomeKind, OutcomeLog, ProfileConfig, ProgressLine,
    RunConfig, RunControl, RunReport, SaleState, SalesMix, StormConfig, TillTimers, WarmUpConfig,
};

/// The tests' seed: `YIKA_SEED=7 cargo test -p loadgen --test end_to_end` plays another.
fn seed() -> u64 {
    let seed = std::env::var("YIKA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(42);
    println!("seed {seed}; again with: YIKA_SEED={seed} cargo test -p loadgen --test end_to_end");
    seed
}

fn config(profile: ProfileConfig) -> RunConfig {
    let mut config = RunConfig::new(profile, seed());
    config.timers = TillTimers::default().divided(20);
    config.progress = ProgressLine::Never;
    config
}

fn lunch() -> ProfileConfig {
    ProfileConfig::Lunch(LunchConfig {
        duration_ns: 1_500 * MILLISECOND_NS,
        canteen_duration_ns: 3_600 * SECOND_NS,
        answer_lost_share: 0.01,
        reversal_share: 0.005,
        offline_share: 0.3,
        ..LunchConfig::default()
    })
}

/// Tops up, plays, and checks.
fn play(server: &FakeServer, config: &RunConfig, control: &RunControl) -> (RunReport, OutcomeLog) {
    let campus = campus(server.address, 20, 1_000);
    let mut log = OutcomeLog::new();
    let warm_up = WarmUpConfig { tills_signed_in: 20, ..WarmUpConfig::new(30_000, "t") };
    let warmed = loadgen::warm_up(&campus, &warm_up, &mut log).expect("warms up");
    assert_eq!((warmed.topped_up, warmed.tills_signed_in, warmed.refused), (1_000, 20, 0));
    assert_eq!(server.held_fen(), 1_000 * 30_000);
    let mut report = loadgen::run(&campus, config, control, &mut log).expect("runs");
    let check = loadgen::check(&report.campus_left, &log, &Baseline::new()).expect("checks");
    report.check = Some(check);
    (report, log)
}

#[test]
fn a_lunch_against_a_right_server_passes_and_the_sums_agree() {
    let server = FakeServer::start(Faults::default());
    let (report, log) = play(&server, &config(lunch()), &RunControl::new());
    assert_eq!(report.failures(), Vec::<String>::new(), "{report:#?}");
    let counts = report.counts;
    assert!(counts.approved > 500 && counts.uploaded > 10, "{counts:?}");
    assert!(counts.reversed > 0 && counts.retries > 0 && counts.queries_answered > 0, "{counts:?}");
    assert_eq!(counts.uploaded, counts.stored);
    assert!(report.hiccups.late.count > 0, "{:?}", report.hiccups);
    assert_eq!(report.seconds.iter().map(|second| second.approved).sum::<u64>(), report.latency.count);
    let stands = |state| matches!(state, SaleState::Approved | SaleState::Uploaded);
    let spent_fen: i64 = log
        .entries()
        .iter()
        .filter(|entry| stands(entry.state))
        .filter(|entry| entry.kind.effect() == Effect::Takes)
        .map(|entry| entry.amount_fen)
        .sum();
    assert_eq!(server.held_fen(), 1_000 * 30_000 - spent_fen);
}

/// A day of two seconds in which everything happens often.
fn busy_day() -> ProfileConfig {
    ProfileConfig::CanteenDay(Box::new(CanteenDayConfig {
        answer_lost_share: 0.01,
        reversal_share: 0.003,
        offline_share: 0.3,
        lost_sequence_share: 0.5,
        lost_sale_share: 1.0,
        chip_till_share: 0.3,
        key_changes_per_till: 0.3,
        sale_query_share: 0.02,
        void_share: 0.02,
        refund_share: 0.02,
        told_again_share: 0.2,
        cash_top_ups_per_holder: 0.1,
        undo_share: 0.3,
        passwords_per_holder: 0.1,
        binds_per_holder: 0.05,
        unbinds_per_holder: 0.02,
        phone_changes_per_holder: 0.03,
        losses_per_holder: 0.05,
        lifts_per_holder: 0.03,
        codes_revoked_per_holder: 0.03,
        scans_per_holder: 0.1,
        replacements_per_holder: 0.05,
        returns_per_holder: 0.03,
        reprint_share: 0.02,
        unconfirmed_per_holder: 0.03,
        closings_per_holder: 0.02,
        freezes_per_holder: 0.02,
        limits_per_holder: 0.02,
        adjustments_per_holder: 0.03,
        large_adjustments_per_holder: 0.02,
        ..CanteenDayConfig::lunch_hour(2 * SECOND_NS)
    }))
}

#[test]
fn a_day_plays_every_deed_and_lists_it_by_row() {
    let server = FakeServer::start(Faults::default());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let day = RunConfig { out_dir: Some(dir.path().to_owned()), ..config(busy_day()) };
    let (report, log) = play(&server, &day, &RunControl::new());
    assert_eq!(report.failures(), Vec::<String>::new(), "{report:#?}");

    let messages: Vec<&MessageReport> = report.rows.iter().flat_map(|row| &row.messages).collect();
    for deed in DeedKind::ALL {
        let message = messages.iter().find(|message| message.message == deed.message().command().name);
        let message = message.unwrap_or_else(|| panic!("{deed:?} is missing: {messages:#?}"));
        assert!(message.approved > 0 && message.latency.count == message.approved, "{message:?}");
        assert_eq!(message.requests, message.approved + message.refused + message.unanswered);
    }
    // Several deeds have the same message. What waits for a second person is refused at first.
    for &deed in DeedKind::ALL.iter().filter(|&&deed| deed != DeedKind::AdjustLarge) {
        let is_done = |state| matches!(state, SaleState::Approved | SaleState::Reversed);
        let done = |entry: &OutcomeEntry| entry.kind == OutcomeKind::Deed(deed) && is_done(entry.state);
        let takes_sequence = deed.message().command().consumes_sequence;
        assert!(!takes_sequence || log.entries().iter().any(done), "{deed:?}");
    }
    let of = |name: &str| messages.iter().find(|message| message.message == name).expect("was played");
    assert_eq!(of("CardDebit").approved + of("CodeDebit").approved, report.counts.approved);
    assert_eq!(of("Upload").approved, report.counts.uploaded);
    assert_eq!(report.rows.iter().map(|row| row.row).collect::<Vec<u8>>(), [1, 2, 3, 4, 5, 6, 7, 13, 14]);

    loadgen::page::write_run_page(dir.path(), &report).expect("writes");
    let page = std::fs::read_to_string(dir.path().join(loadgen::page::RUN_PAGE_NAME)).expect("reads");
    for text in ["Run passed: canteen-day", "1 physical card", "TopUpUndo", "p99.9 ms", "0 lost, 0 doubled"] {
        assert!(page.contains(text), "{text}");
    }

    let moved_fen: i64 = log.entries().iter().map(moved_fen).sum();
    assert_eq!(server.held_fen(), moved_fen);

    // The next run is told which cards people have now; one that isn't taps cards that nobody takes any more.
    let taps = ConstantConfig {
        rate_per_s: 2_000.0,
        duration_ns: SECOND_NS,
        sales: SalesMix { zipf_exponent: 0.0, code_share: 0.0, query_share: 0.0, ..SalesMix::default() },
    };
    let now = Campus::read(&dir.path().join(loadgen::output::CAMPUS_NAME)).expect("reads");
    let before = Campus { tills: now.tills.clone(), ..campus(server.address, 20, 1_000) };
    for (campus, all_are_taken) in [(now, true), (before, false)] {
        let next = config(ProfileConfig::Constant(taps.clone()));
        let report = loadgen::run(&campus, &next, &RunControl::new(), &mut OutcomeLog::new()).expect("runs");
        // Who has left has nothing to pay with.
        let names = report.refused_by_code.iter().map(|code| code.name);
        let refused: Vec<&str> = names.filter(|&name| name != "InsufficientFunds").collect();
        assert_eq!(refused.is_empty(), all_are_taken, "{refused:?}");
        assert!(all_are_taken || refused.contains(&"CardNotCurrent") && refused.contains(&"CardLost"));
    }
}

/// What an entry did to its account.
fn moved_fen(entry: &OutcomeEntry) -> i64 {
    match (entry.state, entry.kind.effect()) {
        (SaleState::Approved | SaleState::Uploaded, Effect::Takes) => -entry.amount_fen,
        (SaleState::Approved, Effect::Brings) => entry.amount_fen,
        _ => 0,
    }
}

#[test]
fn a_day_through_an_outage_loses_nothing() {
    let server = FakeServer::start(Faults::default());
    let control = RunControl::new();
    let outage = outage(&server, &control);
    let (report, _) = play(&server, &config(busy_day()), &control);
    outage.join().expect("no panic");
    assert_eq!(report.failures(), Vec::<String>::new(), "{report:#?}");
    assert!(report.counts.disconnects > 0 && report.counts.deeds_done > 100, "{:?}", report.counts);
    // Whoever signed in again heard of a changed key, and the check signed in under it.
    let changed = report.campus_left.tills.iter().filter(|till| till.earlier_key.is_some()).count();
    assert!(changed > 0, "{:?}", report.campus_left.tills);
}

#[test]
fn a_day_needs_counters_and_gateways() {
    let server = FakeServer::start(Faults::default());
    for (take, what) in [
        ((|campus| campus.counters.clear()) as fn(&mut Campus), "counters"),
        (|campus| campus.gateways.clear(), "gateways"),
    ] {
        let mut campus = campus(server.address, 2, 20);
        take(&mut campus);
        let run = loadgen::run(&campus, &config(busy_day()), &RunControl::new(), &mut OutcomeLog::new());
        let error = run.expect_err("nobody to do it").to_string();
        assert_eq!(error, format!("campus: no {what}; canteen-day needs at least one"));
    }
}

/// Takes the server away for a moment, when the run has begun.
fn outage(server: &FakeServer, control: &RunControl) -> std::thread::JoinHandle<()> {
    let (watcher, down) = (control.clone(), server.down.clone());
    std::thread::spawn(move || {
        while watcher.progress().elapsed_ns < 500 * MILLISECOND_NS {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        down.store(true, Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(300));
        down.store(false, Ordering::Relaxed);
    })
}

#[test]
fn a_server_that_goes_away_in_the_middle_loses_nothing() {
    let server = FakeServer::start(Faults::default());
    let control = RunControl::new();
    let outage = outage(&server, &control);
    let (report, _) = play(&server, &config(lunch()), &control);
    outage.join().expect("no panic");
    assert_eq!(report.failures(), Vec::<String>::new(), "{report:#?}");
    assert!(report.counts.disconnects > 0, "{:?}", report.counts);
    assert_eq!(control.progress().ended, 1);
}

#[test]
fn lost_outcomes_are_found() {
    let server = FakeServer::start(Faults { lose_each: 100, ..Faults::default() });
    let (report, _) = play(&server, &config(lunch()), &RunControl::new());
    let check = report.check.as_ref().expect("was checked");
    assert!(check.lost > 0 && check.balances_wrong > 0, "{check:#?}");
    assert_eq!(check.doubled, 0, "{check:#?}");
    assert!(!report.failures().is_empty() && !check.examples.is_empty());
}

#[test]
fn doubled_outcomes_are_found() {
    let server = FakeServer::start(Faults { double_each: 100, ..Faults::default() });
    let (report, _) = play(&server, &config(lunch()), &RunControl::new());
    let check = report.check.as_ref().expect("was checked");
    assert!(check.doubled > 0 && check.balances_wrong > 0, "{check:#?}");
    assert_eq!(check.lost, 0, "{check:#?}");
    assert!(!report.failures().is_empty());
}

#[test]
fn a_storm_uploads_everything_while_serving() {
    let server = FakeServer::start(Faults::default());
    let storm = StormConfig { stored_min: 100, stored_max: 300, ..StormConfig::new(500.0, SECOND_NS) };
    let mut config = config(ProfileConfig::Storm(storm));
    config.upload_batch_records = 64;
    config.timers = TillTimers::default();
    let (report, _) = play(&server, &config, &RunControl::new());
    assert_eq!(report.failures(), Vec::<String>::new(), "{report:#?}");
    assert!((2_000..=6_000).contains(&report.counts.uploaded), "{:?}", report.counts);
    assert!(report.counts.approved > 200, "{:?}", report.counts);
}

#[test]
fn the_output_directory_can_be_read_back_and_checked_again() {
    let server = FakeServer::start(Faults::default());
    let dir = std::env::temp_dir().join(format!("yika-loadgen-{}", std::process::id()));
    let constant = ConstantConfig { rate_per_s: 500.0, duration_ns: SECOND_NS, sales: SalesMix::default() };
    let mut config = config(ProfileConfig::Constant(constant));
    config.out_dir = Some(dir.clone());
    let (report, log) = play(&server, &config, &RunControl::new());
    let read = OutcomeLog::read(&dir.join(loadgen::output::OUTCOMES_NAME)).expect("reads");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join(loadgen::output::REPORT_NAME)).expect("a report"))
            .expect("is JSON");
    let intervals = std::fs::read(dir.join("intervals.hlog")).expect("an interval log");
    std::fs::remove_dir_all(&dir).expect("removes");
    assert_eq!(read.entries(), log.entries());
    assert_eq!(json["config"]["profile"]["profile"], "constant");
    assert_eq!(json["counts"]["approved"], report.counts.approved);
    assert_eq!(counted_in(&intervals), report.counts.approved);
    let campus = campus(server.address, 20, 1_000);
    assert!(loadgen::check(&campus, &read, &Baseline::new()).expect("checks").passed());
}

/// How many values the interval log's histograms hold.
fn counted_in(intervals: &[u8]) -> u64 {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    let mut deserializer = Deserializer::new();
    IntervalLogIterator::new(intervals)
        .map(|entry| entry.expect("a line of an interval log"))
        .filter_map(|entry| match entry {
            LogEntry::Interval(interval) => Some(interval),
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
        })
        .map(|interval| {
            let bytes = decode_base64(interval.encoded_histogram());
            let histogram: hdrhistogram::Histogram<u64> =
                deserializer.deserialize(&mut &bytes[..]).expect("a histogram");
            histogram.len()
        })
        .sum()
}

fn decode_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[test]
fn the_closed_loop_counts_completions_and_refusals_apart() {
    let server = FakeServer::start(Faults::default());
    let campus = campus(server.address, 8, 400);
    let mut config = ClosedConfig::new(8, seed());
    (config.settle_ns, config.measure_ns) = (50 * MILLISECOND_NS, 200 * MILLISECOND_NS);
    let refused = loadgen::closed(&campus, &config).expect("runs");
    assert_eq!((refused.completed, refused.failed), (0, 0));
    assert!(refused.refused > 0);
    assert_eq!(refused.refused_by_code[0].name, "InsufficientFunds");
    config.request = ClosedRequest::Balance;
    let balances = loadgen::closed(&campus, &config).expect("runs");
    assert!(balances.completed > 0 && balances.refused == 0 && balances.failed == 0);
    assert_eq!(balances.completed, balances.histogram.len());
}

#[test]
fn a_server_that_is_not_there_is_a_clear_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = loadgen::closed(&campus(address, 1, 1), &ClosedConfig::new(1, 1)).expect_err("nobody there");
    assert!(error.to_string().starts_with(&format!("terminal 1 at {address}: ")), "{error}");
}
