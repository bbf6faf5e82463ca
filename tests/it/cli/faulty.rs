//! The program with a portal that misbehaves: the test binary runs itself again, and the child is `tenantry` with a driver that wraps the
//! embedded one and does what the variable [`FAULTS`] says, such as `denied=acme/user/*;slow=300`.
//!
//! | fault | what the portal does |
//! |---|---|
//! | `denied=GLOB`, `refused=GLOB`, `pending=GLOB`, `uncertain=GLOB` | answers so for calls about these addresses, with no effect |
//! | `panic=GLOB` | panics in the first such call, with all that it knows of it in the message |
//! | `unread=denied`, `unread=down` | cannot be read |
//! | `unopened=NAME` | the portal of this name cannot be opened for writing |
//! | `slow=MS` | takes so long for every batch of calls, and says on standard error when one begins |
//! | `kill=N` | ends the whole process by SIGKILL at effect N: effect 2n is just before the n-th call, 2n+1 just after it |

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use globset::{Glob, GlobMatcher};
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Kind, LiveTenant};
use tenantry::portal::embedded::Embedded;
use tenantry::portal::{Call, CallError, Done, Driver, Drivers, Execute, Observe, OpenContext, PortalError, TenantKey};

use crate::support::program::{Ran, command};

/// The variable that names the faults.
const FAULTS: &str = "IT_FAULTS";
/// The variable that has the arguments, one a line.
const ARGUMENTS: &str = "IT_ARGUMENTS";
/// What the child writes before the program begins: all that stands before is the test harness's.
const BEGINS: &str = "--- the program begins ---\n";

/// The command of a child with these faults; its standard output begins with what [`ran`] takes away.
pub(super) fn child(folder: &Path, faults: &str, args: &[&str]) -> Command {
    let mut command = command(std::env::current_exe().expect("this very binary"));
    command.args(["cli::faulty::the_program_as_a_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.current_dir(folder).env(FAULTS, faults).env(ARGUMENTS, args.join("\n"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Takes away what the harness wrote.
pub(super) fn ran(mut ran: Ran) -> Ran {
    let (_, out) = ran.out.split_once(BEGINS).unwrap_or_else(|| panic!("the child never began: {ran:?}"));
    ran.out = out.to_owned();
    ran
}

#[test]
#[ignore = "no test: the entry of the child processes that other tests start"]
#[allow(clippy::exit, reason = "the child is the program, and ends with its exit code")]
fn the_program_as_a_child() {
    use std::io::Write;
    let Ok(faults) = std::env::var(FAULTS) else { return };
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    std::io::stdout().write_all(BEGINS.as_bytes()).expect("standard output");
    let driver = Faulty { inner: Embedded::default(), faults: Arc::new(Faults::parse(&faults)) };
    let arguments = std::iter::once("tenantry").chain(arguments.lines()).map(Into::into);
    let code = tenantry::cli::run(arguments, &Drivers::default().with(Arc::new(driver)), &tenantry::operator::InCluster);
    std::process::exit(code.into());
}

#[derive(Default)]
struct Faults {
    answers: Vec<(String, GlobMatcher)>,
    unread: Option<String>,
    unopened: Option<String>,
    slow: Duration,
    kill: Option<usize>,
    effects: AtomicUsize,
    panicked: AtomicBool,
}

impl Faults {
    fn parse(text: &str) -> Self {
        let mut faults = Self::default();
        for (fault, value) in text.split(';').filter_map(|f| f.split_once('=')) {
            match fault {
                "slow" => faults.slow = Duration::from_millis(value.parse().expect("milliseconds")),
                "kill" => faults.kill = Some(value.parse().expect("a number")),
                "unopened" => faults.unopened = Some(value.to_owned()),
                "unread" => faults.unread = Some(value.to_owned()),
                answer => faults.answers.push((answer.to_owned(), Glob::new(value).expect("a glob").compile_matcher())),
            }
        }
        faults
    }

    fn answer(&self, call: &Call) -> Option<Result<Done, CallError>> {
        let address = call.address.to_string();
        let (fault, _) = self.answers.iter().find(|(_, glob)| glob.is_match(&address))?;
        if fault == "panic" {
            assert!(self.panicked.swap(true, Ordering::SeqCst), "in the middle of {call:?}");
            return None;
        }
        Some(match fault.as_str() {
            "denied" => Err(CallError::Denied("this key may not write".to_owned())),
            "refused" => Err(CallError::Refused("no seat is left".to_owned())),
            "uncertain" => Err(CallError::Uncertain("the connection broke".to_owned())),
            "pending" => Ok(Done::Pending { waits_for: "a technician".to_owned(), work: None }),
            other => panic!("there is no fault {other}"),
        })
    }

    fn readable(&self) -> Result<(), PortalError> {
        match self.unread.as_deref() {
            None => Ok(()),
            Some("denied") => Err(PortalError::Denied("the key has expired".to_owned())),
            Some(_) => Err(PortalError::Unavailable("it does not answer".to_owned())),
        }
    }

    /// Passes one effect, unless the process ends here.
    fn effect(&self) {
        if Some(self.effects.fetch_add(1, Ordering::SeqCst)) == self.kill {
            let killed = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
            std::thread::sleep(Duration::from_secs(10));
            panic!("still alive: {killed:?}");
        }
    }
}

struct Faulty {
    inner: Embedded,
    faults: Arc<Faults>,
}

impl Driver for Faulty {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(Opened { inner: self.inner.open_reader(ctx)?, faults: Arc::clone(&self.faults) }))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        if self.faults.unopened.as_deref() == Some(ctx.spec.name.as_str()) {
            return Err(PortalError::Unavailable("its disk is full".to_owned()));
        }
        Ok(Arc::new(Opened { inner: self.inner.open_writer(ctx)?, faults: Arc::clone(&self.faults) }))
    }
}

struct Opened<T: ?Sized> {
    inner: Arc<T>,
    faults: Arc<Faults>,
}

#[async_trait]
impl<T: Observe + ?Sized> Observe for Opened<T> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.inner.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.faults.readable()?;
        self.inner.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.faults.readable()?;
        self.inner.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.faults.readable()?;
        self.inner.holders(kind, keys).await
    }
}

#[async_trait]
impl<T: Execute + ?Sized> Execute for Opened<T> {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        use std::io::Write;
        if !self.faults.slow.is_zero() {
            let _heard = std::io::stderr().write_all(b"a batch begins\n");
            tokio::time::sleep(self.faults.slow).await;
        }
        let mut answers = Vec::new();
        for call in calls {
            self.faults.effect();
            answers.push(match self.faults.answer(call) {
                Some(answer) => answer,
                None => self.inner.perform(std::slice::from_ref(call)).await.pop().expect("one answer"),
            });
            self.faults.effect();
        }
        answers
    }
}
