//! `backstop init`: a commented starter workspace that passes `backstop check`.

use std::{fs::OpenOptions, io::Write, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{args::Init, style};

/// Every file of the starter, by its path.
const STARTER: [(&str, &str); 6] = [
    ("policies/gateway.yaml", include_str!("starter/gateway.yaml")),
    ("policies/ticket-triage.yaml", include_str!("starter/ticket-triage.yaml")),
    ("policies/schemas/ticket.json", include_str!("starter/ticket.json")),
    ("policies/schemas/ticket-triage.json", include_str!("starter/ticket-triage.json")),
    ("policies/fixtures/ticket.json", include_str!("starter/fixture.json")),
    ("prompts/ticket-triage.md", include_str!("starter/prompt.md")),
];

/// Writes it; never over what is there.
pub fn run(args: &Init) -> Result<ExitCode> {
    for (path, _) in STARTER {
        let place = args.folder.join(path);
        if place.exists() {
            bail!("`{}` exists already; nothing was written", place.display());
        }
    }
    for (path, text) in STARTER {
        let place = args.folder.join(path);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&place);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write `{}`", place.display()))?;
        println!("wrote {}", place.display());
    }
    let folder = args.folder.display();
    println!();
    println!("{}", style::bold("Next"));
    println!("  backstop check --workspace {folder}");
    println!("  export OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=...");
    let input = format!("{folder}/policies/fixtures/ticket.json");
    println!("  backstop call ticket-triage --workspace {folder} --input {input}");
    println!("  backstop serve --workspace {folder}");
    Ok(ExitCode::SUCCESS)
}
