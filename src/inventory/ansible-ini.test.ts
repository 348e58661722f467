import { expect, test } from "vitest"
import { readAnsibleIni, splitPort } from "./ansible-ini.ts"
import { RawInventory } from "./raw.ts"

const read = (text: string): RawInventory => {
  const raw = new RawInventory()
  readAnsibleIni(text, "hosts", raw)
  return raw
}

test.each([
  ["web1", { web1: {} }],
  ["web1:2222", { web1: { ansible_port: 2222 } }],
  ["web[1:2]:22 a=1", { web1: { ansible_port: 22, a: 1 }, web2: { ansible_port: 22, a: 1 } }],
  ["[fe80::1]:22", { "fe80::1": { ansible_port: 22 } }],
  [`h a='b c' d="e \\"f" g=h\\ i # the rest`, { h: { a: "b c", d: 'e "f', g: "h i" } }],
  ["h a=007 b=-3 c=True d=true e=1.5 f=a#b", { h: { a: "007", b: -3, c: true, d: "true", e: "1.5", f: "a#b" } }],
  ["; no\n# no\n\n  h  \r\n", { h: {} }],
  ["h a=1\n[g]\nh b=2", { h: { a: 1, b: 2 } }],
  ["h __proto__=x", { h: Object.fromEntries([["__proto__", "x"]]) }],
])("hosts of %j", (text, expected) => {
  expect(Object.fromEntries(read(text).hosts)).toEqual(expected)
})

test("groups, children and vars", () => {
  const raw = read(
    "[web] # front\nweb[1:2]\n[all:vars]\nssh_key = ~/.ssh/a b\n[site:children]\nweb\ndb\n[web:vars]\nport=80\nname='x'\n",
  )
  expect([...raw.groups].map(([name, group]) => [name, [...group.hosts], [...group.children], group.vars])).toEqual([
    ["web", ["web1", "web2"], [], { port: 80, name: "x" }],
    ["all", [], [], { ssh_key: "~/.ssh/a b" }],
    ["site", [], ["web", "db"], {}],
    ["db", [], [], {}],
  ])
})

test.each([
  ["[g", "hosts:1"],
  ["\n[g:hots]", "hosts:2"],
  ["h x", "NAME=VALUE"],
  ["h a='b", "quote"],
  ["[g:vars]\nx", "hosts:2"],
  ["[g:children]\na b", "alone"],
  ["w[3:1]", "no range"],
])("%j is refused at its line", (text, says) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({ code: "INVENTORY_INVALID", fact: expect.stringContaining(says) }),
  )
})

test.each([
  ["web", "web", undefined],
  ["web:22", "web", 22],
  ["web[1:3]", "web[1:3]", undefined],
  ["web[1:3].x:22", "web[1:3].x", 22],
  ["fe80::1", "fe80::1", undefined],
  ["[::1]:22", "::1", 22],
])("port of %s", (pattern, name, port) => {
  expect(splitPort(pattern)).toEqual([name, port])
})
