//! （七）挂失/解挂: a lost card is blocked by its holder, from the phone or in the PC hall.

use protocol::answer::MoneyAnswer;
use protocol::ids::AccountId;
use protocol::offline_record::OfflineRecord;
use protocol::request::{AccountPassword, AccountSelector, Request};
use protocol::result_code::ResultCode;
use protocol::text::StudentNumber;

use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, GATEWAY, OPENING_FEN, Served, card, student_no, till};
use crate::wire_till::{Tap, WireTill, offline_record};

/// The student.
const XIAO_MING: AccountId = AccountId(11);
/// Another one, who lost hers before.
const XIAO_HONG: AccountId = AccountId(12);
/// 身份证号后 6 位，包括 X 时取 X 前 6 位: what the counter set for him, and for her.
const QUERY_PASSWORD: &str = "091234";

/// The places of this story.
struct Places {
    /// A canteen's till.
    canteen: WireTill,
    /// The PC hall: 网上办事大厅.
    pc_hall: WireTill,
    /// What his phone's app speaks through.
    phone: WireTill,
}

impl Places {
    fn open(served: &Served) -> Places {
        let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
        Places { canteen: sign_in(till(0)), pc_hall: sign_in(COUNTER), phone: sign_in(GATEWAY) }
    }

    fn tap(&mut self, sequence: u32, amount_fen: i64) -> MoneyAnswer {
        self.canteen.tap(&Tap { sequence, card: card(XIAO_MING.0), counter: sequence, amount_fen })
    }
}

fn under(at: &mut WireTill, who: AccountId, password: &str) -> AccountPassword {
    let account = AccountSelector::Student(StudentNumber::new(&student_no(who.0)).expect("short"));
    AccountPassword { account, password: at.password(password), till_time_ns: 0 }
}

fn report(at: &mut WireTill, sequence: u32, password: &str) -> ResultCode {
    let body = under(at, XIAO_MING, password);
    at.money(sequence, &Request::LossReport(body)).code
}

fn lift(at: &mut WireTill, sequence: u32, password: &str) -> ResultCode {
    let body = under(at, XIAO_MING, password);
    at.money(sequence, &Request::LossLift(body)).code
}

/// A sale of his card that a shop's till made without a network, judging by the list of this version and age, if it had one.
fn stored(served: &Served, sequence: u32, till_time_ns: u64, list: Option<(u32, u32)>) -> OfflineRecord {
    let sale = Tap { sequence, card: card(XIAO_MING.0), counter: 100 + sequence, amount_fen: 500 };
    let mut record = offline_record(&served.keys, till(1), &sale, till_time_ns);
    if let Some((version, age_s)) = list {
        (record.block_list_version, record.block_list_age_s) = (version.into(), age_s.into());
    }
    record.sign(&served.keys.card_key(card(XIAO_MING.0)));
    record
}

#[test]
fn t13_loss_report() {
    use ResultCode::*;
    let campus = Campus::new();
    let served = campus.serve();
    let began_ns = SystemClock.wall_ns();
    let mut places = Places::open(&served);
    for (sequence, who) in [(1, XIAO_MING), (2, XIAO_HONG)] {
        let body = under(&mut places.pc_hall, who, QUERY_PASSWORD);
        assert_eq!(places.pc_hall.money(sequence, &Request::PasswordSet(body)).code, Approved);
    }
    let body = under(&mut places.pc_hall, XIAO_HONG, QUERY_PASSWORD);
    assert_eq!(places.pc_hall.money(3, &Request::LossReport(body)).code, Approved);
    assert_eq!(places.tap(1, 650).balance_after_fen, OPENING_FEN - 650);

    // 实体校园卡遗失时，请及时挂失，以免造成经济损失。点击挂失解挂，输入查询密码: mistyped first.
    assert_eq!(report(&mut places.phone, 1, "091235"), PasswordWrong);
    assert_eq!(places.tap(2, 650).code, Approved);
    assert_eq!(report(&mut places.phone, 2, QUERY_PASSWORD), Approved);
    // 状态由正常变成挂失，即表示挂失成功: whoever found it pays nothing with it.
    assert_eq!(places.tap(3, 650).code, CardLost);
    assert_eq!(report(&mut places.phone, 3, QUERY_PASSWORD), CardAlreadyLost);
    // His money is where it was.
    assert_eq!(places.phone.balance(XIAO_MING.0).system_fen, OPENING_FEN - 1_300);
    let list = |served: &Served| {
        let routes = served.engine().routes();
        let list = routes.configuration().registry.block_list();
        (list.version(), list.full())
    };
    assert_eq!(list(&served), (2, vec![card(XIAO_MING.0), card(XIAO_HONG.0)]));

    // 以免造成经济损失. A shop's till had no network meanwhile, and took the card all the same. What was sold before the report
    // is his; after it the school bears it, for the till's list was fresh enough, and older than the report. With an old list,
    // with none, or with one that had the card, the merchant does.
    let mut shop = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    let (before_ns, after_ns) = (began_ns, SystemClock.wall_ns());
    let sold = [
        stored(&served, 1, before_ns, Some((1, 60))),
        stored(&served, 2, after_ns, Some((1, 60))),
        stored(&served, 3, after_ns, Some((1, 86_401))),
        stored(&served, 4, after_ns, None),
        stored(&served, 5, after_ns, Some((2, 60))),
    ];
    let lines = shop.upload(1, &sold);
    let told: Vec<_> = lines.iter().filter_map(|line| line.result()).collect();
    assert_eq!(told, [Approved, Approved, ApprovedFlagged, ApprovedFlagged, ApprovedFlagged]);
    assert_eq!(places.phone.balance(XIAO_MING.0).system_fen, OPENING_FEN - 1_800);
    drop((places, shop));
    served.stop_unsealed();

    // It is lost for whoever starts next, too. 找到实体校园卡时，再类似的操作进行解挂, this time in the PC hall.
    let served = campus.serve();
    let mut places = Places::open(&served);
    assert_eq!(places.tap(4, 650).code, CardLost);
    assert_eq!(lift(&mut places.pc_hall, 4, QUERY_PASSWORD), Approved);
    assert_eq!(lift(&mut places.pc_hall, 5, QUERY_PASSWORD), CardNotLost);
    assert_eq!(places.tap(5, 650).balance_after_fen, OPENING_FEN - 2_450);
    assert_eq!(list(&served), (3, vec![card(XIAO_HONG.0)]));
    served.stop();
    let books = campus.expect_sound();
    assert_eq!(books.totals.offline_lost_cards_fen, 2_000);
    assert_eq!((books.holdings.held_back_fen, books.holdings.clearing_fen["lost_cards"]), (1_500, -2_000));
}
