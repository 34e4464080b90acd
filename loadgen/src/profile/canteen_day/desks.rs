//! What people do at counters and on the phone, what operators do about their accounts, and when.

use std::ops::RangeInclusive;

use super::{CanteenDayConfig, Hours, MINUTE_NS};
use crate::config::SECOND_NS;
use crate::deed::{DeedKind, Errand};
use crate::profile::{Desks, Intent, IntentAction, PlanScope, TillPlan};
use crate::random::Random;
use crate::subsidy_batches::PAGES;

/// How long a person is at a counter, in the day's time.
const VISIT_NS: RangeInclusive<u64> = 20 * SECOND_NS..=60 * SECOND_NS;
/// What phones and counters offer to pay in, in fen. The middle ones are taken most.
const TOP_UPS_FEN: [i64; 8] = [2_000, 3_000, 5_000, 5_000, 10_000, 10_000, 10_000, 20_000];
/// Share of what people do on the phone that falls into the hours of the meals.
const PHONE_AT_MEALS_SHARE: f64 = 0.6;

/// What is done under a query password, or after something that is: in the second half of the day, when counters have set some.
const NEEDS_PASSWORD: [DeedKind; 5] = [
    DeedKind::VirtualBind,
    DeedKind::PhoneChange,
    DeedKind::VirtualUnbind,
    DeedKind::LossReport,
    DeedKind::LossLift,
];

const STREAM_COUNTER: u64 = 5 << 40;
const STREAM_GATEWAY: u64 = 6 << 40;
const STREAM_CARD_CENTRE: u64 = 8 << 40;
const STREAM_FINANCE: u64 = 9 << 40;
const STREAM_ADMINISTRATOR: u64 = 11 << 40;

/// What finance gives back alone: a meal that was taken twice. And what takes a second person.
const ADJUST_FEN: RangeInclusive<u64> = 200..=2_000;
const ADJUST_LARGE_FEN: i64 = 15_000;

/// The days of gateways, then of counters, of the card centre, of finance and of administrators.
pub(in crate::profile) fn plan_desks(
    config: &CanteenDayConfig,
    scope: PlanScope,
    desks: Desks,
) -> Vec<TillPlan> {
    let gateways = (0..desks.gateways)
        .map(|gateway| gateway_plan(config, Circle::new(scope, STREAM_GATEWAY, desks.gateways, gateway)));
    let counters = (0..desks.counters)
        .map(|counter| counter_plan(config, Circle::new(scope, STREAM_COUNTER, desks.counters, counter)));
    let card_centre = (0..desks.card_centre).map(|clerk| {
        card_centre_plan(config, Circle::new(scope, STREAM_CARD_CENTRE, desks.card_centre, clerk))
    });
    let finance = (0..desks.finance)
        .map(|clerk| finance_plan(config, Circle::new(scope, STREAM_FINANCE, desks.finance, clerk)));
    let administrators = (0..desks.administrators).map(|administrator| {
        let circle = Circle::new(scope, STREAM_ADMINISTRATOR, desks.administrators, administrator);
        administrator_plan(config, scope.tills, circle)
    });
    gateways.chain(counters).chain(card_centre).chain(finance).chain(administrators).collect()
}

/// The people of one of several desks of a kind: `desk, desk + desks, desk + 2 * desks, ...`, and its random numbers.
struct Circle {
    desk: u64,
    desks: u64,
    holders: u64,
    random: Random,
}

impl Circle {
    fn new(scope: PlanScope, stream: u64, desks: u32, desk: u32) -> Circle {
        let (desks, desk) = (u64::from(desks), u64::from(desk));
        let holders = (u64::from(scope.holders) + desks - 1 - desk) / desks;
        Circle { desk, desks, holders, random: Random::new(scope.seed, stream + desk) }
    }

    fn draw_holder(&mut self) -> u32 {
        (self.desk + self.desks * self.random.below(self.holders)) as u32
    }

    /// How often something happens that each holder does so often on average.
    fn draw_count(&mut self, per_holder: f64) -> u64 {
        if self.holders == 0 {
            return 0;
        }
        let mean = self.holders as f64 * per_holder;
        mean as u64 + u64::from(self.random.chance(mean.fract()))
    }

    fn draw_top_up_fen(&mut self) -> i64 {
        TOP_UPS_FEN[self.random.below(TOP_UPS_FEN.len() as u64) as usize]
    }

    /// A moment within one of these parts of the day, each as likely as it is long.
    fn draw_within(&mut self, parts: &[Hours]) -> u64 {
        let minutes: u64 = parts.iter().map(|part| u64::from(part.minutes())).sum();
        let mut left_ns = self.random.below(minutes * MINUTE_NS);
        for part in parts {
            let part_ns = u64::from(part.minutes()) * MINUTE_NS;
            if left_ns < part_ns {
                return u64::from(part.from) * MINUTE_NS + left_ns;
            }
            left_ns -= part_ns;
        }
        u64::from(parts.last().map_or(0, |part| part.from)) * MINUTE_NS
    }
}

fn gateway_plan(config: &CanteenDayConfig, mut circle: Circle) -> TillPlan {
    let meals: Vec<Hours> = config.meals.iter().map(|meal| meal.hours).collect();
    let whole_day = [config.hours];
    let mut intents = Vec::new();
    for (deed, per_holder) in [
        (DeedKind::TopUp, config.phone_top_ups_per_holder),
        (DeedKind::Balance, config.balances_per_holder),
        (DeedKind::Bill, config.bills_per_holder),
        (DeedKind::Statement, config.statements_per_holder),
        (DeedKind::VirtualBind, config.binds_per_holder),
        (DeedKind::PhoneChange, config.phone_changes_per_holder),
        (DeedKind::VirtualUnbind, config.unbinds_per_holder),
        (DeedKind::LossReport, config.losses_per_holder),
        (DeedKind::LossLift, config.lifts_per_holder),
        (DeedKind::CodeRevoke, config.codes_revoked_per_holder),
        (DeedKind::ScanPay, config.scans_per_holder),
        (DeedKind::Unconfirmed, config.unconfirmed_per_holder),
    ] {
        for _ in 0..circle.draw_count(per_holder) {
            let at_meals = !meals.is_empty() && circle.random.chance(PHONE_AT_MEALS_SHARE);
            let parts: &[Hours] = if at_meals { &meals } else { &whole_day };
            let mut at_ns = config.compress(circle.draw_within(parts));
            if NEEDS_PASSWORD.contains(&deed) {
                at_ns = config.duration_ns / 2 + at_ns / 2;
            }
            let holder = circle.draw_holder();
            let amount_fen = if deed == DeedKind::TopUp { circle.draw_top_up_fen() } else { 0 };
            let answers_lost = config.draw_answers_lost(&mut circle.random);
            let errand = Errand { deed, holder, amount_fen, answers_lost };
            intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
            if deed == DeedKind::TopUp && circle.random.chance(config.told_again_share) {
                let errand = Errand::new(DeedKind::TopUpAgain, holder);
                intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
            }
        }
    }
    in_order(intents)
}

/// People come to a counter within its hours, and queue: the next is served when the one before has left. Whoever the queue
/// can't serve before closing time goes without.
fn counter_plan(config: &CanteenDayConfig, mut circle: Circle) -> TillPlan {
    let mut arrivals: Vec<(u64, Errand)> = Vec::new();
    if !config.counter_hours.is_empty() {
        for (deed, per_holder) in [
            (DeedKind::CashTopUp, config.cash_top_ups_per_holder),
            (DeedKind::CardReplace, config.replacements_per_holder),
            (DeedKind::PasswordSet, config.passwords_per_holder),
            (DeedKind::CardReturn, config.returns_per_holder),
            (DeedKind::AccountClose, config.closings_per_holder),
        ] {
            for _ in 0..circle.draw_count(per_holder) {
                let at_ns = circle.draw_within(&config.counter_hours);
                let amount_fen = match deed {
                    DeedKind::CashTopUp => circle.draw_top_up_fen(),
                    DeedKind::CardReplace => config.card_fee_fen,
                    _ => 0,
                };
                let answers_lost = config.draw_answers_lost(&mut circle.random);
                let errand = Errand { deed, holder: circle.draw_holder(), amount_fen, answers_lost };
                arrivals.push((at_ns, errand));
                if deed == DeedKind::CardReturn {
                    let later_ns = circle.draw_within(&config.counter_hours);
                    arrivals.push((later_ns.max(at_ns), Errand::new(DeedKind::CardIssue, errand.holder)));
                }
            }
        }
    }
    let mut intents = Vec::new();
    // Whoever opens the counter looks after its cards first.
    for part in &config.counter_hours {
        let errand = Errand::new(DeedKind::CardStock, circle.desk as u32);
        intents.push(Intent { at_ns: config.start_ns(*part), action: IntentAction::Deed(errand) });
    }
    // Somebody at the first counter changes the key of payment codes, while they are shown.
    if let Some(meal) = config.meals.get(config.meals.len() / 2).filter(|_| circle.desk == 0) {
        let at_ns = config.start_ns(meal.hours) + config.lunch_of(meal).duration_ns / 3;
        let errand = Errand::new(DeedKind::CodeKeyRotate, circle.desk as u32);
        intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
    }
    // A stable order: who gives a card back comes before the same person is issued another.
    arrivals.sort_by_key(|(at_ns, _)| *at_ns);
    let mut free_ns = 0;
    for (arrival_ns, errand) in arrivals {
        let due_ns = free_ns.max(arrival_ns);
        let left_ns = due_ns + circle.random.between(*VISIT_NS.start(), *VISIT_NS.end());
        let open = |part: &&Hours| u64::from(part.until) * MINUTE_NS > arrival_ns;
        let closes_ns =
            config.counter_hours.iter().find(open).map_or(0, |part| u64::from(part.until) * MINUTE_NS);
        if due_ns >= closes_ns {
            continue;
        }
        free_ns = left_ns;
        let at_ns = config.compress(due_ns);
        intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
        if errand.deed == DeedKind::CashTopUp && circle.random.chance(config.undo_share) {
            let errand = Errand::new(DeedKind::TopUpUndo, errand.holder);
            let at_ns = config.compress(due_ns + (left_ns - due_ns) / 2);
            intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
        }
    }
    // When it closes, somebody looks whether every till's sales have come, closes what never will, and has posted what cards tell of.
    if let Some(last) = config.counter_hours.last() {
        let at_ns = config.compress(u64::from(last.until) * MINUTE_NS).saturating_sub(1);
        for deed in [DeedKind::OpenGaps, DeedKind::GapClose, DeedKind::ToldPost] {
            let errand = Errand::new(deed, circle.draw_holder());
            intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
        }
    }
    in_order(intents)
}

/// While counters are open. What is frozen is looked into, and opened again before the day's end.
fn card_centre_plan(config: &CanteenDayConfig, mut circle: Circle) -> TillPlan {
    let mut intents = Vec::new();
    if config.counter_hours.is_empty() {
        return in_order(intents);
    }
    let mut intend = |at_ns: u64, deed, holder| {
        let action = IntentAction::Deed(Errand::new(deed, holder));
        intents.push(Intent { at_ns: config.compress(at_ns), action });
    };
    for _ in 0..circle.draw_count(config.freezes_per_holder) {
        let (one, other) =
            (circle.draw_within(&config.counter_hours), circle.draw_within(&config.counter_hours));
        let holder = circle.draw_holder();
        intend(one.min(other), DeedKind::AccountFreeze, holder);
        intend(one.max(other), DeedKind::AccountUnfreeze, holder);
    }
    for _ in 0..circle.draw_count(config.limits_per_holder) {
        let at_ns = circle.draw_within(&config.counter_hours);
        intend(at_ns, DeedKind::AccountLimits, circle.draw_holder());
    }
    in_order(intents)
}

/// Subsidies all day; corrections while counters are open. Who of finance has time looks at what colleagues proposed, and approves it.
fn finance_plan(config: &CanteenDayConfig, mut circle: Circle) -> TillPlan {
    let mut intents = subsidy_plan(config, &circle);
    if config.counter_hours.is_empty() {
        return in_order(intents);
    }
    for (deed, per_holder) in [
        (DeedKind::Adjust, config.adjustments_per_holder),
        (DeedKind::AdjustLarge, config.large_adjustments_per_holder),
        (DeedKind::Adjustments, config.large_adjustments_per_holder),
        (DeedKind::AdjustDecide, config.large_adjustments_per_holder),
    ] {
        for _ in 0..circle.draw_count(per_holder) {
            let mut at_ns = config.compress(circle.draw_within(&config.counter_hours));
            if deed == DeedKind::AdjustDecide {
                at_ns = config.duration_ns / 2 + at_ns / 2;
            }
            let amount_fen = match deed {
                DeedKind::Adjust => circle.random.between(*ADJUST_FEN.start(), *ADJUST_FEN.end()) as i64,
                DeedKind::AdjustLarge => ADJUST_LARGE_FEN,
                _ => 0,
            };
            let errand = Errand { amount_fen, ..Errand::new(deed, circle.draw_holder()) };
            intents.push(Intent { at_ns, action: IntentAction::Deed(errand) });
        }
    }
    in_order(intents)
}

/// What an operator does about every batch of subsidies that he opens, or that the colleague before him opens; and when. Moments are
/// in 64ths of the day after the first batch was opened, and each batch comes 6 of them after the one before. A question is
/// asked until it was answered as hoped for.
const OF_OPENER: [(u64, DeedKind); 11] = [
    (0, DeedKind::SubsidyOpen),
    (12, DeedKind::SubsidyIssue),
    (13, DeedKind::SubsidyQuery),
    (15, DeedKind::SubsidyQuery),
    (18, DeedKind::SubsidyQuery),
    (24, DeedKind::SubsidyQuery),
    (30, DeedKind::SubsidyWithdraw),
    (31, DeedKind::SubsidyQuery),
    (34, DeedKind::SubsidyQuery),
    (40, DeedKind::SubsidyQuery),
    (44, DeedKind::SubsidyPreview),
];
const OF_SECOND: [(u64, DeedKind); 3] =
    [(5, DeedKind::SubsidyPreview), (6, DeedKind::SubsidyApprove), (6, DeedKind::SubsidyReject)];

/// An operator's part in the subsidies: each batch is opened by one, and looked at by the next.
fn subsidy_plan(config: &CanteenDayConfig, circle: &Circle) -> Vec<Intent> {
    let intent = |sixty_fourths: u64, deed| {
        let at_ns = (config.duration_ns as f64 * sixty_fourths as f64 / 64.0) as u64;
        Intent { at_ns, action: IntentAction::Deed(Errand::new(deed, circle.desk as u32)) }
    };
    let mut intents = Vec::new();
    for batch in 0..u64::from(config.subsidies) {
        let opened = 2 + 6 * batch;
        if batch % circle.desks == circle.desk {
            for (after, deed) in OF_OPENER {
                intents.push(intent(opened + after, deed));
                let pages = if deed == DeedKind::SubsidyOpen { PAGES } else { 0 };
                intents.extend((0..pages).map(|_| intent(opened, DeedKind::SubsidyLines)));
            }
        }
        if (batch + 1) % circle.desks == circle.desk {
            intents.extend(OF_SECOND.map(|(after, deed)| intent(opened + after, deed)));
        }
    }
    intents.retain(|intent| intent.at_ns < config.duration_ns);
    intents
}

/// In the first half of the day, so that tills that sign in again do it under their new keys.
fn administrator_plan(config: &CanteenDayConfig, tills: u32, mut circle: Circle) -> TillPlan {
    let mean = f64::from(tills) * config.key_changes_per_till / circle.desks as f64;
    let count = mean as u64 + u64::from(circle.random.chance(mean.fract()));
    let at_least = u64::from(mean > 0.0 && circle.desk == 0);
    let change = |_| {
        let at_ns = circle.random.below(config.duration_ns / 2);
        let errand = Errand::new(DeedKind::TerminalKeyRotate, circle.draw_holder());
        Intent { at_ns, action: IntentAction::Deed(errand) }
    };
    in_order((0..count.max(at_least)).map(change).collect())
}

fn in_order(mut intents: Vec<Intent>) -> TillPlan {
    intents.sort_by_key(|intent| intent.at_ns);
    TillPlan { stored: Vec::new(), intents: Box::new(intents.into_iter()) }
}
