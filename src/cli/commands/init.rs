//! `init`: a first manifest to start from. Never overwrites.

use std::path::Path;

use crate::cli::Face;
use crate::cli::args::{InitArgs, Places};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session;
use crate::model::Name;

/// Runs `init`.
pub(super) fn run(face: &Face<'_>, args: &InitArgs) -> Result<Exit, Failure> {
    let name = Name::new(&args.name).map_err(|e| Failure::usage(format!("--name: {e}")))?;
    if name.is_msp() {
        return Err(Failure::usage("--name msp: that is the MSP's own tenant; name a customer"));
    }
    std::fs::create_dir_all(&args.directory)
        .map_err(|e| Failure::new(Exit::Error, format!("{} cannot be made: {e}", args.directory.display())))?;
    place(face, &args.directory.join(format!("{name}.yaml")), &customer(&name))?;
    let places = Places { file: vec![args.directory.clone()], portals: None, state_dir: None, ledger: None };
    place(
        face,
        &session::state_dir(&places).with_file_name(".gitignore"),
        "# The ledger and the embedded portal of this machine.\n.tenantry/\n",
    )?;
    face.output.note(&format!("Now read what it would do: tenantry plan -f {}", args.directory.display()));
    Ok(Exit::Success)
}

fn place(face: &Face<'_>, file: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write;
    match std::fs::OpenOptions::new().write(true).create_new(true).open(file).and_then(|mut f| f.write_all(text.as_bytes())) {
        Ok(()) => face.output.note(&format!("wrote {}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            face.output.note(&format!("left alone {}, which exists", file.display()))
        }
        Err(error) => return Err(Failure::new(Exit::Error, format!("{} cannot be written: {error}", file.display()))),
    }
    Ok(())
}

fn customer(name: &Name) -> String {
    format!(
        "apiVersion: tenantry.dev/v1alpha1\n\
         kind: Organization\n\
         metadata:\n  name: {name}\n\
         spec:\n  displayName: {name}\n  domains:\n    - name: main\n      domain: {name}.example\n      primary: true\n  \
         roles:\n    - name: staff\n      permissions: [tickets.read, tickets.write]\n  \
         users:\n    - name: first-admin\n      email: admin@{name}.example\n      administrator: true\n      roles: [staff]\n      \
         # False: no e-mail goes out. Remove the line to invite the person.\n      invitation:\n        notify: false\n"
    )
}
