//! Capacity searches and soaks against the small server, and their pages in a real browser.

mod fake_metrics;
mod fake_server;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fake_server::{FakeServer, Faults, campus};
use loadgen::capacity::{
    Bound, CapacityConfig, CapacityReport, Found, StepProfile, Verdict, read_found_rate,
};
use loadgen::config::{MILLISECOND_NS, ProgressLine, SECOND_NS};
use loadgen::page::{CAPACITY_PAGE_NAME, SOAK_PAGE_NAME, write_capacity_page, write_soak_page};
use loadgen::soak::{SoakConfig, soak};

/// Holds whatever happens: a histogram has nothing above it.
const ALWAYS: &str = "max=60s";
/// Holds never: no answer comes so fast.
const NEVER: &str = "p50=1us";

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// How long a browser may take for one page.
const BROWSER_MAX: Duration = Duration::from_secs(120);

fn config(objective: &str) -> CapacityConfig {
    let objective = objective.parse().expect("an objective");
    let mut config = CapacityConfig::new(vec![objective], 5);
    config.search.rate_min = 200.0;
    config.search.rate_max = 400.0;
    config.search.repeats = 1;
    config.search.confirmations = 2;
    config.settle_ns = 100 * MILLISECOND_NS;
    config.measure_ns = 400 * MILLISECOND_NS;
    config.progress = ProgressLine::Never;
    config
}

/// Searches on a small campus that was topped up.
fn search(config: &CapacityConfig, faults: Faults) -> CapacityReport {
    let server = FakeServer::start(faults);
    let campus = campus(server.address, 20, 400);
    let mut log = loadgen::OutcomeLog::new();
    loadgen::warm_up(&campus, &loadgen::WarmUpConfig::new(30_000, "t"), &mut log).expect("warms up");
    loadgen::capacity::capacity(&campus, config, |_| {}).expect("searches")
}

/// Metrics that grow with each reading; every sync took up to ten seconds.
fn growing_metrics() -> SocketAddr {
    fake_metrics::serve(|reading| {
        let n = reading + 1;
        let stage = |name: &str, highest_ns: u64| {
            format!(
                "{{\"stage\":\"{name}\",\"count\":{n},\"sum_ns\":{},\"buckets\":[[{highest_ns},{n}]]}}",
                n * highest_ns
            )
        };
        let stages = [stage("read", 2_000), stage("apply", 9_000), stage("sync", 10_000_000_000)].join(",");
        let blocks = format!("{{\"count\":{n},\"sum\":{},\"buckets\":[[3,{n}]]}}", 3 * n);
        let body = format!(
            "{{\"uptime_ns\":{n},\"resident_bytes\":104857600,\"durable_record\":{n},\"back_end\":\"<through>\",\
             \"stages\":[{stages}],\"block_groups\":{blocks},\"block_bytes\":{blocks}}}"
        );
        ("200 OK", body)
    })
}

#[test]
fn the_highest_allowed_rate_is_found_and_written_down() {
    let report = search(&config(ALWAYS), Faults::default());
    assert_eq!(
        report.outcome,
        Found::Rate { rate_per_s: 400.0, bound: Bound::RateMax },
        "{:?}",
        report.steps
    );
    assert_eq!(report.failures(), Vec::<String>::new());
    let rates: Vec<f64> = report.steps.iter().map(|step| step.offered_per_s).collect();
    assert_eq!(rates, [200.0, 400.0, 400.0, 400.0]);
    for step in &report.steps {
        assert_eq!((step.verdict, step.counts.refused), (Verdict::Held, 0));
        assert!(step.latency.count > 0 && step.latency.count < step.counts.approved, "it settled: {step:?}");
        assert!(step.check.passed() && step.check.balances_checked > 0);
        assert!(step.hiccups.late.count > 0);
    }
    let seeds: Vec<u64> = report.steps.iter().map(|step| step.seed).collect();
    assert_eq!(seeds, [5, 6, 7, 8]);

    let dir = tempfile::tempdir().expect("a temporary directory");
    report.write(dir.path()).expect("writes");
    assert_eq!(read_found_rate(&dir.path().join("capacity.json")).expect("reads"), 400.0);
}

#[test]
fn an_objective_that_no_rate_meets_is_a_failure_that_says_what_was_measured() {
    let report = search(&config(NEVER), Faults::default());
    assert_eq!(report.outcome, Found::Never { rate_per_s: 200.0 });
    let failures = report.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let expect = "no rate holds p50 ≤ 0.001 ms: the lowest tried, 200/s, measured p50 ";
    assert!(failures[0].starts_with(expect), "{failures:?}");

    let dir = tempfile::tempdir().expect("a temporary directory");
    report.write(dir.path()).expect("writes");
    let error = read_found_rate(&dir.path().join("capacity.json")).expect_err("nothing found").to_string();
    assert!(error.ends_with("that search found no rate that holds"), "{error}");
}

#[test]
fn a_server_that_forgets_sales_holds_no_rate() {
    let report = search(&config(ALWAYS), Faults { lose_each: 50, ..Faults::default() });
    assert_eq!(report.outcome, Found::Never { rate_per_s: 200.0 });
    assert!(
        report.failures()[1].contains("the exactly-once check found something"),
        "{:?}",
        report.failures()
    );
}

#[test]
fn a_server_that_does_not_answer_is_an_error_and_no_verdict() {
    let server = FakeServer::start(Faults::default());
    server.down.store(true, Ordering::Relaxed);
    let campus = campus(server.address, 20, 400);
    let result = loadgen::capacity::capacity(&campus, &config(ALWAYS), |_| panic!("no step was made"));
    let error = result.expect_err("nobody answers").to_string();
    assert!(error.starts_with("terminal 1 at 127.0.0.1:"), "{error}");
}

#[test]
fn a_lunch_is_played_at_its_mean_rate() {
    let mut config = config(ALWAYS);
    config.profile = StepProfile::Lunch;
    config.search.rate_min = 400.0;
    config.search.confirmations = 1;
    config.measure_ns = SECOND_NS;
    let report = search(&config, Faults::default());
    let counts = report.steps[0].counts;
    // 1.1 s at 400/s; who comes near closing time goes without.
    assert!((300..=480).contains(&counts.intended), "{counts:?}");
    assert_eq!((counts.reversed, counts.stored, counts.answers_lost), (0, 0, 0));
}

#[test]
fn a_soak_judges_memory_stalls_and_the_books() {
    let server = FakeServer::start(Faults::default());
    let campus = campus(server.address, 20, 400);
    let mut log = loadgen::OutcomeLog::new();
    loadgen::warm_up(&campus, &loadgen::WarmUpConfig::new(30_000, "t"), &mut log).expect("warms up");
    let config = SoakConfig { duration_ns: 2 * SECOND_NS, ..SoakConfig::new(200.0, 3, growing_metrics()) };
    let mut seen = 0;
    let report = soak(&campus, &config, |_| seen += 1).expect("soaks");
    // Two seconds say nothing about memory; everything else is well.
    let readings = report.memory.readings;
    assert_eq!(report.failures, [format!("only {readings} readings of the server's memory")]);
    assert_eq!((seen, report.seconds.len()), (report.seconds.len(), report.stalls.seconds_judged));
    assert!(report.check.passed() && report.latency.count > 200);
    // Every sale takes 1 to 3 fen.
    let spent_fen = 400 * 30_000 - server.held_fen();
    let approved = report.counts.approved as i64;
    assert!((approved..=3 * approved).contains(&spent_fen), "{spent_fen} fen in {approved} sales");
    assert!(report.seconds.iter().all(|second| second.resident_bytes == Some(104_857_600)));

    let dir = tempfile::tempdir().expect("a temporary directory");
    write_soak_page(dir.path(), &report).expect("writes");
    look_at(&dir.path().join(SOAK_PAGE_NAME), &[("timeline", 4), ("percentiles", 1)]);
}

#[test]
fn the_capacity_page_shows_its_plots_in_a_browser() {
    let config = CapacityConfig {
        metrics: Some(growing_metrics()),
        commit: Some("<b>&\"".to_owned()),
        ..config(ALWAYS)
    };
    let report = search(&config, Faults::default());
    assert_eq!(report.back_end.as_deref(), Some("<through>"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    write_capacity_page(dir.path(), &report).expect("writes");
    let page = dir.path().join(CAPACITY_PAGE_NAME);
    let text = fs::read_to_string(&page).expect("was written");
    assert!(text.contains("&lt;through&gt;") && text.contains("&lt;b&gt;&amp;&quot;"));
    let figures =
        [("percentiles", 1), ("load", 1), ("timeline", 2), ("stages", 1), ("batches", 1), ("lag", 1)];
    look_at(&page, &figures);
}

#[test]
fn a_page_without_metrics_says_so() {
    let report = search(&config(ALWAYS), Faults::default());
    let dir = tempfile::tempdir().expect("a temporary directory");
    write_capacity_page(dir.path(), &report).expect("writes");
    let text = fs::read_to_string(dir.path().join(CAPACITY_PAGE_NAME)).expect("was written");
    assert!(
        text.contains("Stage times not fetched, nor batch sizes: no --metrics ADDRESS was given."),
        "{text}"
    );
    assert!(!text.contains("id=\"stages\""));
}

/// Counts, in the page as the browser laid it out, what can be seen of each figure's pictures: those with a size,
/// whose lines and bars have a length within them.
const MEASURE: &str = r"<script>
const seen = [...document.querySelectorAll('figure')].map(figure => {
  const drawn = [...figure.querySelectorAll('svg')].filter(svg => {
    const box = svg.getBoundingClientRect();
    const within = shape => {
      const own = shape.getBoundingClientRect();
      return own.width + own.height > 5 && own.left >= box.left - 1 && own.right <= box.right + 1
        && own.top >= box.top - 1 && own.bottom <= box.bottom + 1;
    };
    const shapes = [...svg.querySelectorAll('path.line, rect.bar')];
    const words = [...svg.querySelectorAll('text')];
    return box.width > 300 && box.height > 100 && shapes.length > 0 && shapes.every(within)
      && words.length > 4 && words.every(word => !word.textContent || within(word));
  });
  return figure.id + '=' + drawn.length;
});
document.title = 'SEEN ' + seen.join(' ') + ' END';
</script></html>";

/// Opens a page and sees that each figure shows so many pictures. Without a browser it says so and looks at nothing.
fn look_at(page: &Path, figures: &[(&str, usize)]) {
    let Some(browser) = BROWSERS.iter().find(|name| is_there(name)) else {
        println!("SKIPPED: no browser ({}) to open {} in", BROWSERS.join(", "), page.display());
        return;
    };
    let text = fs::read_to_string(page).expect("was written");
    let measured = page.with_extension("measured.html");
    fs::write(&measured, text.replace("</html>", MEASURE)).expect("writes");
    let dom = dump_dom(browser, &measured);
    let title = dom.split_once("<title>SEEN ").and_then(|(_, rest)| rest.split_once(" END"));
    let Some((seen, _)) = title else { panic!("{browser} didn't lay the page out: {dom:.2000}") };
    let expected: Vec<String> = figures.iter().map(|(id, count)| format!("{id}={count}")).collect();
    assert_eq!(seen, expected.join(" "), "{}", page.display());
}

fn is_there(browser: &str) -> bool {
    let asked = Command::new(browser).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// The document after it was laid out and its script has run.
fn dump_dom(browser: &str, page: &Path) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dom = dir.path().join("dom.html");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .args(["--window-size=1280,1000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .stdout(fs::File::create(&dom).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("it is there");
    let begun = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if begun.elapsed() > BROWSER_MAX {
            child.kill().expect("a child");
            child.wait().expect("a child");
            panic!("{browser} took more than {BROWSER_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::read_to_string(&dom).expect("it was written")
}
