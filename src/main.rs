//! The program: parse, call `cli::run`, return the exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
