//! `gateway/cli/README.md`, the reference of commands and flags, is written from the commands
//! themselves: `BACKSTOP_BLESS=1 cargo test -p backstop-cli reference` after a change.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, told by its caller to bless"
)]

use std::{fmt::Write as _, fs, path::Path};

use clap::{Arg, ArgAction, Command, CommandFactory};

const HEAD: &str = "\
# The command `backstop`

Written from the commands themselves; `backstop help COMMAND` says the same. Every flag can also
be given by its variable. Exit codes: 0 all is well, 1 problems were found or no answer came,
2 wrong usage or the machine is in the way; `evals/README.md` has those of `eval`.
";

#[test]
fn the_reference_holds_every_command_and_every_flag_with_its_variable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut now = HEAD.to_owned();
    for command in super::Args::command().get_subcommands().filter(|each| !each.is_hide_set()) {
        write_command(&mut now, "backstop", command);
    }
    if std::env::var_os("BACKSTOP_BLESS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let lines = kept.lines().chain(std::iter::repeat("")).zip(now.lines());
    let first = lines.enumerate().find(|(_, (kept, now))| kept != now);
    assert!(
        kept == now,
        "gateway/cli/README.md differs from the commands, first in {first:?}; \
         BACKSTOP_BLESS=1 cargo test -p backstop-cli reference"
    );
}

#[test]
fn every_flag_has_a_variable() {
    fn bare(command: &Command, found: &mut Vec<String>) {
        let named = |arg: &&Arg| arg.get_long().is_some_and(|long| long != "help");
        for arg in command.get_arguments().filter(named).filter(|arg| arg.get_env().is_none()) {
            found.push(format!("{} --{}", command.get_name(), arg.get_long().unwrap_or_default()));
        }
        command.get_subcommands().for_each(|command| bare(command, found));
    }
    let mut found = Vec::new();
    bare(&super::Args::command(), &mut found);
    assert_eq!(found, ["key --hash", "chaos --list"], "these only ask for another output");
}

fn write_command(page: &mut String, parent: &str, command: &Command) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage: String = command
        .get_positionals()
        .map(|arg| match arg.is_required_set() {
            true => format!(" {}", value_name(arg)),
            false => format!(" [{}]", value_name(arg)),
        })
        .collect();
    let _ = write!(page, "\n## `{name}{usage}`\n\n{about}.\n");
    let told = |arg: &&Arg| arg.get_long().is_some() || arg.get_help().is_some();
    let shown = |arg: &&Arg| !arg.is_hide_set() && arg.get_id() != "help" && told(arg);
    let args: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    if !args.is_empty() {
        page.push_str("\n| flag | variable | default | what it is |\n| --- | --- | --- | --- |\n");
    }
    for arg in args {
        write_arg(page, arg);
    }
    for below in command.get_subcommands().filter(|each| each.get_name() != "help") {
        write_command(page, &name, below);
    }
}

fn write_arg(page: &mut String, arg: &Arg) {
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let flag = match arg.get_long() {
        Some(long) if takes => format!("--{long} {}", value_name(arg)),
        Some(long) => format!("--{long}"),
        None => value_name(arg),
    };
    let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
    let defaults: Vec<String> = (arg.get_default_values().iter())
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    let default = if takes { defaults.join(" ") } else { String::new() };
    let help = arg.get_help().map(|help| help.to_string().replace('|', "\\|")).unwrap_or_default();
    let variable = variable.unwrap_or_default();
    let _ = writeln!(page, "| `{flag}` | {variable} | {default} | {help} |");
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map_or_else(|| arg.get_id().to_string().to_uppercase(), ToString::to_string)
}
