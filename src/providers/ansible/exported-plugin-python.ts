/**
 * The action plugin of an exported kind. `@KIND_NAME@` stands for its name in words, `@KIND@` and `@CASTS@` for texts of Python: the
 * kind, and as JSON what its props are that a template leaves as a text.
 */
export const PLUGIN = `# Written by: fettle ansible export @KIND_NAME@
# Runs on the controller and lets the fettle command make one resource so, over its own ssh to the host of the task.
import json
import subprocess

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

KIND = @KIND@
CASTS = json.loads(@CASTS@)
CAST = {"bool": lambda text: boolean(text, strict=True), "int": int, "float": float}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        try:
            ask = {
                "kind": KIND,
                "props": {name: self._cast(name, value) for name, value in self._task.args.items()},
                "check": bool(self._task.check_mode),
                "host": {"name": self._play_context.remote_addr or task_vars.get("inventory_hostname"), "vars": self._way()},
            }
        except ValueError as error:
            result.update(failed=True, msg=str(error))
            return result
        config = task_vars.get("fettle_ssh_config")
        if config is not None:
            ask["host"]["config"] = self._templar.template(config)
        command = self._templar.template(task_vars.get("fettle_command", ["fettle"]))
        command = [command] if isinstance(command, str) else list(command)
        try:
            ended = subprocess.run(
                command + ["ansible", "call"],
                input=json.dumps(ask, default=str),
                capture_output=True,
                text=True,
                cwd=self._loader.get_basedir(),
            )
        except OSError as error:
            result.update(failed=True, msg="%s cannot be started: %s. Set fettle_command to where it is." % (command[0], error))
            return result
        try:
            told = json.loads(ended.stdout)
        except ValueError:
            result.update(failed=True, msg="fettle ended with %s: %s" % (ended.returncode, (ended.stderr or ended.stdout)[-2000:]))
            return result
        result["changed"] = bool(told.get("changed"))
        if self._task.diff and told.get("diff"):
            result["diff"] = told["diff"]
        if told.get("failed"):
            result.update(failed=True, msg=told.get("msg"), code=told.get("code"))
        return result

    def _cast(self, name, value):
        if not isinstance(value, str) or name not in CASTS:
            return value
        try:
            return CAST[CASTS[name]](value)
        except (TypeError, ValueError):
            raise ValueError("%s is no %s: %r" % (name, CASTS[name], value))

    def _option(self, *names):
        for name in names:
            try:
                value = self._connection.get_option(name)
            except Exception:
                continue
            if value not in (None, ""):
                return value
        return None

    def _way(self):
        """How this task reaches its host, in the words of an inventory, whatever said it: fettle reads them as it reads one."""
        transport = self._connection.transport
        way = {"ansible_connection": transport}
        if transport != "local":
            way.update(
                ansible_host=self._option("host") or self._play_context.remote_addr,
                ansible_port=self._option("port"),
                ansible_user=self._option("remote_user"),
                ansible_ssh_private_key_file=self._option("private_key_file"),
                ansible_ssh_common_args=self._option("ssh_common_args"),
                ansible_ssh_extra_args=self._option("ssh_extra_args"),
            )
            if self._option("password") and not self._option("private_key_file"):
                raise ValueError("fettle logs in with keys, not with ansible_password: give the host a key")
        become = self._connection.become
        if become is not None:
            way.update(
                ansible_become=True,
                ansible_become_method=become.name,
                ansible_become_user=become.get_option("become_user"),
                ansible_become_password=become.get_option("become_pass"),
            )
        return {name: value for name, value in way.items() if value not in (None, "")}
`
