/** The part of the Python on the target that hands a request on to the warm one of this session, and starts that where there is none. */
export const START = `
import json, os, select, shutil, signal, socket, stat, struct, sys, tempfile, time, traceback, types, zlib

ANSWERS_MAX = 400 * 1024
RESULT_MAX = 256 * 1024
TEXT_MAX = 64 * 1024
NOBODY = {
    "init": False, "late": False, "exitCode": 1, "stderr": "",
    "result": {"failed": True, "msg": "this host has nothing that does its work"},
}


def main():
    stream = sys.stdin.buffer
    head = json.loads(stream.readline().decode())
    payload = stream.read(head["zip"])
    work = stream.read()
    if sys.version_info[:2] < tuple(head["python"]):
        return say({"old": "%d.%d" % sys.version_info[:2], "needs": head["python"]})
    place = place_of(head["token"])
    peer = reach(place)
    if peer is None:
        if not payload:
            return say({"need": True})
        begin(place, payload)
        peer = reach(place)
    send(peer, work)
    sys.stdout.write(receive(peer).decode())


def say(answer):
    sys.stdout.write(packed(answer).decode())


def packed(answer):
    import base64
    return base64.b64encode(zlib.compress(json.dumps(answer).encode()))


def place_of(token):
    base = next((each for each in ("/dev/shm", "/tmp", "/var/tmp") if os.path.isdir(each) and os.access(each, 7)), None)
    return "%s/fettle-ansible-%d-%s" % (base or tempfile.gettempdir(), os.getuid(), token)


def reach(place):
    try:
        found = os.lstat(place)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o77:
            return None
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.connect(place + "/socket")
        return peer
    except OSError:
        return None


def send(peer, bytes):
    peer.sendall(struct.pack(">Q", len(bytes)) + bytes)


def receive(peer):
    return exactly(peer, struct.unpack(">Q", exactly(peer, 8))[0])


def exactly(peer, length):
    parts = []
    while length > 0:
        part = peer.recv(min(length, 1 << 20))
        if not part:
            raise EOFError("the warm Python ended")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def begin(place, payload):
    sweep(place)
    os.mkdir(place, 0o700)
    with open(place + "/payload.zip", "wb") as file:
        file.write(payload)
    shell = shell_of(os.getpid())
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(place + "/socket")
    listener.listen(8)
    if os.fork() == 0:
        try:
            quiet(listener)
            Server(place, listener, shell).serve()
        finally:
            os._exit(1)
    listener.close()


def sweep(place):
    """Takes the folder of this session, if it is there, and those of the dead: one that was killed could not clean up."""
    shutil.rmtree(place, ignore_errors=True)
    base, mine = os.path.split(place)
    for name in os.listdir(base):
        if not name.startswith(mine[: mine.rindex("-") + 1]):
            continue
        try:
            with open("%s/%s/pid" % (base, name)) as file:
                pid, since, space = file.read().split()
            if space != numbers() and not begun_long_ago("%s/%s" % (base, name), 86400):
                continue
            if space == numbers() and born(int(pid)) == since.encode():
                continue
        except (OSError, ValueError):
            if not begun_long_ago("%s/%s" % (base, name)):
                continue
        shutil.rmtree("%s/%s" % (base, name), ignore_errors=True)


def begun_long_ago(path, seconds=60):
    try:
        return time.time() - os.lstat(path).st_mtime > seconds
    except OSError:
        return False


def numbers():
    """Whose numbers of processes are ours: another container may share the folder, and its processes cannot be seen."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"


def quiet(listener):
    null = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(null, each)
    for each in range(3, 256):
        if each != listener.fileno():
            try:
                os.close(each)
            except OSError:
                pass


def words_of(pid):
    """State, parent, group, session and so on; empty where it is gone or there is no /proc."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def shell_of(pid):
    """The first process of this session: its leader, or, where that cannot be seen from a container, the oldest below it."""
    words = words_of(pid)
    if not words:
        return os.getsid(0)
    while True:
        above = words_of(int(words[1]))
        if not above or above[3] != words[3]:
            return pid
        pid, words = int(words[1]), above


def born(pid):
    """When a process began; None where it is gone or a zombie. Without /proc only whether it is there."""
    words = words_of(pid)
    if words:
        return None if words[0] in (b"Z", b"X") else words[19]
    if os.path.isdir("/proc/self"):
        return None
    try:
        os.kill(pid, 0)
        return b"alive"
    except OSError:
        return None


`
