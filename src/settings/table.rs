//! Which settings there are. A row gives an option of `up` its variable and its key in the file; nothing else about it is
//! written down twice: name, type, limits and default are those of the option.

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its key in the file: the long name of its option, or the name of its argument.
    pub(crate) key: &'static str,
    /// How it is written in the file.
    pub(crate) kind: Kind,
    /// Where it counts.
    pub(super) scope: Scope,
    /// Variables that every AWS tool heeds: they come before the file, too.
    pub(super) aws: &'static [AwsVariable],
}

/// How a value is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text that says where a secret is. A wrong one is never repeated: it may be the secret.
    SecretSource,
    WholeNumber,
    Number,
    /// Of texts.
    List,
    /// Of texts by name.
    Table,
    /// A directory below the file's own. A file that came with a repository must not make anything else public.
    Directory,
}

/// Where a setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Everywhere,
    /// The local AWS has its own region, and nobody signs in to it.
    AwsOnly,
}

/// A variable that the AWS SDK heeds by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AwsVariable {
    /// It holds the setting's value.
    Same(&'static str),
    /// It makes the setting superfluous, and what it holds is nobody's business.
    Instead(&'static str),
}

const REGION: &[AwsVariable] = &[AwsVariable::Same("AWS_REGION"), AwsVariable::Same("AWS_DEFAULT_REGION")];

/// A pipeline signs in by itself: the profile of a developer's machine, which is not on its own, must not count there.
const PROFILE: &[AwsVariable] = &[
    AwsVariable::Same("AWS_PROFILE"),
    AwsVariable::Instead("AWS_ACCESS_KEY_ID"),
    AwsVariable::Instead("AWS_WEB_IDENTITY_TOKEN_FILE"),
    AwsVariable::Instead("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    AwsVariable::Instead("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
];

const fn setting(key: &'static str, kind: Kind) -> Setting {
    Setting { key, kind, scope: Scope::Everywhere, aws: &[] }
}

const fn aws_setting(key: &'static str, aws: &'static [AwsVariable]) -> Setting {
    Setting { key, kind: Kind::Text, scope: Scope::AwsOnly, aws }
}

/// All settings, in the order in which they are shown.
///
/// No endpoint is among them, nor the relay's file: a file that came with a repository must not lead calls and credentials
/// astray, or bring a program along.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("stack", Kind::Text),
    setting("stage", Kind::Text),
    aws_setting("region", REGION),
    aws_setting("profile", PROFILE),
    setting("client", Kind::Directory),
    setting("stun", Kind::List),
    setting("turn", Kind::Text),
    setting("turn-url", Kind::List),
    setting("turn-secret-from", Kind::SecretSource),
    setting("turn-life", Kind::WholeNumber),
    setting("allowed-origins", Kind::List),
    setting("join-token-from", Kind::SecretSource),
    setting("arch", Kind::Text),
    setting("memory", Kind::WholeNumber),
    setting("timeout", Kind::WholeNumber),
    setting("log-retention", Kind::WholeNumber),
    setting("existing-bucket", Kind::Text),
    setting("existing-role", Kind::Text),
    setting("permissions-boundary", Kind::Text),
    setting("role-path", Kind::Text),
    setting("throttle-rate", Kind::Number),
    setting("throttle-burst", Kind::WholeNumber),
    // A table stands at the end of a file.
    setting("tags", Kind::Table),
];

impl Setting {
    pub(super) fn with_key(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// As clap calls it.
    pub(crate) fn id(&self) -> String {
        self.key.replace('-', "_")
    }

    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("WEBRTC_AWS_{}", self.id().to_ascii_uppercase())
    }
}

impl Kind {
    /// For people who wrote something else.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::SecretSource => "a text in quotes",
            Self::WholeNumber => "a whole number without quotes",
            Self::Number => "a number without quotes",
            Self::List => "a list of texts, [\"…\", \"…\"], with at least one",
            Self::Table => "a table of texts, [tags] and below it team = \"blue\"",
            Self::Directory => "a directory below this file, in quotes",
        }
    }
}
