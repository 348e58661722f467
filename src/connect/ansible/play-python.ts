/**
 * A stdout callback of Ansible: one line of JSON for each thing that a reporter wants to know. `FETTLE_PLAY` names the folder of
 * this run; what variables it holds is gone when the playbook begins.
 */
const CALLBACK = String.raw`
from __future__ import annotations

DOCUMENTATION = """
name: fettle
type: stdout
short_description: one line of JSON for each event
description: for Fettle alone
"""
import json, os, sys
from ansible.plugins.callback import CallbackBase

TEXT_MAX = 65536


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "fettle"

    def say(self, **event):
        sys.stdout.write("FETTLE1 " + json.dumps(event, default=str) + "\n")
        sys.stdout.flush()

    def v2_playbook_on_start(self, playbook):
        try:
            os.remove(os.environ["FETTLE_PLAY"] + "/vars.json")
        except OSError:
            pass

    def v2_playbook_on_play_start(self, play):
        self.say(event="play", name=play.get_name().strip())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.say(event="task", name=task.get_name().strip())

    v2_playbook_on_handler_task_start = lambda self, task: self.v2_playbook_on_task_start(task, False)

    def ended(self, result, how, **more):
        facts = getattr(result, "_result", None) or {}
        hidden = bool(facts.get("_ansible_no_log"))
        items = facts.get("results") if isinstance(facts.get("results"), list) else [facts]
        words = [self.words(each) for each in items if isinstance(each, dict) and (how in ("ok", "skipped") or each.get("failed") or each is facts)]
        said = next((each for each in words if each), self.words(facts))
        self.say(
            event="result", how=how, host=result._host.get_name(), task=result._task.get_name().strip(),
            changed=bool(facts.get("changed")), words="" if hidden else said[:2000],
            unasked=not hidden and any("check mode" in each for each in words), **more
        )

    def words(self, facts):
        said = [facts.get(name) for name in ("msg", "skip_reason") if facts.get(name)]
        text = "; ".join(each if isinstance(each, str) else json.dumps(each, default=str) for each in said)
        more = next((facts[name] for name in ("stderr", "module_stderr") if isinstance(facts.get(name), str) and facts[name].strip()), "")
        return text + (": " + more.strip().split("\n")[0] if more and facts.get("rc") else "")

    def v2_runner_on_ok(self, result):
        self.ended(result, "ok")

    def v2_runner_on_skipped(self, result):
        self.ended(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.ended(result, "failed", ignored=bool(ignore_errors))

    def v2_runner_on_unreachable(self, result):
        self.ended(result, "unreachable")

    def v2_on_file_diff(self, result):
        facts = getattr(result, "_result", None) or {}
        for each in facts["results"] if isinstance(facts.get("results"), list) else [facts]:
            if isinstance(each, dict) and each.get("diff") and each.get("changed") and not each.get("_ansible_no_log"):
                self._display_diff = self._get_diff(each["diff"])
                self.say(
                    event="diff", host=result._host.get_name(), task=result._task.get_name().strip(),
                    text=self._display_diff[:TEXT_MAX],
                )

    def v2_playbook_on_stats(self, stats):
        self.say(event="stats", hosts={name: stats.summarize(name) for name in sorted(stats.processed)})
`

/**
 * Runs on this machine, in the Python that has ansible-core: standard input holds JSON with `argv`, `variables` and `environment`.
 * Nothing secret stands in an argument list; variables lie in memory, where there is a folder for that, until the playbook begins.
 */
export const PLAY = `
import json, os, shutil, sys, tempfile
given = json.loads(sys.stdin.buffer.read().decode())
null = os.open(os.devnull, os.O_RDONLY)
os.dup2(null, 0)
base = "/dev/shm" if os.access("/dev/shm", 7) else None
folder = tempfile.mkdtemp(prefix="fettle-play-", dir=base)
code = 250
try:
    with open(folder + "/fettle.py", "w") as file:
        file.write(CALLBACK)
    argv = ["ansible-playbook"] + given["argv"]
    if given["variables"]:
        with os.fdopen(os.open(folder + "/vars.json", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            json.dump(given["variables"], file)
        argv += ["-e", "@" + folder + "/vars.json"]
    os.environ.update(given["environment"])
    known = os.environ.get("ANSIBLE_CALLBACK_PLUGINS")
    os.environ.update(
        FETTLE_PLAY=folder, ANSIBLE_STDOUT_CALLBACK="fettle", ANSIBLE_CALLBACK_PLUGINS=folder + (":" + known if known else ""),
        ANSIBLE_FORCE_COLOR="0", ANSIBLE_NOCOLOR="1", ANSIBLE_RETRY_FILES_ENABLED="0", ANSIBLE_DISPLAY_SKIPPED_HOSTS="1",
    )
    sys.argv = argv
    from ansible.cli.playbook import main
    try:
        code = main(argv)
    except SystemExit as left:
        code = left.code
    sys.stdout.flush()
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(code)
`.replace("CALLBACK", () => `json.loads(${JSON.stringify(JSON.stringify(CALLBACK))})`)
