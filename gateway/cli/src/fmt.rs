//! `backstop fmt`: lays out rules files, all of a workspace or those that are named.
//!
//! A file is written whole or not at all: beside it first, then renamed over it, with its mode.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use backstop_policy::diagnostics::render;
use backstop_policy::format::{FileKind, Formatted, format};
use backstop_policy::{Report, Sources};

use crate::{args::Fmt, files, style};

/// What became of the files.
#[derive(Default)]
struct Count {
    files: usize,
    changed: usize,
    refused: usize,
}

/// Lays out; 0 if every file is in order (now), 1 if not.
pub fn run(args: &Fmt) -> Result<ExitCode> {
    if args.stdin {
        return through(args);
    }
    let mut count = Count::default();
    for (name, path) in chosen(args)? {
        one(&name, &path, args.check, &mut count)?;
    }
    println!("{}", summary(&count, args.check));
    let bad = count.refused > 0 || (args.check && count.changed > 0);
    Ok(ExitCode::from(u8::from(bad)))
}

fn summary(count: &Count, check: bool) -> String {
    let Count { files, changed, refused } = count;
    let done = if check { "to lay out" } else { "laid out" };
    let said = match files {
        1 => format!("1 file, {changed} {done}"),
        files => format!("{files} files, {changed} {done}"),
    };
    match refused {
        0 if check && *changed > 0 => {
            format!("{}  {said}; `backstop fmt` does it", style::error("refused"))
        }
        0 => format!("{}  {said}", style::good("ok")),
        refused => format!("{}  {said}, {refused} not readable", style::error("refused")),
    }
}

/// The files to lay out: the name shown, and where each is.
fn chosen(args: &Fmt) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    if args.files.is_empty() {
        for (name, bytes) in files::read(&args.workspace)? {
            if kind(&name, &bytes).is_some() {
                found.push((name.clone(), args.workspace.join(&name)));
            }
        }
        return Ok(found);
    }
    for path in &args.files {
        if path.is_dir() {
            folder(path, &mut found)?;
        } else {
            found.push((path.display().to_string(), path.clone()));
        }
    }
    Ok(found)
}

fn folder(path: &Path, found: &mut Vec<(String, PathBuf)>) -> Result<()> {
    let entries = fs::read_dir(path).with_context(|| cannot_read(path))?;
    let mut inside: Vec<PathBuf> = Vec::new();
    for entry in entries {
        inside.push(entry.with_context(|| cannot_read(path))?.path());
    }
    inside.sort();
    for path in inside {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let name = path.display().to_string();
        if path.is_dir() && !hidden && !path.is_symlink() {
            folder(&path, found)?;
        } else if path.is_file() && !hidden && (name.ends_with(".yaml") || name.ends_with(".md")) {
            let bytes = fs::read(&path).with_context(|| cannot_read(&path))?;
            let ours = name.ends_with(".md") || holds_keys(&bytes);
            if ours && kind(&name, &bytes).is_some() {
                found.push((name, path));
            }
        }
    }
    Ok(())
}

/// Whether a file says of itself that it is one of ours: a folder may hold any other YAML.
fn holds_keys(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let ours = ["policy:", "fragment:", "gateway:"];
    text.lines().any(|line| ours.iter().any(|key| line.starts_with(key)))
}

fn kind(name: &str, bytes: &[u8]) -> Option<FileKind> {
    FileKind::of(&name.replace('\\', "/"), &String::from_utf8_lossy(bytes))
}

fn one(name: &str, path: &Path, check: bool, count: &mut Count) -> Result<()> {
    let bytes = fs::read(path).with_context(|| cannot_read(path))?;
    // A file that is named is laid out, whatever it calls itself.
    let kind = kind(name, &bytes).unwrap_or(FileKind::Policy);
    count.files += 1;
    match laid(name, &bytes, kind) {
        Err((sources, report)) => {
            count.refused += 1;
            println!("{}", render::text(&report, &sources, style::report()));
        }
        Ok(done) if done.text.as_bytes() == bytes => {}
        Ok(done) => {
            count.changed += 1;
            if check {
                println!("{}", difference(name, &String::from_utf8_lossy(&bytes), &done.text));
            } else {
                write(path, &done.text)?;
                println!("{name}{}", mended(done.mended));
            }
        }
    }
    Ok(())
}

fn mended(conditions: usize) -> String {
    match conditions {
        0 => String::new(),
        1 => style::faint("  1 condition put where YAML leaves it alone"),
        many => style::faint(&format!("  {many} conditions put where YAML leaves them alone")),
    }
}

fn laid(name: &str, bytes: &[u8], kind: FileKind) -> Result<Formatted, (Sources, Report)> {
    let sources = Sources::single(name, bytes);
    let Some(file) = sources.ids().next() else { return Err((sources, Report::new())) };
    format(&sources, file, kind).map_err(|report| (sources, report))
}

/// The first line that differs, as it is and as it would be.
fn difference(name: &str, is: &str, would: &str) -> String {
    let at = is.lines().zip(would.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end of the file)").to_owned();
    let minus = style::error(&format!("- {}", line(is)));
    let plus = style::good(&format!("+ {}", line(would)));
    format!("{name}:{}\n  {minus}\n  {plus}", at + 1)
}

/// Writes beside the file, then over it: nobody ever reads half a file. A link stays a link.
fn write(path: &Path, text: &str) -> Result<()> {
    let place = fs::canonicalize(path).with_context(|| cannot_read(path))?;
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = place.with_file_name(format!(".{name}.fmt-{}", std::process::id()));
    let done = fill(&beside, &place, text).and_then(|()| fs::rename(&beside, &place));
    if done.is_err() {
        // What is left of it is of no use to anybody; the first error is the one that counts.
        drop(fs::remove_file(&beside));
    }
    done.with_context(|| format!("cannot write `{}`; it is as it was", path.display()))
}

fn fill(beside: &Path, place: &Path, text: &str) -> std::io::Result<()> {
    let mode = fs::metadata(place)?.permissions();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(mode)?;
    file.sync_all()
}

/// Standard input to standard output, for editors.
fn through(args: &Fmt) -> Result<ExitCode> {
    let named = match args.files.as_slice() {
        [] => None,
        [one] => Some(one),
        _ => bail!("with --stdin name one file at most: the one that the text is of"),
    };
    let name = named.map_or_else(|| "policy.yaml".to_owned(), |path| path.display().to_string());
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    let kind = kind(&name, &bytes).unwrap_or(FileKind::Policy);
    match laid(&name, &bytes, kind) {
        Ok(done) => {
            print!("{}", done.text);
            Ok(ExitCode::SUCCESS)
        }
        Err((sources, report)) => {
            eprint!("{}", render::text(&report, &sources, render::Style::Plain));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read `{}`", path.display())
}
