import { z } from "zod"
import type { AnyProvider } from "../../provider.ts"

/** The files of a module for playbooks, by their paths in the folder beside a playbook. */
export interface ExportedModule {
  /** How a task calls it. */
  readonly name: string
  readonly files: Readonly<Record<string, string>>
}

/** As much of JSON Schema as Ansible is told of. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** What templates of a playbook leave as a text, and a kind wants as what it is. */
const CAST: Readonly<Record<string, string>> = { boolean: "bool", integer: "int", number: "float" }

/**
 * A kind of hosts as a module for playbooks: an action plugin, which Ansible runs on the controller, and beside it the module's page.
 * So the host needs no Python, and what Fettle does there is what it does in a program: a module that runs on the target would need
 * Node there.
 */
export function exportedModule(provider: AnyProvider): ExportedModule {
  const name = `fettle_${provider.kind.replace(/^host\./, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
  const options = optionsOf(provider)
  return {
    name,
    files: {
      [`action_plugins/${name}.py`]: plugin(provider.kind, options),
      [`library/${name}.py`]: page(name, provider, options),
    },
  }
}

interface Option {
  readonly name: string
  readonly description: string
  readonly type: string | undefined
  readonly required: boolean
}

/** The props of every variant; where they differ in type, none is told. */
function optionsOf({ props }: AnyProvider): readonly Option[] {
  const json = z.toJSONSchema(props, { io: "input", unrepresentable: "any" }) as Schema
  const variants = (json.anyOf ?? json.oneOf ?? [json]).filter(({ properties }) => properties !== undefined)
  const names = [...new Set(variants.flatMap(({ properties = {} }) => Object.keys(properties)))]
  return names.map((name) => {
    const all = variants.flatMap(({ properties = {} }) => properties[name] ?? [])
    const types = new Set(all.map(({ type }) => (typeof type === "string" ? type : "")))
    const [type] = types.size === 1 ? types : []
    return {
      name,
      description: all[0]?.description ?? "",
      type: type === "" ? undefined : type,
      required: variants.every(({ required = [] }) => required.includes(name)) && all[0]?.default === undefined,
    }
  })
}

/** A page for `ansible-doc`; the module itself never runs. JSON is YAML, and an escaped text of it is one of Python. */
function page(name: string, { kind, about }: AnyProvider, options: readonly Option[]): string {
  const documentation = {
    module: name,
    short_description: about,
    description: [`The kind ${kind} of Fettle, which the action plugin of this name runs on the controller.`],
    author: ["fettle ansible export"],
    options: Object.fromEntries(
      options.map(({ name: option, description, required }) => [
        option,
        { description: [description || option], type: "raw", required },
      ]),
    ),
  }
  return `# Written by: fettle ansible export ${kind}
DOCUMENTATION = ${python(JSON.stringify(documentation))}
`
}

function plugin(kind: string, options: readonly Option[]): string {
  const casts = options.flatMap(({ name, type = "" }) =>
    CAST[type] === undefined ? [] : [[name, CAST[type]] as const],
  )
  return `# Written by: fettle ansible export ${kind}
# Runs on the controller and lets the fettle command make one resource so, over its own ssh to the host of the task.
import json
import subprocess

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

KIND = ${python(kind)}
CASTS = json.loads(${python(JSON.stringify(Object.fromEntries(casts)))})
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
}

/** A text as Python writes it. */
function python(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}
