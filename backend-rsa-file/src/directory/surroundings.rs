//! What the data directory stands on: who can enter it, and whether its file system keeps promises.

use std::path::Path;

use secret_store_core::{Error, Result};

/// File systems over a network, on which locks, renames or syncs may not hold between machines.
const NETWORK_TYPES: [&str; 18] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// Refuses a directory that others can enter.
#[cfg(unix)]
pub(crate) fn check_private(root: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(root).map_err(super::failure::definite)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_dir() {
        return Err(Error::invalid_input(format!("{root:?} is not a directory: name a directory")));
    }
    if mode & 0o077 != 0 {
        return Err(Error::invalid_input(format!(
            "the data directory {root:?} can be entered by others (mode {mode:03o}): run chmod 700 on it"
        )));
    }
    Ok(())
}

/// Refuses what is no directory; there are no modes here.
#[cfg(not(unix))]
pub(crate) fn check_private(root: &Path) -> Result<()> {
    if !std::fs::metadata(root).map_err(super::failure::definite)?.is_dir() {
        return Err(Error::invalid_input(format!("{root:?} is not a directory: name a directory")));
    }
    Ok(())
}

/// Warns about a network file system. Known on Linux only.
pub(crate) fn warn_if_remote(root: &Path) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return };
    if let Some(kind) = file_system_type(&mounts, root).filter(|kind| is_network_type(kind)) {
        tracing::warn!(
            kind,
            ?root,
            "the data directory is on a network file system: crash safety and locking between machines are not assured, \
             use a local disk"
        );
    }
}

fn is_network_type(kind: &str) -> bool {
    NETWORK_TYPES.contains(&kind)
}

/// The type of the file system that holds `path`, from the text of proc_pid_mountinfo(5): the longest mount point that
/// `path` is below, and of equals the last, which covers the others.
fn file_system_type<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((front, back)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (front.split(' ').nth(4), back.split(' ').next()) else { continue };
        let point = unescape_octal(point);
        if path.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Mount points have space, tab, line feed and backslash as three octal digits.
fn unescape_octal(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (octal, plain)| text.replace(octal, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:25 / /home rw master:2 - nfs4 server:/home rw
31 30 0:26 / /home/me/local\\040disk rw - xfs /dev/sdb1 rw
32 21 0:27 / /mnt rw - ext4 /dev/sdc1 rw
33 32 0:28 / /mnt rw shared:3 master:4 - fuse.sshfs me@host: rw
";

    #[test]
    fn the_innermost_mount_counts() {
        for (path, kind) in [
            ("/var/lib/x", "ext4"),
            ("/home/me/secrets", "nfs4"),
            ("/homes/me", "ext4"),
            ("/home/me/local disk/secrets", "xfs"),
            ("/mnt/secrets", "fuse.sshfs"),
        ] {
            assert_eq!(file_system_type(MOUNTS, Path::new(path)), Some(kind), "{path}");
        }
        assert!(is_network_type("nfs4") && is_network_type("fuse.sshfs") && is_network_type("9p"));
        assert!(!is_network_type("ext4") && !is_network_type("xfs") && !is_network_type("fuse.ntfs"));
        assert_eq!(file_system_type("nonsense\n\n - \n", Path::new("/")), None);
    }
}
