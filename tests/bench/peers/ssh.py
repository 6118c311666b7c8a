"""sshfs from an sshd of its own: a key, a port and a configuration that are made for it and go with it."""

import pathlib
import subprocess

from peers import read_mounted
from programs import Program, free_port, unmount, why_absent

SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/host_key
AuthorizedKeysFile {work}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
# Compiled into Debian's sshd; the system's service makes it, and here there may be no such service.
PRIVILEGE_SEPARATION = pathlib.Path("/run/sshd")


class Sshfs:
    name = "sshfs"

    def why_not(self):
        return why_absent("sshd", "sshfs", "ssh-keygen", "fusermount3")

    def fetch(self, source, work):
        point, port = work / "mount", free_port()
        point.mkdir()
        for key in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / key], check=True)
        (work / "sshd.conf").write_text(SSHD.format(work=work, port=port), encoding="utf-8")
        made = not PRIVILEGE_SEPARATION.exists()
        PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
        try:
            # sshd runs itself anew for a session, so it wants to be called by its whole path.
            with Program(["/usr/sbin/sshd", "-D", "-e", "-f", work / "sshd.conf"], work / "sshd.log") as server:
                server.listens_on(port)
                return self._read(source, point, port, work, server)
        finally:
            unmount(point)
            if made:
                PRIVILEGE_SEPARATION.rmdir()

    @staticmethod
    def _read(source, point, port, work, server):
        options = (f"IdentityFile={work}/user_key,UserKnownHostsFile=/dev/null,StrictHostKeyChecking=no,"
                   "IdentitiesOnly=yes,max_conns=1")
        words = ["sshfs", "-f", "-F", "/dev/null", "-p", str(port), "-o", options,
                 f"root@127.0.0.1:{source.parent}", point]
        with Program(words, work / "sshfs.log") as mount:
            return read_mounted(server, mount, point / source.name, "sshfs lists the file")
