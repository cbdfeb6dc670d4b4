//! Where a service goes: the system, a user's own manager, or a tree that becomes a system later.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf, absolute},
};

use anyhow::{Context as _, anyhow};

use super::files::Kind;
use crate::{
    failure::{Exit, Failure},
    output::escape,
    settings::SERVICE,
};

/// The data of a service of the system.
const DATA: &str = "/var/lib/chatd";
/// Where packages put their units; a unit in /etc would hide theirs.
const PACKAGED: &[&str] = &["/usr/lib/systemd/system", "/lib/systemd/system"];

/// It cannot be done, for a reason that is no error of a program.
pub(super) fn refused(exit: Exit, what: String, hint: &str) -> Failure {
    Failure::Listed {
        what,
        lines: Vec::new(),
        exit,
        hint: hint.into(),
    }
}

/// Where one is installed.
#[derive(Debug)]
pub(super) struct Place {
    /// The tree, when it is not this machine's own.
    pub(super) root: Option<PathBuf>,
    /// Whether it is a user's own.
    pub(super) user: bool,
    /// The settings, as the service sees the path.
    pub(super) config: PathBuf,
    /// The data, likewise.
    pub(super) data: PathBuf,
    units: PathBuf,
}

impl Place {
    /// As the flags say.
    pub(super) fn of(user: bool, root: Option<&Path>) -> Result<Self, Failure> {
        if !user {
            let root = root.map(absolute).transpose();
            return Ok(Self {
                root: root.context("cannot tell where --root is")?,
                user,
                config: SERVICE.into(),
                data: DATA.into(),
                units: "/etc/systemd/system".into(),
            });
        }
        let home = env::var_os("HOME").filter(|home| !home.is_empty());
        let home = home.ok_or_else(|| anyhow!("HOME is not set; it says where your units go"))?;
        let home = PathBuf::from(home);
        let dir = |variable: &str, otherwise: &str| {
            let set = env::var_os(variable).map(PathBuf::from);
            // Relative ones are to be ignored, says the specification of these variables.
            set.filter(|dir| dir.is_absolute())
                .unwrap_or_else(|| home.join(otherwise))
        };
        let config = dir("XDG_CONFIG_HOME", ".config");
        Ok(Self {
            root: None,
            user,
            units: config.join("systemd/user"),
            config: config.join("chatd/chatd.toml"),
            data: dir("XDG_STATE_HOME", ".local/state").join("chatd"),
        })
    }

    /// Refuses whoever may not write there.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        if self.user || self.root.is_some() || rustix::process::geteuid().is_root() {
            return Ok(());
        }
        Err(refused(
            Exit::Permission,
            "the services of this machine are root's to change".into(),
            "run it with sudo, or with --user for a service of your own; --dry-run shows the plan",
        ))
    }

    /// Where a file of this kind lies, as this process sees it.
    pub(super) fn path(&self, kind: Kind, name: &str) -> PathBuf {
        let dir = match kind {
            Kind::Unit => self.units.as_path(),
            Kind::Sysusers => Path::new("/etc/sysusers.d"),
            Kind::Tmpfiles => Path::new("/etc/tmpfiles.d"),
        };
        self.inside(&dir.join(name))
    }

    /// A path of the service, as this process sees it.
    pub(super) fn inside(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// The unit of a package, if one is installed.
    pub(super) fn packaged(&self) -> Option<PathBuf> {
        if self.user {
            return None;
        }
        let paths = PACKAGED
            .iter()
            .map(|dir| Path::new(dir).join("chatd.service"));
        paths
            .map(|path| self.inside(&path))
            .find(|path| path.exists())
    }

    /// Whether its manager can be asked: the tree is this machine's, and systemd runs it.
    pub(super) fn is_live(&self) -> bool {
        self.root.is_none() && Path::new("/run/systemd/system").is_dir()
    }

    /// `systemctl`, for this place.
    pub(super) fn systemctl(&self, args: &[&str]) -> Vec<String> {
        let user: &[&str] = if self.user { &["--user"] } else { &[] };
        super::tools::words(&[&["systemctl"], user, args].concat())
    }

    /// The binary that the service runs: as told, or else this one; in another tree, where packages put it.
    pub(super) fn binary(&self, told: Option<&Path>) -> Result<PathBuf, Failure> {
        let path = match (told, &self.root) {
            (Some(told), _) if told.is_absolute() => told.to_owned(),
            (Some(told), _) => {
                let told = escape(&told.to_string_lossy()).into_owned();
                return Err(Failure::Usage(format!(
                    "error: --binary {told} is not a whole path; a unit needs one, such as /usr/local/bin/chatd\n"
                )));
            }
            (None, Some(_)) => "/usr/bin/chatd".into(),
            (None, None) => env::current_exe().context("cannot tell which binary this is")?,
        };
        if path.to_string_lossy().contains(['\n', '\r']) {
            let why = "a line break in the path of the binary cannot be written into a unit";
            return Err(Failure::Usage(format!("error: {why}\n")));
        }
        Ok(path)
    }

    /// What is wrong with running this as a service; nothing when it is right. Whoever may replace the binary
    /// may do all that the server may.
    pub(super) fn flaw_of_binary(&self, binary: &Path) -> Option<String> {
        let path = self.inside(binary);
        let owner = if self.user {
            rustix::process::geteuid().as_raw()
        } else {
            0
        };
        let end = self.root.as_deref().unwrap_or(Path::new("/"));
        let mut whole = match fs::canonicalize(&path) {
            Ok(whole) => whole,
            Err(e) => return Some(format!("{} cannot be run: {e}", path.display())),
        };
        let mode = fs::metadata(&whole).map_or(0, |it| it.mode());
        if !whole.is_file() || mode & 0o111 == 0 {
            return Some(format!("{} is not a program", path.display()));
        }
        loop {
            let shown = whole.display();
            let Ok(of) = fs::symlink_metadata(&whole) else {
                return Some(format!("{shown} cannot be looked at"));
            };
            if of.uid() != 0 && of.uid() != owner {
                return Some(format!(
                    "{shown} belongs to uid {}, who could replace the server; put the binary into \
                     /usr/local/bin: sudo install -m 755 chatd /usr/local/bin/chatd",
                    of.uid()
                ));
            }
            let (group, everyone, sticky) =
                (of.mode() & 0o020, of.mode() & 0o002, of.mode() & 0o1000);
            // root's own group is no more than root.
            if (everyone != 0 || (group != 0 && of.gid() != 0 && !self.user)) && sticky == 0 {
                return Some(format!(
                    "others may write in {shown}, and so replace the server; put the binary into \
                     /usr/local/bin: sudo install -m 755 chatd /usr/local/bin/chatd"
                ));
            }
            if whole == end || !whole.pop() {
                return None;
            }
        }
    }

    /// The id of a group, by the file that says so.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.inside(Path::new("/etc/group"))).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split(':').nth(1)?.parse().ok()
    }
}
