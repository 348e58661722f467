import { join } from "node:path"
import {
  type JudgedPlan,
  type PlanPolicy,
  type PolicyFinding,
  policy,
  program,
  resource,
  secret,
  starterPolicies,
  text,
} from "fettle"
import * as docker from "fettle/docker"
import * as host from "fettle/host"
import { describe, expect, test } from "vitest"
import { planLines } from "../../src/report/plan-lines.ts"
import { planMarkdown } from "../../src/report/plan-markdown.ts"
import { sarifReporter } from "../../src/report/sarif.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

const TOKEN = "a-token-that-nobody-may-see"

test("what a policy denies is not applied, what it warns of is; both are in the plan, with the line they are about", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const small = (level: "deny" | "warn"): PlanPolicy =>
    policy(
      "small things",
      ({ nodes }) =>
        nodes.flatMap(({ address, props }) =>
          Number(props.size) > 10 ? [{ address, message: `${String(props.size)} is more than 10` }] : [],
        ),
      { level },
    )
  const built = (level: "deny" | "warn", size = 20) =>
    program("shop", {}, () => void resource(thing, "one", { folder: far.folder, name: "one", size }), {
      providers: [thing],
      policies: [small(level)],
    })
  const denied = await plan(built("deny"))
  expect(denied.exitCode).toBe(1)
  expect(denied.plan?.findings).toEqual([
    {
      policy: "small things",
      level: "deny",
      address: "test.thing[one]",
      message: "20 is more than 10",
      place: expect.stringMatching(/plan-policies\.test\.ts:\d+$/),
    },
  ])
  const refused = await apply(built("deny"))
  expect(refused.error).toMatchObject({
    code: "POLICY_DENIED",
    fact: 'the policy "small things" denies it: test.thing[one]: 20 is more than 10',
    place: expect.stringContaining("plan-policies.test.ts"),
  })
  expect(far.names()).toEqual([])
  const lines = planLines(denied.plan as never, { color: false, columns: 100, verbose: false }).join("\n")
  expect(lines).toMatch(/× denied by the policy "small things"\n +test\.thing\[one\] {2}20 is more than 10/)
  expect(planMarkdown(denied.plan as never, undefined)).toContain("**denied** by the policy")
  expect((await apply(built("warn"))).exitCode).toBe(0)
  expect(far.names()).toEqual(["one"])
  expect((await plan(built("warn"))).plan?.findings).toHaveLength(1)
  expect((await plan(built("deny", 5))).plan?.findings).toBeUndefined()
})

test("a policy sees all that is declared and no secret; one that throws, waits or says nonsense has found that", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder, { env: { TOKEN } })
  const seen: JudgedPlan[] = []
  const judges: readonly (readonly [string, (plan: JudgedPlan) => unknown])[] = [
    ["looks", (each) => (seen.push(each) > 0 ? [] : [])],
    ["throws", () => JSON.parse("{")],
    ["waits", async () => []],
    ["nonsense", () => [{ text: "?" }]],
    ["loud", () => Array.from({ length: 5_000 }, () => ({ message: TOKEN }))],
  ]
  const policies = judges.map(([name, judge]) => policy(name, judge as PlanPolicy["judge"], { level: "warn" }))
  const built = program(
    "shop",
    {},
    () => {
      const made = resource(thing, "made", { folder, name: "made" })
      const content = text`token = ${secret.env("TOKEN")} of ${made.serial}`
      resource(host.file, "conf", { path: join(folder, "conf"), content }, { on: host.local() })
      resource(
        host.file,
        "plain",
        { path: join(folder, "plain"), content: text`${secret.env("TOKEN")}!` },
        { on: host.local() },
      )
    },
    { providers: [thing], policies },
  )
  const { findings = [] } = (await plan(built)).plan ?? {}
  expect(findings.filter((each) => each.policy !== "loud").map(({ policy: of, message }) => [of, message])).toEqual([
    ["throws", expect.stringContaining("it threw: ")],
    ["waits", "it gave no list of findings; it must not be async"],
    ["nonsense", "it gave a finding without a message"],
  ])
  expect(findings.filter((each) => each.policy === "loud")).toHaveLength(101)
  expect(JSON.stringify([findings, seen])).not.toContain(TOKEN)
  const [conf, plain] = ["conf", "plain"].map((name) => seen[0]?.nodes.find((node) => node.address.includes(name)))
  expect(conf?.props).not.toHaveProperty("content")
  expect(plain?.props.content).toBe("[secret TOKEN]!")
})

interface Case {
  readonly name: string
  readonly wrong?: string
  readonly props: object
  readonly protect?: boolean
}

describe("starter policies", () => {
  const on = docker.engine()
  const PASSWORD = "hunter2hunter2"
  const cases: readonly Case[] = [
    { name: "no latest tag", wrong: "shop:latest has the tag latest", props: { name: "web", image: "shop:latest" } },
    {
      name: "no latest tag",
      wrong: "registry.example:5000/shop has no tag",
      props: { name: "web", image: "registry.example:5000/shop" },
    },
    { name: "no latest tag", props: { name: "web", image: "shop:1.4.2" } },
    {
      name: "no plain-text secret",
      wrong: "env.DB_PASSWORD stands",
      props: { name: "web", image: "shop:1", env: { DB_PASSWORD: PASSWORD } },
    },
    { name: "no plain-text secret", props: { name: "web", image: "shop:1", env: { DB_PASSWORD: secret.env("P") } } },
    { name: "no plain-text secret", props: { name: "web", image: "shop:1", env: { DB_PASSWORD_FILE: "/run/x" } } },
    {
      name: "no plain-text secret",
      wrong: "env.X stands",
      props: { name: "web", image: "shop:1", env: { X: `ghp_${"a".repeat(36)}` } },
    },
    {
      name: "no unprotected database",
      wrong: "postgres:16 is a database",
      props: { name: "web", image: "postgres:16" },
    },
    { name: "no unprotected database", props: { name: "web", image: "postgres:16" }, protect: true },
    { name: "no unprotected database", props: { name: "web", image: "postgres-exporter:1" } },
  ]
  test.each(cases)("$name: $wrong", async ({ name, wrong, props, protect = false }) => {
    const built = program("shop", {}, () => void resource(docker.container, "web", props as never, { on, protect }), {
      policies: starterPolicies,
    })
    const { plan, error } = await runsIn(testFolder(), {
      env: { P: "p", DOCKER_HOST: "unix:///nonexistent.sock" },
    }).plan(built)
    expect(error).toBeUndefined()
    const found = (plan?.findings ?? []).filter((each) => each.policy === name).map(({ message }) => message)
    expect(found).toEqual(wrong === undefined ? [] : [expect.stringContaining(wrong)])
  })

  test("no public bucket", () => {
    const node = {
      address: "s3.bucket[a]",
      type: "resource",
      connection: "aws",
      protect: false,
      place: undefined,
    } as const
    const judged = (acl: string): readonly PolicyFinding[] =>
      (starterPolicies.find((each) => each.name === "no public bucket") as PlanPolicy).judge({
        ...{ program: "shop", stage: "dev", params: {}, changes: [] },
        nodes: [{ ...node, kind: "s3.bucket", props: { name: "a", acl } }],
      })
    expect(judged("public-read")).toEqual([expect.objectContaining({ address: "s3.bucket[a]" })])
    expect(judged("private")).toEqual([])
  })
})

test("what is no policy is refused where it stands", () => {
  expect(() => program("shop", {}, () => {}, { policies: [{ name: "x" } as never] })).toThrow(
    /must be a list of what policy/,
  )
  expect(() => policy("", () => [])).toThrow(/a policy needs a name/)
})

test("findings as SARIF: a rule for each policy, the line of the program, nothing of a text that has an effect", async () => {
  const folder = testFolder()
  const hostile = policy("no <b>\u001b[31m", ({ nodes }) =>
    nodes.map(({ address }) => ({ address, message: "\u202e<script>" })),
  )
  const run = await runsIn(folder).plan(
    program("shop", {}, () => void resource(thing, "one", { folder, name: "one" }), {
      providers: [thing],
      policies: [hostile, policy("warns", () => [{ message: "everywhere" }], { level: "warn" })],
    }),
  )
  let written = ""
  const take = sarifReporter((json) => (written = json), join(import.meta.dirname, "../.."))
  for (const event of run.events) take(event)
  const { runs } = JSON.parse(written) as {
    runs: { tool: { driver: { rules: unknown } }; results: readonly object[] }[]
  }
  expect(runs[0]?.tool.driver.rules).toMatchObject([
    { id: "no <b>\\x1b[31m", defaultConfiguration: { level: "error" } },
    { id: "warns", defaultConfiguration: { level: "warning" } },
  ])
  expect(runs[0]?.results).toMatchObject([
    {
      message: { text: "test.thing[one]: \\u202e<script>" },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "test/engine/plan-policies.test.ts" },
            region: { startLine: expect.any(Number) },
          },
        },
      ],
    },
    { ruleId: "warns", message: { text: "everywhere" } },
  ])
})
