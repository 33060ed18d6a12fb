//! One file that a browser shows anywhere: styles and charts inside, nothing fetched, no script.

use super::{Report, SuiteReport, advice, end};
use crate::run::Ran;
use crate::suite::{Kind, Metric, shown};
use crate::verdict::{Held, Word};

const STYLE: &str = include_str!("report.css");
/// Cases that are listed of each suite; the JSON report has all of them.
const CASES_MAX: usize = 2_000;
/// Width of a gate's chart, in units of its drawing.
const WIDTH: f64 = 320.0;

/// The report as one HTML file.
pub fn html(report: &Report) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    out.push_str("<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta http-equiv=\"Content-Security-Policy\" ");
    out.push_str("content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    out.push_str(&format!("<title>Evals: {}</title>\n", report.word.name()));
    out.push_str(&format!("<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n"));
    out.push_str(&format!("<h1>Evals {}</h1>\n<nav>", badge(report.word)));
    for suite in &report.suites {
        let (name, word) = (escape(&suite.suite), badge(suite.verdict.word));
        out.push_str(&format!("<a href=\"#{name}\">{name} {word}</a> "));
    }
    out.push_str("</nav>\n</header>\n<main>\n");
    for suite in &report.suites {
        one(suite, &mut out);
    }
    for (suite, why) in &report.left_out {
        let (suite, why) = (escape(suite), escape(why));
        out.push_str(&format!("<p class=\"faint\"><b>{suite}</b> was not run: {why}</p>\n"));
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn one(suite: &SuiteReport, out: &mut String) {
    let name = escape(&suite.suite);
    let word = badge(suite.verdict.word);
    out.push_str(&format!("<section id=\"{name}\">\n<h2>{name} {word}</h2>\n"));
    if !suite.description.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", escape(&suite.description)));
    }
    let revision = suite.results.revision.get(..12).unwrap_or(&suite.results.revision);
    out.push_str(&format!(
        "<p class=\"faint\">policy {} · {} tier · revision {} · owner {} · run because {}</p>\n",
        escape(&suite.policy),
        escape(&suite.results.tier),
        escape(revision),
        escape(&suite.owner),
        escape(&suite.because)
    ));
    if let Some(advice) = advice(suite) {
        out.push_str(&format!("<p class=\"advice\">{}.</p>\n", escape(&advice)));
    }
    ends(suite, out);
    gates(suite, out);
    numbers(suite, out);
    cases(suite, out);
    out.push_str("</section>\n");
}

/// How many came to each end, as one bar.
fn ends(suite: &SuiteReport, out: &mut String) {
    let ends = suite.ends();
    let total: usize = ends.iter().map(|(_, count)| count).sum();
    let told: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    let label = escape(&told.join(", "));
    out.push_str(&format!(
        "<h3>Ends</h3>\n<svg class=\"bar\" viewBox=\"0 0 600 20\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{label}\">"
    ));
    let mut x = 0.0;
    for (end, count) in &ends {
        let width = 600.0 * *count as f64 / total.max(1) as f64;
        let class = end_class(end);
        out.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"20\"/>"
        ));
        x += width;
    }
    out.push_str("</svg>\n<ul class=\"legend\">");
    for (end, count) in &ends {
        let share = shown(Kind::Share, *count as f64 / total.max(1) as f64);
        let (class, end) = (end_class(end), escape(end));
        out.push_str(&format!("<li><i class=\"{class}\"></i>{end} <b>{count}</b> ({share})</li>"));
    }
    out.push_str("</ul>\n");
}

fn end_class(end: &str) -> &'static str {
    match end {
        "accepted" | "approved" | "edited" => "e-good",
        "fallback" | "observed" => "e-rule",
        "in_review" => "e-person",
        "refused" | "rejected" | "cancelled" | "expired" => "e-no",
        _ => "e-bad",
    }
}

fn gates(suite: &SuiteReport, out: &mut String) {
    if suite.verdict.gates.is_empty() {
        return;
    }
    out.push_str(
        "<h3>Gates</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">result</th>\
         <th scope=\"col\">gate</th><th scope=\"col\">seen, and what is sure</th>\
         <th scope=\"col\">chart</th></tr></thead>\n<tbody>\n",
    );
    for held in &suite.verdict.gates {
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            badge(held.word),
            escape(&held.gate),
            escape(&held.why),
            chart(held)
        ));
    }
    out.push_str("</tbody>\n</table></div>\n");
}

/// The value as a dot, what is sure of it as a line, the bound as a stroke across.
fn chart(held: &Held) -> String {
    let Some(at) = &held.measured else { return String::new() };
    let (least, most) = scale(held, [at.low, at.high, at.value, held.bound]);
    let x = |value: f64| 8.0 + (WIDTH - 16.0) * (value - least) / (most - least);
    let kind = Metric::parse(&held.of).map_or(Kind::Share, |metric| metric.kind());
    let label = escape(&format!("{}: {}", held.gate, held.why));
    let text = |value: f64| escape(&shown(kind, value));
    let (low, high, value, bound) = (x(at.low), x(at.high), x(at.value), x(held.bound));
    format!(
        "<svg class=\"gate g-{}\" viewBox=\"0 0 {WIDTH} 34\" role=\"img\" aria-label=\"{label}\">\
         <line class=\"axis\" x1=\"8\" x2=\"{:.1}\" y1=\"12\" y2=\"12\"/>\
         <line class=\"sure\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"12\" y2=\"12\"/>\
         <line class=\"bound\" x1=\"{bound:.1}\" x2=\"{bound:.1}\" y1=\"3\" y2=\"21\"/>\
         <circle cx=\"{value:.1}\" cy=\"12\" r=\"4\"/>\
         <text x=\"8\" y=\"32\">{}</text>\
         <text x=\"{:.1}\" y=\"32\" text-anchor=\"end\">{}</text></svg>",
        held.word.name().to_lowercase(),
        WIDTH - 8.0,
        text(least),
        WIDTH - 8.0,
        text(most),
    )
}

/// The ends of a chart's scale: whole shares where little would be lost, else what is needed.
fn scale(held: &Held, values: [f64; 4]) -> (f64, f64) {
    let least = values.into_iter().fold(f64::INFINITY, f64::min);
    let most = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let room = ((most - least) * 0.15).max(1e-6);
    let share = Metric::parse(&held.of).is_ok_and(|metric| metric.kind() == Kind::Share);
    if share && least >= 0.0 {
        ((least - room).max(0.0), (most + room).min(1.0).max(least + 1e-6))
    } else {
        (least - room, most + room)
    }
}

fn numbers(suite: &SuiteReport, out: &mut String) {
    out.push_str("<h3>Numbers</h3>\n<div class=\"scroll\"><table>\n<tbody>\n");
    for (name, at) in &suite.verdict.numbers {
        let Ok(metric) = Metric::parse(name) else { continue };
        if metric.kind() == Kind::Time && suite.results.tier != "live" {
            continue;
        }
        let (low, high) = (shown(metric.kind(), at.low), shown(metric.kind(), at.high));
        let sure = if at.low == at.high { String::new() } else { format!("{low} to {high}") };
        out.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"faint\">{}</td></tr>\n",
            escape(&metric.words()),
            escape(&super::terminal::number(&metric, at)),
            escape(&sure)
        ));
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn cases(suite: &SuiteReport, out: &mut String) {
    let verdict = &suite.verdict;
    let bad = |ran: &&Ran| {
        !ran.is_valid()
            || !ran.differs.is_empty()
            || verdict.broken.iter().any(|(case, _)| *case == ran.case)
    };
    let differing: Vec<&Ran> = suite.results.ran.iter().filter(bad).collect();
    if !differing.is_empty() {
        let open = if verdict.word == Word::Pass { "" } else { " open" };
        let title = format!("{} that came to something else, or to nothing", differing.len());
        details(suite, &differing, &title, open, out);
    }
    let all: Vec<&Ran> = suite.results.ran.iter().take(CASES_MAX).collect();
    let title = format!("All {} runs", suite.results.ran.len());
    details(suite, &all, &title, "", out);
}

fn details(suite: &SuiteReport, rows: &[&Ran], title: &str, open: &str, out: &mut String) {
    out.push_str(&format!("<details{open}><summary>{}</summary>\n", escape(title)));
    out.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">case</th>\
         <th scope=\"col\">end</th><th scope=\"col\">right</th><th scope=\"col\">what differs</th>\
         <th scope=\"col\">answer</th></tr></thead>\n<tbody>\n",
    );
    for ran in rows {
        let place = suite.places.get(&ran.case);
        let place = place.map(|(file, line)| format!("{file}:{line}")).unwrap_or_default();
        let right = match ran.right {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let mut why = ran.differs.join("; ");
        let misses = ran.misses.iter().map(|miss| format!("{}: {}", miss.model, miss.hint));
        for more in misses.chain(ran.error.clone()) {
            why.push_str(if why.is_empty() { "" } else { "; " });
            why.push_str(&more);
        }
        let shown = ran.tool.as_ref().or(ran.output.as_ref());
        let answer = shown.map(|value| short(&value.to_string())).unwrap_or_default();
        let queue = ran.queue.as_ref().map(|queue| format!(" ({queue})")).unwrap_or_default();
        out.push_str(&format!(
            "<tr><td>{}<br><span class=\"faint\">{}</span></td><td>{}{}</td><td>{right}</td>\
             <td>{}</td><td><code>{}</code></td></tr>\n",
            escape(&ran.case),
            escape(&place),
            escape(end(ran)),
            escape(&queue),
            escape(&why),
            escape(&answer)
        ));
    }
    out.push_str("</tbody>\n</table></div>\n</details>\n");
}

/// The start of a long answer.
fn short(text: &str) -> String {
    const MOST: usize = 240;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

fn badge(word: Word) -> String {
    let name = word.name();
    format!("<span class=\"word w-{}\">{name}</span>", name.to_lowercase())
}

/// A model's answer is hostile input: nothing of it is markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
