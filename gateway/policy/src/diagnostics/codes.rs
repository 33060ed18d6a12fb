//! The table of problem codes. A published code is never reused for anything else.
//!
//! `01` is YAML itself, `02` the shape of keys and values, `03` units and paths, `04` the policy,
//! `05` the gateway file, `06` prompts, `07` what compiling finds, `08` suites.

macro_rules! codes {
    ($($name:ident = $id:literal, $summary:literal;)+) => {
        /// What kind of problem it is; stable, so that people can search for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $summary] $name,)+
        }

        impl Code {
            /// Every code, in order: the table of the README is written from it.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as printed, such as `BS0103`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// What it means, in a sentence.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)+ }
            }
        }
    };
}

codes! {
    NotText = "BS0101", "The file is not UTF-8 text.";
    TooLarge = "BS0102", "The file is too large, too deep or has too many values.";
    Syntax = "BS0103", "The text is not YAML.";
    DuplicateKey = "BS0104", "A key stands twice in one map.";
    YamlFeature = "BS0105", "An anchor, alias, merge key, tag or second document in a rules file.";
    Tab = "BS0106", "A tab stands where YAML wants spaces.";
    Quoting = "BS0107", "A condition or text needs quotes or a block.";

    UnknownKey = "BS0201", "The key is not known here.";
    MissingKey = "BS0202", "A required key is missing.";
    WrongKind = "BS0203", "A value of another kind is wanted: text, number, list, map.";
    UnknownWord = "BS0204", "The word is none of those that may stand here.";
    Empty = "BS0205", "Something must stand here.";
    BadName = "BS0206", "A name may hold only letters, digits, `-` and `_`.";
    Conflict = "BS0207", "Two keys exclude each other.";
    Duplicate = "BS0208", "A name or id is used twice.";

    BadUnit = "BS0301", "A time, rate, number, share, amount or clock time is not readable.";
    OutOfRange = "BS0302", "A number lies outside its range.";
    BadPath = "BS0303", "A path such as `output.lines.*.amount` is not readable.";

    NameMismatch = "BS0401", "The name inside the file differs from the file's name.";
    BadStep = "BS0402", "A step of a ladder is not written as one word or one key.";
    StepPlace = "BS0403", "This step may not stand here.";
    ClassPlace = "BS0404", "This failure class does not belong under `on`.";
    RowAfterLast = "BS0405", "A row after the one without `when` is never reached.";
    LastRow = "BS0406", "The last fallback row must have no `when`.";
    NotYet = "BS0407", "Not available yet in this version.";
    Refused = "BS0409", "Two settings that are each allowed are refused together.";

    Secret = "BS0501", "A secret stands in a file.";
    UnknownReference = "BS0502", "A name refers to nothing.";
    QueueTerminal = "BS0503", "A queue's end is not complete.";
    BadZone = "BS0504", "The time zone is not known.";
    BadAddress = "BS0505", "The address is not a usable URL.";
    BadHash = "BS0506", "A key is not a hash as `backstop key` writes it.";
    MissingFile = "BS0507", "A file that is named is not there.";

    FrontMatter = "BS0601", "The prompt's front matter is not readable.";
    Template = "BS0602", "The prompt is not a template.";
    Variable = "BS0603", "A prompt's variable is not there, or may be missing.";

    Expression = "BS0701", "A condition or text cannot be computed from what is known here.";
    SchemaFile = "BS0702", "A schema file is not usable.";
    DataFile = "BS0703", "A data file is not readable.";
    NoPlace = "BS0704", "A path names a place that is not there.";
    Pattern = "BS0705", "A pattern or list of words is not usable.";
    Capability = "BS0706", "A model cannot do what the policy needs.";
    FallbackOff = "BS0707", "A fallback may break the output's schema.";
    BudgetShort = "BS0708", "The budget cannot pay for one accepted answer.";
    Unjudged = "BS0709", "Nothing judges the answers of this policy.";
    NeverApplies = "BS0710", "A rule, check, source or row can never apply.";
    AlwaysApplies = "BS0711", "A condition holds whatever comes.";
    Overruled = "BS0712", "A rule never decides, because a stricter one always applies with it.";
    RowTaken = "BS0713", "A fallback row is never reached, because earlier rows answer first.";
    NothingPasses = "BS0714", "Rules together let no request or no answer through.";
    Uncovered = "BS0715", "For some answers no source of confidence applies.";
    RungTaken = "BS0716", "A rung is never reached, because one before it can always be taken.";
    RungIdle = "BS0717", "A rung can never help where it stands.";
    Threshold = "BS0718", "A threshold lets everything pass, or nothing.";
    PatternDoubt = "BS0719", "A pattern probably does not say what was meant.";
    Decided = "BS0720", "A part of a condition always comes to the same.";
    Costly = "BS0721", "The cost of a condition grows without bound.";

    Case = "BS0801", "A line of a suite is no case.";
    GateSize = "BS0802", "A gate cannot pass with so few cases.";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}
