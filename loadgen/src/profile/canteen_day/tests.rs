//! The day as a schedule.

use std::collections::HashMap;

use super::*;
use crate::profile::{Desks, ProfileConfig};

const SCOPE: PlanScope = PlanScope { seed: 3, tills: 50, holders: 30_000 };
const DESKS: Desks = Desks { gateways: 4, counters: 3, card_centre: 2, finance: 2, administrators: 1 };

fn play(config: &CanteenDayConfig, seed: u64) -> Vec<Vec<Intent>> {
    let profile = ProfileConfig::CanteenDay(Box::new(config.clone()));
    profile.validate().expect("settings in their ranges");
    let scope = PlanScope { seed, ..SCOPE };
    let plans = profile.plan(scope).into_iter().chain(profile.plan_desks(scope, DESKS));
    plans.map(|plan| plan.intents.collect()).collect()
}

fn deeds(intents: &[Intent]) -> impl Iterator<Item = (u64, Errand)> {
    intents.iter().filter_map(|intent| match intent.action {
        IntentAction::Deed(errand) => Some((intent.at_ns, errand)),
        _ => None,
    })
}

#[test]
fn a_seed_is_a_day_and_it_is_in_order() {
    let config = CanteenDayConfig::default();
    let day = play(&config, 3);
    assert_eq!(day.len(), 62);
    assert_eq!(day, play(&config, 3));
    assert_ne!(day, play(&config, 4));
    for intents in &day {
        assert!(intents.is_sorted_by_key(|intent| intent.at_ns));
        assert!(intents.iter().all(|intent| intent.at_ns < config.duration_ns));
    }
}

#[test]
fn everything_is_played_in_its_share() {
    let day = play(&CanteenDayConfig::default(), 3);
    let mut counts: HashMap<DeedKind, u32> = HashMap::new();
    let (mut sales, mut lost_sequences, mut lost_sales) = (0, 0, 0);
    for intent in day.iter().flatten() {
        match intent.action {
            IntentAction::Sale { .. } => sales += 1,
            IntentAction::Deed(errand) => *counts.entry(errand.deed).or_default() += 1,
            IntentAction::LoseSequence => lost_sequences += 1,
            IntentAction::LoseSale => lost_sales += 1,
            IntentAction::GoOffline | IntentAction::GoOnline => {}
        }
    }
    // Two meals for each of 30,000 holders, less those whom the queue turns away.
    sales += counts[&DeedKind::ChipTap];
    assert!((56_000..=60_000).contains(&sales), "{sales}");
    assert_eq!(counts[&DeedKind::ChipTap], counts[&DeedKind::ChipWritten]);
    // One of 50 tills, at three meals.
    assert_eq!(lost_sequences, 3);
    // Half of the times without a network, of which there are seven or eight.
    assert!((1..=8).contains(&lost_sales), "{lost_sales}");
    let expected = [
        // Three counters, open twice.
        (DeedKind::CardStock, 6..=6),
        (DeedKind::CardIssue, 25..=30),
        (DeedKind::CardReplace, 55..=60),
        (DeedKind::CardReturn, 25..=30),
        // Seven in ten sales are taps, and one till in ten writes chips.
        (DeedKind::ChipTap, 3_500..=4_500),
        (DeedKind::ChipWritten, 3_500..=4_500),
        (DeedKind::Balance, 10_400..=11_200),
        (DeedKind::TopUp, 6_900..=6_900),
        (DeedKind::CashTopUp, 400..=480),
        (DeedKind::TopUpAgain, 40..=100),
        (DeedKind::TopUpUndo, 2..=20),
        (DeedKind::PasswordSet, 90..=120),
        (DeedKind::VirtualBind, 60..=60),
        (DeedKind::VirtualUnbind, 13..=18),
        (DeedKind::PhoneChange, 13..=18),
        (DeedKind::LossReport, 28..=32),
        (DeedKind::LossLift, 13..=18),
        (DeedKind::CodeRevoke, 13..=18),
        (DeedKind::ScanPay, 148..=152),
        (DeedKind::PasswordDebit, 12..=55),
        (DeedKind::SaleQuery, 35..=90),
        (DeedKind::Reprint, 85..=155),
        (DeedKind::Void, 85..=155),
        (DeedKind::Refund, 35..=90),
        (DeedKind::Tender, 2_750..=3_250),
        (DeedKind::AccountClose, 6..=9),
        (DeedKind::Unconfirmed, 598..=602),
        (DeedKind::OpenGaps, 3..=3),
        (DeedKind::GapClose, 3..=3),
        (DeedKind::ToldPost, 3..=3),
        (DeedKind::AccountFreeze, 8..=12),
        (DeedKind::AccountUnfreeze, 8..=12),
        (DeedKind::AccountLimits, 14..=16),
        // Three batches: a page has 24 of 60 lines.
        (DeedKind::SubsidyOpen, 3..=3),
        (DeedKind::SubsidyLines, 9..=9),
        (DeedKind::SubsidyApprove, 3..=3),
        (DeedKind::SubsidyReject, 3..=3),
        (DeedKind::SubsidyIssue, 3..=3),
        (DeedKind::SubsidyWithdraw, 3..=3),
        (DeedKind::SubsidyQuery, 21..=21),
        (DeedKind::SubsidyPreview, 6..=6),
        (DeedKind::Adjust, 30..=30),
        (DeedKind::AdjustLarge, 2..=4),
        (DeedKind::AdjustDecide, 2..=4),
        (DeedKind::Adjustments, 2..=4),
        (DeedKind::CashierOn, 150..=150),
        (DeedKind::CashierOff, 150..=150),
        (DeedKind::ShiftTotals, 150..=150),
        (DeedKind::ShiftClose, 150..=150),
        (DeedKind::BatchLines, 5..=5),
        (DeedKind::BatchSettle, 50..=50),
        (DeedKind::BatchSettleAgain, 50..=50),
        (DeedKind::ClassRules, 150..=150),
        (DeedKind::TerminalKey, 150..=150),
        (DeedKind::TerminalKeyRotate, 1..=1),
        (DeedKind::CodeKeyRotate, 1..=1),
        (DeedKind::MealPeriods, 150..=150),
        (DeedKind::PriceTable, 150..=150),
        (DeedKind::BlockList, 150..=150),
        (DeedKind::BlockListActive, 150..=150),
        (DeedKind::Bill, 3_000..=3_000),
        (DeedKind::Statement, 900..=900),
    ];
    assert_eq!(counts.len(), expected.len(), "{counts:?}");
    for (deed, range) in expected {
        assert!(range.contains(&counts[&deed]), "{deed:?}: {} isn't {range:?}", counts[&deed]);
    }
}

#[test]
fn tills_sell_at_meals_and_counters_are_open_between() {
    let config = CanteenDayConfig::default();
    let day = play(&config, 5);
    let within = |at_ns: u64, parts: &[Hours]| {
        parts.iter().any(|part| {
            let until_ns = config.compress(u64::from(part.until) * MINUTE_NS);
            (config.start_ns(*part)..=until_ns).contains(&at_ns)
        })
    };
    let meals: Vec<Hours> = config.meals.iter().map(|meal| meal.hours).collect();
    let (tills, desks) = day.split_at(50);
    let (gateways, others) = desks.split_at(4);
    let counters = &others[..3];
    assert!(tills.iter().flatten().all(|intent| within(intent.at_ns, &meals)));
    for (counter, intents) in (0_u32..).zip(counters) {
        // An undo falls into the visit, which may end after the last minute has begun; codes are shown at meals.
        let whenever = [DeedKind::TopUpUndo, DeedKind::CodeKeyRotate];
        for (at_ns, errand) in deeds(intents).filter(|(_, errand)| !whenever.contains(&errand.deed)) {
            assert!(within(at_ns, &config.counter_hours), "{errand:?}");
            assert_eq!(errand.holder % 3, counter);
        }
        let shortest_ns = config.compress(u64::from(config.hours.from) * MINUTE_NS + 20 * SECOND_NS) - 1;
        let nobody_comes = [
            DeedKind::TopUpUndo,
            DeedKind::CardStock,
            DeedKind::OpenGaps,
            DeedKind::GapClose,
            DeedKind::CodeKeyRotate,
        ];
        let visits: Vec<u64> = deeds(intents)
            .filter(|(_, errand)| !nobody_comes.contains(&errand.deed))
            .map(|(at_ns, _)| at_ns)
            .collect();
        assert!(visits.windows(2).all(|pair| pair[1] - pair[0] >= shortest_ns), "one at a time");
    }
    for (gateway, intents) in (0_u32..).zip(gateways) {
        assert!(deeds(intents).all(|(_, errand)| errand.holder % 4 == gateway));
        let at_meals = deeds(intents).filter(|(at_ns, _)| within(*at_ns, &meals)).count();
        // Six of ten, and of the others the 6 of 15 hours that are meals.
        assert!((0.71..0.81).contains(&(at_meals as f64 / intents.len() as f64)), "{at_meals}");
    }
}

#[test]
fn a_card_is_issued_after_its_return_and_an_undo_follows_its_top_up() {
    let config = CanteenDayConfig { undo_share: 1.0, ..CanteenDayConfig::lunch_hour(20 * SECOND_NS) };
    for intents in &play(&config, 6)[54..57] {
        let nobody_comes =
            [DeedKind::OpenGaps, DeedKind::GapClose, DeedKind::ToldPost, DeedKind::CodeKeyRotate];
        let of_people = deeds(intents).map(|(_, errand)| errand);
        let errands: Vec<Errand> = of_people.filter(|errand| !nobody_comes.contains(&errand.deed)).collect();
        for pair in errands.windows(2).filter(|pair| pair[0].deed == DeedKind::CashTopUp) {
            assert_eq!((pair[1].deed, pair[1].holder), (DeedKind::TopUpUndo, pair[0].holder));
        }
        for (place, issue) in
            errands.iter().enumerate().filter(|(_, errand)| errand.deed == DeedKind::CardIssue)
        {
            let returned =
                |errand: &Errand| errand.deed == DeedKind::CardReturn && errand.holder == issue.holder;
            assert!(errands[..place].iter().any(returned), "{issue:?}");
        }
    }
}

#[test]
fn a_lunch_hour_has_everything() {
    let config = CanteenDayConfig::lunch_hour(20 * SECOND_NS);
    let all = play(&config, 7);
    let seen: std::collections::HashSet<DeedKind> =
        all.iter().flat_map(|intents| deeds(intents).map(|(_, errand)| errand.deed)).collect();
    assert_eq!(seen.len(), DeedKind::ALL.len(), "{seen:?}");
}

#[test]
fn settings_out_of_range_are_named() {
    let reason = |change: fn(&mut CanteenDayConfig)| {
        let mut config = CanteenDayConfig::default();
        change(&mut config);
        ProfileConfig::CanteenDay(Box::new(config)).validate().expect_err("out of range").to_string()
    };
    let named = |change: fn(&mut CanteenDayConfig), name: &str| {
        let text = reason(change);
        assert!(text.starts_with(&format!("setting {name}: ")), "{text}");
    };
    named(|config| config.duration_ns = 0, "duration");
    named(|config| config.duration_ns = 16 * 3_600 * SECOND_NS, "duration");
    named(|config| config.hours = hours(9, 0, 9, 0), "hours");
    named(|config| config.meals.swap(0, 1), "meals");
    named(|config| config.counter_hours[1].until = 22 * 60, "counter-hours");
    named(|config| config.meals[0].waves = 0, "waves");
    named(|config| config.code_share = 1.1, "code-share");
    named(|config| config.undo_share = -0.1, "undo-share");
    named(|config| config.lost_sale_share = 1.1, "lost-sale-share");
    named(|config| config.lost_sequence_share = 1.1, "lost-sequence-share");
    named(|config| config.bills_per_holder = 101.0, "bills");
    named(|config| config.card_fee_fen = -1, "card-fee");
    named(|config| config.subsidies = 9, "subsidies");
    named(|config| config.key_changes_per_till = 1.5, "key-changes");
}
