//! Arguments of the commands that print what the program itself brings along: `capabilities`, `profile`, `schema`, `crds`, `completions`, `man`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Data;

/// `capabilities`.
#[derive(Debug, Args)]
pub struct CapabilitiesArgs {
    /// The profile: a name or a path
    #[arg(default_value = "embedded")]
    pub profile: String,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
    pub output: Data,
}

/// `profile`.
#[derive(Debug, Args)]
pub struct ProfileCommand {
    /// What to do.
    #[command(subcommand)]
    pub action: ProfileAction,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileAction {
    /// List the profiles shipped with the program
    List,
    /// Check a profile that you wrote
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which
    #[arg(value_enum, default_value_t = SchemaName::Manifest)]
    pub name: SchemaName,
    /// Only one kind, such as `User` (with `manifest`)
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
}

/// `crds`.
#[derive(Debug, Args)]
pub struct CrdsArgs {
    /// Directory to write one file a kind into; `-` prints them
    #[arg(long, value_name = "DIR", default_value = "-")]
    pub into: PathBuf,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command; the program itself if none is given.
    pub command: Option<String>,
}

/// Schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// Manifests, all kinds.
    Manifest,
    /// The JSON plan.
    Plan,
    /// Diagnostics.
    Diagnostics,
    /// Profiles.
    Profile,
}
