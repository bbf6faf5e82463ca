//! The image that the Dockerfile describes, built by `tests/image/build` and taken apart here: what is in it, and that it runs as the chart has pods run.

mod contents;
mod lives;
mod network;
mod node;
mod pod;
mod seccomp;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::servers::done;

/// An image as a folder of the OCI layout.
struct Image {
    layout: PathBuf,
    manifest: Json,
    /// What it says of how it is run: `User`, `Env`, `Entrypoint`, `Cmd`, `WorkingDir`, `Labels`.
    config: Json,
}

impl Image {
    /// The one that was built. Each part is what its digest says.
    fn built() -> Self {
        let layout = Path::new(env!("TEST_IMAGE")).join("layout");
        let index: Json = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 1, "{index:#}");
        let manifest: Json = serde_json::from_slice(&std::fs::read(blob(&layout, &manifests[0])).unwrap()).unwrap();
        let about: Json = serde_json::from_slice(&std::fs::read(blob(&layout, &manifest["config"])).unwrap()).unwrap();
        Self { layout, manifest, config: about["config"].clone() }
    }

    /// Puts its files into a folder, as a runtime does before it starts a container.
    fn unpack(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for layer in self.manifest["layers"].as_array().unwrap() {
            assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
            let mut tar = std::process::Command::new("tar");
            tar.args(["--extract", "--gzip", "--numeric-owner", "--same-owner", "--preserve-permissions", "--file"]);
            done(tar.arg(blob(&self.layout, layer)).arg("--directory").arg(folder));
        }
    }

    /// A list of words in its configuration.
    fn words(&self, key: &str) -> Vec<String> {
        self.config[key].as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
    }
}

/// The file of a part.
fn blob(layout: &Path, described: &Json) -> PathBuf {
    let digest = described["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let file = layout.join("blobs/sha256").join(digest);
    let found: String = Sha256::digest(std::fs::read(&file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, digest);
    file
}
