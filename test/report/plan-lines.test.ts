import { expect, test } from "vitest"
import type { Plan, PlannedChange } from "../../src/events/plan.ts"
import { planLines } from "../../src/report/plan-lines.ts"
import { change, created, plan } from "./build.ts"
import { framed } from "./frame.ts"

interface Look {
  readonly columns?: number
  readonly color?: boolean
  readonly verbose?: boolean
}

function shown(given: Plan, { columns = 80, color = false, verbose = false }: Look = {}): string {
  return framed(planLines(given, { columns, color, verbose, root: "/home/ann/shop" }), columns)
}

const foreign = {
  code: "FOREIGN",
  fact: "/etc/motd is already there and Fettle did not make it",
  next: "fettle adopt ADDRESS takes it over as it is; or set adopt: true; or choose another id",
  place: "/home/ann/shop/fettle.ts:12",
}

const everyAction: readonly PlannedChange[] = [
  created("host.directory[/srv/shop]"),
  change("web/host.file[config]", "update", {
    because: "content, mode differ",
    cause: "wanted+drift",
    drift: [{ name: "mode", from: '"0644"', to: '"0777"' }],
    props: [
      { name: "content", from: "text of 120 characters", to: "text of 140 characters" },
      { name: "mode", from: '"0777"', to: '"0644"' },
    ],
  }),
  change("http.object[queue]", "replace", { because: "region differs", cause: "wanted", order: "delete-first" }),
  change("http.object[topic]", "replace", {
    because: "its id changes from a to b",
    cause: "wanted",
    order: "create-first",
    from: "http.object[events]",
  }),
  change("host.file[hosts]", "create", { because: "was there, is gone", cause: "gone" }),
  change("http.object[seed]", "create", {
    because: "repeats a create that was cut off, with its token",
    cause: "interrupted",
  }),
  change("task[migrate]", "run", { because: "an input changed: migrations" }),
  change("each[users]", "decide", { because: "its inputs come from http.object[queue]" }),
  change("host.file[issue]", "adopt", { because: "taken over as it is" }),
  change("host.file[old]", "delete", { because: "left the program", cause: "left" }),
  change("host.file[kept]", "forget", { because: "left the program; retained", cause: "left" }),
  change("host.file[moved]", "refresh", {
    because: "it moved since it was recorded",
    drift: [{ name: "size", from: "10", to: "12" }],
  }),
  change("host.file[motd]", "blocked", { because: foreign.fact, error: foreign }),
  change("host.process[greeter]", "blocked", { because: "waits for host.file[motd]", error: foreign }),
  change("check[answers]", "check", { because: "asked at every apply" }),
  change("check[rows]", "check", { because: "asked at every apply" }),
]

test("every action, sign and cause at 80 columns", () => {
  expect(shown(plan(everyAction, { total: 136 }))).toMatchInlineSnapshot(`
    "|  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]      wanted + drift: content, mode differ
    |    ! mode  "0644" → "0777"  in the world
    |      content  text of 120 characters → text of 140 characters
    |      mode     "0777" → "0644"
    |-/+ http.object[queue]         wanted: region differs · the old one goes first
    |+/- http.object[topic]
    |      wanted: its id changes from a to b · the new one first · was
    |      http.object[events]
    |  + host.file[hosts]           gone
    |  + http.object[seed]
    |      interrupted: repeats a create that was cut off, with its token
    |  > task[migrate]              an input changed: migrations
    |  ? each[users]                its inputs come from http.object[queue]
    |  = host.file[issue]           taken over as it is
    |  - host.file[old]             left the program
    |  . host.file[kept]            left the program; retained
    |  ! host.file[moved]           it moved since it was recorded
    |    ! size  10 → 12  in the world
    |  ○ 2 checks: check[answers], check[rows]
    |
    |  × host.file[motd]  FOREIGN
    |      /etc/motd is already there and Fettle did not make it
    |      declared  fettle.ts:12
    |      next      fettle adopt 'host.file[motd]' takes it over as it is; or set
    |                adopt: true; or choose another id
    |  × host.process[greeter]  waits for host.file[motd]
    |
    |3 to create, 1 to update, 2 to replace, 1 to delete, 1 to run, 1 to decide,
    |1 to adopt, 1 to refresh, 1 to forget, 2 blocked, 2 checks · 120 unchanged"
  `)
})

test("every action on a narrow terminal", () => {
  expect(shown(plan(everyAction, { total: 136 }), { columns: 40 })).toMatchInlineSnapshot(`
    "|  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]
    |      wanted + drift: content, mode
    |      differ
    |    ! mode  in the world
    |          "0644"
    |        → "0777"
    |      content
    |          text of 120 characters
    |        → text of 140 characters
    |      mode     "0777" → "0644"
    |-/+ http.object[queue]
    |      wanted: region differs · the old
    |      one goes first
    |+/- http.object[topic]
    |      wanted: its id changes from a to b
    |      · the new one first · was
    |      http.object[events]
    |  + host.file[hosts]    gone
    |  + http.object[seed]
    |      interrupted: repeats a create that
    |      was cut off, with its token
    |  > task[migrate]
    |      an input changed: migrations
    |  ? each[users]
    |      its inputs come from
    |      http.object[queue]
    |  = host.file[issue]
    |      taken over as it is
    |  - host.file[old]      left the program
    |  . host.file[kept]
    |      left the program; retained
    |  ! host.file[moved]
    |      it moved since it was recorded
    |    ! size  10 → 12  in the world
    |  ○ 2 checks: check[answers] and 1 more
    |
    |  × host.file[motd]  FOREIGN
    |      /etc/motd is already there and
    |      Fettle did not make it
    |      declared  fettle.ts:12
    |      next      fettle adopt
    |                'host.file[motd]' takes
    |                it over as it is; or set
    |                adopt: true; or choose
    |                another id
    |  × host.process[greeter]
    |      waits for host.file[motd]
    |
    |3 to create, 1 to update, 2 to replace,
    |1 to delete, 1 to run, 1 to decide,
    |1 to adopt, 1 to refresh, 1 to forget,
    |2 blocked, 2 checks · 120 unchanged"
  `)
})

test("every action at 120 columns", () => {
  expect(shown(plan(everyAction, { total: 136 }), { columns: 120 })).toMatchInlineSnapshot(`
    "|  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]      wanted + drift: content, mode differ
    |    ! mode  "0644" → "0777"  in the world
    |      content  text of 120 characters → text of 140 characters
    |      mode     "0777" → "0644"
    |-/+ http.object[queue]         wanted: region differs · the old one goes first
    |+/- http.object[topic]         wanted: its id changes from a to b · the new one first · was http.object[events]
    |  + host.file[hosts]           gone
    |  + http.object[seed]          interrupted: repeats a create that was cut off, with its token
    |  > task[migrate]              an input changed: migrations
    |  ? each[users]                its inputs come from http.object[queue]
    |  = host.file[issue]           taken over as it is
    |  - host.file[old]             left the program
    |  . host.file[kept]            left the program; retained
    |  ! host.file[moved]           it moved since it was recorded
    |    ! size  10 → 12  in the world
    |  ○ 2 checks: check[answers], check[rows]
    |
    |  × host.file[motd]  FOREIGN
    |      /etc/motd is already there and Fettle did not make it
    |      declared  fettle.ts:12
    |      next      fettle adopt 'host.file[motd]' takes it over as it is; or set adopt: true; or choose another id
    |  × host.process[greeter]  waits for host.file[motd]
    |
    |3 to create, 1 to update, 2 to replace, 1 to delete, 1 to run, 1 to decide, 1 to adopt, 1 to refresh, 1 to forget,
    |2 blocked, 2 checks · 120 unchanged"
  `)
})

test("colours say what is calm and what is not", () => {
  expect(shown(plan(everyAction, { total: 136 }), { color: true, columns: 120 })).toMatchInlineSnapshot(`
    "|<green>  + </>host.directory[/srv/shop]  <dim>new</>
    |<yellow>  ~ </>web/host.file[config]      <yellow>wanted + drift</><dim>: content, mode differ</>
    |<yellow>    ! </>mode  <dim>"0644"</><dim> → </>"0777"<dim>  in the world</>
    |      content  <dim>text of 120 characters</><dim> → </>text of 140 characters
    |      mode     <dim>"0777"</><dim> → </>"0644"
    |<magenta>-/+ </>http.object[queue]         wanted<dim>: region differs</><dim> · the old one goes first</>
    |<magenta>+/- </>http.object[topic]         wanted<dim>: its id changes from a to b</><dim> · the new one first</><dim> · was </>http.object[events]
    |<green>  + </>host.file[hosts]           <yellow>gone</>
    |<green>  + </>http.object[seed]          <magenta>interrupted</><dim>: repeats a create that was cut off, with its token</>
    |<cyan>  > </>task[migrate]              <dim>an input changed: migrations</>
    |<cyan>  ? </>each[users]                <dim>its inputs come from http.object[queue]</>
    |<green>  = </>host.file[issue]           <dim>taken over as it is</>
    |<red>  - </>host.file[old]             <dim>left the program</>
    |<dim>  . </>host.file[kept]            <dim>left the program; retained</>
    |<yellow>  ! </>host.file[moved]           <dim>it moved since it was recorded</>
    |<yellow>    ! </>size  <dim>10</><dim> → </>12<dim>  in the world</>
    |<cyan>  ○ </>2 checks<dim>: check[answers], check[rows]</>
    |
    |<red>  × </>host.file[motd]  <alarm>FOREIGN</>
    |      /etc/motd is already there and Fettle did not make it
    |      <dim>declared  </>fettle.ts:12
    |      <cyan>next      </>fettle adopt 'host.file[motd]' takes it over as it is; or set adopt: true; or choose another id
    |<red>  × </>host.process[greeter]  <dim>waits for host.file[motd]</>
    |
    |<green>3 to create</>, <yellow>1 to update</>, <magenta>2 to replace</>, <red>1 to delete</>, <cyan>1 to run</>, <cyan>1 to decide</>, <green>1 to adopt</>, <yellow>1 to refresh</>, <dim>1 to forget</>,
    |<alarm>2 blocked</>, 2 checks <dim>· 120 unchanged</>"
  `)
})

test("a replacement says what is stopped when", () => {
  const replaced = (order: "create-first" | "stop-first" | "delete-first") =>
    shown(
      plan([change("docker.container[web]", "replace", { because: "env differs", cause: "wanted", order })], {
        total: 1,
      }),
    )
  expect(replaced("create-first")).toMatch(/\+\/- docker\.container\[web\] +wanted: env differs · the new one first/)
  expect(replaced("stop-first")).toMatch(
    /-\/\+ docker\.container\[web\] +wanted: env differs · the old one is stopped first/,
  )
  expect(replaced("delete-first")).toMatch(
    /-\/\+ docker\.container\[web\] +wanted: env differs · the old one goes first/,
  )
})

test("an ordinary plan ends with its counts", () => {
  const changes = [
    created("host.directory[/srv/shop]"),
    created("host.file[config]"),
    created("host.process[shop]"),
    change("sqlite.migrations[orders]", "update", {
      because: "2 migrations are new",
      cause: "wanted",
      props: [{ name: "migrations", from: "3", to: "5" }],
    }),
    change("check[answers]", "check"),
    change("check[rows]", "check"),
  ]
  expect(shown(plan(changes, { total: 126 }))).toMatchInlineSnapshot(`
    "|  + host.directory[/srv/shop]  new
    |  + host.file[config]          new
    |  + host.process[shop]         new
    |  ~ sqlite.migrations[orders]  wanted: 2 migrations are new
    |      migrations  3 → 5
    |  ○ 2 checks: check[answers], check[rows]
    |
    |3 to create, 1 to update, 2 checks · 120 unchanged"
  `)
})

test("nothing to change", () => {
  const calm = plan([change("check[answers]", "check")], { total: 35 })
  expect(shown(plan([], { total: 34 }))).toMatchInlineSnapshot(`"|Nothing to change: 34 resources are as declared."`)
  expect(shown(plan([], { total: 1 }), { color: true })).toMatchInlineSnapshot(
    `"|<green>Nothing to change:</> 1 resource is as declared."`,
  )
  expect(shown(calm)).toMatchInlineSnapshot(`"|Nothing to change: 34 resources are as declared. 1 check to ask."`)
  expect(shown(calm, { columns: 40 })).toMatchInlineSnapshot(`
    "|Nothing to change: 34 resources are as
    |declared. 1 check to ask."
  `)
})

test("values: secrets by name, what is missing, what is long", () => {
  const props = [
    { name: "password", from: "[secret DB_PASSWORD]", to: "[secret DB_PASSWORD_2]" },
    { name: "owner", to: '"shop"' },
    { name: "group", from: '"wheel"' },
    { name: "token" },
    { name: "command", from: `"${"node server.js ".repeat(5).trim()}"`, to: '"node --enable-source-maps server.js"' },
  ]
  const changes = [change("host.process[shop]", "update", { because: "5 props differ", cause: "wanted", props })]
  expect(shown(plan(changes))).toMatchInlineSnapshot(`
    "|  ~ host.process[shop]  wanted: 5 props differ
    |      password  [secret DB_PASSWORD] → [secret DB_PASSWORD_2]
    |      owner     nothing → "shop"
    |      group     "wheel" → nothing
    |      token
    |      command
    |          "node server.js node server.js node server.js node server.js node
    |          server.js"
    |        → "node --enable-source-maps server.js"
    |
    |1 to update · 0 unchanged"
  `)
  expect(shown(plan(changes), { columns: 40 })).toMatchInlineSnapshot(`
    "|  ~ host.process[shop]
    |      wanted: 5 props differ
    |      password
    |          [secret DB_PASSWORD]
    |        → [secret DB_PASSWORD_2]
    |      owner     nothing → "shop"
    |      group     "wheel" → nothing
    |      token
    |      command
    |          "node server.js node server.js
    |          node server.js node server.js
    |          node server.js"
    |        → "node --enable-source-maps
    |          server.js"
    |
    |1 to update · 0 unchanged"
  `)
})

const diff = [
  "@@ -1,6 +1,6 @@",
  " {",
  '-  "port": 80,',
  '+  "port": 8080,',
  '+\t"host": "a"  ',
  " }",
  "@@ -20,24 +20,24 @@",
  ...Array.from({ length: 24 }, (_, index) => `${index % 3 === 0 ? "+" : " "}line ${index}`),
].join("\n")

test("a text diff is cropped with a count; verbose shows all of it", () => {
  const changes = [change("host.file[config]", "update", { because: "content differs", cause: "wanted", text: diff })]
  expect(shown(plan(changes), { color: true })).toMatchInlineSnapshot(`
    "|<yellow>  ~ </>host.file[config]  wanted<dim>: content differs</>
    |      <dim>@@ -1,6 +1,6 @@</>
    |       {
    |      <red>-  "port": 80,</>
    |      <green>+  "port": 8080,</>
    |      <green>+⇥   "host": "a"··</>
    |       }
    |      <dim>@@ -20,24 +20,24 @@</>
    |      <green>+line 0</>
    |       line 1
    |       line 2
    |      <green>+line 3</>
    |       line 4
    |<dim>      … 19 more lines, 6 of them changed; --verbose shows all</>
    |
    |<yellow>1 to update</> <dim>· 0 unchanged</>"
  `)
  const all = shown(plan(changes), { verbose: true })
  expect(all).toContain("line 23")
  expect(all).not.toContain("more lines")
})

test("drift alone is told from what the program wants", () => {
  const changes = [
    change("host.file[config]", "update", {
      because: "mode differs",
      cause: "drift",
      drift: [{ name: "mode", from: '"0600"', to: '"0666"' }],
      props: [{ name: "mode", from: '"0666"', to: '"0600"' }],
    }),
  ]
  expect(shown(plan(changes, { total: 3 }))).toMatchInlineSnapshot(`
    "|  ~ host.file[config]  drift: mode differs
    |    ! mode  "0600" → "0666"  in the world
    |      mode  "0666" → "0600"
    |
    |1 to update · 2 unchanged"
  `)
})

test("a thousand of a kind are cropped, what is rare is not", () => {
  const changes = [
    ...Array.from({ length: 1_000 }, (_, index) => created(`host.file[page-${index}]`)),
    change("host.process[shop]", "update", { because: "restartOn changed", cause: "wanted" }),
    change("host.file[old]", "delete", { because: "left the program", cause: "left" }),
  ]
  const lines = shown(plan(changes, { total: 1_200 })).split("\n")
  expect(lines.slice(0, 2)).toEqual(["|  + host.file[page-0]   new", "|  + host.file[page-1]   new"])
  expect(lines.slice(-6).join("\n")).toMatchInlineSnapshot(`
    "|  + host.file[page-37]  new
    |    … 962 more host.file to create; --verbose shows all
    |  ~ host.process[shop]  wanted: restartOn changed
    |  - host.file[old]      left the program
    |
    |1,000 to create, 1 to update, 1 to delete · 198 unchanged"
  `)
  expect(lines.length).toBeLessThan(50)
  expect(shown(plan(changes), { verbose: true }).split("\n").length).toBe(1_004)
})

test("a large plan is grouped by what its addresses begin with", () => {
  const group = (name: string, amount: number): PlannedChange[] => [
    ...Array.from({ length: amount }, (_, index) => created(`${name}/host.file[page-${index}]`)),
    created(`${name}/host.process[shop]`),
  ]
  const changes = [...group("blue", 300), ...group("green", 2), created("host.directory[/srv]")]
  const lines = shown(plan(changes)).split("\n")
  expect([...lines.slice(0, 3), "…", ...lines.slice(-12)].join("\n")).toMatchInlineSnapshot(`
    "|blue/  301 changes
    |  + blue/host.file[page-0]   new
    |  + blue/host.file[page-1]   new
    …
    |    … 265 more host.file to create; --verbose shows all
    |  + blue/host.process[shop]  new
    |
    |green/  3 changes
    |  + green/host.file[page-0]   new
    |  + green/host.file[page-1]   new
    |  + green/host.process[shop]  new
    |
    |in no group  1 change
    |  + host.directory[/srv]  new
    |
    |305 to create · 0 unchanged"
  `)
})

test("one error that stops many is told once", () => {
  const down = {
    code: "READ_FAILED",
    fact: "web did not answer within 10s",
    next: "mend the cause and plan again",
    cause: "connect ETIMEDOUT",
  }
  const changes = [
    change("host.directory[/srv]", "blocked", {
      because: down.fact,
      error: { ...down, place: "/home/ann/shop/fettle.ts:3" },
    }),
    ...Array.from({ length: 400 }, (_, index) =>
      change(`host.file[page-${index}]`, "blocked", {
        because: down.fact,
        error: { ...down, place: `/home/ann/shop/fettle.ts:${index}` },
      }),
    ),
    ...Array.from({ length: 3 }, (_, index) =>
      change(`check[page-${index}]`, "blocked", { because: "waits for host.file[page-0]", error: down }),
    ),
  ]
  expect(shown(plan(changes))).toMatchInlineSnapshot(`
    "|  × host.directory[/srv]  READ_FAILED
    |      web did not answer within 10s
    |      cause     connect ETIMEDOUT
    |      declared  fettle.ts:3
    |      next      mend the cause and plan again
    |  × host.file[page-0]  the same
    |  × host.file[page-1]  the same
    |  × host.file[page-2]  the same
    |  × host.file[page-3]  the same
    |  × host.file[page-4]  the same
    |    … 398 more blocked by the same; --verbose shows all
    |
    |404 blocked · 0 unchanged"
  `)
})

test("many errors of one code are counted after the first few", () => {
  const changes = Array.from({ length: 30 }, (_, index) => {
    const fact = `/srv/${index} is already there and Fettle did not make it`
    return change(`host.file[/srv/${index}]`, "blocked", {
      because: fact,
      error: { code: "FOREIGN", fact, next: "fettle adopt ADDRESS takes it over" },
    })
  })
  const lines = shown(plan(changes)).split("\n")
  expect(lines.slice(-8).join("\n")).toMatchInlineSnapshot(`
    "|      /srv/3 is already there and Fettle did not make it
    |      next      fettle adopt 'host.file[/srv/3]' takes it over
    |  × host.file[/srv/4]  FOREIGN
    |      /srv/4 is already there and Fettle did not make it
    |      next      fettle adopt 'host.file[/srv/4]' takes it over
    |    … 25 more blocked with FOREIGN; --verbose shows all
    |
    |30 blocked · 0 unchanged"
  `)
})

test("verbose shows where things are, and every check", () => {
  const changes = [
    change("host.file[config]", "create", {
      because: "not there",
      cause: "new",
      connection: "web",
      id: "/srv/shop/config.json",
      place: "/home/ann/shop/fettle.ts:9",
    }),
    change("check[answers]", "check", { because: "asked at every apply" }),
  ]
  expect(shown(plan(changes), { verbose: true })).toMatchInlineSnapshot(`
    "|  + host.file[config]  new
    |      on web · id /srv/shop/config.json · declared fettle.ts:9
    |  ○ check[answers]     asked at every apply
    |
    |1 to create, 1 check · 0 unchanged"
  `)
})

test("a plan says what it is limited to", () => {
  const changes = [change("host.file[a]", "delete", { because: "left the program", cause: "left" })]
  expect(shown(plan(changes, { options: { destroy: true } }))).toMatchInlineSnapshot(`
    "|Everything of this stage is to be deleted.
    |
    |  - host.file[a]  left the program
    |
    |1 to delete · 0 unchanged"
  `)
  expect(shown(plan([], { options: { targets: ["web/host.file[a]"] }, total: 4 }))).toMatchInlineSnapshot(`
    "|Only web/host.file[a] and what it needs.
    |
    |Nothing to change: what was asked for is as declared."
  `)
  expect(
    shown(plan([change("check[a]", "check")], { options: { verifyOnly: true }, total: 4 })),
  ).toMatchInlineSnapshot(`
    "|Only checks are asked; nothing is changed.
    |
    |1 check"
  `)
  expect(shown(plan([], { options: { refreshOnly: true }, total: 4 }))).toMatchInlineSnapshot(`
    "|Only state is brought up to what is there; nothing else is touched.
    |
    |Nothing to change: state says what is there."
  `)
})

test("rows that no declaration stands behind do not make others look changed", () => {
  const error = { code: "STRANDED", fact: "its connection left the program", next: "fettle state forget ADDRESS" }
  const changes = [change("host.file[a]", "blocked", { because: "stranded", error })]
  expect(shown(plan(changes, { total: 4 }))).toMatchInlineSnapshot(`
    "|  × host.file[a]  STRANDED
    |      its connection left the program
    |      next      fettle state forget 'host.file[a]'
    |
    |1 blocked · 4 unchanged"
  `)
})
