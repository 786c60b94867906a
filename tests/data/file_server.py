"""A server on this machine that serves bytes as well, or as badly, as a test asks it to."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves bytes from a dict, path → bytes, and notes the Range of each request."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.ranges = True  # whether Range is understood
        self.misplace = 0  # how many bytes after the asked one an answer begins
        self.break_after: list[int] = []  # bytes after which the next answers end early
        self.asked: list[tuple[str, str | None]] = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append((self.path, asked))
        if self.path not in server.content:
            return self.send_error(404)
        content = server.content[self.path]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        body = content[start + server.misplace * bool(start) :]
        if start:
            first = start + server.misplace
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.break_after.pop(0)] if server.break_after else body)

    def log_message(self, *_):
        """Say nothing."""
