//! What is set where, mistakes in a file, and the files that are published: their text is made from the options.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, json};

use super::*;
use crate::cli::Command as Which;
use crate::config::LOG_RETENTION_DAYS;

/// Reads a command line in an environment of these variables alone.
fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Invocation {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let arguments: Vec<OsString> =
        std::iter::once("webrtc-aws").chain(arguments.iter().copied()).map(OsString::from).collect();
    Invocation::read(&arguments, &|name| variables.get(name).map(OsString::from)).unwrap()
}

/// A file of settings, and the options that name it.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webrtc-aws.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

fn setting(invocation: &Invocation, key: &str) -> (Value, Origin) {
    let setting = invocation.settings.as_ref().unwrap().get(key).unwrap().clone();
    (setting.value, setting.origin)
}

fn options() -> Command {
    cli::command().find_subcommand(EVERY_SETTING).unwrap().clone()
}

#[test]
fn an_option_comes_before_the_environment_the_file_and_the_default() {
    let (_directory, path) = file("# one\nmemory = 256\ntimeout = 20\nthrottle-burst = 7\n[tags]\nteam = \"blue\"\n");
    let variables =
        [("WEBRTC_AWS_MEMORY", "512"), ("WEBRTC_AWS_TIMEOUT", "21"), ("WEBRTC_AWS_STUN", "stun:a.test, stun:b.test")];
    let invocation = read(&["up", "--config", &path, "--memory", "1024"], &variables);
    let variable = |name: &str| Origin::Environment { variable: name.to_owned() };
    assert_eq!(setting(&invocation, "memory"), (json!(1024), Origin::Option));
    assert_eq!(setting(&invocation, "timeout"), (json!(21), variable("WEBRTC_AWS_TIMEOUT")));
    assert_eq!(setting(&invocation, "throttle-burst"), (json!(7), Origin::File { file: path, line: 4 }));
    assert_eq!(setting(&invocation, "throttle-rate"), (json!(500), Origin::Default));
    assert_eq!(setting(&invocation, "stun"), (json!(["stun:a.test", "stun:b.test"]), variable("WEBRTC_AWS_STUN")));
    assert_eq!(setting(&invocation, "profile"), (Value::Null, Origin::Default));
    assert_eq!(setting(&invocation, "tags").0, json!({ "team": "blue" }));
    let Which::Up(up) = invocation.cli.command else { panic!("not up") };
    assert_eq!(up.content.tags.tags.len(), 1);
    assert_eq!((up.content.memory, up.content.timeout, up.content.throttle_burst), (1024, 21, 7));
    assert_eq!(up.content.stun.len(), 2);
}

#[test]
fn aws_own_variables_come_before_the_file_and_their_secrets_are_not_shown() {
    let (_directory, path) = file("region = \"eu-central-1\"\nprofile = \"work\"\n");
    let variables =
        [("WEBRTC_AWS_CONFIG", path.as_str()), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_REGION", "us-west-2")];
    let invocation = read(&["plan"], &variables);
    let variable = |name: &str| Origin::Environment { variable: name.to_owned() };
    assert_eq!(setting(&invocation, "region"), (json!("us-west-2"), variable("AWS_REGION")));
    assert_eq!(setting(&invocation, "profile"), (Value::Null, variable("AWS_ACCESS_KEY_ID")));
    let Which::Plan(plan) = invocation.cli.command else { panic!("not plan") };
    assert_eq!((plan.stack.place.region, plan.stack.place.access.profile), (None, None), "left to the SDK");

    let invocation = read(&["plan", "--config", &path], &[]);
    let decided = invocation.settings.as_ref().unwrap().decided();
    assert_eq!(decided.region_from, Some(Origin::File { file: path.clone(), line: 1 }));
    assert_eq!(
        (decided.profile.as_deref(), decided.profile_from),
        (Some("work"), Some(Origin::File { file: path, line: 2 }))
    );
}

#[test]
fn the_local_aws_has_its_own_region_and_needs_no_profile() {
    let (_directory, path) = file("region = \"eu-central-1\"\nmemory = 256\n");
    let invocation = read(&["up", "--local", "--config", &path], &[("WEBRTC_AWS_PROFILE", "work")]);
    let Which::Up(up) = &invocation.cli.command else { panic!("not up") };
    assert_eq!((&up.stack.place.region, &up.stack.place.access.profile, up.content.memory), (&None, &None, 256));
    assert_eq!(setting(&invocation, "region"), (Value::Null, Origin::Default));
}

#[test]
fn a_command_takes_what_it_has_options_for_and_others_need_no_settings() {
    let (_directory, path) = file("stack = \"shop\"\narch = \"arm64\"\nregion = \"eu-central-1\"\n");
    let Which::Teardown(teardown) = read(&["teardown", "--config", &path], &[]).cli.command else {
        panic!("not teardown")
    };
    assert_eq!(teardown.stack.name.as_str(), "shop");
    let Which::Local(local) = read(&["local", "--config", "/does/not/exist"], &[]).cli.command else {
        panic!("not local")
    };
    assert_eq!(local.region, "us-east-1");
}

#[test]
fn mistakes_are_named_with_file_line_and_what_is_allowed() {
    let cases = [
        ("memroy = 256", "1: there is no setting \"memroy\"", "did you mean \"memory\"?"),
        ("\nlog_retention = 7", "2: there is no setting \"log_retention\"", "did you mean \"log-retention\"?"),
        ("xyz = 1", "1: there is no setting \"xyz\"", "there are stack, stage, region"),
        ("endpoint-url = \"http://evil.test\"", "1: there is no setting", "a file cannot set it"),
        ("relay = \"./bootstrap\"", "1: there is no setting", "pass --relay"),
        ("memory = \"256\"", "1: memory is a text, and must be a whole number without quotes", "correct"),
        ("memory = 0x80", "1: memory is a number that is not decimal", "correct"),
        ("stack = 42", "1: stack is a whole number, and must be a text in quotes", "correct"),
        ("stun = []", "1: stun is a list of something else, or of nothing", "correct"),
        ("memory = 64", "1: \"64\" is no value for memory: 64 is not in 128..=10240", "correct"),
        ("arch = \"mips\"", "1: \"mips\" is no value for arch: it is one of x86_64, arm64", "correct"),
        ("profile = \"\"", "1: \"\" is no value for profile: it must not be empty", "correct"),
        ("throttle-rate = nan", "1: \"nan\" is no value for throttle-rate: it is a number", "correct"),
        ("stun = [\"stun.example.org\"]", "1: \"stun.example.org\" is no value for stun: it is 'none'", "correct"),
        (
            "client = \"../page\"",
            "1: client leads out of this file's directory",
            "pass --client or set WEBRTC_AWS_CLIENT",
        ),
        ("client = \"/home\"", "1: client leads out of this file's directory", "pass --client"),
        ("memory = 128\nmemory = 256", "2: this is no TOML: ", "correct that line"),
        ("[tags]\nteam = 1", "1: tags is a table, and must be a table of texts", "correct"),
        ("[tags]\n\"a=b\" = \"c\"", "1: tags is a table, and must be", "correct"),
        ("[tags]\n\"aws:x\" = \"c\"", "1: \"aws:x=c\" is no value for tags: keys that begin with 'aws:'", "correct"),
        ("tag = \"a=b\"", "1: there is no setting \"tag\"", "did you mean \"tags\"?"),
        ("[up]\nmemory = 128", "1: there is no setting \"up\"", "there are"),
    ];
    for (text, summary, hint) in cases {
        let (_directory, path) = file(text);
        let problem = read(&["up", "--config", &path], &[]).settings.unwrap_err();
        assert!(problem.summary.starts_with(&format!("{path}:{summary}")), "{text:?}: {}", problem.summary);
        assert!(problem.hint.contains(hint), "{text:?}: {}", problem.hint);
        assert_eq!(problem.code.exit_code(), 2);
    }
    let (_directory, path) = file("memory = 64\narch = \"mips\"\n");
    assert_eq!(read(&["up", "--config", &path], &[]).settings.unwrap_err().further.len(), 1, "all mistakes at once");
}

#[test]
fn a_link_does_not_make_a_page_of_what_is_elsewhere() {
    let (directory, path) = file("client = \"page\"\n");
    let inside = read(&["up", "--config", &path], &[]);
    assert_eq!(setting(&inside, "client").0, json!(directory.path().join("page").to_str().unwrap()));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/", directory.path().join("page")).unwrap();
        let problem = read(&["up", "--config", &path], &[]).settings.unwrap_err();
        assert!(problem.summary.contains("leads out"), "{problem}");
    }
}

#[test]
fn what_is_not_there_or_not_text_is_said() {
    let problem = read(&["up", "--config", "/does/not/exist.toml"], &[]).settings.unwrap_err();
    assert!(problem.summary.starts_with("the settings in /does/not/exist.toml cannot be read"), "{problem}");
    assert!(
        read(&["up", "--config", "none"], &[("WEBRTC_AWS_CONFIG", "/does/not/exist.toml")])
            .settings
            .unwrap()
            .file
            .is_none()
    );
    let problem = read(&["up", "--config", "none"], &[("WEBRTC_AWS_MEMORY", "")]).settings.unwrap_err();
    assert!(problem.summary.starts_with("the value of WEBRTC_AWS_MEMORY is not valid"), "{problem}");
}

/// Options of `up` that are no settings, and why.
const NO_SETTINGS: &[(&str, &str)] = &[
    ("config", "says where settings are"),
    ("endpoint-url", "would lead calls and credentials astray"),
    ("gateway-url", "goes with the endpoint"),
    ("local", "is another place for once"),
    ("port", "goes with --local"),
    ("relay", "is a program"),
    ("verify", "is about one run"),
    ("no-verify", "is about one run"),
    ("join-token-file", "is about one run, and whoever runs it says where a token lies"),
    ("expires", "would let a file end stacks that are to stay"),
    ("qr", "is about one run"),
    ("timings", "is about one run"),
    ("trace", "is about one run"),
    ("output", "is about one run"),
    ("verbose", "is about one run"),
    ("help", "is about one run"),
];

#[test]
fn every_option_of_up_is_a_setting_or_has_a_reason_not_to_be() {
    let mut command = cli::command();
    command.build();
    for name in ["up", EVERY_SETTING] {
        let command = command.find_subcommand(name).unwrap();
        assert!(SETTINGS.iter().all(|setting| layers::option(command, setting).is_some()), "{name}");
    }
    for option in command.find_subcommand("up").unwrap().get_arguments().filter(|option| option.get_long().is_some()) {
        let is_setting = SETTINGS.iter().any(|setting| option.get_id() == setting.id().as_str());
        let option = option.get_long().unwrap();
        let is_none = NO_SETTINGS.iter().any(|(other, _)| *other == option);
        assert!(is_setting != is_none, "--{option}: is it a setting (src/settings/table.rs), or none, and why?");
    }
}

/// What may stand in a file, as JSON Schema says it. That the options agree is tested below.
fn limits(key: &str) -> Value {
    match key {
        "stack" => json!({ "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": 28 }),
        "stage" => json!({ "pattern": "^[A-Za-z0-9_-]{1,128}$" }),
        "region" => json!({ "pattern": "^[a-z]{2,}(-[a-z]{2,})+-[0-9]{1,2}$" }),
        "profile" | "client" => json!({ "minLength": 1 }),
        "stun" => {
            json!({ "minItems": 1, "items": { "type": "string", "pattern": "^(none|stuns?:[A-Za-z0-9._:\\[\\]-]+)$" } })
        }
        "turn-url" => json!({ "minItems": 1, "items": { "type": "string", "pattern": "^turns?:" } }),
        "turn" => json!({ "enum": ["kvs"] }),
        "turn-secret-from" | "join-token-from" => json!({ "pattern": "^(ssm|secretsmanager):." }),
        "allowed-origins" => {
            json!({ "minItems": 1, "items": { "type": "string", "pattern": "^(self|https?://[A-Za-z0-9._:\\[\\]-]+/?)$" } })
        }
        "turn-life" => json!({ "minimum": 10, "maximum": 86_400 }),
        "arch" => json!({ "enum": ["x86_64", "arm64"] }),
        "memory" => json!({ "minimum": 128, "maximum": 10_240 }),
        "timeout" => json!({ "minimum": 1, "maximum": 29 }),
        "log-retention" => json!({ "enum": LOG_RETENTION_DAYS }),
        "existing-bucket" => json!({ "pattern": "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?$" }),
        "existing-role" => json!({ "pattern": "^[A-Za-z0-9_+=,.@:/-]+$" }),
        "permissions-boundary" => json!({ "pattern": "^arn:[^:]+:iam::[^:]*:policy/.+$" }),
        "role-path" => json!({ "pattern": "^/([!-~]+/)?$", "maxLength": 512 }),
        "throttle-rate" => json!({ "minimum": 1, "maximum": 10_000 }),
        "tags" => json!({ "additionalProperties": { "type": "string", "maxLength": 256 } }),
        "throttle-burst" => json!({ "minimum": 1, "maximum": 5_000 }),
        other => panic!("what may {other} be?"),
    }
}

#[test]
fn the_limits_that_are_published_are_those_of_the_options() {
    let options = options();
    let taken = |setting: &Setting, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        layers::refusal(&options, setting, &text).is_none()
    };
    for setting in SETTINGS {
        let limits = limits(setting.key);
        for (bound, beyond) in [("minimum", -1), ("maximum", 1)] {
            if let Some(bound) = limits[bound].as_i64() {
                assert!(taken(setting, &json!(bound)) && !taken(setting, &json!(bound + beyond)), "{}", setting.key);
            }
        }
        if let Some(allowed) = limits["enum"].as_array() {
            assert!(allowed.iter().all(|value| taken(setting, value)), "{}", setting.key);
            assert!(!taken(setting, &json!("2")));
        }
    }
}

/// The help of an option, whole.
fn help(option: &clap::Arg) -> String {
    option.get_long_help().or(option.get_help()).unwrap().to_string()
}

fn default(setting: &Setting, option: &clap::Arg) -> Value {
    value(setting.kind, option.get_default_values().iter().map(|value| value.to_str().unwrap().to_owned()).collect())
}

fn schema() -> String {
    let options = options();
    let mut properties = Map::new();
    for setting in SETTINGS {
        let option = layers::option(&options, setting).unwrap();
        let mut property = Map::new();
        property.insert("description".into(), help(option).into());
        let kind = match setting.kind {
            Kind::Text | Kind::SecretSource | Kind::Directory => "string",
            Kind::WholeNumber => "integer",
            Kind::Number => "number",
            Kind::List => "array",
            Kind::Table => "object",
        };
        property.insert("type".into(), kind.into());
        property.extend(limits(setting.key).as_object().unwrap().clone());
        let default = default(setting, option);
        if !default.is_null() {
            property.insert("default".into(), default);
        }
        properties.insert(setting.key.into(), property.into());
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "webrtc-aws.toml: settings of webrtc-aws",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// What to write where there is no default.
fn example_value(key: &str) -> &'static str {
    match key {
        "region" => "\"eu-central-1\"",
        "profile" => "\"work\"",
        "client" => "\"page\"",
        "turn" => "\"kvs\"",
        "turn-url" => "[\"turn:turn.example.org:3478?transport=udp\"]",
        "turn-secret-from" => "\"ssm:/turn/secret\"",
        "existing-bucket" => "\"team-pages/calls\"",
        "existing-role" => "\"team-relay\"",
        "allowed-origins" => "[\"self\", \"https://app.example.org\"]",
        "join-token-from" => "\"ssm:/join/token\"",
        "permissions-boundary" => "\"arn:aws:iam::123456789012:policy/limit\"",
        other => panic!("an example of {other}?"),
    }
}

fn example() -> String {
    let options = options();
    let mut text = "\
# Settings of webrtc-aws. It reads the file webrtc-aws.toml in the directory where it is started; --config or WEBRTC_AWS_CONFIG
# name another one, '--config none' none. Options come first, then the environment, then this file, then the defaults.
# 'webrtc-aws config' shows what is set where. Here every setting stands at its default; leave out what you do not change.
#:schema ../schema/webrtc-aws.schema.json
"
    .to_owned();
    for setting in SETTINGS {
        let option = layers::option(&options, setting).unwrap();
        text.push('\n');
        for line in help(option).lines().filter(|line| !line.is_empty()) {
            writeln!(text, "# {line}").unwrap();
        }
        let default = default(setting, option);
        if setting.kind == Kind::Table {
            writeln!(text, "# No default, e.g.:\n# [{}]\n# team = \"blue\"", setting.key).unwrap();
        } else if default.is_null() {
            writeln!(text, "# No default, e.g.:\n# {} = {}", setting.key, example_value(setting.key)).unwrap();
        } else {
            writeln!(text, "{} = {default}", setting.key).unwrap();
        }
    }
    text
}

/// Compares a file with what it is made of; WEBRTC_AWS_PUBLISH=1 writes it anew.
fn is_published(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("WEBRTC_AWS_PUBLISH").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(published, text, "{path} is out of date: WEBRTC_AWS_PUBLISH=1 cargo test --lib settings");
}

#[test]
fn the_schema_and_the_example_are_those_of_the_options() {
    is_published("schema/webrtc-aws.schema.json", &schema());
    is_published("examples/webrtc-aws.toml", &example());
}

#[test]
fn the_example_sets_every_default_and_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/webrtc-aws.toml");
    let set = read(&["config", "--config", path.to_str().unwrap()], &[]).settings.unwrap().all;
    let unset = read(&["config", "--config", "none"], &[]).settings.unwrap().all;
    for (set, unset) in set.iter().zip(&unset) {
        assert_eq!((set.key, &set.value), (unset.key, &unset.value));
        assert_eq!(
            matches!(set.origin, Origin::File { .. }),
            !unset.value.is_null(),
            "{} is not in the example",
            set.key
        );
    }
    // What is commented out is understood, too.
    let text = std::fs::read_to_string(path).unwrap();
    let uncommented = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(line) if Setting::with_key(line.split(" = ").next().unwrap()).is_some() => line,
        Some(line @ ("[tags]" | "team = \"blue\"")) => line,
        _ => line,
    });
    let (_directory, whole) = file(&uncommented.collect::<Vec<_>>().join("\n"));
    let all = read(&["config", "--config", &whole], &[]).settings.unwrap().all;
    assert!(all.iter().all(|setting| matches!(setting.origin, Origin::File { .. })), "{all:?}");
}
