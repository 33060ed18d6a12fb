//! A workspace on disk: reads what stands under policies/, prompts/ and evals/.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use backstop_policy::{Sources, Workspace, diagnostics::render};

use crate::style;

/// Folders that make a workspace.
pub const FOLDERS: [&str; 2] = ["policies", "prompts"];
/// Largest file that is read, in bytes: data files may be larger than rules.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// Every file of a workspace, by its path in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads a workspace.
pub fn read(workspace: &Path) -> Result<Files> {
    if !workspace.join("policies").is_dir() {
        bail!(
            "`{}` is no workspace: it has no folder `policies`; `backstop init DIR` makes one",
            workspace.display()
        );
    }
    let mut files = Files::new();
    for folder in FOLDERS {
        let root = workspace.join(folder);
        if root.is_dir() {
            walk(&root, folder, &|_| true, &mut files)?;
        }
    }
    Ok(files)
}

/// Reads every file below `folder`, but not the folders that `enter` refuses.
pub fn walk(
    folder: &Path,
    name: &str,
    enter: &dyn Fn(&Path) -> bool,
    files: &mut Files,
) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| cannot_read(folder))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.with_context(|| cannot_read(folder))?.path());
    }
    paths.sort();
    for path in paths {
        let Some(own) = path.file_name().and_then(|own| own.to_str()) else { continue };
        if own.starts_with('.') {
            continue;
        }
        let place = format!("{name}/{own}");
        if path.is_dir() {
            if enter(&path) {
                walk(&path, &place, enter, files)?;
            }
            continue;
        }
        let size = path.metadata().with_context(|| cannot_read(&path))?.len();
        if size > FILE_MAX {
            bail!("`{place}` has {size} bytes; at most {FILE_MAX} are read");
        }
        let bytes = std::fs::read(&path).with_context(|| cannot_read(&path))?;
        files.insert(place, bytes);
    }
    Ok(())
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read `{}`", path.display())
}

/// As the loader takes them.
pub fn sources(files: &Files) -> Sources {
    Sources::new(files.clone())
}

/// A workspace in which nothing is wrong.
pub struct InOrder {
    /// As it is on disk.
    pub files: Files,
    /// The same as the loader took it.
    pub sources: Sources,
    /// What was made of it.
    pub workspace: Workspace,
}

impl InOrder {
    /// Reads a workspace for a command that may name one of its policies; `None`: what is wrong
    /// with it was printed.
    pub fn read(root: &Path, policy: Option<&str>) -> Result<Option<Self>> {
        let files = read(root)?;
        let sources = sources(&files);
        let (workspace, report) = Workspace::load(&sources);
        if report.has_errors() {
            println!("{}", render::text(&report, &sources, style::report()));
            return Ok(None);
        }
        if let Some(name) = policy.filter(|name| workspace.policy(name).is_none()) {
            bail!("there is no policy `{name}` in `{}`", root.display());
        }
        Ok(Some(Self { files, sources, workspace }))
    }
}
