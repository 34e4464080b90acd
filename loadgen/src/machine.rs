//! Where a run took place: no figure stands without it.

use std::path::Path;

use serde::Serialize;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Processors this process may use.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Type of the file system under the output directory; empty when there is none.
    pub file_system: String,
}

impl Machine {
    /// Asks the operating system. What it doesn't tell is "unknown".
    pub fn here(out_dir: Option<&Path>) -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let unknown = || "unknown".to_owned();
        let cpu = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| {
                line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
            })
            .unwrap_or_else(unknown);
        let kernel = match read("/proc/sys/kernel/osrelease").trim() {
            "" => unknown(),
            release => release.to_owned(),
        };
        let file_system = out_dir
            .and_then(|dir| std::path::absolute(dir).ok())
            .map(|dir| file_system_of(&dir, &read("/proc/self/mounts")).unwrap_or_else(unknown))
            .unwrap_or_default();
        Machine {
            cpu,
            cpus: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            kernel,
            file_system,
        }
    }
}

/// The type of the mount whose path is the longest beginning of `dir`; later mounts cover earlier ones.
fn file_system_of(dir: &Path, mounts: &str) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            dir.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|&(length, _)| length)
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_wins() {
        let mounts = "overlay / overlay rw 0 0\n/dev/vda /data ext4 rw 0 0\ntmpfs /data/tmp tmpfs rw 0 0\n";
        let of = |dir| file_system_of(Path::new(dir), mounts);
        assert_eq!(of("/data/run").as_deref(), Some("ext4"));
        assert_eq!(of("/data/tmp/x").as_deref(), Some("tmpfs"));
        assert_eq!(of("/database").as_deref(), Some("overlay"));
    }
}
