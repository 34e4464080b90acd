//! The reader of a server's metrics against a server that answers as told.

mod fake_metrics;

use std::net::TcpListener;

use loadgen::server_metrics::{MetricsError, ServerMetrics};

const READING: &str = r#"{"uptime_ns":5000000000,"resident_bytes":104857600,"durable_record":77,"back_end":"through",
    "stages":[{"stage":"read","count":3,"sum_ns":900,"buckets":[[200,1],[400,2]]},
              {"stage":"sync","count":1,"sum_ns":90000,"buckets":[[90111,1]]}],
    "block_groups":{"count":2,"sum":65,"buckets":[[1,1],[64,1]]},
    "block_bytes":{"count":2,"sum":12288,"buckets":[[4096,1],[8192,1]]},"later":"more"}"#;

#[test]
fn a_reading_has_stages_in_order_and_batches() {
    let metrics =
        ServerMetrics::fetch(fake_metrics::serve(|_| ("200 OK", READING.to_owned()))).expect("a reading");
    assert_eq!((metrics.uptime_ns, metrics.resident_bytes), (5_000_000_000, 104_857_600));
    assert_eq!((metrics.durable_record, metrics.back_end.as_str()), (77, "through"));
    let names: Vec<&str> = metrics.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(names, ["read", "sync"]);
    let read = metrics.stage("read").expect("is there");
    assert_eq!((read.count, read.sum, read.quantile(0.5)), (3, 900, 400));
    assert_eq!(metrics.block_groups.buckets, [(1, 1), (64, 1)]);
    assert_eq!(metrics.since(&metrics).expect("the same server").block_bytes.count, 0);
}

#[test]
fn what_is_no_metrics_server_is_said() {
    let old = fake_metrics::serve(|_| ("404 Not Found", "nothing here".to_owned()));
    let error = ServerMetrics::fetch(old).expect_err("an older server");
    assert!(matches!(error, MetricsError::Fetch { .. }), "{error}");
    assert!(error.to_string().contains("404"), "{error}");

    let other = fake_metrics::serve(|_| ("200 OK", "{\"uptime_ns\":1}".to_owned()));
    let error = ServerMetrics::fetch(other).expect_err("another form");
    assert!(error.to_string().contains("missing field `resident_bytes`"), "{error}");

    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    assert!(matches!(ServerMetrics::fetch(nobody), Err(MetricsError::Fetch { .. })));
}
