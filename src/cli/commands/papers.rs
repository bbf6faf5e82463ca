//! What the program says of itself: schemas, profiles, capabilities, completions, manual pages.

use crate::cli::args::{self, CapabilitiesArgs, CompletionsArgs, Data, ManArgs, ProfileAction, ProfileCommand, SchemaArgs, SchemaName};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Face, settings};
use crate::model::{FieldSupport, KeyScope, Kind, KindCapability, Performer, Readability};
use crate::portal::{load_profile, profile};
use crate::report::style::table;
use crate::{manifest, plan, report};

/// `schema`.
pub(super) fn schema(face: &Face<'_>, args: &SchemaArgs) -> Result<Exit, Failure> {
    let schema = match (args.name, &args.kind) {
        (SchemaName::Manifest, None) => manifest::json_schema_all(),
        (SchemaName::Manifest, Some(kind)) => {
            let kind = Kind::from_name(kind).ok_or_else(|| Failure::usage(format!("--kind {kind}: there is no such kind")))?;
            manifest::json_schema(kind)
        }
        (_, Some(_)) => return Err(Failure::usage("--kind goes with `schema manifest` alone")),
        (SchemaName::Plan, None) => plan::document::json_schema(),
        (SchemaName::Diagnostics, None) => report::diagnostics::json_schema(),
        (SchemaName::Profile, None) => profile::schema().to_value(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|e| Failure::new(Exit::Error, e.to_string()))?;
    face.output.data(&text);
    Ok(Exit::Success)
}

/// `profile`.
pub(super) fn profile(face: &Face<'_>, args: &ProfileCommand) -> Result<Exit, Failure> {
    match &args.action {
        ProfileAction::List => {
            let title = |name: &str| load_profile(name, None).map(|p| p.title.clone()).unwrap_or_default();
            let rows: Vec<_> = profile::shipped().map(|name| vec![name.to_owned(), title(name).into()]).collect();
            face.output.data(&table(&rows, 0));
        }
        ProfileAction::Check { file } => {
            let text =
                std::fs::read_to_string(file).map_err(|e| Failure::new(Exit::Error, format!("{} cannot be read: {e}", file.display())))?;
            let checked = profile::Profile::parse(&text, &file.display().to_string());
            let profile = checked.map_err(|d| Failure::of_diagnostics(Exit::Invalid, d))?;
            let unknown = face.drivers.check(&profile);
            if !unknown.is_empty() {
                return Err(Failure::of_diagnostics(Exit::Invalid, unknown));
            }
            face.output.note(&format!("Valid: profile {}.", profile.name));
        }
    }
    Ok(Exit::Success)
}

/// `capabilities`.
pub(super) fn capabilities(face: &Face<'_>, args: &CapabilitiesArgs) -> Result<Exit, Failure> {
    // The path was typed by a person here, so its own folder is the trusted root.
    let root = std::path::Path::new(".");
    let profile = load_profile(&args.profile, Some(root)).map_err(|d| Failure::of_diagnostics(Exit::Invalid, d))?;
    let kinds = &profile.capabilities().kinds;
    if args.output == Data::Json {
        let json: serde_json::Map<_, _> = kinds.iter().map(|(kind, c)| (kind.def().name.to_owned(), as_json(*kind, c))).collect();
        face.output.data(&serde_json::to_string_pretty(&json).unwrap_or_default());
        return Ok(Exit::Success);
    }
    let mut rows =
        vec![["KIND", "READ", "CREATE", "UPDATE", "DELETE", "RESEND", "KEY UNIQUE IN", "FIELDS NOT FULL"].map(str::to_owned).to_vec()];
    for (kind, c) in kinds {
        let fields =
            c.fields.iter().map(|(id, s)| format!("{} ({})", kind.def().field(*id).path, support(*s))).collect::<Vec<_>>().join(", ");
        rows.push(vec![
            kind.def().name.to_owned(),
            readability(c.read).to_owned(),
            performer(c.create).to_owned(),
            performer(c.update).to_owned(),
            performer(c.delete).to_owned(),
            performer(c.resend).to_owned(),
            scope(c.key_scope).to_owned(),
            fields,
        ]);
    }
    face.output.data(&table(&rows, 0));
    Ok(Exit::Success)
}

fn as_json(kind: Kind, c: &KindCapability) -> serde_json::Value {
    let fields: serde_json::Map<_, _> = kind.def().fields().map(|(id, f)| (f.path.to_owned(), support(c.field(id)).into())).collect();
    serde_json::json!({
        "read": readability(c.read), "create": performer(c.create), "update": performer(c.update), "delete": performer(c.delete),
        "resend": performer(c.resend), "key_unique_in": scope(c.key_scope), "builtin": c.builtin, "fields": fields,
    })
}

const fn support(support: FieldSupport) -> &'static str {
    match support {
        FieldSupport::Full => "full",
        FieldSupport::WriteOnly => "write-only",
        FieldSupport::Immutable => "immutable",
        FieldSupport::Technician => "technician",
        FieldSupport::Unsupported => "unsupported",
    }
}

const fn performer(performer: Performer) -> &'static str {
    match performer {
        Performer::Call => "call",
        Performer::Technician => "technician",
        Performer::Unsupported => "unsupported",
    }
}

const fn readability(read: Readability) -> &'static str {
    match read {
        Readability::Listed => "listed",
        Readability::Unreadable => "unreadable",
    }
}

const fn scope(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Tenant => "tenant",
        KeyScope::Portal => "portal",
    }
}

/// `completions`.
pub(super) fn completions(face: &Face<'_>, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "tenantry", &mut script);
    face.output.data(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}

/// `man`.
pub(super) fn man(face: &Face<'_>, args: &ManArgs) -> Result<Exit, Failure> {
    let mut command = settings::with_variables(args::command());
    command.build();
    let command = match &args.command {
        None => command,
        Some(name) => {
            command.find_subcommand(name).cloned().ok_or_else(|| Failure::usage(format!("man {name}: there is no such command")))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .source(format!("tenantry {}", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .map_err(|e| Failure::new(Exit::Error, e.to_string()))?;
    face.output.data(&String::from_utf8_lossy(&page));
    Ok(Exit::Success)
}
