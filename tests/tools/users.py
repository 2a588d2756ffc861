# SPDX-License-Identifier: BSD-2-Clause
"""Two users of a container, root and 1000, who tell what they are and may do.

Each has a file in /mnt, where it waits for ask.NAME to appear, and answers in
told.NAME; both listen on one socket.
"""

import ctypes, os, socket, time

def tried(fn, *args):
    """What it comes to in a child: a word."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            fn(*args)
            os.write(w, b"done")
        except OSError as e:
            os.write(w, str(e.errno).encode())
        os._exit(0)
    os.close(w)
    word = os.read(r, 100).decode()
    os.close(r)
    os.waitpid(pid, 0)
    return word

def mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"x", b"/srv", b"tmpfs", 0, None) != 0 or libc.umount(b"/srv") != 0:
        raise OSError(ctypes.get_errno(), "mount")

def caps():
    with open("/proc/self/status") as f:
        return [l.split()[1] for l in f if l.startswith("Cap")]

def tell(who, listening):
    st = [os.stat("/mnt/" + f) for f in ("root", "user")]
    with socket.create_connection(listening.getsockname()):
        listening.accept()[0].close()
    return "%s %s %s %s caps %s files %s becomes %s %s %s mounts %s host %s" % (who, os.getresuid(), os.getresgid(), os.getgroups(),
        caps(), [(s.st_uid, s.st_gid) for s in st], tried(os.setuid, 1000), tried(os.setuid, 999999), tried(os.setgroups, [7, 8]),
        tried(mounts), socket.gethostname())

listening = socket.socket()
listening.bind(("127.0.0.1", 7000))
listening.listen()
who = "root"
if os.fork() == 0:
    os.setgroups([5, 1000])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)
    who = "user"
with open("/mnt/" + who, "w") as f:
    f.write("of " + who)
while not (os.path.exists("/mnt/root") and os.path.exists("/mnt/user")):
    time.sleep(0.01)
if who == "root":
    print("ready", flush=True)
while True:
    if os.path.exists("/mnt/ask." + who):
        os.unlink("/mnt/ask." + who)
        with open("/mnt/new." + who, "w") as f:
            f.write(tell(who, listening) + "\n")
        os.rename("/mnt/new." + who, "/mnt/told." + who)
    time.sleep(0.01)
