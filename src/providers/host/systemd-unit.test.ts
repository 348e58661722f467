import { expect, test } from "vitest"
import { environmentLine, fitsUnit, unitName, unitText, unitWord } from "./systemd-unit.ts"

test.each([
  ["/srv/shop/run", /^fettle-srv-shop-run-[0-9a-f]{8}\.service$/],
  ["/srv/shop-run", /^fettle-srv-shop-run-[0-9a-f]{8}\.service$/],
  ["/srv/ünï code", /^fettle-srv-n-code-[0-9a-f]{8}\.service$/],
  [`/${"long/".repeat(200)}end`, /^fettle-[a-z-]{80}-[0-9a-f]{8}\.service$/],
])("the unit of %s can be read and is its own", (directory, name) => {
  expect(unitName(directory)).toMatch(name)
  expect(unitName(directory)).not.toBe(unitName(`${directory}-`))
})

test("the unit file of a service", () => {
  const parts = {
    directory: "/srv/shop/run",
    command: ["node", "server.js", "--title", '50% of "$PRICE"'],
    cwd: "/srv/shop",
    stop: { signal: "INT", graceMs: 0 },
  }
  expect(
    unitText(parts),
  ).toBe(`# A host.process of fettle: what is changed here is put back. Add to it with: systemctl edit ${unitName("/srv/shop/run")}
[Unit]
Description=/srv/shop/run (fettle)
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/bin/sh "/srv/shop/run/supervise" "unit" "/srv/shop/run" "node" "server.js" "--title" "50%% of \\"$$PRICE\\""
WorkingDirectory=/srv/shop
EnvironmentFile=/srv/shop/run/env.host
EnvironmentFile=/srv/shop/run/env
KillSignal=SIGINT
TimeoutStopSec=1ms
Restart=always
RestartSec=2
IgnoreSIGPIPE=no

[Install]
WantedBy=default.target
`)
})

test.each([
  ["a b", '"a b"'],
  ["", '""'],
  ["it's", '"it\'s"'],
  ['\\ " $ %', '"\\\\ \\" $$ %%"'],
  ["a\nb\t\u007f", '"a\\x0ab\\x09\\x7f"'],
  ["ünï", '"ünï"'],
])("the word %j of a command line", (text, word) => {
  expect(unitWord(text)).toBe(word)
})

test.each([
  ["a b", 'A="a b"\n'],
  ['\\ " $ ` %', 'A="\\\\ \\" \\$ \\` %"\n'],
  ["two\nlines", 'A="two\nlines"\n'],
])("the value %j of a variable", (value, line) => {
  expect(environmentLine("A", value)).toBe(line)
})

test.each<readonly [path: string, fits: boolean]>([
  ["/srv/shop/run", true],
  ["/srv/a shop/ünï_1.2-x@y:z,w=v~+", true],
  ["/srv/ends ", false],
  ["/srv/50%", false],
  ["/srv/ends\n", false],
  ...["%", "*", "?", "[", '"', "'", "\\", "#", ";", "$", "\n", "\t"].map((sign): [string, boolean] => [
    `/srv/${sign}x`,
    false,
  ]),
])("whether %j can stand in a unit file: %s", (path, fits) => {
  expect(fitsUnit(path)).toBe(fits)
})
