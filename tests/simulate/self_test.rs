//! Shows that the simulator can fail: each planted bug is found, and nothing is found without one. Every seed is
//! named in the message; `cargo run --release --bin simulate -- --seed S --trace` runs it again.

use super::coverage::Coverage;
use super::plant::Plant;
use super::run;

/// Seeds tried with each planted bug.
const SEEDS: u64 = 20;

/// What is found with a bug planted, by seed.
fn found(plant: Plant) -> Vec<(u64, String)> {
    (1..=SEEDS).filter_map(|seed| run(seed, plant, false).err().map(|what| (seed, what))).collect()
}

fn check_found(plant: Plant, words: &[&str]) {
    let found = found(plant);
    assert!(found.len() as u64 > SEEDS / 2, "{plant:?} was found in {} of {SEEDS} seeds", found.len());
    for (seed, what) in found {
        let named = words.iter().any(|words| what.contains(words));
        assert!(named, "seed {seed} finds something else than {plant:?}: {what}");
    }
}

#[test]
fn without_a_bug_nothing_is_found_and_everything_is_come_across() {
    let mut total = Coverage::default();
    for seed in 1..=200 {
        match run(seed, Plant::None, false) {
            Ok(coverage) => total.add(&coverage),
            Err(what) => panic!("seed {seed}: {what}"),
        }
    }
    for (name, figure) in total.figures() {
        assert!(figure > 0, "no seed came across: {name}");
    }
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in [3, 14, 159] {
        assert_eq!(run(seed, Plant::None, false), run(seed, Plant::None, false), "seed {seed}");
    }
}

#[test]
fn an_answer_before_durability_is_found() {
    check_found(Plant::AnswersEarly, &["told before it was durable"]);
}

#[test]
fn a_balance_before_durability_is_found() {
    check_found(Plant::ShowsEarly, &["told before it was durable"]);
}

#[test]
fn a_lost_record_is_found() {
    check_found(
        Plant::LosesBlock,
        &["was durable, after the restart the log ends with", "doesn't start again"],
    );
}

#[test]
fn a_doubled_application_is_found() {
    check_found(Plant::PaysTwice, &["no till asked for it"]);
}
