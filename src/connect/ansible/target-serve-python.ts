/** The warm Python: it has the module code loaded, forks for each call, and ends what runs too long or is waited for by nobody. */
export const SERVE = `
class Server:
    def __init__(self, place, listener, shell):
        self.place, self.listener, self.shell = place, listener, shell
        self.born = born(shell)
        self.child = None
        with open(place + "/pid", "w") as file:
            file.write("%d %s %s" % (os.getpid(), (born(os.getpid()) or b"?").decode(), numbers()))
        signal.signal(signal.SIGTERM, lambda *_: self.leave())
        self.archive = place + "/payload.zip"
        self.codes = {}
        sys.path.insert(0, self.archive)
        sys.path = [each for each in sys.path if each not in ("", ".")]
        try:
            import ctypes
            self.libc = ctypes.CDLL(None)
        except Exception:
            self.libc = None
        from ansible.module_utils import basic
        self.basic = basic

    def serve(self):
        while True:
            ready = select.select([self.listener], [], [], 0.5)[0]
            if self.born is None or born(self.shell) != self.born or not os.path.isdir(self.place):
                self.leave()
            if ready:
                peer = self.listener.accept()[0]
                try:
                    send(peer, packed(self.answer(json.loads(receive(peer).decode()), peer)))
                except (OSError, EOFError):
                    pass
                finally:
                    peer.close()

    def leave(self):
        try:
            if self.child is not None:
                os.killpg(self.child, 9)
        except OSError:
            pass
        finally:
            shutil.rmtree(self.place, ignore_errors=True)
            os._exit(0)

    def answer(self, calls, peer):
        """What does not fit one answer is not begun, and asked for again."""
        answers, size = [], 0
        for call in calls:
            if size > ANSWERS_MAX:
                break
            answers.append(self.call(call, peer))
            size += len(zlib.compress(json.dumps(answers[-1]).encode()))
        return {"answers": answers}

    def call(self, call, peer):
        folder = tempfile.mkdtemp(prefix="fettle-ansible-")
        try:
            args = dict(call["args"])
            for name, text in call["files"].items():
                import base64
                args[name] = "%s/%s" % (folder, name)
                with open(args[name], "wb") as file:
                    file.write(base64.b64decode(text))
            for name in ("out", "err"):
                os.close(os.open("%s/.%s" % (folder, name), os.O_CREAT | os.O_WRONLY, 0o600))
            args["_ansible_tmpdir"] = folder
            chosen = next((each for each in call["modules"] if not each["where"] or os.path.exists(each["where"])), None)
            if chosen is None:
                return NOBODY
            for name in chosen["without"]:
                args.pop(name, None)
            module = chosen["python"]
            shown = self.before(call, args)
            ended = self.fork(module, args, call, folder, peer)
            result = found_in(tail("%s/.out" % folder, RESULT_MAX * 4))
            answer = dict(ended, stderr=tail("%s/.err" % folder, 4096))
            if result is None:
                answer["printed"] = tail("%s/.out" % folder, 4096)
                return answer
            diff = result.pop("diff", None)
            for name in call["files"]:
                result.pop(name, None)
            if shown is not None and result.get("changed"):
                diff = [shown] + (diff if isinstance(diff, list) else [diff or {}])
            text = None if call["noLog"] else diff_text(diff)
            if len(json.dumps(result)) > RESULT_MAX:
                result = {"changed": result.get("changed"), "failed": True, "msg": "its result is longer than 256 KB"}
            return dict(answer, result=result, **({"text": text} if text else {}))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def before(self, call, args):
        """What a file that is sent would replace, as the part of Ansible that runs on the controller would show it."""
        if not call["diff"] or "src" not in call["files"]:
            return None
        path = args["dest"]
        if os.path.isdir(path) or path.endswith("/"):
            path = os.path.join(path, args.get("_original_basename") or "")
        texts = [text_of(each) for each in (path, args["src"])]
        if None in texts or texts[0] == texts[1]:
            return None
        return {"before": texts[0], "after": texts[1], "before_header": path, "after_header": path}

    def fork(self, module, args, call, folder, peer):
        if module not in self.codes:
            from importlib.util import find_spec
            spec = find_spec(module)
            self.codes[module] = (spec, spec.loader.get_code(module))
        hears, tells = os.pipe()
        began = time.time()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                code = self.run(module, args, call, folder, tells, peer)
            except BaseException:
                traceback.print_exc()
                code = 1
            finally:
                os._exit(code)
        os.close(tells)
        self.child = pid
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass
        init, ended = False, None
        while ended is None:
            left = began + call["timeoutS"] - time.time()
            if left <= 0:
                ended = "late"
                break
            for each in select.select([hears, peer], [], [], min(left, 0.2))[0]:
                if each is peer:
                    if not peer.recv(1):
                        ended = "left"
                elif os.read(hears, 16):
                    init = True
                else:
                    ended = os.waitpid(pid, 0)[1]
                    break
            else:
                done, status = os.waitpid(pid, os.WNOHANG) if ended is None else (0, 0)
                if done:
                    ended = status
        os.close(hears)
        self.child = None
        if not isinstance(ended, int):
            end(pid)
        if ended == "left":
            raise EOFError("nobody waits for it any more")
        code = -1 if ended == "late" else (ended >> 8 if ended & 0x7F == 0 else 128 + (ended & 0x7F))
        return {"init": init, "late": ended == "late", "exitCode": code, "ms": int((time.time() - began) * 1000)}

    def run(self, module, args, call, folder, tells, peer):
        os.setpgid(0, 0)
        if self.libc is not None and hasattr(self.libc, "prctl"):
            self.libc.prctl(1, 9, 0, 0, 0)
        os.dup2(os.open("%s/.out" % folder, os.O_WRONLY), 1)
        os.dup2(os.open("%s/.err" % folder, os.O_WRONLY), 2)
        self.listener.close()
        peer.close()
        os.environ.update(call["env"])
        basic = self.basic
        begin_module = basic.AnsibleModule.__init__

        def begun(self, *given, **named):
            begin_module(self, *given, **named)
            os.write(tells, b"i")

        basic.AnsibleModule.__init__ = begun
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        spec, code = self.codes[module]
        script = types.ModuleType("__main__")
        script.__dict__.update(
            __file__=spec.origin, __spec__=spec, __loader__=spec.loader, __package__=spec.parent,
            _module_fqn=module, _modlib_path=self.archive,
        )
        sys.modules["__main__"] = script
        sys.argv = [spec.origin]
        ended = 0
        try:
            exec(code, script.__dict__)
        except SystemExit as left:
            ended = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
        except BaseException:
            traceback.print_exc()
            ended = 1
        import atexit
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        return ended


def end(pid):
    for kill in (lambda: os.killpg(pid, 15), lambda: time.sleep(0.3), lambda: os.killpg(pid, 9)):
        try:
            kill()
        except OSError:
            pass
    os.waitpid(pid, 0)


`
