//! A network of a pod's own: a namespace, and one wire between it and this machine, at whose end here the API server is found.

use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// See the module. It is gone when this is dropped, or when [`Network::gone`] is run.
pub(super) struct Network {
    name: String,
    here: Ipv4Addr,
    pub(super) pod: Ipv4Addr,
}

impl Network {
    /// Addresses are of the block that is set aside for benchmarks of networks, which nobody routes.
    pub(super) fn new() -> Self {
        let taken = ip(&["-4", "-oneline", "address"]);
        let dice = || u32::try_from(std::hash::RandomState::new().build_hasher().finish() % (1 << 15)).unwrap() << 2;
        let mut nets = std::iter::repeat_with(|| u32::from(Ipv4Addr::new(198, 18, 0, 0)) + dice());
        let net = nets.find(|net| !taken.contains(&format!(" {}/30 ", Ipv4Addr::from(net + 1)))).unwrap();
        let network = Self { name: format!("tnt-{net:x}"), here: (net + 1).into(), pod: (net + 2).into() };
        let (name, wire) = (network.name.as_str(), format!("w-{net:x}"));
        ip(&["netns", "add", name]);
        ip(&["link", "add", &wire, "type", "veth", "peer", "name", "eth0", "netns", name]);
        ip(&["address", "add", &format!("{}/30", network.here), "dev", &wire]);
        ip(&["link", "set", &wire, "up"]);
        ip(&["-netns", name, "address", "add", &format!("{}/30", network.pod), "dev", "eth0"]);
        ip(&["-netns", name, "link", "set", "eth0", "up"]);
        ip(&["-netns", name, "link", "set", "lo", "up"]);
        network
    }

    /// The namespace as a file.
    pub(super) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// What takes it away. The wire goes with one of its ends.
    pub(super) fn gone(&self) -> String {
        format!("ip netns delete {}", self.name)
    }

    /// Where the pod finds a server that listens on this machine alone, from now on.
    pub(super) async fn shows(&self, port: u16) -> SocketAddr {
        let listener = TcpListener::bind((IpAddr::from(self.here), 0)).await.unwrap();
        let shown = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        shown
    }
}

fn ip(args: &[&str]) -> String {
    let ran = Command::new("ip").args(args).output().unwrap();
    assert!(ran.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
