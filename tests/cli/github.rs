//! What GitHub Actions gets of a run, beside what is on the terminal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::program::{Local, Program, Ran, snapshot};

/// The files that the runner gives a step.
struct Step {
    directory: tempfile::TempDir,
}

impl Step {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, program: Program) -> Ran {
        let path = |name| self.file(name).to_str().unwrap().to_owned();
        let program = program.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &path("output"));
        program.env("GITHUB_STEP_SUMMARY", &path("summary")).run()
    }

    /// The outputs, read as the runner reads them.
    fn outputs(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.file("output")).unwrap();
        let mut lines = text.lines();
        let mut outputs = BTreeMap::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").unwrap();
            assert!(delimiter.len() > 30, "nobody may guess it: {delimiter}");
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        }
        outputs
    }
}

/// A summary in place of what the program printed.
fn summary(step: &Step, ran: &Ran) -> Ran {
    let stdout = std::fs::read_to_string(step.file("summary")).unwrap();
    Ran { code: ran.code, stdout, stderr: String::new() }
}

#[test]
fn a_step_gets_outputs_and_a_summary() {
    let local = Local::start(&[]);

    let plan = Step::new();
    let ran = plan.run(local.program(&["plan", "pr-1"]));
    assert_eq!(
        (&plan.outputs()["changes"], &plan.outputs()["changed"]),
        (&"11".to_owned(), &"false".to_owned()),
        "{ran}"
    );
    snapshot!("github-plan", summary(&plan, &ran));

    let up = Step::new();
    let ran = up.run(local.program(&["up", "pr-1", "--output", "json"]));
    let finished = ran.finished();
    let outputs = up.outputs();
    assert_eq!(
        (outputs["ok"].as_str(), outputs["changed"].as_str(), outputs["stack"].as_str()),
        ("true", "true", "pr-1")
    );
    for (output, field) in
        [("page_url", "site_url"), ("websocket_url", "websocket_url"), ("api_id", "api_id"), ("bucket", "bucket")]
    {
        assert_eq!(outputs[output], finished["outputs"][field].as_str().unwrap());
    }
    snapshot!("github-up", summary(&up, &ran));

    let verify = Step::new();
    let ran = verify.run(local.program(&["verify", "pr-1", "--stage", "other", "--patience", "0"]));
    assert_eq!(ran.code, Some(6), "{ran}");
    assert_eq!(verify.outputs()["ok"], "false");
    snapshot!("github-verify", summary(&verify, &ran));

    let teardown = Step::new();
    let ran = teardown.run(local.program(&["teardown", "pr-1", "--yes"]));
    assert_eq!(teardown.outputs()["changed"], "true", "{ran}");
    assert!(!teardown.outputs().contains_key("page_url"), "nothing is left to open");
    snapshot!("github-teardown", summary(&teardown, &ran));
}

#[test]
fn other_commands_and_other_pipelines_write_nothing() {
    let step = Step::new();
    assert_eq!(step.run(Program::new(&["config"])).code, Some(0));
    let elsewhere = Program::new(&["teardown"]).env("GITHUB_OUTPUT", step.file("output").to_str().unwrap());
    assert_eq!(elsewhere.run().code, Some(2), "and nobody is asked without a terminal");
    assert!(!step.file("output").exists() && !step.file("summary").exists());
}

#[test]
fn outputs_that_cannot_be_written_are_no_success() {
    let local = Local::start(&[]);
    let program = local.program(&["plan"]).env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", "/does/not/exist");
    let ran = program.run();
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("error: the results could not all be written: "), "{ran}");
}
