//! The studies as a contributor runs them: short. Figures aren't looked at, only that they are there and that every debit
//! is accounted for.

use std::process::{Command, Output};

use benches::void::EXIT_UNPLAYED;

fn growth(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_growth")).args(arguments).output().expect("the program runs")
}

#[test]
fn every_study_runs_and_every_debit_is_accounted_for() {
    let output = growth(&["--quick"]);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for title in ["the ledger alone", "open loop", "Tills:", "Shards:", "Record sizes:", "Sync times:"] {
        assert!(said.contains(title), "{title} isn't in\n{said}");
    }
    assert!(said.contains("Universal Scalability Law") && said.contains("64 threads"), "{said}");
    // On a busy machine the load may not be played as intended, and says so; nothing else may be wrong.
    let code = if said.contains("void") { i32::from(EXIT_UNPLAYED) } else { 0 };
    assert_eq!(output.status.code(), Some(code), "{said}{errors}");
}

#[test]
fn a_rate_that_cannot_be_generated_makes_its_row_void() {
    let output = growth(&["--quick", "--only", "latency", "--rate", "400000"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(i32::from(EXIT_UNPLAYED)), "{said}");
    assert!(said.contains("| 1,000 | void: ") && said.contains("| 10,000 | void: "), "{said}");
    assert!(!said.contains("÷ with the fewest"), "{said}");
}

#[test]
fn arguments_out_of_range_are_named() {
    for (arguments, message) in [
        (&["--accounts", "5,5"][..], "growth: --accounts: must be rising numbers from 1 on\n"),
        (&["--tills", "0,5"], "growth: --tills: must be rising numbers from 1 to 8,000\n"),
        (&["--rate", "0"], "growth: --rate: must be from 1 to 100,000,000\n"),
    ] {
        let output = growth(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), message);
    }
}
