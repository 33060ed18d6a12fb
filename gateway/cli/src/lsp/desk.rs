//! The workspace as the editor has it: files of the disk, under the texts that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backstop_policy::editor::Editor;
use backstop_policy::{FileId, Report, Sources};
use reqwest::Url;
use serde_json::{Value, json};

use super::problems;
use crate::files::{self, Files};
use crate::{check, eval};

/// What is open, what is on disk, and what was said about it.
pub struct Desk {
    /// The workspace's folder, once one is known.
    root: Option<PathBuf>,
    disk: Files,
    /// Open texts by their path in the workspace.
    open: BTreeMap<String, Opened>,
    sources: Sources,
    report: Report,
    /// Whether `report` is older than `sources`.
    stale: bool,
    /// Files about which something was said last.
    told: BTreeSet<String>,
    /// Why the disk could not be read, until the editor was told.
    pub trouble: Option<String>,
    editor: Editor,
}

/// A text that is open, and its address as the editor writes it.
struct Opened {
    uri: String,
    text: String,
}

impl Desk {
    /// The workspace that the editor's first message names, if it names one.
    pub fn new(params: &Value) -> Self {
        let folder = params.pointer("/workspaceFolders/0/uri").or_else(|| params.get("rootUri"));
        let folder = folder.and_then(Value::as_str).and_then(path_of);
        let mut desk = Self {
            root: folder.and_then(|folder| root_of(&folder)),
            disk: Files::new(),
            open: BTreeMap::new(),
            sources: Sources::default(),
            report: Report::new(),
            stale: true,
            told: BTreeSet::new(),
            trouble: None,
            editor: Editor::new(),
        };
        desk.reread();
        desk
    }

    /// Reads the disk again. What cannot be read just now stays as it was.
    pub fn reread(&mut self) {
        let Some(root) = &self.root else { return };
        match read(root) {
            Ok(files) => {
                self.disk = files;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(format!("backstop: {error:#}")),
        }
        self.renew();
    }

    /// Takes `text` as that of an open file; whether it is one of ours.
    pub fn open(&mut self, uri: &str, text: &str) -> bool {
        let Some(path) = path_of(uri) else { return false };
        if self.root.is_none() {
            self.root = root_of(&path);
            self.reread();
        }
        let Some(path) = self.inside(&path) else { return false };
        self.open.insert(path, Opened { uri: uri.to_owned(), text: text.to_owned() });
        self.renew();
        true
    }

    /// Takes the disk's text again; whether the file was open.
    pub fn close(&mut self, uri: &str) -> bool {
        let path = path_of(uri).and_then(|path| self.inside(&path));
        let closed = path.and_then(|path| self.open.remove(&path)).is_some();
        if closed {
            self.reread();
        }
        closed
    }

    fn renew(&mut self) {
        let mut all = self.disk.clone();
        let open = self.open.iter();
        all.extend(open.map(|(path, opened)| (path.clone(), opened.text.clone().into_bytes())));
        self.sources = files::sources(&all);
        self.stale = true;
    }

    /// The files as they are now.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The editor's questions and the files they are about.
    pub fn parts(&mut self) -> (&mut Editor, &Sources) {
        (&mut self.editor, &self.sources)
    }

    /// The file of that address.
    pub fn file(&self, uri: &str) -> Option<FileId> {
        let path = self.inside(&path_of(uri)?)?;
        // A suite is checked, but its keys are not of the tables that questions are answered from.
        self.sources.find(&path).filter(|_| in_folders(&path))
    }

    /// The address of a file.
    pub fn uri(&self, path: &str) -> Option<String> {
        if let Some(opened) = self.open.get(path) {
            return Some(opened.uri.clone());
        }
        Url::from_file_path(self.root.as_ref()?.join(path)).ok().map(String::from)
    }

    /// Every problem of the files as they are now.
    pub fn report(&mut self) -> &Report {
        if self.stale && self.root.is_some() {
            (_, self.report) = check::problems(&self.sources);
            self.stale = false;
        }
        &self.report
    }

    /// What to tell the editor: the problems of every file that has some, or had.
    pub fn problems(&mut self) -> Vec<Value> {
        self.report();
        let mut found = problems::by_file(&self.report, &self.sources, |path| self.uri(path));
        for path in std::mem::take(&mut self.told) {
            found.entry(path).or_default();
        }
        let some = found.iter().filter(|(_, all)| !all.is_empty());
        self.told = some.map(|(path, _)| path.clone()).collect();
        let told = found.into_iter().filter_map(|(path, problems)| {
            Some(json!({"uri": self.uri(&path)?, "diagnostics": problems}))
        });
        told.collect()
    }

    /// The path in the workspace of a file of it.
    fn inside(&self, path: &Path) -> Option<String> {
        let root = self.root.as_ref()?;
        let rest = path.strip_prefix(root).ok()?;
        let parts: Option<Vec<&str>> =
            rest.components().map(|part| part.as_os_str().to_str()).collect();
        let path = parts?.join("/");
        (in_folders(&path) || self.disk.contains_key(&path)).then_some(path)
    }
}

fn in_folders(path: &str) -> bool {
    files::FOLDERS.iter().any(|folder| path.starts_with(&format!("{folder}/")))
}

/// What `backstop check` reads.
fn read(root: &Path) -> anyhow::Result<Files> {
    let mut files = files::read(root)?;
    eval::read_suites(root, &mut files)?;
    Ok(files)
}

fn path_of(uri: &str) -> Option<PathBuf> {
    Url::parse(uri).ok()?.to_file_path().ok()
}

/// The nearest folder around `path` that holds a workspace.
fn root_of(path: &Path) -> Option<PathBuf> {
    let holds = |folder: &&Path| folder.join(backstop_policy::gateway_file::PATH).is_file();
    let named = path.ancestors().find(holds);
    let folder = |folder: &&Path| folder.join("policies").is_dir();
    named.or_else(|| path.ancestors().find(folder)).map(Path::to_owned)
}
