//! Test files: `policies/<anything>_test.yaml`, more tests of the policy that they name.

use super::example::Test;
use crate::decode::{Decoder, Fields, Name};
use crate::diagnostics::{Code, Problem, Report};
use crate::source::{FileId, Sources, Span, Spanned};
use crate::yaml;

/// A test file as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFile {
    /// The policy whose tests these are.
    pub policy: Spanned<Name>,
    /// The tests, as they stand in a policy; never empty.
    pub tests: Vec<Test>,
    /// The file.
    pub file: FileId,
}

/// Reads the tests in `file`. Every problem that the file alone can show goes to `report`.
pub fn load_tests(sources: &Sources, file: FileId, report: &mut Report) -> Option<TestFile> {
    let node = yaml::parse(sources, file, report)?;
    let mut d = Decoder::new(sources, report);
    super::find_secrets(&node, &mut d);
    let d = &mut d;
    if node.is_null() {
        let say = "the file is empty";
        let problem = Problem::error(Code::Empty, Span::file_start(file), say);
        return d.refuse(problem.help("write `policy: name` and `tests:`, or remove the file"));
    }
    let mut fields = Fields::open(&node, &crate::keys::TEST_FILE, d)?;
    let policy = fields.required("policy", d);
    let tests: Option<Vec<Test>> = fields.required("tests", d);
    if let (Some(span), Some([])) = (fields.key_span("tests"), tests.as_deref()) {
        d.report.push(Problem::error(Code::Empty, span, "there is no test in `tests`"));
    }
    fields.finish(d);
    Some(TestFile { policy: policy?, tests: tests?, file })
}
