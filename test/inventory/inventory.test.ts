import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { type Inventory, inventory } from "../../src/host.ts"

/** A folder with these files. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "fettle-inventory-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const names = (list: Inventory): string => list.hosts.map(({ name }) => name).join(" ")

/** What opening each host fails with before anything is started, if anything. */
async function refusals(list: Inventory): Promise<readonly string[]> {
  const signal = AbortSignal.abort()
  const context = { signal, reveal: () => "" as never, log: () => {} }
  const results = await Promise.allSettled(list.hosts.map(({ connection }) => connection.open(context)))
  return results.map((each) => (each.status === "rejected" ? String((each.reason as { code?: unknown }).code) : ""))
}

interface Listed {
  readonly _meta: { readonly hostvars: Readonly<Record<string, unknown>> }
}

test.each([
  ["ansible/hosts.ini", "ansible-ini"],
  ["ansible", "ansible-ini"],
  ["ansible.yml", "ansible-yaml"],
])("the hosts and variables of %s are those that Ansible finds", async (path, expected) => {
  const list = await inventory.ansible(path)
  const { _meta } = JSON.parse(readFileSync(join(import.meta.dirname, `${expected}.expected.json`), "utf8")) as Listed
  expect(Object.fromEntries(list.hosts.map(({ name, vars }) => [name, vars]))).toEqual(_meta.hostvars)
  expect(list.hosts.find(({ name }) => name.startsWith("web"))?.groups).toEqual(["site", "web"])
})

test("what ansible-inventory prints is read as what it was made from", async () => {
  const [read, printed] = await Promise.all(
    ["ansible.yml", "ansible-yaml.expected.json"].map((each) => inventory.file(each)),
  )
  expect(printed?.hosts.map(({ name, groups, vars }) => [name, groups, vars]).sort()).toEqual(
    read?.hosts.map(({ name, groups, vars }) => [name, groups, vars]).sort(),
  )
})

test("patterns choose by name, group and tag", async () => {
  const list = inventory.hosts([
    "db1",
    { name: "web1", groups: ["web"], tags: ["eu"], user: "deploy", become: "sudo" },
    { name: "web2", groups: ["web"], host: "10.0.0.2", port: 2222 },
  ])
  expect(names(list.in("web:!eu"))).toBe("web2")
  expect([...list].map(({ connection }) => [connection.name, connection.target, connection.labels])).toEqual([
    ["db1", "db1", []],
    ["web1", "web1 as root", ["web", "eu"]],
    ["web2", "10.0.0.2", ["web"]],
  ])
  expect(list.hosts[2]?.connect({ become: { by: "sudo", user: "app" } })).toMatchObject({
    name: "web2 as app",
    target: "10.0.0.2 as app",
  })
  expect(() => list.in("wbe")).toThrow(expect.objectContaining({ code: "LIMIT_UNKNOWN" }))
})

test.each([
  [[{ name: "a", prot: 22 }], "prot"],
  [[{ name: "" }], "host 1"],
  [["a", "a"], "two hosts"],
])("a list of hosts that is none is refused: %j", (list, says) => {
  expect(() => inventory.hosts(list as never)).toThrow(
    expect.objectContaining({ code: "INVENTORY_INVALID", fact: expect.stringContaining(says) }),
  )
})

test("ssh_config names hosts, also those of files that it includes", async () => {
  const folder = folderWith({ "more/a.conf": "Host db1\n  Port 22\n", "more/b.conf": "host = db2\n" })
  const config = `# fleet\nHost web1 web2 *.example.org !bad\n  User x\nMatch host foo\nInclude ${folder}/more/*.conf\nHost *\n`
  writeFileSync(join(folder, "config"), config)
  expect(names(await inventory.file(join(folder, "config")))).toBe("web1 web2 db1 db2")
  expect(names(inventory.sshConfig(join(folder, "config")))).toBe("web1 web2 db1 db2")
  writeFileSync(join(folder, "more/a.conf"), `Include ${folder}/config\n`)
  expect(() => inventory.sshConfig(join(folder, "config"))).toThrow(
    expect.objectContaining({ code: "INVENTORY_INVALID" }),
  )
})

test("a command prints a list of hosts, or what Ansible's scripts print", async () => {
  const folder = folderWith({
    script: `#!/bin/sh\n[ "$1" = --list ] && echo '{"web": {"hosts": ["a"], "vars": {"x": 1}}, "old": ["b"]}'\n`,
  })
  chmodSync(join(folder, "script"), 0o755)
  const script = await inventory.file(join(folder, "script"))
  expect(script.hosts.map(({ name, groups, vars }) => [name, groups, vars])).toEqual([
    ["a", ["web"], { x: 1 }],
    ["b", ["old"], {}],
  ])
  expect(names(await inventory.command(["echo", '["a", {"name": "b", "groups": ["web"]}]']))).toBe("a b")
  for (const [command, code] of [
    [["echo", "nonsense"], "INVENTORY_INVALID"],
    [["echo", '{"web": {"hosts": "a"}}'], "INVENTORY_INVALID"],
    [["echo", '[{"name": "a", "become": {"by": "sh"}}]'], "INVENTORY_INVALID"],
    [["sh", "-c", "echo no >&2; exit 3"], "COMMAND_FAILED"],
    [["fettle-no-such"], "COMMAND_FAILED"],
  ] as const)
    await expect(inventory.command(command as never)).rejects.toMatchObject({ code })
})

test("a host whose inventory says what cannot be taken fails alone, when it is used", async () => {
  const folder = folderWith({
    "hosts.ini":
      "good\nbad1 ansible_ssh_common_args='-o ProxyCommand=\"touch x\"'\nbad2 ansible_host=-oProxyCommand=x\n-oProxyCommand=x\n",
  })
  const list = await inventory.file(join(folder, "hosts.ini"))
  expect(names(list)).toBe("good bad1 bad2 -oProxyCommand=x")
  const [good, ...bad] = await refusals(list)
  expect(good).not.toMatch(/INVENTORY|PROPS/)
  expect(bad).toEqual(["INVENTORY_OPTION", "PROPS_INVALID", "PROPS_INVALID"])
})

test.each([
  ["a.yml", "all:\n  hosts:\n    - web1\n", "hosts of all"],
  ["a.yml", "all: {hosts: {a: b}}\n", "host a"],
  ["a.yml", "all:\n  hots: {}\n", "hots"],
  ["a.yml", "all:\n  hosts: [\n", "a.yml:"],
  ["a.yml", "plugin: aws_ec2\n", "ansible-inventory -i"],
  [
    "a.yml",
    `a: &a [x, x]\n${Array.from({ length: 12 }, (_, at) => `${"bcdefghijklmn"[at]}: &${"bcdefghijklmn"[at]} [${`*${"abcdefghijklm"[at]}, `.repeat(9)}x]`).join("\n")}\n`,
    "alias",
  ],
  ["a.ini", "[a:children]\nb\n[b:children]\na\n", "in itself"],
])("%s with %j is refused", async (name, text, says) => {
  const folder = folderWith({ [name]: text })
  await expect(inventory.file(join(folder, name))).rejects.toMatchObject({
    code: "INVENTORY_INVALID",
    fact: expect.stringContaining(says),
  })
})

test("a file that Ansible's vault sealed is left out and told", async () => {
  const folder = folderWith({
    hosts: "[web]\na\n",
    "group_vars/web/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3361\n",
    "group_vars/web/x.yml": "x: 1\nsealed: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  33\n",
  })
  const list = await inventory.file(join(folder, "hosts"))
  expect(list.warnings).toEqual([expect.stringContaining("vault.yml is sealed")])
  expect(list.hosts[0]?.vars).toMatchObject({ x: 1, sealed: expect.stringContaining("$ANSIBLE_VAULT") })
})

test("a thousand hosts in fifty groups are read at once", async () => {
  const groups = Array.from({ length: 50 }, (_, at) => `[g${at}]\nn${at}-[0001:0020] a=${at}\n[g${at}:vars]\nv=${at}\n`)
  const folder = folderWith({ hosts: groups.join("") })
  const begun = performance.now()
  expect((await inventory.file(join(folder, "hosts"))).hosts).toHaveLength(1_000)
  expect(performance.now() - begun).toBeLessThan(2_000)
})
