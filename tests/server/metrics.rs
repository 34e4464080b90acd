//! A server's figures over HTTP: they count what happened, all of it, and nothing of whom.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::campus::{Campus, card, till};
use crate::program::{Serving, fail};
use crate::wire_till::{Tap, WireTill};

const SALES: u32 = 300;

/// Asks for a path; gives the status line and the body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().expect("a status").to_owned(), body.to_owned())
}

fn stage<'a>(report: &'a Value, name: &str) -> &'a Value {
    let stages = report["stages"].as_array().expect("stages");
    stages.iter().find(|stage| stage["stage"] == name).expect("the stage is there")
}

fn sum_of_buckets(counted: &Value) -> u64 {
    let buckets = counted["buckets"].as_array().expect("buckets");
    buckets.iter().map(|bucket| bucket[1].as_u64().expect("a count")).sum()
}

#[test]
fn every_sale_is_counted_in_every_stage() {
    let campus = Campus::new();
    let server = Serving::start(&campus.data_dir(), &["--metrics", "127.0.0.1:0"]);
    let address = server.started["metrics"].as_str().expect("where the figures are").to_owned();
    let mut peer = WireTill::sign_in(server.address(), &campus.keys().identity(till(0)));
    for sequence in 1..=SALES {
        let sale = peer.tap(&Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 });
        assert!(sale.code.is_approved());
    }
    let (status, body) = get(&address, "/metrics.json");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let report: Value = serde_json::from_str(&body).expect("JSON");
    for name in ["queue", "apply", "stage", "sync", "answer"] {
        let stage = stage(&report, name);
        assert_eq!(stage["count"], SALES, "{stage}");
        assert_eq!(sum_of_buckets(stage), u64::from(SALES), "{stage}");
    }
    // Two stages are sampled: at least one in twice the sampling step, whatever the reads' rhythm.
    for name in ["read", "verify"] {
        let count = stage(&report, name)["count"].as_u64().expect("a count");
        assert!((u64::from(SALES) / 34..=u64::from(SALES)).contains(&count), "{name}: {count}");
    }
    let blocks = report["block_groups"]["count"].as_u64().expect("a count");
    assert_eq!(report["block_groups"]["sum"], SALES, "one till: no block holds two sales");
    assert_eq!(blocks, u64::from(SALES));
    assert_eq!(report["block_bytes"]["count"], blocks);
    assert!(report["resident_bytes"].as_u64().expect("bytes") > 1 << 20);
    assert!(report["durable_record"].as_u64().expect("a record") >= u64::from(SALES));
    assert_eq!(report["back_end"], "through");
    // Nobody topped up.
    assert_eq!(report["order_index"]["orders"], 0);
    assert_eq!(report["order_index"]["found"], 0);

    let (status, body) = get(&address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains(&format!("yika_stage_seconds_count{{stage=\"sync\"}} {SALES}\n")), "{body}");
    assert!(body.contains("yika_stage_seconds_bucket{stage=\"answer\",le=\"+Inf\"} "), "{body}");
    assert!(body.contains("yika_order_look_ups_total{answer=\"not_found\"} 0\n"), "{body}");
    assert_eq!(get(&address, "/else").0, "HTTP/1.1 404 Not Found");
    server.terminate();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken_address = taken.local_addr().expect("its address").to_string();
    let errors = fail([
        "serve".as_ref(),
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--metrics".as_ref(),
        taken_address.as_ref(),
        "--data".as_ref(),
        campus.data_dir().as_os_str(),
    ]);
    assert!(errors.contains(&taken_address) && errors.contains("--metrics"), "{errors}");
}
