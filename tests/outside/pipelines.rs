//! The pipelines in `examples/`: held to the schemas that GitHub and GitLab publish for them, and their commands run against the
//! local AWS, in the shell and with the variables that the two give them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Output;

use serde_json::Value;

use crate::support::{LocalAws, Outcome, from_venv, get, in_repository, program, stdout, webrtc_aws_path};

const PREVIEW: &str = "examples/github-actions/preview.yml";
const SWEEP: &str = "examples/github-actions/sweep.yml";
const RELEASE: &str = ".github/workflows/release.yml";
const GITLAB: &str = "examples/gitlab-ci/.gitlab-ci.yml";

/// YAML as a reader of version 1.2 sees it, in which 'on' is no truth value.
async fn yaml(file: &str) -> Outcome<Value> {
    let convert = "import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)";
    let output = program(from_venv("python")?).args(["-c", convert]).arg(in_repository(file)).output().await?;
    Ok(serde_json::from_str(&stdout(file, output)?)?)
}

async fn is_as_in_schema(schema: &str, file: &str) -> Outcome {
    let check = program(from_venv("check-jsonschema")?)
        .args(["--builtin-schema", schema])
        .arg(in_repository(file))
        .output()
        .await?;
    stdout(file, check).map(drop)
}

fn text<'a>(value: &'a Value, pointer: &str) -> Outcome<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no text at {pointer} of {value}").into())
}

/// A shell that finds `webrtc-aws`, and no `cargo`: what is run is this one.
fn shell(aws: &LocalAws, options: &[&str], script: &str) -> Outcome<tokio::process::Command> {
    let programs = webrtc_aws_path().parent().ok_or("webrtc-aws is in no directory")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: OsString =
        std::env::join_paths(std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path)))?;
    let mut shell = program("bash");
    shell.args(options).args(["-c", script]).env("PATH", path).env("AWS_ENDPOINT_URL", &aws.endpoint);
    Ok(shell)
}

// --- GitHub --------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_workflows_are_as_github_wants_them() -> Outcome {
    for file in [PREVIEW, SWEEP] {
        is_as_in_schema("vendor.github-workflows", file).await?;
        let workflow = yaml(file).await?;
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({ "contents": "read", "id-token": "write" }),
            "{file}: no more"
        );
        assert_eq!(
            workflow["concurrency"]["cancel-in-progress"], false,
            "{file}: a run that is cut off leaves half a stack"
        );
        steps_are_sound(file, &workflow)?;
    }
    let preview = yaml(PREVIEW).await?;
    assert_eq!(preview["concurrency"]["group"], "preview-${{ github.event.number }}", "one for opening and closing");
    assert_eq!(
        preview["on"]["pull_request"]["types"],
        serde_json::json!(["opened", "reopened", "synchronize", "closed"])
    );
    let guard = "github.event.pull_request.head.repo.full_name == github.repository";
    assert_eq!(preview["jobs"]["preview"]["if"], guard);
    Ok(())
}

fn steps_are_sound(file: &str, workflow: &Value) -> Outcome {
    for job in workflow["jobs"].as_object().ok_or("no jobs")?.values() {
        let mut ids = Vec::new();
        for step in job["steps"].as_array().ok_or("no steps")? {
            let run = step["run"].as_str().unwrap_or_default();
            assert!(
                !run.contains("${{"),
                "{file}: what comes from outside goes into a script by its environment: {run}"
            );
            for value in step["env"].as_object().into_iter().flat_map(|env| env.values()) {
                let id = value.as_str().and_then(|value| value.split("steps.").nth(1)?.split('.').next());
                assert!(id.is_none_or(|id| ids.contains(&id)), "{file}: {value} is of no earlier step");
            }
            ids.extend(step["id"].as_str());
        }
    }
    Ok(())
}

/// It runs on GitHub only: here is held what does not take its machines.
#[tokio::test]
async fn a_release_is_drafted_by_the_only_job_that_may_write() -> Outcome {
    is_as_in_schema("vendor.github-workflows", RELEASE).await?;
    let workflow = yaml(RELEASE).await?;
    steps_are_sound(RELEASE, &workflow)?;
    assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }));
    let jobs = workflow["jobs"].as_object().ok_or("no jobs")?;
    let may_more: Vec<&String> =
        jobs.iter().filter(|(_, job)| job.get("permissions").is_some()).map(|(name, _)| name).collect();
    assert_eq!(may_more, ["draft"]);
    for job in jobs.values() {
        assert!(job["needs"].as_str().is_none_or(|needed| jobs.contains_key(needed)));
        for step in job["steps"].as_array().ok_or("no steps")? {
            let script = step["run"].as_str().unwrap_or_default();
            let check = program("bash").args(["-n", "-c", script]).output().await?;
            stdout(script, check)?;
        }
    }
    Ok(())
}

/// A pull request as the workflow's expressions see it.
struct PullRequest<'a> {
    aws: &'a LocalAws,
    action: &'static str,
}

impl PullRequest<'_> {
    /// Runs a job's scripts; the output of the last one, and all outputs of steps.
    async fn run(&self, file: &str, job: &str) -> Outcome<(Vec<String>, BTreeMap<String, String>)> {
        let workflow = yaml(file).await?;
        let job = &workflow["jobs"][job];
        let directory = tempfile::tempdir()?;
        let (output_file, summary) = (directory.path().join("output"), directory.path().join("summary"));
        let mut outputs = BTreeMap::new();
        let mut said = Vec::new();
        for step in job["steps"].as_array().ok_or("no steps")? {
            let Some(run) = step["run"].as_str().filter(|_| step["name"] != "Install webrtc-aws") else { continue };
            if !self.holds(step["if"].as_str())? {
                continue;
            }
            // As GitHub runs 'run' on Linux.
            let mut shell = shell(self.aws, &["-e"], run)?;
            for variables in [&job["env"], &step["env"]] {
                for (name, value) in variables.as_object().into_iter().flatten() {
                    shell.env(name, self.expanded(value.as_str().ok_or("no text")?, &outputs)?);
                }
            }
            shell.env("GITHUB_ACTIONS", "true").env("CI", "true");
            shell.env("GITHUB_OUTPUT", &output_file).env("GITHUB_STEP_SUMMARY", &summary);
            said.push(stdout(run, shell.output().await?)?);
            if let Some(id) = step["id"].as_str() {
                outputs.extend(read_outputs(id, &std::fs::read_to_string(&output_file).unwrap_or_default())?);
            }
        }
        said.push(std::fs::read_to_string(summary).unwrap_or_default());
        Ok((said, outputs))
    }

    fn holds(&self, condition: Option<&str>) -> Outcome<bool> {
        Ok(match condition {
            None => true,
            Some("github.event.action != 'closed'") => self.action != "closed",
            Some("github.event.action == 'closed'") => self.action == "closed",
            Some(other) => return Err(format!("what is '{other}'?").into()),
        })
    }

    fn expanded(&self, text: &str, outputs: &BTreeMap<String, String>) -> Outcome<String> {
        let Some((before, rest)) = text.split_once("${{") else { return Ok(text.to_owned()) };
        let (expression, after) = rest.split_once("}}").ok_or("no end of an expression")?;
        let value = match expression.trim() {
            "github.event.number" => "42",
            other => outputs.get(other).ok_or_else(|| format!("what is '{other}'?"))?,
        };
        Ok(format!("{before}{value}{}", self.expanded(after, outputs)?))
    }
}

/// The outputs of a step, named as expressions name them.
fn read_outputs(step: &str, file: &str) -> Outcome<BTreeMap<String, String>> {
    let mut outputs = BTreeMap::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").ok_or("no heredoc")?;
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(format!("steps.{step}.outputs.{name}"), value.join("\n"));
    }
    Ok(outputs)
}

#[tokio::test]
async fn a_pull_request_gets_a_page_until_it_is_closed() -> Outcome {
    let aws = LocalAws::start().await?;
    let (said, outputs) = PullRequest { aws: &aws, action: "opened" }.run(PREVIEW, "preview").await?;
    let page = &outputs["steps.deploy.outputs.page_url"];
    assert_eq!(get(page).await?.status, 200);
    assert_eq!(said[1], format!("::notice title=Preview::{page}\n"));
    assert!(said[2].starts_with("### webrtc-aws up pr-42: done, something was changed\n"), "{said:?}");

    let (_, again) = PullRequest { aws: &aws, action: "synchronize" }.run(PREVIEW, "preview").await?;
    assert_eq!(
        (&again["steps.deploy.outputs.page_url"], again["steps.deploy.outputs.changed"].as_str()),
        (page, "false")
    );

    // What was deployed just now is not old.
    PullRequest { aws: &aws, action: "schedule" }.run(SWEEP, "sweep").await?;
    assert_eq!(get(page).await?.status, 200);

    PullRequest { aws: &aws, action: "closed" }.run(PREVIEW, "preview").await?;
    assert_eq!(get(page).await?.status, 404);
    // Closed while nothing stands: no failure.
    PullRequest { aws: &aws, action: "closed" }.run(PREVIEW, "preview").await?;
    Ok(())
}

#[tokio::test]
async fn the_guide_for_the_roles_prints_policies() -> Outcome {
    let aws = LocalAws::start().await?;
    let guide = std::fs::read_to_string(in_repository("examples/github-actions/README.md"))?;
    let script = guide.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no script")?;
    let ours: String =
        script.lines().filter(|line| line.starts_with("webrtc-aws ")).map(|line| format!("{line}\n")).collect();
    let directory = tempfile::tempdir()?;
    stdout(&ours, shell(&aws, &["-e"], &ours)?.current_dir(directory.path()).output().await?)?;
    for file in ["preview-permissions.json", "sweep-permissions.json", "preview-trust.json", "sweep-trust.json"] {
        assert!(script.contains(&format!("> {file}")), "{file}");
        let document: Value = serde_json::from_str(&std::fs::read_to_string(directory.path().join(file))?)?;
        assert_eq!(document["Version"], "2012-10-17", "{file}");
    }
    let whole = std::process::Command::new("bash").args(["-n", "-c", script]).status()?;
    assert!(whole.success());
    Ok(())
}

// --- GitLab --------------------------------------------------------------------------------------------------------------------

/// Runs a job's scripts in one shell, as GitLab's runner does.
async fn gitlab(aws: &LocalAws, job: &str, directory: &std::path::Path) -> Outcome<Output> {
    let pipeline = yaml(GITLAB).await?;
    let lines = |part: &Value| -> Vec<String> {
        part.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let base = text(&pipeline[job], "/extends")?;
    let mut script = lines(&pipeline[base]["before_script"]);
    script.retain(|line| !line.starts_with("cargo install"));
    script.extend(lines(&pipeline[job]["script"]));
    let mut shell = shell(aws, &["-eo", "pipefail"], &script.join("\n"))?;
    shell.current_dir(directory).env("CI", "true").env("CI_MERGE_REQUEST_IID", "7").env("AWS_TOKEN", "a.b.c");
    Ok(shell.output().await?)
}

#[tokio::test]
async fn a_merge_request_gets_a_page_until_its_environment_is_stopped() -> Outcome {
    is_as_in_schema("vendor.gitlab-ci", GITLAB).await?;
    let pipeline = yaml(GITLAB).await?;
    let (preview, removal) = (&pipeline["preview"], &pipeline["remove-preview"]);
    assert_eq!(preview["resource_group"], removal["resource_group"], "a removal waits for a deployment");
    assert_eq!(preview["environment"]["name"], removal["environment"]["name"]);
    assert_eq!(preview["environment"]["on_stop"], "remove-preview");

    let aws = LocalAws::start().await?;
    let directory = tempfile::tempdir()?;
    stdout("preview", gitlab(&aws, "preview", directory.path()).await?)?;
    let variables = std::fs::read_to_string(directory.path().join(text(preview, "/artifacts/reports/dotenv")?))?;
    let page = variables.strip_prefix("PAGE_URL=").ok_or("no PAGE_URL")?.trim_end();
    assert_eq!(get(page).await?.status, 200);

    stdout("sweep", gitlab(&aws, "sweep", directory.path()).await?)?;
    assert_eq!(get(page).await?.status, 200, "what was deployed just now is not old");
    stdout("remove-preview", gitlab(&aws, "remove-preview", directory.path()).await?)?;
    assert_eq!(get(page).await?.status, 404);
    Ok(())
}
