//! The binary: parse, configure, wire, run.

mod cli;
mod commands;
mod config;
mod loading;
mod serving;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Output that nobody reads any more (`kith … | head`) is the end, not a fault.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    end_with_the_reader();
    let cli = cli::Cli::parse();
    let config = match config::Config::resolve(&cli.global) {
        Ok(config) => config,
        Err(error) => return explain(&error, 2),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return explain(&error.into(), 1),
    };
    match runtime.block_on(commands::run(cli.command, config)) {
        Ok(code) => code,
        Err(error) => explain(&error, 1),
    }
}

/// What happened, and what to do next where an error knows it.
fn explain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("kith: {error:#}");
    ExitCode::from(code)
}
