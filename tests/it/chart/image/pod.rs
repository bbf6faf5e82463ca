//! A pod as the chart renders it, read so strictly that a field which nobody here would put to the runtime fails the test.

use serde::Deserialize;
use serde_json::Value as Json;

/// What says nothing of how the one container is run on a node: who it belongs to, and where its image comes from.
const OF_NO_CONCERN: [&str; 4] = ["name", "image", "imagePullPolicy", "resources"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pod {
    pub(super) service_account_name: String,
    pub(super) automount_service_account_token: bool,
    pub(super) enable_service_links: bool,
    pub(super) termination_grace_period_seconds: u64,
    pub(super) security_context: ForAll,
    containers: Vec<Container>,
    pub(super) volumes: Vec<Volume>,
}

/// The security context of all of a pod's containers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForAll {
    pub(super) run_as_non_root: bool,
    pub(super) run_as_user: u32,
    pub(super) run_as_group: u32,
    pub(super) fs_group: u32,
    pub(super) seccomp_profile: Seccomp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Container {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<Variable>,
    ports: Vec<Port>,
    liveness_probe: Probe,
    readiness_probe: Probe,
    pub(super) security_context: ForOne,
    pub(super) volume_mounts: Vec<Mount>,
}

/// The security context of one container.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForOne {
    pub(super) allow_privilege_escalation: bool,
    pub(super) capabilities: Capabilities,
    pub(super) read_only_root_filesystem: bool,
    pub(super) run_as_non_root: bool,
    pub(super) seccomp_profile: Seccomp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Capabilities {
    pub(super) drop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "type")]
pub(super) enum Seccomp {
    RuntimeDefault,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Port {
    name: String,
    container_port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    http_get: HttpGet,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpGet {
    path: String,
    port: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) mount_path: String,
    #[serde(default)]
    pub(super) read_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) name: String,
    /// An empty folder with no wishes of its own: the one source that is used here.
    #[serde(rename = "emptyDir")]
    _empty_dir: Nothing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Pod {
    /// The pod of a Deployment.
    pub(super) fn of(deployment: &Json) -> Self {
        let mut pod = deployment["spec"]["template"]["spec"].clone();
        for container in pod["containers"].as_array_mut().unwrap() {
            container.as_object_mut().unwrap().retain(|field, _| !OF_NO_CONCERN.contains(&field.as_str()));
        }
        let pod: Self = serde_json::from_value(pod).unwrap_or_else(|why| panic!("{why}\nin {deployment:#}"));
        assert_eq!(pod.containers.len(), 1);
        pod
    }

    pub(super) fn container(&self) -> &Container {
        &self.containers[0]
    }

    pub(super) fn container_mut(&mut self) -> &mut Container {
        &mut self.containers[0]
    }
}

impl Container {
    /// The port and the path where a node asks whether it is ready, and whether it lives.
    pub(super) fn probes(&self) -> [(u16, &str); 2] {
        [&self.readiness_probe, &self.liveness_probe].map(|probe| {
            let port = self.ports.iter().find(|port| port.name == probe.http_get.port).unwrap();
            (port.container_port, probe.http_get.path.as_str())
        })
    }
}
