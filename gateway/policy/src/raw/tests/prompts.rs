//! Prompts: front matter, roles, and what is refused.

use super::*;

fn prompt(text: &str) -> (Option<Prompt>, String) {
    let sources = Sources::single("prompts/p.md", text);
    let file = sources.ids().next().expect("the file");
    let mut report = Report::new();
    let prompt = load_prompt(&sources, file, &mut report);
    (prompt, render::text(&report, &sources, render::Style::Plain))
}

#[test]
fn a_plain_body_is_the_system_message_and_the_input_follows() {
    let (prompt, shown) = prompt("Sort this mail.\n\n## User rules\nBe brief.\n");
    assert_eq!(shown, "");
    let prompt = prompt.expect("a prompt");
    assert!(prompt.adds_input());
    assert_eq!(prompt.messages.len(), 1);
}

#[test]
fn front_matter_and_role_lines_are_read() {
    let text = "---\ndescription: d\ntemperature: 0.2\ntop_p: 0.9\nmax_tokens: 2k\nseed: 7\n\
        stop: [END]\n\
        ---\n# system\nYou sort.\n# user\nExample\n# assistant\nham\n\
        # user\n{{ input }}\n";
    let (prompt, shown) = prompt(text);
    assert_eq!(shown, "");
    let prompt = prompt.expect("a prompt");
    assert_eq!(prompt.temperature.as_ref().map(|t| t.value.0), Some(200_000));
    assert_eq!(prompt.max_tokens.as_ref().map(|n| n.value.0), Some(2000));
    let roles: Vec<_> = prompt.messages.iter().map(|message| message.role.name()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert!(!prompt.adds_input());
    let last = prompt.messages.last().expect("a message");
    assert_eq!(last.text, "{{ input }}");
    assert_eq!(text.get(last.span.range()), Some("{{ input }}"));
}

#[test]
fn mistakes_in_a_prompt_have_a_place_and_help() {
    for (text, parts) in [
        ("---\ntemprature: 1\n---\nx\n", ["p.md:2:1", "did you mean `temperature`?"]),
        ("---\ntemperature: 3\n---\nx\n", ["p.md:2:14", "from 0 to 2"]),
        ("---\ndescription: x\n", ["p.md:1:1", "close it with a line"]),
        ("# User\nx\n", ["p.md:1:1", "write `# user`"]),
        ("---\nseed: 1\n---\n\n", ["p.md:1:1", "says nothing"]),
        ("---\nstop: [a, b, c, d, e]\n---\nx\n", ["p.md:2:20", "at most four"]),
    ] {
        let (_, shown) = prompt(text);
        for part in parts {
            assert!(shown.contains(part), "{part} is missing for {text:?} in\n{shown}");
        }
    }
}
