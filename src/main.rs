//! The program: parse, call `cli::run`, return the exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(tenantry::cli::run(std::env::args_os(), &tenantry::portal::Drivers::default()))
}
