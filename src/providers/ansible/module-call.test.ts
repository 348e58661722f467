import { expect, test } from "vitest"
import { FettleError } from "../../errors.ts"
import { type Args, modulePartsOf } from "./module-call.ts"

test.each<[string, string, Args, object]>([
  ["a module as it is", "lineinfile", { path: "/a" }, { choices: [{ name: "lineinfile" }], args: { path: "/a" } }],
  [
    "one of a collection",
    "community.general.ini_file",
    { path: "/a" },
    { choices: [{ name: "community.general.ini_file" }] },
  ],
  [
    "a command",
    "ansible.builtin.command",
    { cmd: "ls" },
    { choices: [{ name: "command" }], args: { _raw_params: "ls" } },
  ],
  ["a command as a list", "command", { argv: ["ls"] }, { args: { argv: ["ls"] } }],
  [
    "a shell",
    "shell",
    { cmd: "ls | wc", chdir: "/" },
    { choices: [{ name: "command" }], args: { _raw_params: "ls | wc", _uses_shell: true, chdir: "/" } },
  ],
  ["contents", "copy", { content: "x", dest: "/a" }, { args: { dest: "/a" }, sends: { content: "x" } }],
  [
    "a file",
    "copy",
    { src: "a/b.txt", dest: "/a/" },
    { args: { dest: "/a/", _original_basename: "b.txt" }, sends: { local: "a/b.txt" } },
  ],
  ["a copy there", "copy", { src: "/a", dest: "/b", remote_src: true }, { args: { src: "/a", remote_src: true } }],
  ["facts", "gather_facts", {}, { choices: [{ name: "setup" }] }],
])("what is run: %s", (_what, module, args, parts) => {
  expect(modulePartsOf(module, args)).toMatchObject(parts)
})

test.each<[string, string, readonly string[]]>([
  ["package", "/usr/bin/apt-get", ["apt", "dnf5", "dnf", "community.general.apk"]],
  ["service", "/run/systemd/system", ["systemd", "service"]],
  ["ansible.builtin.dnf", "/usr/bin/dnf5", ["dnf5", "dnf"]],
])("%s is chosen on the host", (module, where, names) => {
  const { choices } = modulePartsOf(module, {})
  expect(choices[0]?.where).toBe(where)
  expect(choices.map(({ name }) => name)).toEqual(expect.arrayContaining([...names]))
})

test.each<[string, string, Args, RegExp, string]>([
  ["a template", "ansible.builtin.template", {}, /on the controller/, "host.file"],
  ["a fetch", "fetch", {}, /on the controller/, "slurp"],
  ["a step of a playbook", "set_fact", {}, /on the controller/, "TypeScript"],
  ["an archive from here", "unarchive", { src: "a.tar", dest: "/a" }, /send a file from here/, "remote_src: true"],
  ["a copy of nothing", "copy", { dest: "/a" }, /needs src/, ""],
])("what is refused: %s", (_what, module, args, fact, next) => {
  const thrown = (() => {
    try {
      modulePartsOf(module, args)
    } catch (error) {
      return error
    }
  })()
  expect(thrown).toBeInstanceOf(FettleError)
  expect((thrown as FettleError).fact).toMatch(fact)
  expect((thrown as FettleError).next).toContain(next)
})
