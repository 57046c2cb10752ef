//! The start of the code execution server inside this process, which is shown where it takes long: its first start on a
//! machine compiles its Python. Must not know who asks the server.

use progress::{Progress, Unit};
use sandbox::{SandboxError, ServerConfig, ServerHandle, is_python_compiled};

/// Starts a server.
///
/// # Errors
/// The settings cannot be used, or the server cannot start.
pub(crate) async fn serve(config: ServerConfig) -> Result<ServerHandle, SandboxError> {
    let title = if is_python_compiled(&config) {
        "starting the code execution server"
    } else {
        "compiling the sandbox's Python, once (10 s or so)"
    };
    let _progress = Progress::aside(title, Unit::Parts, None);
    sandbox::serve(config).await
}
