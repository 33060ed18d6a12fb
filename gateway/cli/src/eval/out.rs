//! Where reports go: to the terminal and to files, in every form that is asked for.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use backstop_evals::report::{self, Paint, Report};

use crate::style;

/// One report to write.
#[derive(Debug)]
pub struct Form {
    name: String,
    file: Option<PathBuf>,
}

const FORMS: [&str; 6] = ["text", "json", "junit", "markdown", "github", "html"];

/// The forms that are asked for, such as `text` or `html=report.html`.
pub fn forms(asked: &[String]) -> Result<Vec<Form>> {
    let one = |asked: &String| {
        let (name, file) = match asked.split_once('=') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (asked.as_str(), None),
        };
        if !FORMS.contains(&name) {
            bail!("`{name}` is no form of a report; there are: {}", FORMS.join(", "));
        }
        Ok(Form { name: name.to_owned(), file })
    };
    let forms: Vec<Form> = asked.iter().map(one).collect::<Result<_>>()?;
    if forms.iter().filter(|form| form.file.is_none()).count() > 1 {
        bail!("only one form can go to the terminal; write `FORM=FILE` for the others");
    }
    Ok(forms)
}

/// Writes `report` in each form.
pub fn write(report: &Report, forms: &[Form]) -> Result<()> {
    for form in forms {
        let paint = Paint(form.file.is_none() && style::colours());
        let text = match form.name.as_str() {
            "json" => serde_json::to_string_pretty(report)? + "\n",
            "junit" => report::junit(report).map_err(|why| anyhow!(why))?,
            "markdown" => report::markdown(report),
            "github" => report::annotations(report),
            "html" => report::html(report),
            _ => report::text(report, paint),
        };
        match &form.file {
            Some(file) => std::fs::write(file, text)
                .with_context(|| format!("cannot write `{}`", file.display()))?,
            None => std::io::stdout().write_all(text.as_bytes())?,
        }
    }
    Ok(())
}

/// Whether the terminal gets the text that people read.
pub fn is_for_people(forms: &[Form]) -> bool {
    forms.iter().any(|form| form.name == "text" && form.file.is_none())
}

/// Shows how far a run is, on a terminal only.
pub fn progress(name: &str) -> impl Fn(usize, usize) + Sync + use<> {
    let name = name.to_owned();
    let shown = std::io::stderr().is_terminal();
    move |done, of| {
        let step = (of / 200).max(1);
        if shown && (done % step == 0 || done == of) {
            let end = if done == of { "\r\u{1b}[K" } else { "" };
            eprint!("\r{name}  {done} of {of}{end}");
        }
    }
}
