//! The tables that tills sell by, and their version.

use engine::ledger::Request as Configuration;
use engine::ledger::command::{SetMealPeriod, SetPolicy};
use engine::ledger::registry::Policy;
use protocol::answer::Answer;
use protocol::request::{Heartbeat, Request};
use protocol::result_code::ResultCode;
use protocol::tables::{ClassRulesLine, MealPeriodLine};

use crate::campus::{Campus, DOOR, till};
use crate::wire_till::WireTill;

fn class_rules(till: &mut WireTill) -> (u32, Vec<ClassRulesLine>) {
    match Answer::decode(&till.call(0, &Request::ClassRules)).expect("an answer") {
        (_, Answer::ClassRules(table)) => {
            assert_eq!(table.code, ResultCode::Approved);
            (table.parameter_version, table.lines.to_vec())
        }
        (_, other) => panic!("{other:?}"),
    }
}

fn meal_periods(till: &mut WireTill) -> (u32, Vec<MealPeriodLine>) {
    match Answer::decode(&till.call(0, &Request::MealPeriods)).expect("an answer") {
        (_, Answer::MealPeriods(table)) => (table.parameter_version, table.lines.to_vec()),
        (_, other) => panic!("{other:?}"),
    }
}

fn told_version(till: &mut WireTill) -> u32 {
    match Answer::decode(&till.call(0, &Request::Heartbeat(Heartbeat { till_time_ns: 0 })))
        .expect("an answer")
    {
        (_, Answer::Heartbeat(beat)) => beat.parameter_version,
        (_, other) => panic!("{other:?}"),
    }
}

#[test]
fn a_till_gets_the_rules_of_every_class_and_the_meal_periods_with_their_version() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let (version, rules) = class_rules(&mut first);
    assert_eq!((version, rules.len()), (first.welcome.parameter_version, 64));
    assert!((0..64).eq(rules.iter().map(|line| line.class)));
    assert_eq!(i64::from(rules[0].debit_max_fen.get()), first.welcome.debit_max_fen);
    assert_eq!(meal_periods(&mut first), (version, vec![]));

    assert_eq!(
        rules[0].code_max_fen, rules[0].debit_max_fen,
        "codes pay as much as cards, unless a class says otherwise"
    );
    let policy = Policy {
        floor_fen: -500,
        offline_day_max_fen: 9_000,
        code_max_fen: 700,
        meal_max_fen: 2_400,
        ..Policy::DEFAULT
    };
    served.engine().configure(Configuration::SetPolicy(SetPolicy { class: 3, policy })).expect("taken");
    let lunch = SetMealPeriod { period: 2, name: "午餐", start_minute: 630, end_minute: 810 };
    served.engine().configure(Configuration::SetMealPeriod(lunch)).expect("taken");
    served.engine().sync().expect("durable");
    let newer = told_version(&mut first);
    assert!(newer > version, "the heartbeat tells that there are newer ones");
    let (version, rules) = class_rules(&mut first);
    let told = &rules[3];
    assert_eq!((version, told.floor_fen.get(), told.offline_day_max_fen.get()), (newer, -500, 9_000));
    assert_eq!((told.debit_max_fen.get(), told.rule), (Policy::DEFAULT.debit_max_fen, 0));
    assert_eq!((told.code_max_fen.get(), told.meal_max_fen.get()), (700, 2_400));
    let (version, periods) = meal_periods(&mut first);
    let lunch = &periods[0];
    assert_eq!((version, periods.len()), (newer, 1));
    assert_eq!((lunch.period, lunch.start_minute.get(), lunch.end_minute.get()), (2, 630, 810));
    assert_eq!(&lunch.name[..7], "午餐\0".as_bytes());

    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(0, &Request::ClassRules).code, ResultCode::NotPermitted);
    served.stop();
    campus.expect_sound();
}
