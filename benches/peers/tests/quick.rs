//! The harness as a contributor runs it: short, with whatever is installed here. Figures aren't looked at, only that they
//! are there and that every debit is accounted for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use benches::void::EXIT_UNPLAYED;
use serde_json::Value;

fn peers(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peers")).args(arguments).output().expect("the harness runs")
}

fn report(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}; it said: {errors}"))
}

fn lines<'r>(report: &'r Value, list: &str) -> &'r Vec<Value> {
    report[list].as_array().unwrap_or_else(|| panic!("{list} is no list"))
}

fn systems_of(lines: &[Value], tills: u64) -> Vec<&str> {
    lines.iter().filter(|line| line["tills"] == tills).filter_map(|line| line["system"].as_str()).collect()
}

fn part_of<'r>(report: &'r Value, system: &str) -> &'r Value {
    let found = lines(report, "systems").iter().find(|line| line["system"] == system);
    &found.unwrap_or_else(|| panic!("{system} isn't listed"))["part"]
}

/// Every debit that was acknowledged is in the journal, and no other; echo servers keep none.
fn assert_accounted_for(lines: &[Value]) {
    for line in lines {
        let system = line["system"].as_str().expect("a name");
        assert!(line["acknowledged"].as_u64() > Some(0), "{line}");
        assert_eq!(line["refused"], 0, "{line}");
        if system.starts_with("echo") {
            assert_eq!(line["journaled"], Value::Null, "{line}");
        } else {
            assert_eq!(line["journaled"], line["acknowledged"], "{line}");
        }
    }
}

#[test]
fn whatever_is_installed_is_measured_and_every_debit_is_accounted_for() {
    let output = peers(&["--quick", "--json", "--only", "closed-1,closed-200"]);
    let report = report(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines(&report, "void"), &Vec::<Value>::new());
    let closed = lines(&report, "closed");
    assert_accounted_for(closed);
    let alone = systems_of(closed, 1);
    let echoes = ["echo-multi-thread", "echo-per-core", "echo-one-thread", "echo-epoll", "echo-durable"];
    for system in echoes.iter().chain(&["yika"]) {
        assert!(alone.contains(system), "{system}");
        assert_eq!(part_of(&report, system), "measured");
    }
    for system in ["redis", "postgres", "pgbouncer"] {
        let measured = part_of(&report, system) == "measured";
        assert_eq!(systems_of(closed, 200).contains(&system), measured, "{system}");
    }
    let keys: Vec<&str> = lines(&report, "ratios").iter().filter_map(|line| line["key"].as_str()).collect();
    assert!(keys.contains(&"alone-p50") && keys.contains(&"log-bytes"), "{keys:?}");
    assert_eq!(lines(&report, "disk").len(), 1);
}

#[test]
fn an_open_run_offers_half_of_what_was_completed() {
    let output = peers(&["--quick", "--json", "--only", "half-load"]);
    let report = report(&output);
    let open = lines(&report, "open");
    let systems = ["echo-multi-thread", "echo-per-core", "echo-one-thread", "echo-durable", "yika"];
    assert_eq!(systems_of(open, 256), systems);
    assert_accounted_for(open);
    for line in open {
        assert_eq!(line["dropped"], 0, "{line}");
        assert_eq!(line["intended"], line["acknowledged"], "{line}");
        assert_eq!(line["offered_per_s"], open[0]["offered_per_s"]);
    }
    // Unoptimised, the generator may not keep its rate; then that is what it says, and nothing else.
    for reason in lines(&report, "void") {
        let reason = reason.as_str().expect("words");
        assert!(reason.contains("the rate couldn't be generated"), "{reason}");
    }
    let unplayed = i32::from(EXIT_UNPLAYED);
    let code = if lines(&report, "void").is_empty() { 0 } else { unplayed };
    assert_eq!(output.status.code(), Some(code));
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, script).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made a program");
}

#[test]
fn a_peer_that_fails_is_named_with_its_log_and_a_missing_one_is_skipped_aloud() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (broken, empty) = (folder.path().join("broken"), folder.path().join("empty"));
    fs::create_dir(&broken).expect("made");
    fs::create_dir(&empty).expect("made");
    write_program(&broken.join("redis-server"), "#!/bin/sh\necho 'no memory on this moon'\nexit 7\n");
    let (broken, empty) = (broken.display().to_string(), empty.display().to_string());
    let output = peers(&[
        "--quick",
        "--json",
        "--only",
        "closed-200,redis-half",
        "--redis",
        &broken,
        "--postgres",
        &empty,
        "--pgbouncer",
        &empty,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = report(&output);
    let failure = part_of(&report, "redis")["failed"].as_str().expect("it failed");
    assert!(failure.contains("didn't start") && failure.contains("no memory on this moon"), "{failure}");
    assert!(errors.contains(failure), "{errors}");
    for system in ["postgres", "pgbouncer"] {
        let reason = part_of(&report, system)["skipped"].as_str().expect("it is skipped");
        assert!(reason.contains("apt-get install postgresql"), "{reason}");
        assert!(errors.contains(reason), "{errors}");
    }
    assert_eq!(systems_of(lines(&report, "closed"), 200), ["yika"]);
    // Half of Redis's rate is nobody's without Redis.
    assert_eq!(lines(&report, "open"), &Vec::<Value>::new());
}

#[test]
fn arguments_out_of_range_are_named() {
    for (arguments, message) in [
        (&["--accounts", "5"][..], "peers: --accounts: 1000 tills need as many accounts\n"),
        (&["--rounds", "0"], "peers: --rounds: must be at least 1\n"),
        (&["--seconds", "0"], "peers: --seconds: must be a positive number of seconds\n"),
    ] {
        let output = peers(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), message);
    }
}
