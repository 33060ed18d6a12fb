//! `backstop fmt`: the workspaces that we hand out are laid out, and a file is whole or untouched.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use backstop_policy::format::{FileKind, format};
use backstop_policy::{Sources, Workspace as Loaded};
use backstop_tests::{Scratch, binary};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn backstop(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(binary::path());
    command.args(args).arg("--workspace").arg(folder).env_clear().output().unwrap()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_sample_workspace_the_starter_and_our_own_tests_are_laid_out() {
    let starter = Scratch::new("starter");
    let init = Command::new(binary::path()).arg("init").arg(starter.path()).output().unwrap();
    assert!(init.status.success());
    for folder in [root(), starter.path().to_owned(), root().join("tests/workspace")] {
        let output = backstop(&["fmt", "--check"], &folder);
        assert!(output.status.success(), "{}\n{}", folder.display(), shown(&output));
    }
}

#[test]
fn a_file_is_laid_out_with_its_mode_and_one_that_is_not_yaml_is_left_as_it_was() {
    let scratch = Scratch::new("fmt");
    let folder = scratch.path().join("policies");
    fs::create_dir_all(&folder).unwrap();
    let (good, bad) = (folder.join("good.yaml"), folder.join("bad.yaml"));
    fs::write(&good, "owner:  me  # who\npolicy: good\nrules:\n- {when: a ? b : c}\n- id: x\n  when: a ? b : c\n").unwrap();
    fs::set_permissions(&good, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(&bad, "policy: bad\nowner: [me\n").unwrap();

    let check = backstop(&["fmt", "--check"], scratch.path());
    assert_eq!(check.status.code(), Some(1), "{}", shown(&check));
    assert!(shown(&check).contains("`]` is missing"), "{}", shown(&check));

    fs::write(&good, "owner:  me  # who\npolicy: good\nrules:\n- id: x\n  when: a ? b : c\n")
        .unwrap();
    let check = shown(&backstop(&["fmt", "--check"], scratch.path()));
    assert!(
        check.contains("policies/good.yaml:1\n  - owner:  me  # who\n  + policy: good"),
        "{check}"
    );

    let done = backstop(&["fmt"], scratch.path());
    assert_eq!(done.status.code(), Some(1), "one file is not readable");
    assert!(shown(&done).contains("policies/good.yaml  1 condition"), "{}", shown(&done));
    let text = fs::read_to_string(&good).unwrap();
    let wanted = format!(
        "policy: good\n{:<42}# who\nrules:\n  - id: x\n    when: |\n      a ? b : c\n",
        "owner: me"
    );
    assert_eq!(text, wanted);
    assert_eq!(fs::metadata(&good).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_to_string(&bad).unwrap(), "policy: bad\nowner: [me\n");
    let names = fs::read_dir(&folder).unwrap().count();
    assert_eq!(names, 2, "nothing is left beside the files");
}

#[test]
fn an_editor_sends_a_text_and_gets_it_back() {
    let mut child = Command::new(binary::path())
        .args(["fmt", "--stdin", "prompts/x.md"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("---\nseed:   4\n---\nSay ä.\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(shown(&output), "---\nseed: 4\n---\nSay ä.\n");
}

/// Every file of the sample, its keys turned round, and further in.
fn turned(text: &str) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        let own = line.len() - line.trim_start().len();
        let wide = format!("{}{line}\n", if own > 0 { "   " } else { "" });
        match blocks.last_mut() {
            Some(block) if own > 0 || line.is_empty() || line.starts_with('#') => {
                block.push_str(&wide)
            }
            _ => blocks.push(wide),
        }
    }
    blocks.reverse();
    blocks.concat()
}

#[test]
fn a_policy_that_is_laid_out_has_the_revision_it_had() {
    let mut files = std::collections::BTreeMap::new();
    for folder in ["policies", "prompts"] {
        collect(&root().join(folder), folder, &mut files);
    }
    let revisions = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        let (loaded, report) = Loaded::load(&Sources::new(files.clone()));
        assert!(!report.has_errors());
        loaded.policies.values().map(|p| (p.name.clone(), p.plan.revision)).collect::<Vec<_>>()
    };
    let before = revisions(&files);
    assert_eq!(before.len(), 4);
    for (path, bytes) in &mut files {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some(kind) = FileKind::of(path, &text).filter(|kind| *kind != FileKind::Prompt) else {
            continue;
        };
        let turned = turned(&text);
        assert_ne!(turned, text);
        let sources = Sources::single(path, turned);
        let done = format(&sources, sources.find(path).unwrap(), kind).unwrap();
        assert_eq!(done.mended, 0);
        *bytes = done.text.into_bytes();
    }
    assert_eq!(revisions(&files), before);
}

fn collect(folder: &Path, name: &str, files: &mut std::collections::BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            collect(&path, &name, files);
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}
