//! Rules of this repository, kept like any other behaviour: by a test that names the file and the line.
//!
//! What needs a parser is left to clippy; these look at names, sizes and words.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the longest Rust file.
const FILE_LINES_MAX: usize = 800;
/// What may lie at the top level, besides what version control and the build make.
const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".deny.toml",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "benches",
    "engine",
    "loadgen",
    "protocol",
    "tests",
    "wal",
];
/// Made by version control, by the build and by editors; never committed.
const NOT_COMMITTED: &[&str] = &[".git", "target", ".idea", ".vscode"];
const MEMBERS: &[&str] = &["benches", "engine", "loadgen", "protocol", "tests", "wal"];
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "misc", "helpers", "helper"];
/// Files that may hold `unsafe` while `engine/ARCHITECTURE.md` doesn't list them yet.
const UNSAFE_FILES: &[&str] = &["wal/src/mapping.rs"];

/// A line of a source file.
struct Line<'f> {
    file: &'f SourceFile,
    number: usize,
    text: &'f str,
}

struct SourceFile {
    /// From the repository's top, with `/`.
    name: String,
    text: String,
}

impl SourceFile {
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        (1..).zip(self.text.lines()).map(|(number, text)| Line { file: self, number, text })
    }
}

impl Line<'_> {
    /// The line without what stands in comments or in string literals that begin and end on it.
    fn code(&self) -> String {
        let mut code = String::with_capacity(self.text.len());
        let mut characters = self.text.chars().peekable();
        let mut in_string = false;
        while let Some(character) = characters.next() {
            match character {
                '\\' if in_string => drop(characters.next()),
                '"' => in_string = !in_string,
                '/' if !in_string && characters.peek() == Some(&'/') => break,
                other if !in_string => code.push(other),
                _ => {}
            }
        }
        code
    }

    fn has_word(&self, word: &str) -> bool {
        self.code().split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
    }
}

fn top() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests' crate lies in the repository").to_owned()
}

fn sources() -> Vec<SourceFile> {
    let mut found = Vec::new();
    for member in MEMBERS {
        collect(&top().join(member), &mut found);
    }
    assert!(found.len() > 50, "only {} Rust files found: looked in the wrong place", found.len());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn collect(folder: &Path, found: &mut Vec<SourceFile>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for path in entries.map(|entry| entry.expect("a readable entry").path()) {
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(top()).expect("it lies below the top").display().to_string();
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
            found.push(SourceFile { name, text });
        }
    }
}

/// Fails with every place at once.
fn expect_none(rule: &str, offences: impl IntoIterator<Item = String>) {
    let mut listed = String::new();
    for offence in offences {
        writeln!(listed, "  {offence}").expect("writing to a string");
    }
    assert!(listed.is_empty(), "{rule}:\n{listed}");
}

fn expect_no_line(rule: &str, sources: &[SourceFile], offends: impl Fn(&Line<'_>) -> bool) {
    let lines = sources.iter().flat_map(SourceFile::lines).filter(|line| offends(line));
    expect_none(rule, lines.map(|line| format!("{}:{}: {}", line.file.name, line.number, line.text.trim())));
}

#[test]
fn no_file_is_too_long_to_read() {
    let sources = sources();
    let long = sources.iter().map(|file| (file, file.text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > FILE_LINES_MAX);
    expect_none(
        &format!("a Rust file has at most {FILE_LINES_MAX} lines; split it by concept"),
        long.map(|(file, lines)| format!("{}: {lines} lines", file.name)),
    );
}

/// The files that `engine/ARCHITECTURE.md` lists as ``- `path` `` under its heading "Unsafe".
fn files_with_unsafe() -> Vec<String> {
    let Ok(text) = fs::read_to_string(top().join("engine/ARCHITECTURE.md")) else {
        return UNSAFE_FILES.iter().map(|&name| name.to_owned()).collect();
    };
    let heading = |line: &str| line.trim_start_matches('#').trim() == "Unsafe" && line.starts_with('#');
    let section = text.lines().skip_while(|line| !heading(line)).skip(1);
    let listed: Vec<String> = section
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.trim().strip_prefix("- `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert!(!listed.is_empty(), "engine/ARCHITECTURE.md has no section \"Unsafe\" with lines \"- `file`\"");
    listed
}

#[test]
fn unsafe_stands_in_named_files_only() {
    let named = files_with_unsafe();
    let sources = sources();
    expect_no_line("unsafe outside the files that engine/ARCHITECTURE.md names", &sources, |line| {
        line.has_word("unsafe") && !named.contains(&line.file.name)
    });
    let has_unsafe = |name: &String| {
        let file = sources.iter().find(|file| file.name == *name);
        file.is_some_and(|file| file.lines().any(|line| line.has_word("unsafe")))
    };
    expect_none(
        "named as holding unsafe, and doesn't (or isn't there)",
        named.iter().filter(|name| !has_unsafe(name)).cloned(),
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file doesn't offend itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    expect_no_line("work left for later; finish it or open an issue", &sources(), |line| {
        let is_mark = |word: &str| marks.contains(&word);
        line.text.split(|c: char| !c.is_alphanumeric()).any(is_mark)
    });
    let calls = [concat!("dbg", "!("), concat!("todo", "!("), concat!("unimplemented", "!(")];
    expect_no_line("left over from trying things out", &sources(), |line| {
        calls.iter().any(|call| line.code().contains(call))
    });
}

#[test]
fn no_lint_is_switched_off() {
    expect_no_line("`allow` is forbidden; use `#[expect(lint, reason = ...)]`", &sources(), |line| {
        let code = line.code();
        code.contains("#[allow(") || code.contains("#![allow(")
    });
}

#[test]
fn every_file_is_named_after_its_concept() {
    let sources = sources();
    let nameless = sources.iter().filter(|file| {
        let parts = file.name.trim_end_matches(".rs").split('/');
        // A member crate's own folder is no module.
        parts.skip(1).any(|part| EMPTY_NAMES.contains(&part))
    });
    expect_none("a name that says nothing", nameless.map(|file| file.name.clone()));
}

#[test]
fn the_top_level_stays_as_it_is() {
    let entries = fs::read_dir(top()).expect("the top level is readable");
    let names = entries.map(|entry| entry.expect("a readable entry").file_name().display().to_string());
    let unknown =
        names.filter(|name| !TOP_LEVEL.contains(&name.as_str()) && !NOT_COMMITTED.contains(&name.as_str()));
    expect_none("not one of the fixed entries of the top level", unknown);
}

#[test]
fn the_ledger_is_pure() {
    let mut ledger = sources();
    ledger.retain(|file| file.name.starts_with("engine/src/ledger/"));
    assert!(!ledger.is_empty());
    let forbidden = [
        "std::time",
        "std::thread",
        "std::net",
        "std::fs",
        "wal::",
        "tokio",
        "rand",
        "getrandom",
        "HashMap",
        "HashSet",
    ];
    // Tests may do what they like; they drive the ledger from outside.
    let is_test = |name: &str| name.contains("/tests/") || name.ends_with("/tests.rs");
    ledger.retain(|file| !is_test(&file.name));
    expect_no_line(
        "the ledger knows no clock, thread, socket, file, randomness or hash order",
        &ledger,
        |line| {
            let code = line.code();
            let path_of = |name: &str| {
                code.match_indices(name).any(|(at, _)| {
                    let before = code[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                })
            };
            forbidden.iter().any(|name| match *name {
                "rand" | "getrandom" | "tokio" => line.has_word(name),
                name => path_of(name),
            })
        },
    );
}

/// The names in the dependency tables of a member's manifest, and in those of the kinds given.
fn dependencies(member: &str, tables: &[&str]) -> Vec<String> {
    let path = top().join(member).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut in_table = false;
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            in_table = tables.contains(&table.trim_end_matches(']'));
        } else if in_table && !line.is_empty() && !line.starts_with('#') {
            let end = line.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(line.len());
            names.push(line[..end].to_owned());
        }
    }
    names
}

#[test]
fn dependencies_point_one_way() {
    let members = ["benches", "engine", "loadgen", "protocol", "tests", "wal"];
    let of = |member: &str, tables: &[&str]| {
        let mut names = dependencies(member, tables);
        assert!(!names.is_empty(), "{member}/Cargo.toml names no dependency: the table wasn't found");
        names.retain(|name| members.contains(&name.as_str()));
        names
    };
    let all: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];
    assert_eq!(of("protocol", all), Vec::<String>::new(), "protocol is a leaf");
    assert_eq!(of("wal", all), Vec::<String>::new(), "wal is a leaf");
    assert_eq!(of("loadgen", all), ["protocol"], "loadgen knows the wire only");
    let engine = of("engine", all);
    assert!(
        engine.iter().all(|name| ["loadgen", "protocol", "wal"].contains(&name.as_str())),
        "engine depends on {engine:?}"
    );
}
