"""rclone's mount of a directory that nginx serves over HTTP: plain and unverified."""

from peers import read_mounted
from programs import Program, free_port, unmount, why_absent

NGINX = """
daemon off;
user root;
worker_processes auto;
pid {work}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; }}
}}
"""


class RcloneMount:
    name = "rclone mount over HTTP from nginx"

    def why_not(self):
        return why_absent("nginx", "rclone", "fusermount3")

    def fetch(self, source, work):
        point, port = work / "mount", free_port()
        point.mkdir()
        config = work / "nginx.conf"
        config.write_text(NGINX.format(work=work, port=port, root=source.parent), encoding="utf-8")
        try:
            with Program(["nginx", "-e", "stderr", "-p", work, "-c", config], work / "nginx.log") as server:
                server.listens_on(port)
                words = ["rclone", "mount", ":http:", point, "--http-url", f"http://127.0.0.1:{port}/", "--read-only",
                         "--vfs-cache-mode", "off", "--config", "/dev/null", "--cache-dir", work / "cache"]
                with Program(words, work / "rclone.log") as mount:
                    return read_mounted(server, mount, point / source.name, "rclone lists the file")
        finally:
            unmount(point)
