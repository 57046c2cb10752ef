"""Runs a command in the place of Python code: a compiler, or a program in another language.

This runs inside all layers, as a candidate does. The command has the same standard input, output and error.
"""
import signal

ARTIFACT = 5
IGNORED = signal.SIGPIPE, signal.SIGXFSZ


def copy(source, target):
    """Copies a file from its start: runs share the file, and with it the offset at which it is read."""
    offset = 0
    while sent := os.sendfile(target, source, offset, 1 << 20):
        offset += sent


def run_command(job):
    """Becomes the command. Where files are wanted of it, runs it as a child instead, and sends the file that it gives.

    Returns the exit status.
    """
    put_files(job.get("files", {}))
    for name, text in job["sources"].items():
        with open(name, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
    if job["takes"]:
        file = os.open(job["takes"], os.O_WRONLY | os.O_CREAT, 0o700)
        copy(ARTIFACT, file)
        os.close(file)
        os.close(ARTIFACT)
    # CPython ignores these, and a program inherits what is ignored (execve(2)).
    for number in IGNORED:
        signal.signal(number, signal.SIG_DFL)
    command, environment = job["command"], job["environment"]
    if not (job["gives"] or "fetch_files" in job):
        os.close(CHANNEL)
        os.execve(command[0], command, environment)
    child = os.posix_spawn(command[0], command, environment, file_actions=[(os.POSIX_SPAWN_CLOSE, CHANNEL)])
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if not job["gives"]:
        return code if code >= 0 else 128 - code
    if code == 0:
        file = os.open(job["gives"], os.O_RDONLY)
        while part := os.read(file, 1 << 20):
            write_all(CHANNEL, part)
    return abs(code)
