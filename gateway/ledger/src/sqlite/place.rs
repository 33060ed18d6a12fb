//! Where a data folder lies: on a network file system neither locks nor fsync can be relied on.

use std::path::Path;

/// File systems that reach their disk over a network.
const REMOTE: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "glusterfs",
    "fuse.sshfs",
    "fuse.glusterfs",
];

/// The network file system that the folder lies on, if it does. Where the system does not tell
/// its mounts nothing is known, and `None` is said.
pub(super) fn remote(folder: &Path) -> Option<&'static str> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    remote_in(&mounts, &folder.canonicalize().ok()?)
}

/// The same for that table of mounts: device, mount point, type, options.
fn remote_in(mounts: &str, folder: &Path) -> Option<&'static str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        // The table writes a space as \040.
        let point = fields.next()?.replace("\\040", " ");
        Some((point, fields.next()?))
    });
    let around = mounts.filter(|(point, _)| folder.starts_with(point));
    // The deepest mount counts, and of several on one point the last.
    let (_, kind) = around.max_by_key(|(point, _)| point.len())?;
    REMOTE.into_iter().find(|remote| *remote == kind)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::remote_in;

    #[test]
    fn the_deepest_mount_says_where_a_folder_lies() {
        let mounts = "/dev/vda / ext4 rw 0 0\n\
                      srv:/x /mnt/my\\040share nfs4 rw 0 0\n\
                      /dev/vdb /mnt/my\\040share/local xfs rw 0 0\n";
        let remote = |path| remote_in(mounts, Path::new(path));
        assert_eq!(remote("/var/lib/backstop"), None);
        assert_eq!(remote("/mnt/my share/data"), Some("nfs4"));
        assert_eq!(remote("/mnt/my share/local/data"), None);
        assert_eq!(remote_in("", Path::new("/x")), None);
    }
}
