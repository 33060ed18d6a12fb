//! Checks, compiled.

use backstop_checks::expression::Expression;
use backstop_checks::path::Path;
use backstop_domain::Signal;

use super::SourceSet;

/// A judge of texts or values in a request or an answer.
#[derive(Debug)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its name in findings: `checks.secrets`.
    pub by: String,
    /// Its place in file order.
    pub order: u32,
    /// What it looks for.
    pub kind: Kind,
    /// Where it looks.
    pub at: Vec<At>,
    /// Its ladder; `None` for `then: accept`.
    pub ladder: Option<String>,
    /// Queue of a blind audit.
    pub also_review: Option<String>,
    /// Ladder for when it cannot run.
    pub on_error: String,
    /// Where it does not hold, the check does not apply.
    pub when: Option<Expression>,
    /// Whose answers it judges.
    pub sources: SourceSet,
    /// Recorded, without a say.
    pub observe: bool,
    /// Time of a paid one, in milliseconds.
    pub timeout_ms: u64,
}

/// Where a check looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Which of the call's values.
    pub root: Root,
    /// Where in it.
    pub path: Path,
}

/// A value that checks look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// The input.
    Input,
    /// The newest message of the user.
    Message,
    /// Every message.
    Messages,
    /// Results of tools in the conversation.
    ToolResults,
    /// The answer.
    Output,
    /// Arguments of the answer's tool calls.
    ToolArgs,
}

impl Root {
    /// Whether it is known before any model is asked.
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Input | Self::Message | Self::Messages | Self::ToolResults)
    }

    /// The word used in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Message => "message",
            Self::Messages => "messages",
            Self::ToolResults => "tool_results",
            Self::Output => "output",
            Self::ToolArgs => "tool.args",
        }
    }
}

/// What a check looks for.
#[derive(Debug)]
pub enum Kind {
    /// Texts of a kind: a pattern, words, personal data, secrets.
    Text {
        /// Finds them.
        scan: crate::judge::Scan,
        /// Texts that may occur.
        allow: Option<Expression>,
    },
    /// How large it is.
    Size(backstop_checks::text::SizeLimit),
    /// A model's score.
    Judge {
        /// The prompt that asks for it.
        prompt: String,
        /// The model that is asked.
        model: String,
        /// Lowest score that passes.
        pass: Signal,
    },
    /// A service's score.
    Service {
        /// Its name in the gateway file.
        service: String,
        /// Highest score that passes.
        fail_over: Signal,
    },
}

impl Check {
    /// Whether it costs money or asks a service.
    pub const fn is_paid(&self) -> bool {
        matches!(self.kind, Kind::Judge { .. } | Kind::Service { .. })
    }

    /// Whether it looks at the request.
    pub fn of_request(&self) -> bool {
        self.at.iter().any(|at| at.root.is_request())
    }

    /// Whether it looks at the answer.
    pub fn of_answer(&self) -> bool {
        self.at.iter().any(|at| !at.root.is_request())
    }
}
