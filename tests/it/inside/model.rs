//! A model that does what the text asks of it.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use backstop_domain::FailureClass;
use backstop_upstream::{AskRequest, AttemptResult, BoxFuture, Model, simulated};

/// Answers with the last word of the text as its label. `slow` takes a while, `hang` never comes
/// back the first time, `busy` fails the first time, `waver` does not come back the second and
/// third time.
#[derive(Default)]
pub struct Scripted(Mutex<HashMap<String, usize>>);

impl Scripted {
    /// How often it was asked, for anything.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().values().sum()
    }
}

impl Model for Scripted {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        let text = request.body["messages"].to_string();
        let time = {
            let mut asked = self.0.lock().unwrap();
            let count = asked.entry(text.clone()).or_default();
            *count += 1;
            *count
        };
        Box::pin(async move {
            if text.contains("slow") {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let wavers = text.contains("waver") && (2..=3).contains(&time);
            if wavers || (time == 1 && text.contains("hang")) {
                std::future::pending::<()>().await;
            }
            if time == 1 && text.contains("busy") {
                return simulated::failed(FailureClass::Overloaded);
            }
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            let known = ["unsure", "careful", "brief", "tight"];
            let label = words.iter().rev().find(|word| known.contains(word)).unwrap_or(&"ham");
            simulated::text(&format!("{{\"label\": \"{label}\"}}"))
        })
    }
}
