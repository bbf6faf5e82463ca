//! The program: parse, call `cli::run`, return the exit code. The one place where the two faces are put together.

fn main() -> std::process::ExitCode {
    let drivers = tenantry::portal::Drivers::default();
    std::process::ExitCode::from(tenantry::cli::run(std::env::args_os(), &drivers, &tenantry::operator::InCluster))
}
