//! The program: parse, call `cli::run`, return the exit code. The one place where the two faces are put together.

/// See docs/decisions/0014-allocator.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let drivers = tenantry::portal::Drivers::default();
    std::process::ExitCode::from(tenantry::cli::run(std::env::args_os(), &drivers, &tenantry::operator::InCluster))
}
