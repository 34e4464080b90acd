//! SIGTERM in the middle of the rush: everything acknowledged stays, and the next start has nothing to replay.

use std::thread;
use std::time::Duration;

use crate::books_check::expect_exactly_once;
use crate::campus::Campus;
use crate::load::Load;
use crate::program::Serving;
use crate::seed::Random;

const ARGUMENTS: &[&str] = &["--outcomes-per-terminal", "16384"];

#[test]
fn a_stop_under_load_seals_the_log_and_saves_a_snapshot() {
    let mut random = Random::for_test("a_stop_under_load_seals_the_log_and_saves_a_snapshot");
    let campus = Campus::new();
    let load = Load::start(&campus.keys(), 4, &mut random);
    let mut stopped_at = None;
    for _ in 0..4 {
        let server = Serving::start(&campus.data_dir(), ARGUMENTS);
        assert_eq!(server.started["records_replayed"], 0, "{}", server.started);
        if let Some(last_record) = stopped_at.take() {
            assert_eq!(server.started["snapshot_record"], last_record, "{}", server.started);
            assert_eq!(server.started["last_record"], last_record, "{}", server.started);
        }
        load.publish(Some(server.address()));
        load.wait_for(1 + random.below(100));
        thread::sleep(Duration::from_micros(random.below(20_000)));
        // The tills aren't told: they find out by a refusal or a closed connection.
        let said = server.terminate();
        load.publish(None);
        assert_eq!(said["stopped"], true);
        stopped_at = Some(said["last_record"].clone());
        campus.expect_sound();
    }
    let server = Serving::start(&campus.data_dir(), ARGUMENTS);
    load.publish(Some(server.address()));
    let told = load.finish();
    server.terminate();
    expect_exactly_once(&campus.data_dir(), &told);
    campus.expect_sound();
}
